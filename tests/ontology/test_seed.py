"""Seed article as shipped: complete, every quote at its stated offsets, every source correct."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from pathlib import Path
from typing import Protocol, get_args

import pytest

from kg.document.document_model import Claim, Document, DocumentPart, IdReference, Quote, Situation

ROOT = Path(__file__).resolve().parents[2]
SEED = ROOT / "ontology" / "seed"
GOLD = ROOT.parent / "shared" / "gold" / "seed.json"
SHA256 = "7b61e6f0c142728427c39001f99ca5618130dbdc8f8914079d0d7dbecacd5f59"
SAME_IN_BOTH = {"bild", "kyivindependent", "bkbua", "Q04", "Q05"}
DONETSK = "Дружківка, Костянтинівка та деякі райони Краматорська на Донеччині"
WITHIN = {
    "sochi": ("russia", "російське місто Сочі"),
    "ru_capital": ("russia", "російської столиці"),
    "kram_districts": ("kramatorsk", "деякі райони Краматорська"),
    "druzhkivka": ("donechchyna", DONETSK),
    "kostiantynivka": ("donechchyna", DONETSK),
    "kramatorsk": ("donechchyna", DONETSK),
}
QUANTIFIED = ["wait", "meeting", "ts_fewdays", "survival", "children", "provoc", "kram_districts", "relatives"]
QUANTIFIED += ["doctors", "ua_drones", "ru_ships", "dk_ships", "ally_ir", "leukaemia", "leave"]
ADDED_RELAYS = {"interview": {"signal", "realise"}, "pub_article_own": {"prognosis"}}
RELATIONS = {
    ("after", "when"): "after (when)",
    ("after", "only after"): "after (only after)",
    ("about", "awaited"): "about (awaited)",
    ("sameEvent", "nominal ↔ verbal"): "same event (nominal ↔ verbal)",
    ("before", "few days"): "before (few days)",
    ("before", "shortly"): "before (shortly)",
    ("addition", "suggests causedBy; inferred, not stated"): "addition → causedBy (inferred)",
    ("parallel", "too"): "parallel (too)",
    ("framework", "framework"): "within (framework)",
    ("placeCoreference", None): "place coreference",
    ("elaboration", "colon: parts"): "elaboration (colon): parts",
}
GOLD_NAMES = {"role_name": "roleText", "topic": "topicS", "type": "cls"}
GOLD_PARTS = ["text_sha256", "chars", "sentences", "entities", "times", "situations"]
GOLD_PARTS += ["claims", "relations", "quantities"]


class Labelled(Protocol):
    """Anything with an id and a label in each language."""

    id: str
    label: dict[str, str]


@pytest.fixture(scope="module")
def seed() -> Document:
    return Document.model_validate_json((SEED / "article.json").read_bytes())


def lists(seed: Document) -> dict[str, Sequence[DocumentPart]]:
    return {name: value for name, value in seed if isinstance(value, list)}


def identifier(part: DocumentPart) -> str:
    return str(dict(part)["id"])


def labelled(seed: Document) -> list[Labelled]:
    return [seed.article, *seed.entities, *seed.situations, *seed.quantities]


def quotes(part: DocumentPart) -> Iterator[Quote]:
    """Yield every quote inside a part, at any depth."""
    for _, value in part:
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, Quote):
                yield item
            if isinstance(item, DocumentPart):
                yield from quotes(item)


def kinds(hint: object) -> set[str]:
    """Return the lists that a type annotation refers to."""
    marks = {mark.kind for mark in getattr(hint, "__metadata__", ()) if isinstance(mark, IdReference)}
    return marks.union(*(kinds(inner) for inner in get_args(hint)))


def references(part: DocumentPart) -> Iterator[tuple[str, str]]:
    """Yield the list and the id of everything that a part points at."""
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        targets: list[str] = value if isinstance(value, list) else [value] if value else []
        for kind in kinds(field.annotation) | {mark.kind for mark in field.metadata if isinstance(mark, IdReference)}:
            yield from ((kind, target) for target in targets)


def situation(seed: Document, name: str) -> Situation:
    return next(found for found in seed.situations if found.id == name)


def test_file_is_as_the_contract_writes_it(seed: Document) -> None:
    assert (SEED / "article.json").read_bytes() == seed.to_json()


def test_text_is_the_article(seed: Document) -> None:
    content = (SEED / "article.txt").read_bytes()
    assert seed.article.text.encode() == content
    assert hashlib.sha256(content).hexdigest() == seed.article.sha256 == SHA256
    assert len(seed.article.text) == 2373


def test_metadata_holds_only_what_the_text_states(seed: Document) -> None:
    article = seed.article
    assert (article.id, article.language, article.label["en"]) == ("seed", "uk", "the seed article")
    assert (article.title, article.url, article.published, article.licence, article.note) == (None,) * 5


def test_counts(seed: Document) -> None:
    expected = {"segments": 20, "entities": 47, "times": 8, "situations": 57, "claims": 59}
    assert {name: len(parts) for name, parts in lists(seed).items()} == expected | {"relations": 28, "quantities": 15}
    assert sum(len(entity.mentions) for entity in seed.entities) == 91


def test_claims_by_mode_expression_polarity_and_certainty(seed: Document) -> None:
    claims = seed.claims
    assert Counter(c.attribution_mode.value for c in claims) == {"outletVoice": 37, "explicit": 15, "inherited": 7}
    assert Counter(c.expression.value for c in claims) == {"stated": 38, "presupposed": 21}
    assert Counter(c.certainty.value for c in claims) == {"certain": 56, "probable": 2, "possible": 1}
    assert {c.id: c.denies for c in claims if c.denies} == {"C18": "silence", "C25": "ru_aid"}
    assert {c.id: float(c.probability) for c in claims if c.probability is not None} == {"C38": 0.5}
    assert all((c.affirms is None) != (c.denies is None) for c in claims)


def test_relation_types(seed: Document) -> None:
    several = {"during": 3, "respondsTo": 4, "after": 6, "before": 2, "addition": 2, "causedBy": 2}
    once = ["purpose", "contrast", "about", "sameEvent", "parallel", "framework", "placeCoreference", "partOf"]
    assert Counter(r.type.value for r in seed.relations) == several | dict.fromkeys([*once, "elaboration"], 1)
    assert [len(r.target) for r in seed.relations if r.type == "elaboration"] == [3]


def test_every_quote_stands_where_it_says_within_one_segment(seed: Document) -> None:
    found = list(quotes(seed))
    assert len(found) == 91 + 2 + 7 + 8 + 59 + 22 + 28 + 15
    for quote in found:
        assert quote.start is not None
        assert quote.end is not None
        assert quote.segment is None
        assert seed.article.text[quote.start : quote.end] == quote.exact
        assert sum(s.start <= quote.start and quote.end <= s.end for s in seed.segments) == 1


def test_segments_cover_the_text_in_order(seed: Document) -> None:
    assert all(one.end <= following.start for one, following in pairwise(seed.segments))
    ends = [0, *(s.end for s in seed.segments)]
    starts = [*(s.start for s in seed.segments), len(seed.article.text)]
    assert set("".join(seed.article.text[a:b] for a, b in zip(ends, starts, strict=True))) <= set(" \n\u2022")
    assert Counter(s.section.value for s in seed.segments) == Counter(
        {"headline": 1, "sourceLine": 1, "lead": 1, "body": 8, "relatedLink": 3, "teaser": 6}
    )


def test_ids_are_unique_and_numbered_in_order(seed: Document) -> None:
    ids = {name: [identifier(part) for part in parts] for name, parts in lists(seed).items()}
    # The parts of an article share one namespace in its graph, so ids must differ across the lists, too.
    assert max(Counter(chain.from_iterable(ids.values())).values()) == 1
    for name, letter in {"segments": "S", "claims": "C", "relations": "R", "quantities": "Q"}.items():
        assert ids[name] == [f"{letter}{number:02}" for number in range(1, len(ids[name]) + 1)]


def test_every_reference_resolves(seed: Document) -> None:
    ids = {name: {identifier(part) for part in parts} for name, parts in lists(seed).items()}
    found = [reference for parts in lists(seed).values() for part in parts for reference in references(part)]
    assert {kind for kind, _ in found} == {"entities", "situations", "times", "claims"}
    assert [(kind, target) for kind, target in found if target not in ids[kind]] == []


def test_quantities_say_what_they_quantify(seed: Document) -> None:
    of = {quantity.id: quantity.quantifies for quantity in seed.quantities}
    assert list(chain.from_iterable(of.values())) == QUANTIFIED
    assert all(len(targets) == 1 for targets in of.values())
    assert set(QUANTIFIED) <= {identifier(part) for part in [*seed.entities, *seed.situations, *seed.times]}


def test_labels_are_in_both_languages(seed: Document) -> None:
    for part in labelled(seed):
        assert list(part.label) == ["en", "uk"]
        assert all(label == label.strip() for label in part.label.values())
    assert {p.id for p in labelled(seed) if p.label["en"] == p.label["uk"]} == SAME_IN_BOTH


def test_english_labels_carry_no_remarks(seed: Document) -> None:
    # In a quantity the brackets hold part of the label, as in “another (ally)”.
    labels = [*(entity.label["en"] for entity in seed.entities), *(found.label["en"] for found in seed.situations)]
    assert [label for label in labels if re.search(r"[()'\"\u0400-\u04ff]|  ", label)] == []


def test_ukrainian_labels_are_written_in_ukrainian_letters(seed: Document) -> None:
    for part in labelled(seed):
        words = re.findall(r"[^\W\d_]+", part.label["uk"])
        assert part.id in SAME_IN_BOTH or any(re.search(r"[а-яіїєґ]", word) for word in words), part.label
        # A Latin i or o inside a Cyrillic word looks right and is never found.
        assert all(re.fullmatch(r"[A-Za-z]+|[А-ЩЬЮЯЄІЇҐа-щьюяєіїґ]+", word) for word in words), part.label
        assert not re.search("['\"`]|  ", part.label["uk"])


def test_names_keep_the_spelling_of_the_article(seed: Document) -> None:
    labels = {entity.id: entity.label["uk"] for entity in seed.entities}
    expected = {"lallican": "Антоні Лаллікан", "ivanchenkov": "Георгій Іванченков"}
    assert {e.id: m.name.exact for e in seed.entities for m in e.mentions if m.name} == expected
    assert expected.items() <= labels.items()
    # The text gives no surname for her and no name for the capital or the president.
    assert labels["asma"] == "Асма, дружина Башара Асада"
    assert (labels["ru_capital"], labels["president_ua"]) == ("російська столиця", "президент України")


def test_groups_state_their_size_or_that_it_is_unstated(seed: Document) -> None:
    groups = {e.id: (e.size, e.size_unstated) for e in seed.entities if e.type == "Group"}
    unstated = dict.fromkeys(["relatives", "doctors", "rebels", "attackers"], (None, True))
    assert groups == {"children": (22, None), **unstated}
    assert all((e.size, e.size_unstated) == (None, None) for e in seed.entities if e.type != "Group")


def test_places_are_within_what_the_text_says(seed: Document) -> None:
    assert {e.id: (e.within, [q.exact for q in e.quotes]) for e in seed.entities if e.within} == {
        place: ([container], [words]) for place, (container, words) in WITHIN.items()
    }
    described = {e.id: [q.exact for q in e.quotes] for e in seed.entities if e.quotes and not e.within}
    assert described == {"children": ["22 українських дітей та підлітків"]}


def test_relays_make_the_chains_whole(seed: Document) -> None:
    relays = {s.id: s.relays for s in seed.situations if s.relays}
    assert relays == {
        "interview": ["signal", "realise"],
        "pub_bild": ["interview"],
        "pub_article": ["pub_bild"],
        "pub_article_own": ["prognosis"],
    }


def test_claims_pass_through_whoever_relays_them(seed: Document) -> None:
    relayed_by = {inner: outer for outer in seed.situations for inner in outer.relays}

    def handlers(claim: Claim) -> Iterator[tuple[str, str]]:
        act = relayed_by.get(claim.originates_in)
        while act:
            yield from ((claim.id, reporter) for reporter in act.reporter)
            act = relayed_by.get(act.id)

    passed = {pair for claim in seed.claims for pair in handlers(claim)}
    assert Counter(agent for _, agent in passed) == {"bild": 21, "publisher": 22, "saqr": 2}
    assert len(passed) == 45


def test_sources_of_claims(seed: Document) -> None:
    nested = {"C20": "signal", "C25": "realise", "C38": "prognosis"}
    for claim in seed.claims:
        own = claim.attribution_mode == "outletVoice"
        assert claim.originates_in == ("pub_article_own" if own else nested.get(claim.id, "interview"))
        assert claim.reported_in == ("pub_article_own" if own or claim.id == "C38" else "pub_article")
        assert len(claim.cue) == (0 if own else 1)


def test_conflicts_and_who_made_the_claims(seed: Document) -> None:
    assert {c.id: c.conflicts_with for c in seed.claims if c.conflicts_with} == {"C05": ["C16", "C30"]}
    made = {(c.extracted_by, float(c.extraction_confidence), c.review_status.value) for c in seed.claims}
    assert made == {("manual annotation", 1.0, "reviewed")}


@pytest.mark.parametrize("name", ["attempt", "fpv_attack", "shelling", "death", "injury"])
def test_place_is_not_filled_in_where_the_text_has_none(seed: Document, name: str) -> None:
    assert situation(seed, name).place == []


@pytest.mark.parametrize("name", ["attempt", "shelling", "injury", "detention", "interview", "refusal_ir"])
def test_time_is_not_filled_in_where_the_text_has_none(seed: Document, name: str) -> None:
    found = situation(seed, name)
    assert (found.time, found.start_time, found.duration, found.caused_by) == ([], [], None, [])


def test_modalities_other_than_actual(seed: Document) -> None:
    assert {s.id: s.modality.value for s in seed.situations if s.modality != "actual"} == {
        "request_plan": "intended",
        "ru_aid": "expected",
        "survival": "possible",
        "leave_attempt": "attempted",
    }


def span(seed: Document, quote: Quote) -> list[object]:
    """Return a quote as the gold inventory states it, with the segment that contains it."""
    assert quote.start is not None
    start = quote.start
    segment = next(s.id for s in seed.segments if s.start <= start < s.end)
    return [segment, start, quote.end, quote.exact]


def filled(**fields: object) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}


def gold_situation(given: Situation) -> dict[str, object]:
    added = ADDED_RELAYS.get(given.id, set())
    found: dict[str, object] = {"label": given.label["en"]}
    for name, value in given.model_dump(mode="json", exclude_defaults=True, exclude={"id", "label", "relays"}).items():
        field = type(given).model_fields[name]
        # The inventory lists only participants and places; of all else it gives one.
        single = isinstance(value, list) and (name == "venue" or "entities" not in kinds(field.annotation))
        found[GOLD_NAMES.get(name) or field.alias or name] = value[0] if single else value
    relays = [relayed for relayed in given.relays if relayed not in added]
    return found | ({"relays": relays[0]} if relays else {})


def gold_parts(seed: Document) -> dict[str, object]:
    """Write the document in the form of the gold inventory."""
    text = seed.article.text
    sentences = [
        {"id": s.id, "section": s.section, "start": s.start, "end": s.end, "text": text[s.start : s.end]}
        for s in seed.segments
    ]
    entities = {
        e.id: {
            "cls": e.type,
            "label": e.label["en"],
            "note": e.note or "",
            "mentions": [span(seed, m) for m in e.mentions],
        }
        for e in seed.entities
    }
    times = {
        t.id: filled(nb=str(t.not_before), na=str(t.not_after), edtf=t.edtf, prec=t.precision, year=t.year_source)
        | filled(part=t.part_of_day, why=t.note, rel=t.relative_to, span=span(seed, t.quotes[0]))
        for t in seed.times
    }
    claims = [
        {"id": c.id, "pol": "affirms" if c.affirms else "denies", "sit": c.affirms or c.denies, "orig": c.originates_in}
        | {"mode": c.attribution_mode, "expr": c.expression, "cert": c.certainty, "note": c.note or ""}
        | {"prob": None if c.probability is None else float(c.probability)}
        | {"span": span(seed, c.quotes[0]), "cue": span(seed, c.cue[0]) if c.cue else None}
        for c in seed.claims
    ]
    relations = [
        {"rel": RELATIONS.get((r.type, r.note), r.type), "frm": r.source, "to": ", ".join(r.target)}
        | {"span": span(seed, r.quotes[0])}
        for r in seed.relations
    ]
    quantities = [
        {"what": q.label["en"], "value": q.value, "span": span(seed, q.quotes[0]), "note": q.note}
        for q in seed.quantities
    ]
    situations = {s.id: gold_situation(s) for s in seed.situations}
    values = [seed.article.sha256, len(text), sentences, entities, times, situations, claims, relations, quantities]
    return dict(zip(GOLD_PARTS, values, strict=True))


def without_remarks(part: dict[str, object]) -> dict[str, object]:
    """Remove the bracketed remarks of gold labels and the field that repeats the span of a time."""
    label = {"label": re.sub(r"\s*\([^)]*\)", "", str(part["label"])).strip()} if "label" in part else {}
    return {name: value for name, value in part.items() if name != "q"} | label


@pytest.mark.skipif(not GOLD.exists(), reason="the gold inventory is not beside the repository")
@pytest.mark.parametrize("name", GOLD_PARTS)
def test_nothing_of_the_gold_inventory_is_lost_or_added(seed: Document, name: str) -> None:
    gold = json.loads(GOLD.read_text(encoding="utf-8"), object_hook=without_remarks)
    assert set(gold) == set(GOLD_PARTS)
    assert gold_parts(seed)[name] == gold[name]

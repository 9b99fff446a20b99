"""Measure the linker on the seed article and on a development set.

Run it with ``python -m tests.bench.linking [--packs FILE]``; it needs the slices in ../shared and the extra ``lemmas``.
"""

from __future__ import annotations

import argparse
import csv
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from rapidfuzz import fuzz

from kg.config import Config
from kg.graph import KnowledgeGraph
from kg.linking.linker import Linker, Settings
from kg.linking.mentions import Entity, Form, read
from kg.linking.packs import Pack
from kg.linking.proposals import Proposal, Verdict
from kg.linking.records import Kind, Name, Record
from kg.linking.reference import Reference
from kg.linking.spelling import latin
from tests.bench.linking_packs import SLICES, build, table

NAMES = Path(__file__).with_name("linking_names.tsv")
CASES = ("nomn", "gent", "datv", "accs", "ablt", "loct")
ADJECTIVES = """сирійський SY;російський RU;іранський IR;український UA;ліванський LB;саудівський SA;данський DK;французький FR
німецький DE;польський PL;британський GB;американський US;турецький TR;ізраїльський IL;китайський CN;японський JP
італійський IT;іспанський ES;румунський RO;болгарський BG;білоруський BY;литовський LT;латвійський LV;естонський EE
грузинський GE;вірменський AM;азербайджанський AZ;єгипетський EG;іракський IQ;йорданський JO;катарський QA;австрійський AT
бельгійський BE;канадський CA;австралійський AU;індійський IN;пакистанський PK;бразильський BR;чеський CZ;словацький SK
угорський HU;грецький GR;португальський PT;фінський FI;шведський SE;норвезький NO;сербський RS;хорватський HR"""


@dataclass(frozen=True)
class Case:
    """A mention with what it is: ``dataset:identifier``, or nothing."""

    group: str
    text: str
    kinds: tuple[Kind, ...]
    gold: str
    dataset: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packs", type=Path, help="a reference store made before; made anew without it")
    parser.add_argument("--errors", action="store_true", help="list what is wrong in the development set")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.packs or Path(folder) / "reference.sqlite"
        if not path.exists():
            build(path).close()
        with Reference.open(path) as reference:
            seed(reference)
        for latin_only in (False, True):
            development(path, Path(folder) / f"people-{latin_only}.sqlite", latin_only, options.errors)


# ---- the seed article


def seed(reference: Reference) -> None:
    graph = KnowledgeGraph.open(Config(), in_memory=True)
    entities = read(graph.store)
    for lemmas in (True, False):
        linker = Linker(reference, Settings(lemmas=lemmas))
        start = time.perf_counter()
        proposals = linker.link(entities)
        taken = time.perf_counter() - start
        print(f"\nseed article, {'with' if lemmas else 'without'} lemmas: {len(entities)} entities in {taken * 1000:.0f} ms")
        report(entities, proposals)


def report(entities: list[Entity], proposals: list[Proposal]) -> None:
    """Compare with the gold entity by entity, by its Ukrainian name."""
    gold = {row["name_uk"]: row for row in table("gold_seed_article.tsv")}
    names = {entity.iri: entity.label.split(",")[0] for entity in entities}
    names = {iri: {"Донеччина": "Донецька область", "Асма": "Асма Асад", "подкаст Mazeej": "Mazeej"}.get(n, n) for iri, n in names.items()}
    held = {"wikidata": "wikidata", "geonames": "geonames"}
    right = wrong = accepted = wrongly = reviewed = possible = nil_right = nil_all = 0
    seen = set()
    for iri, name in names.items():
        found = [p for p in proposals if p.subject == iri and p.identifier]
        row = gold.get(name)
        if row is None:
            accepted_ghosts = [p for p in found if p.verdict is Verdict.accept]
            wrongly += len(accepted_ghosts)
            for p in accepted_ghosts:
                print("  accepted, but not in the gold:", name, p.record)
            continue
        seen.add(name)
        if row["level"] == "NIL":
            nil_all += 1
            nil_right += not found
            if found:
                print("  not NIL:", name, [(p.record, p.verdict.value) for p in found][:3])
            wrongly += sum(p.verdict is Verdict.accept for p in found)
            continue
        for dataset in held:
            wanted = row[dataset]
            if not wanted:
                continue
            ranked = [p for p in found if p.dataset == dataset]
            linked = [p for p in ranked if p.verdict is Verdict.accept]
            packed = holds(row, dataset)
            possible += packed
            if linked:
                accepted += 1
                good = linked[0].identifier == wanted
                right += good
                wrong += not good
                if not good:
                    print("  wrongly accepted:", name, linked[0].record, "not", wanted)
            elif ranked and any(p.identifier == wanted for p in ranked):
                reviewed += 1
                print("  in review:", name, f"{dataset}:{wanted}:", next(p.reason for p in ranked))
            elif packed:
                print("  missed:", name, f"{dataset}:{wanted}")
    print(f"  links in the gold that the packs hold: {possible}; accepted {accepted}: right {right}, wrong {wrong + wrongly}")
    print(f"  precision {right / max(1, accepted + wrongly):.3f}, recall {right / possible:.3f}, with those in review {(right + reviewed) / possible:.3f}")
    print(f"  NIL right: {nil_right} of {nil_all}; gold entities not in the graph: {sorted(set(gold) - seen)}")


def holds(row: dict[str, str], dataset: str) -> bool:
    """Tell whether the packs hold the record: neither seas nor Assad are in them."""
    return row["kind"] != "sea" and row["wikidata"] != "Q44329" and bool(row[dataset])


# ---- a development set


def development(path: Path, copy: Path, latin_only: bool, errors: bool) -> None:
    copy.write_bytes(path.read_bytes())
    rows = [line.split("\t") for line in NAMES.read_text("utf-8").splitlines()]
    draw = random.Random(7)
    withheld = {at for at in range(len(rows)) if at % 6 == 5}
    records = [named(at, *row, latin_only=latin_only) for at, row in enumerate(rows) if at not in withheld]
    with Reference.open(copy, writable=True) as reference:
        reference.add(Pack("dev-names", "1", "dev"), [*records, *distractors()])
        cases = [case for at, row in enumerate(rows) for case in spoken(row[1], Kind(row[0]), "" if at in withheld else f"dev:{at}", draw)]
        if not latin_only:
            cases += [*countries(draw), *towns(reference, draw), *oblasts(draw)]
        for lemmas in (True, False):
            print(f"\ndevelopment set, people and organisations with {'Latin names only' if latin_only else 'Cyrillic names'}, {'with' if lemmas else 'without'} lemmas")
            measure(Linker(reference, Settings(lemmas=lemmas)), cases, errors and lemmas)


def named(at: int, kind: str, ukrainian: str, english: str, *, latin_only: bool) -> Record:
    names = [Name(english, "en", label=True)] + ([] if latin_only else [Name(ukrainian, "uk", label=True)])
    return Record("dev", str(at), Kind(kind), tuple(names), prominence=50)


def distractors() -> Iterator[Record]:
    """Names of people in the name benchmark of nomenklatura, that none of ours is."""
    with (SLICES / "name_bench_cases.csv").open(encoding="utf-8") as file:
        found = {row[side] for row in csv.DictReader(file) if row["schema"] == "Person" for side in ("name1", "name2")}
    ours = [line.split("\t")[2] for line in NAMES.read_text("utf-8").splitlines()]
    for at, name in enumerate(sorted(found)):
        if max(fuzz.token_sort_ratio(latin(name), latin(other)) for other in ours) < 75:
            yield Record("dev", f"x{at}", Kind.person, (Name(name, "", label=True),), prominence=10)


def spoken(text: str, kind: Kind, gold: str, draw: random.Random) -> Iterator[Case]:
    for case in draw.sample(CASES, 3):
        yield Case(kind.value, inflected(text, case, person=kind is Kind.person), (kind,), gold, "dev")


def countries(draw: random.Random) -> Iterator[Case]:
    for row in table("cldr_territories_uk_en_ru.tsv"):
        if len(row["iso2"]) == 2 and row["iso2"] not in KEPT_OUT and "(" not in row["uk"]:
            text = inflected(row["uk"], draw.choice(CASES))
            yield Case("country", text, (Kind.country,), f"iso3166:{row['iso2']}", "iso3166")
    for pair in ADJECTIVES.replace("\n", ";").split(";"):
        word, code = pair.split()
        ending = draw.choice(("ий", "ого", "ому", "им", "их", "ими", "а", "ої", "е", "і"))
        yield Case("adjective", word[:-2] + ending, (Kind.country,), f"iso3166:{code}", "iso3166")


KEPT_OUT = {"AC", "CP", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK", "ZZ", "CQ"}


def towns(reference: Reference, draw: random.Random) -> Iterator[Case]:
    """Towns of Ukraine that one record has the name of, and the largest of those that several have."""
    from tests.bench.linking_packs import geonames, katottg

    known = {name.text for record in katottg() if record.kind is Kind.settlement for name in record.names}
    places = [r for r in geonames() if r.kind is Kind.settlement and r.prominence >= 3000]
    places = [(r, n.text) for r in places for n in r.names if r.countries == ("UA",) and n.text in known]
    largest = {text: record for record, text in sorted(places, key=lambda pair: pair[0].prominence)}
    for text in draw.sample(sorted(largest), 300):
        case = inflected(text, draw.choice(CASES))
        yield Case("town", case, (Kind.settlement, Kind.region, Kind.water, Kind.other), largest[text].key, "geonames")


def oblasts(draw: random.Random) -> Iterator[Case]:
    from tests.bench.linking_packs import katottg

    for record in katottg():
        if record.kind is Kind.region and not record.within and record.names[0].text.endswith("область"):
            kinds = (Kind.settlement, Kind.region, Kind.water, Kind.other)
            yield Case("oblast", inflected(record.names[0].text, draw.choice(CASES)), kinds, record.key, "katottg")


def inflected(text: str, case: str, *, person: bool = False) -> str:
    """Put a name into a case with the dictionary of pymorphy3, word by word up to the head noun."""
    import pymorphy3

    analyzer = inflected.__dict__.setdefault("analyzer", pymorphy3.MorphAnalyzer(lang="uk"))
    result, headed, gender = [], False, None
    for word in text.split(" "):
        parses = [p for p in analyzer.parse(word.lower()) if p.tag.case == "nomn" and p.tag.POS in ("NOUN", "ADJF")]
        if person:
            parses.sort(key=lambda p: (gender is not None and p.tag.gender != gender, not ({"Name", "Surn"} & set(p.tag.grammemes))))
        parse = parses[0] if parses else None
        form = None if parse is None or (headed and not person) else parse.inflect({case})
        if parse is not None:
            gender = gender or parse.tag.gender
            headed = headed or parse.tag.POS == "NOUN"
        result.append(word if form is None or word.isupper() else form.word[:1].upper() + form.word[1:] if word[:1].isupper() else form.word)
    return " ".join(result)


def measure(linker: Linker, cases: list[Case], errors: bool) -> None:
    groups: dict[str, list[int]] = {}
    times = []
    for case in cases:
        start = time.perf_counter()
        found = linker.propose(Entity("urn:x", case.kinds, forms=(Form(case.text),)))
        times.append(time.perf_counter() - start)
        ranked = [p for p in found if p.dataset == case.dataset and p.identifier]
        best = ranked[0] if ranked else None
        answer = best.record if best else ""
        accepted = best is not None and best.verdict is Verdict.accept
        row = (bool(case.gold), bool(answer), bool(answer) and answer == case.gold, accepted, accepted and answer == case.gold)
        for name in (case.group, "all"):
            groups[name] = [a + b for a, b in zip(groups.get(name, [0] * 5), row, strict=True)]
        if errors and answer != case.gold:
            print("   ", case.group, case.text, "->", answer or "NIL", best.matched if best else "", "not", case.gold or "NIL", "ACCEPTED" if accepted else "")
    print("  group          mentions    P      R      F1   accepted   P of accepted")
    for name, (gold, answered, right, accepted, good) in groups.items():
        precision, recall = right / max(1, answered), right / max(1, gold)
        f1 = 2 * precision * recall / max(1e-9, precision + recall)
        print(f"  {name:14} {gold:8}  {precision:.3f}  {recall:.3f}  {f1:.3f}  {accepted:8}   {good / max(1, accepted):.3f}")
    times.sort()
    print(f"  time for a mention: median {times[len(times) // 2] * 1000:.1f} ms, p95 {times[len(times) * 95 // 100] * 1000:.1f} ms")


if __name__ == "__main__":
    main()

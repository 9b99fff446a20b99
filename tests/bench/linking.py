"""Benchmark of the linker on the seed article and on a development set.

Run it with ``python -m tests.bench.linking [--packs FILE]``; it needs the slices in ../shared and the extra ``lemmas``.
"""

from __future__ import annotations

import argparse
import csv
import random
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pymorphy3
from rapidfuzz import fuzz

from kg.knowledge_graph import KnowledgeGraph
from kg.linking.entity_profiles import EntityProfile, NameForm, read
from kg.linking.link_proposal_types import LinkProposal, ProposalVerdict
from kg.linking.linker import Linker, LinkerSettings
from kg.reference.pack_metadata import PackMetadata
from kg.reference.records import Record, RecordKind, RecordName
from kg.reference.reference_store import ReferenceStore
from kg.reference.transliteration_to_latin import latin
from tests.bench.linking_packs import SLICES, build, geonames, katottg, table
from tests.configs import configured

NAMES = Path(__file__).with_name("linking_names.tsv")
CASES = ("nomn", "gent", "datv", "accs", "ablt", "loct")
PLACE = (RecordKind.settlement, RecordKind.region, RecordKind.water, RecordKind.other)
ADJECTIVES = """сирійський SY;російський RU;іранський IR;український UA;ліванський LB;саудівський SA;данський DK
французький FR
німецький DE;польський PL;британський GB;американський US;турецький TR;ізраїльський IL;китайський CN;японський JP
італійський IT;іспанський ES;румунський RO;болгарський BG;білоруський BY;литовський LT;латвійський LV;естонський EE
грузинський GE;вірменський AM;азербайджанський AZ;єгипетський EG;іракський IQ;йорданський JO;катарський QA
австрійський AT
бельгійський BE;канадський CA;австралійський AU;індійський IN;пакистанський PK;бразильський BR;чеський CZ;словацький SK
угорський HU;грецький GR;португальський PT;фінський FI;шведський SE;норвезький NO;сербський RS;хорватський HR"""


@dataclass(frozen=True)
class Case:
    """A mention with its correct record ``dataset:identifier``, or an empty string."""

    group: str
    text: str
    kinds: tuple[RecordKind, ...]
    gold: str
    dataset: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packs", type=Path, help="an existing reference store; rebuilt if omitted")
    parser.add_argument("--errors", action="store_true", help="list the errors in the development set")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.packs or Path(folder) / "reference.sqlite"
        if not path.exists():
            build(path).close()
        with ReferenceStore.open(path) as reference:
            seed(reference)
        for latin_only in (False, True):
            development(path, Path(folder) / f"people-{latin_only}.sqlite", latin_only, options.errors)


# ---- the seed article


def seed(reference: ReferenceStore) -> None:
    graph = KnowledgeGraph.open(configured(), in_memory=True)
    entities = read(graph.store)
    for lemmas in (True, False):
        linker = Linker(reference, LinkerSettings(lemmas=lemmas))
        start = time.perf_counter()
        proposals = linker.link(entities)
        taken = (time.perf_counter() - start) * 1000
        print(f"\nseed article, {_with(lemmas)}: {len(entities)} entities in {taken:.0f} ms")
        report(entities, proposals)


def report(entities: list[EntityProfile], proposals: list[LinkProposal]) -> None:
    """Compare with the gold list, by the Ukrainian name of each entity."""
    gold = {row["name_uk"]: row for row in table("gold_seed_article.tsv")}
    counts: Counter[str] = Counter()
    for entity in entities:
        name = entity.label.split(",")[0]
        name = SAME.get(name, name)
        found = [p for p in proposals if p.subject == entity.iri and p.identifier]
        row = gold.pop(name, None)
        if row is None or row["level"] == "NIL":
            counts["nil"] += row is not None
            counts["nil right"] += row is not None and not found
            counts["ghosts"] += sum(p.verdict is ProposalVerdict.accept for p in found)
            if found:
                print("  not in the packs, but proposed:", name, [(p.record, p.verdict.value) for p in found][:3])
            continue
        for dataset in ("wikidata", "geonames"):
            if row[dataset] and row["name_uk"] not in NOT_HELD:
                outcome = compare([p for p in found if p.dataset == dataset], row[dataset])
                counts[outcome] += 1
                if outcome != "right":
                    print(f"  {outcome}: {name} {dataset}:{row[dataset]}")
    held = counts["right"] + counts["wrong"] + counts["in review"] + counts["missed"]
    accepted = counts["right"] + counts["wrong"] + counts["ghosts"]
    print(f"  links of the gold that the packs hold: {held}; accepted {accepted}, wrong {accepted - counts['right']}")
    print(f"  precision {counts['right'] / accepted:.3f}, recall {counts['right'] / held:.3f}", end="")
    print(f", with those in review {(counts['right'] + counts['in review']) / held:.3f}")
    print(f"  NIL right: {counts['nil right']} of {counts['nil']}; not in the graph: {sorted(gold)}")


SAME = {"Донеччина": "Донецька область", "Асма": "Асма Асад", "подкаст Mazeej": "Mazeej"}
NOT_HELD = {"Башар Асад", "Балтійське море", "Північне море"}
"""Neither Assad nor a sea is in the slices."""


def compare(ranked: list[LinkProposal], wanted: str) -> str:
    linked = [p for p in ranked if p.verdict is ProposalVerdict.accept]
    if linked:
        return "right" if [p.identifier for p in linked] == [wanted] else "wrong"
    return "in review" if any(p.identifier == wanted for p in ranked) else "missed"


def _with(lemmas: bool) -> str:
    return "with lemmas" if lemmas else "without lemmas"


# ---- a development set


def development(path: Path, copy: Path, latin_only: bool, errors: bool) -> None:
    copy.write_bytes(path.read_bytes())
    rows = [line.split("\t") for line in NAMES.read_text("utf-8").splitlines()]
    draw = random.Random(7)
    withheld = {at for at in range(len(rows)) if at % 6 == 5}
    records = [named(at, *row, latin_only=latin_only) for at, row in enumerate(rows) if at not in withheld]
    with ReferenceStore.open(copy, writable=True) as reference:
        reference.add(PackMetadata("dev-names", "1", "dev"), [*records, *distractors()])
        cases: list[Case] = []
        for at, (kind, text, _) in enumerate(rows):
            cases += spoken(text, RecordKind(kind), "" if at in withheld else f"dev:{at}", draw)
        if not latin_only:
            cases += [*countries(draw), *towns(draw), *oblasts(draw)]
        for lemmas in (True, False):
            names = "Latin names only" if latin_only else "Cyrillic names"
            print(f"\ndevelopment set, people and organisations with {names}, {_with(lemmas)}")
            measure(Linker(reference, LinkerSettings(lemmas=lemmas)), cases, errors and lemmas)


def named(at: int, kind: str, ukrainian: str, english: str, *, latin_only: bool) -> Record:
    names = [RecordName(english, "en", label=True)] + ([] if latin_only else [RecordName(ukrainian, "uk", label=True)])
    return Record("dev", str(at), RecordKind(kind), tuple(names), prominence=50)


def distractors() -> Iterator[Record]:
    """Names of people in the name benchmark of nomenklatura that no entity of the development set has."""
    with (SLICES / "name_bench_cases.csv").open(encoding="utf-8") as file:
        found = {row[side] for row in csv.DictReader(file) if row["schema"] == "Person" for side in ("name1", "name2")}
    ours = [line.split("\t")[2] for line in NAMES.read_text("utf-8").splitlines()]
    for at, name in enumerate(sorted(found)):
        if max(fuzz.token_sort_ratio(latin(name), latin(other)) for other in ours) < 75:
            yield Record("dev", f"x{at}", RecordKind.person, (RecordName(name, "", label=True),), prominence=10)


def spoken(text: str, kind: RecordKind, gold: str, draw: random.Random) -> Iterator[Case]:
    for case in draw.sample(CASES, 3):
        yield Case(kind.value, inflected(text, case, person=kind is RecordKind.person), (kind,), gold, "dev")


def countries(draw: random.Random) -> Iterator[Case]:
    for row in table("cldr_territories_uk_en_ru.tsv"):
        if len(row["iso2"]) == 2 and row["iso2"] not in KEPT_OUT and "(" not in row["uk"]:
            text = inflected(row["uk"], draw.choice(CASES))
            yield Case("country", text, (RecordKind.country,), f"iso3166:{row['iso2']}", "iso3166")
    for pair in ADJECTIVES.replace("\n", ";").split(";"):
        word, code = pair.split()
        ending = draw.choice(("ий", "ого", "ому", "им", "их", "ими", "а", "ої", "е", "і"))
        yield Case("adjective", word[:-2] + ending, (RecordKind.country,), f"iso3166:{code}", "iso3166")


KEPT_OUT = {"AC", "CP", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK", "ZZ", "CQ"}


def towns(draw: random.Random) -> Iterator[Case]:
    """Return towns of Ukraine, of namesakes the largest."""
    known = {name.text for record in katottg() if record.kind is RecordKind.settlement for name in record.names}
    places = [
        r for r in geonames() if r.kind is RecordKind.settlement and r.prominence >= 3000 and r.countries == ("UA",)
    ]
    named = [(place, name.text) for place in places for name in place.names if name.text in known]
    largest = {text: place for place, text in sorted(named, key=lambda pair: pair[0].prominence)}
    for text in draw.sample(sorted(largest), 300):
        yield Case("town", inflected(text, draw.choice(CASES)), PLACE, largest[text].key, "geonames")


def oblasts(draw: random.Random) -> Iterator[Case]:
    for record in katottg():
        if record.kind is RecordKind.region and not record.within and record.names[0].text.endswith("область"):
            yield Case("oblast", inflected(record.names[0].text, draw.choice(CASES)), PLACE, record.key, "katottg")


def inflected(text: str, case: str, *, person: bool = False) -> str:
    """Return a name in a case by the dictionary of pymorphy3, word by word up to the head noun."""
    result: list[str] = []
    headed, gender = False, None
    for word in text.split(" "):
        parses = [p for p in analyzer().parse(word.lower()) if p.tag.case == "nomn" and p.tag.POS in ("NOUN", "ADJF")]
        if person:
            parses.sort(key=lambda p: (gender not in (None, p.tag.gender), not {"Name", "Surn"} & set(p.tag.grammemes)))
        parse = parses[0] if parses else None
        form = None if parse is None or (headed and not person) else parse.inflect({case})
        if parse is not None:
            gender = gender or parse.tag.gender
            headed = headed or parse.tag.POS == "NOUN"
        if form is None or word.isupper():
            result.append(word)
        else:
            result.append(form.word[:1].upper() + form.word[1:] if word[:1].isupper() else form.word)
    return " ".join(result)


@cache
def analyzer() -> pymorphy3.MorphAnalyzer:
    return pymorphy3.MorphAnalyzer(lang="uk")


def measure(linker: Linker, cases: list[Case], errors: bool) -> None:
    groups: dict[str, Counter[str]] = defaultdict(Counter)
    times = []
    for case in cases:
        start = time.perf_counter()
        found = linker.propose(EntityProfile("urn:x", case.kinds, forms=(NameForm(case.text),)))
        times.append(time.perf_counter() - start)
        best = next((p for p in found if p.dataset == case.dataset and p.identifier), None)
        answer = best.record if best else ""
        accepted = best is not None and best.verdict is ProposalVerdict.accept
        right = bool(answer) and answer == case.gold
        for name in (case.group, "all"):
            groups[name].update(gold=bool(case.gold), answered=bool(answer), right=right)
            groups[name].update(accepted=accepted, good=accepted and right)
        if errors and answer != case.gold:
            verdict = best.verdict.value if best else ""
            print("   ", case.group, case.text, "->", answer or "NIL", "not", case.gold or "NIL", verdict)
    print("  group          mentions    P      R      F1   accepted   P of accepted")
    for name, n in groups.items():
        precision, recall = n["right"] / max(1, n["answered"]), n["right"] / max(1, n["gold"])
        f1 = 2 * precision * recall / max(1e-9, precision + recall)
        sure = n["good"] / n["accepted"] if n["accepted"] else float("nan")
        print(f"  {name:14} {n['gold']:8}  {precision:.3f}  {recall:.3f}  {f1:.3f}  {n['accepted']:8}   {sure:.3f}")
    times.sort()
    median, slow = (times[int(len(times) * part)] * 1000 for part in (0.5, 0.95))
    print(f"  time for a mention: median {median:.1f} ms, p95 {slow:.1f} ms")


if __name__ == "__main__":
    main()

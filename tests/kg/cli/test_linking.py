"""`kg link`, `kg review` and `kg links` as commands."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest

from kg.knowledge_graph import KnowledgeGraph
from kg.linking.candidates import Candidate
from kg.linking.link_proposal_types import ProposalVerdict
from kg.reference.pack_metadata import PackMetadata
from kg.reference.records import Record, RecordKind, RecordName
from kg.reference.reference_store import FILE, ReferenceStore
from tests.cases import stores
from tests.cases.links import BASE, proposal
from tests.configs import configured

IRAN = Record(
    "wikidata",
    "Q794",
    RecordKind.country,
    (RecordName("Іран", "uk", True), RecordName("Iran", "en", True)),
    countries=("IR",),
    identifiers={"iso3166": "IR"},
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A store with the seed article, one accepted link and one proposal."""
    place = tmp_path / "data"
    review = KnowledgeGraph.open(configured(data_dir=place)).review()
    review.propose([proposal("iran", "wikidata:Q794"), proposal("putin", "wikidata:Q7747", ProposalVerdict.review)])
    return place


def kg(data: Path, *arguments: str, keys: str = "") -> tuple[int, str, str]:
    with mock.patch.object(sys, "stdin", io.StringIO(keys)):
        done = stores.kg_here(*arguments, "--data", data)
    return done.returncode, done.stdout, done.stderr


def test_link_with_a_real_reference_store(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with ReferenceStore.open(data / FILE, writable=True) as reference:
        reference.add(PackMetadata("mine", "2026-01", "wikidata"), [IRAN])
    code, dry, _ = kg(data, "link", "--dry-run")
    assert code == 0
    assert "nothing is stored" in dry
    code, out, _ = kg(data, "link")
    assert code == 0
    assert [line for line in out.splitlines() if "entity/iran" in line and "Q794" in line and "accept" in line]
    assert "2 linked" in out
    exported = kg(data, "links", "export", "--format", "nt")[1]
    iran = (
        f"<{BASE}entity/iran> <http://www.w3.org/2004/02/skos/core#exactMatch> <http://www.wikidata.org/entity/Q794> ."
    )
    assert iran in exported.splitlines()
    assert kg(data, "link")[1] == out  # the second time nothing is new
    assert "Q794" not in kg(data, "link", "--dataset", "geonames")[1]
    kg(data, "review", "reject", "entity/iran", "wikidata:Q794")
    assert kg(data, "link")[0] == 0
    assert "Q794" not in kg(data, "links", "export", "--format", "nt")[1]


def test_link_with_another_scorer_for_people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for logic-v2, which takes 600 MB; without it the command says what to install, and does nothing."""
    data = tmp_path / "data"
    with ReferenceStore.open(data / FILE, writable=True) as reference:
        putin = Record("wikidata", "Q7747", RecordKind.person, (RecordName("Wladimir Putin", "de", True),))
        reference.add(PackMetadata("mine", "2026-01", "wikidata"), [putin])
    monkeypatch.setattr("kg.linking.logic_v2_person_name_similarity.logic", lambda: None)
    code, _, said = kg(data, "link", "--logic")
    assert code != 0
    assert ".[logic]" in said
    assert not (data / "claimgraph.json").exists()
    asked: list[str] = []

    def scorer(candidate: Candidate) -> Candidate:
        asked.append(candidate.spelling.text)
        return replace(candidate, similarity=0.97)

    monkeypatch.setattr("kg.linking.logic_v2_person_name_similarity.logic", lambda: scorer)
    code, out, _ = kg(data, "link", "--logic")
    assert code == 0
    assert asked
    assert [line for line in out.splitlines() if "Q7747" in line and "review" in line]


def test_link_without_reference_data(data: Path) -> None:
    code, out, err = kg(data, "link")
    assert (code, out) == (3, "")
    assert "no reference data" in err


def test_the_list(data: Path) -> None:
    code, out, _ = kg(data, "review", "--list")
    assert code == 0
    assert [line for line in out.splitlines() if "entity/putin" in line and "Q7747" in line and "waits" in line]
    assert [line for line in out.splitlines() if "entity/iran" in line and "linker" in line]


def test_decide_and_undo(data: Path) -> None:
    accepted = kg(data, "review", "accept", "entity/putin", "wikidata:Q7747", "--user", "ann", "--reason", "he")
    assert accepted == (0, "decision 3: positive wikidata:Q7747\n", "")
    assert "Q7747" in kg(data, "links", "export", "--format", "nt")[1]
    assert kg(data, "review", "undo", "3")[:2] == (0, "entry 4: decision 3 is undone\n")
    code, _, err = kg(data, "review", "undo", "3")
    assert code == 2
    assert "was already undone" in err
    assert kg(data, "review", "unsure", "entity/putin", "wikidata:Q7747")[0] == 0
    code, _, err = kg(data, "review", "accept", "entity/iran", "wikidata:Q1", "--close")
    assert code == 0
    assert "Contradiction about entity/iran" in err
    rejected = kg(data, "review", "reject", "entity/syria", "geonames:5")
    assert rejected[0] == 0
    assert "geonames:5" in kg(data, "links", "export", "--rejected")[1]


@pytest.mark.parametrize(
    ("code", "said", "arguments"),
    [
        (3, "no decision 99", ("undo", "99")),
        (2, "is not a decision", ("undo", "2")),
        (3, "no entity", ("accept", "entity/nobody", "wikidata:Q1")),
        (3, "no dataset", ("accept", "entity/putin", "nothing:Q1")),
        (2, "is not the id of a record", ("reject", "entity/putin", "Q1")),
        (2, "not an identifier", ("accept", "entity/putin", "wikidata:1")),
    ],
)
def test_errors_are_sentences(data: Path, code: int, said: str, arguments: tuple[str, ...]) -> None:
    found, out, err = kg(data, "review", *arguments)
    assert (found, out) == (code, "")
    assert said in err
    assert "Traceback" not in err


def test_the_dialogue(data: Path) -> None:
    code, out, err = kg(data, "review", keys="x\nz\na it is he\n")
    assert code == 0
    assert "«putin»" in out
    assert "Путін" in out
    assert "“x” is not one of the keys." in err
    assert "Nothing to undo." in err
    assert "decision 3: positive wikidata:Q7747" in out
    assert out.rstrip().endswith("No more links to review.")
    assert "it is he" in kg(data, "review", "--list")[1]


@pytest.mark.parametrize(("keys", "state"), [("u\n", "unsure"), ("s\n", "waits"), ("q\n", "waits"), ("", "waits")])
def test_the_dialogue_ends(data: Path, keys: str, state: str) -> None:
    assert kg(data, "review", keys=keys)[0] == 0
    assert [line for line in kg(data, "review", "--list")[1].splitlines() if "Q7747" in line and state in line]


def test_undo_in_the_dialogue(data: Path) -> None:
    place = KnowledgeGraph.open(configured(data_dir=data)).review()
    place.propose([proposal("syria", "wikidata:Q858", ProposalVerdict.review)])
    del place
    code, out, _ = kg(data, "review", keys="r\nz\nc\nq\n")
    assert code == 0
    assert "decision 4: negative wikidata:Q7747" in out
    assert "decision 4 is undone" in out
    assert "decision 6: positive wikidata:Q7747" in out
    assert "closeMatch" in kg(data, "links", "export", "--format", "nt")[1]


def test_export_to_a_file(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "links.tsv"
    assert kg(data, "links", "export", "-o", str(file)) == (0, "", "")
    assert "wikidata:Q794" in file.read_text("utf-8")
    code, _, err = kg(data, "links", "export", "-o", str(tmp_path / "nowhere" / "x"))
    assert code == 4
    assert "cannot be written" in err


def test_links_are_in_a_backup(data: Path, tmp_path: Path) -> None:
    with ReferenceStore.open(data / FILE, writable=True) as reference:
        reference.add(PackMetadata("mine", "2026-01", "wikidata"), [IRAN])
    before = kg(data, "links", "export", "--format", "trig")[1]
    listed = kg(data, "review", "--list")[1]
    assert kg(data, "backup", str(tmp_path / "b.tar"))[0] == 0
    new = tmp_path / "new"
    assert kg(new, "restore", str(tmp_path / "b.tar"))[0] == 0
    assert kg(new, "links", "export", "--format", "trig")[1] == before
    assert kg(new, "review", "--list")[1] == listed
    with ReferenceStore.open(new / FILE) as reference:
        assert reference.get("wikidata", "Q794") == IRAN
    assert "1 reference packs" in kg(new, "doctor")[1]

"""Reference store: import, look-ups and versions of packs."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kg.errors import BadInput, NotFound, StoreInUse, StoreUnavailable
from kg.reference import reference_store as module
from kg.reference.pack_metadata import PackMetadata
from kg.reference.records import Record, RecordKind, RecordName, RecordRole
from kg.reference.reference_store import FILE, LATIN, ReferenceStore

PACK = PackMetadata("places", "1", "geonames")


def place(identifier: str, *names: str, people: float = 0, **identifiers: str) -> Record:
    listed = tuple(RecordName(name, "uk", label=not at) for at, name in enumerate(names))
    return Record(
        "geonames",
        identifier,
        RecordKind.settlement,
        listed,
        ("UA",),
        (48.7, 37.5),
        prominence=people,
        identifiers=identifiers,
    )


KOSTIANTYNIVKA = place("705104", "Костянтинівка", "Константиновка", people=68_000)
NAMESAKE = place("705115", "Костянтинівка", people=1_000)
KRAMATORSK = place("704508", "Kramatorsk", "Краматорск")


@pytest.fixture
def reference() -> Iterator[ReferenceStore]:
    with ReferenceStore.in_memory() as opened:
        opened.add(PACK, [NAMESAKE, KOSTIANTYNIVKA, KRAMATORSK])
        yield opened


def test_a_record_comes_back_as_it_went_in(reference: ReferenceStore) -> None:
    roles = (RecordRole("Q218295", "2012-05-07"),)
    putin = Record(
        "wikidata", "Q7747", RecordKind.person, (RecordName("Путін", "uk", label=True),), roles=roles, description="d"
    )
    reference.add(PackMetadata("people", "1", "wikidata"), [putin])
    assert reference.get("wikidata", "Q7747") == putin
    assert reference.get("wikidata", "Q1") is None
    assert reference.count() == 4


def test_exact(reference: ReferenceStore) -> None:
    found = reference.exact("костянтинівка", [RecordKind.settlement])
    assert [(hit.record, hit.similarity, hit.pack) for hit in found] == [
        (KOSTIANTYNIVKA, 1.0, "places@1"),
        (NAMESAKE, 1.0, "places@1"),
    ]
    assert reference.exact("костянтинівка", [RecordKind.person]) == []
    assert [hit.similarity for hit in reference.exact("краматорськ")] == [LATIN]
    assert len(reference.exact("костянтинівка", limit=1)) == 1


def test_similar(reference: ReferenceStore) -> None:
    (first, *_) = reference.similar("Краматорська")
    assert first.record == KRAMATORSK
    assert 0.9 < first.similarity < 1
    assert reference.similar("Краматорська", [RecordKind.water]) == []
    assert reference.similar("") == reference.similar("…") == reference.similar('"OR *') == []


def test_similar_where_trigrams_are_common(reference: ReferenceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large store compares fewer: what is likest comes first all the same."""
    reference.add(
        PackMetadata("more", "1", "geonames"), [place(str(number), f"Краматорівка {number}") for number in range(50)]
    )
    expected = reference.similar("Краматорська")
    monkeypatch.setattr(module, "POSTINGS", 0)
    assert reference.similar("Краматорська") == expected
    monkeypatch.setattr(module, "COMPARED", 1)
    assert [hit.record for hit in reference.similar("Краматорська")] == [KRAMATORSK]
    monkeypatch.setattr(module, "MANY_POSTINGS", 0)  # one trigram is read even so, but one is not enough
    assert reference.similar("Краматорська") == []
    assert reference.similar("…") == []


def test_names_of_several_packs_share_spellings(reference: ReferenceStore) -> None:
    again = place("9", "Краматорськ")
    reference.add(PackMetadata("more", "1", "geonames"), [again])
    assert [hit.record for hit in reference.exact("краматорськ")] == [again, KRAMATORSK]
    reference.remove("places")
    assert [hit.record for hit in reference.exact("краматорськ")] == [again]
    assert [hit.record for hit in reference.similar("Краматорська")] == [again]


def test_by_identifier_finds_both_sides(reference: ReferenceStore) -> None:
    kyiv = place("703448", "Київ", wikidata="Q1899")
    item = Record("wikidata", "Q1899", RecordKind.settlement, (RecordName("Kyiv"),))
    reference.add(PackMetadata("more", "1", "geonames"), [kyiv, item])
    assert reference.by_identifier("wikidata", "Q1899") == [kyiv, item]
    assert reference.equivalents("wikidata", "geonames") == {"Q1899": "703448"}


def test_a_version_comes_once_and_the_next_takes_its_place(reference: ReferenceStore) -> None:
    with pytest.raises(BadInput, match="already imported") as refused:
        reference.add(PACK, [place("1", "Інше")])
    assert "kg reference remove places" in refused.value.remedy
    report = reference.add(PackMetadata("places", "2", "geonames"), [place("1", "Інше")])
    assert (report.replaced, report.records, reference.count()) == ("1", 1, 1)
    assert [pack.label for pack in reference.packs()] == ["places@2"]
    assert reference.exact("костянтинівка") == reference.similar("Костянтинівка") == []
    reference.remove("places")
    assert not reference.packs()
    assert not reference.similar("Інше")
    with pytest.raises(NotFound):
        reference.remove("places")


def test_what_fails_midway_leaves_nothing(reference: ReferenceStore) -> None:
    def broken() -> Iterator[Record]:
        for number in range(5_000):
            yield place(str(number), f"Місто {number}")
        raise BadInput("cut off")

    for pack in (PackMetadata("places", "2", "geonames"), PackMetadata("other", "1", "geonames")):
        with pytest.raises(BadInput, match="cut off"):
            reference.add(pack, broken())
        assert reference.packs() == [reference.report("places").pack]
        assert reference.count() == 3
        assert reference.similar("Місто 17") == []
    with pytest.raises(BadInput, match="no records"):
        reference.add(PackMetadata("empty", "1", "geonames"), [])


def test_ctrl_c_leaves_nothing(reference: ReferenceStore) -> None:
    def interrupted() -> Iterator[Record]:
        yield place("1", "Перше")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reference.add(PackMetadata("other", "1", "geonames"), interrupted())
    assert reference.count() == 3


def test_shared_identifiers_are_flagged_and_unflagged(reference: ReferenceStore) -> None:
    rows = [place("1", "Перше", wikidata="Q1"), place("2", "Друге", wikidata="Q1"), place("3", "Третє", wikidata="Q3")]
    report = reference.add(PackMetadata("twins", "1", "geonames"), [*rows, rows[0]])
    assert (report.flags, report.repeated, report.records) == ({"shared-identifier": 2}, 1, 3)
    assert "geonames:1 is wikidata:Q1, and so is geonames:2" in report.examples["shared-identifier"]
    assert [hit.record.flags for hit in reference.exact("перше")] == [("shared-identifier",)]
    assert [hit.record.flags for hit in reference.exact("третє")] == [()]


def test_packs_that_disagree_are_flagged_until_one_goes(reference: ReferenceStore) -> None:
    denmark = Record("iso3166", "DK", RecordKind.country, (RecordName("Данія"),), identifiers={"wikidata": "Q35"})
    realm = Record(
        "rigour", "dk", RecordKind.country, (RecordName("Данія"),), identifiers={"wikidata": "Q756617", "iso3166": "DK"}
    )
    reference.add(PackMetadata("codes", "1", "iso3166"), [denmark])
    report = reference.add(PackMetadata("rigour", "1", "rigour"), [realm])
    assert "rigour:dk is wikidata:Q756617, but the pack codes states Q35" in report.examples["identifier-conflict"]
    assert {hit.record.flags for hit in reference.exact("данія")} == {("identifier-conflict",)}
    reference.remove("rigour")
    assert [hit.record.flags for hit in reference.exact("данія")] == [()]


def test_places_of_one_name_and_position_must_agree(reference: ReferenceStore) -> None:
    reference.add(PackMetadata("a", "1", "geonames"), [place("703448", "Київ", wikidata="Q1899")])
    other = Record(
        "own", "9", RecordKind.settlement, (RecordName("Kyiv"),), ("UA",), (48.72, 37.5), identifiers={"wikidata": "Q2"}
    )
    far = Record(
        "own", "8", RecordKind.settlement, (RecordName("Kyiv"),), ("UA",), (40.0, 37.5), identifiers={"wikidata": "Q3"}
    )
    report = reference.add(PackMetadata("b", "1", "own"), [other, far])
    assert report.flags == {"identifier-conflict": 1}
    assert reference.report("a").flags == {"identifier-conflict": 1}
    reference.remove("b")
    assert reference.report("a").flags == {}


def test_an_identifier_of_thousands(reference: ReferenceStore) -> None:
    """A column filled with the same value: each row is flagged, and that takes no longer than a row takes."""
    records = [place(str(number), f"Місто {number}", wikidata="Q1") for number in range(20_000)]
    assert reference.add(PackMetadata("filled", "1", "geonames"), records).flags == {"shared-identifier": 20_000}


def test_threads_read_a_file(tmp_path: Path) -> None:
    file = tmp_path / FILE
    with ReferenceStore.open(file, writable=True) as written:
        written.add(PACK, [KOSTIANTYNIVKA, KRAMATORSK])
    with ReferenceStore.open(file) as opened:
        found: list[int] = []
        asked = [threading.Thread(target=lambda: found.append(len(opened.similar("Краматорськ")))) for _ in range(8)]
        for thread in asked:
            thread.start()
        for thread in asked:
            thread.join()
        assert found == [1] * 8
        with pytest.raises(StoreUnavailable):
            opened.add(PackMetadata("x", "1", "y"), [NAMESAKE])


def test_readers_go_on_while_another_imports(tmp_path: Path) -> None:
    file = tmp_path / FILE
    with ReferenceStore.open(file, writable=True) as writer, ReferenceStore.open(file, writable=True) as second:
        writer.add(PACK, [KRAMATORSK])

        def slow() -> Iterator[Record]:
            with ReferenceStore.open(file) as reader:
                assert reader.exact("краматорск")
            with pytest.raises(StoreInUse):
                second.remove("places")
            yield NAMESAKE

        writer.add(PackMetadata("more", "1", "geonames"), slow())
        assert second.count() == 2


def test_a_killed_import_leaves_the_store_whole(tmp_path: Path) -> None:
    file = tmp_path / FILE
    with ReferenceStore.open(file, writable=True) as written:
        written.add(PACK, [KRAMATORSK])
    program = f"""
import os, signal
from pathlib import Path
from kg.reference.pack_metadata import PackMetadata
from kg.reference.records import *
from kg.reference.reference_store import ReferenceStore
def records():
    for number in range(9_000):
        yield Record("geonames", str(number), RecordKind.settlement, (RecordName(f"Місто {{number}}"),))
    os.kill(os.getpid(), signal.SIGKILL)
ReferenceStore.open(Path({str(file)!r}), writable=True).add(PackMetadata("places", "2", "geonames"), records())
"""
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == -9
    with ReferenceStore.open(file) as opened:
        assert (opened.count(), [pack.label for pack in opened.packs()]) == (1, ["places@1"])


def test_what_is_no_store(tmp_path: Path) -> None:
    file = tmp_path / FILE
    with pytest.raises(NotFound, match="no reference data"):
        ReferenceStore.open(file)
    file.write_bytes(b"not a database, but long enough to be read as one" * 50)
    for writable in (False, True):
        with pytest.raises(StoreUnavailable):
            ReferenceStore.open(file, writable=writable)

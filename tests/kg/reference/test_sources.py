"""Readers of reference sources, on small files, whole and broken, and on real slices."""

from __future__ import annotations

import bz2
import csv
import gzip
import json
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kg.errors import BadInput, ClaimgraphError
from kg.reference.pack_formats import FORMATS
from kg.reference.pack_metadata import PackMetadata
from kg.reference.records import Record, RecordKind, RecordName, RecordRole
from kg.reference.reference_store import ReferenceStore
from kg.reference.sources import packaged_datasets, row_grouping, source_files
from kg.reference.sources.row_grouping import grouped
from kg.reference.sources.source_files import SourceFile
from tests.cases.slices import SLICES, needed

KYIV = "703448\tKyiv\tKyiv\tKiev,Київ\t50.45\t30.52\tP\tPPLC\tUA\t\t12\t\t\t\t2797553\t\t187\tEurope/Kyiv\t2024-01-01\n"
SEA = "630673\tSea of Azov\tSea of Azov\t\t46\t36.5\tH\tSEA\t\t\t00\t\t\t\t0\t\t\t\t2024-01-01\n"
COUNTRIES = {"Q212": "UA", "Q159": "RU"}


def read(path: Path, form: str, **options: object) -> list[Record]:
    return list(FORMATS[form].read(SourceFile(path, countries=COUNTRIES, **options)))  # type: ignore[arg-type]


def written(directory: Path, name: str, content: str | bytes) -> Path:
    data = content.encode() if isinstance(content, str) else content
    packers: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".bz2": bz2.compress}
    path = directory / name
    path.write_bytes(packers.get(path.suffix, bytes)(data))
    return path


@pytest.mark.parametrize("name", ["UA.txt", "UA.txt.gz", "UA.txt.bz2"])
def test_geonames_dump(tmp_path: Path, name: str) -> None:
    kyiv, sea = read(written(tmp_path, name, KYIV + SEA), "geonames")
    assert (kyiv.key, kyiv.kind, kyiv.countries, kyiv.point) == (
        "geonames:703448",
        RecordKind.settlement,
        ("UA",),
        (50.45, 30.52),
    )
    assert [found.text for found in kyiv.names] == ["Kyiv", "Kiev", "Київ"]
    assert (sea.kind, sea.countries) == (RecordKind.water, ())


def test_geonames_with_alternate_names_and_regions(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "UA.zip", "w") as archive:
        archive.writestr("readme.txt", "about")
        archive.writestr("UA.txt", KYIV)
    names = "1\t703448\tuk\tКиїв\t1\t\t\t\t\t\n2\t703448\twkdt\tQ1899\t\t\t\t\t\t\n3\t703448\tlink\thttps://x\n4\t1\tuk\tІнше\n"
    others = (
        written(tmp_path, "alternateNamesV2.txt", names),
        written(tmp_path, "admin1CodesASCII.txt", "UA.12\tK\tK\t703447\n"),
    )
    (kyiv,) = read(tmp_path / "UA.zip", "geonames", others=others)
    assert kyiv.names == (RecordName("Kyiv", label=True), RecordName("Київ", "uk", label=True))
    assert (kyiv.identifiers, kyiv.within) == ({"wikidata": "Q1899"}, "703447")


ITEM = {
    "type": "item",
    "id": "Q1899",
    "labels": {"uk": {"language": "uk", "value": "Київ"}},
    "aliases": {"en": [{"language": "en", "value": "Kiev"}]},
    "descriptions": {"en": {"language": "en", "value": "capital of Ukraine"}},
    "claims": {
        "P31": [{"rank": "normal", "mainsnak": {"snaktype": "value", "datavalue": {"value": {"id": "Q515"}}}}],
        "P17": [
            {"rank": "deprecated", "mainsnak": {"snaktype": "value", "datavalue": {"value": {"id": "Q159"}}}},
            {"rank": "normal", "mainsnak": {"snaktype": "value", "datavalue": {"value": {"id": "Q212"}}}},
        ],
        "P1566": [{"rank": "normal", "mainsnak": {"snaktype": "value", "datavalue": {"value": "703448"}}}],
        "P131": [{"rank": "normal", "mainsnak": {"snaktype": "somevalue"}}],
    },
    "sitelinks": {"ukwiki": {}, "enwiki": {}, "commonswiki": {}, "enwikiquote": {}},
}


@pytest.mark.parametrize("form", ["dump", "lines", "document", "indented"])
def test_wikidata(tmp_path: Path, form: str) -> None:
    line = json.dumps(ITEM, ensure_ascii=False)
    prop = json.dumps({"type": "property", "id": "P31", "labels": {}})
    content = {
        "dump": f"[\n{line},\n{prop}\n]\n",
        "lines": f"{line}\n",
        "document": json.dumps({"entities": {"Q1899": ITEM}}),
        "indented": json.dumps({"entities": {"Q1899": ITEM}}, indent=1),
    }[form]
    (kyiv,) = read(written(tmp_path, "wikidata.json.bz2", content), "wikidata")
    assert kyiv == Record(
        "wikidata",
        "Q1899",
        RecordKind.settlement,
        (RecordName("Київ", "uk", label=True), RecordName("Kiev", "en")),
        ("UA",),
        prominence=2.0,
        identifiers={"geonames": "703448"},
        description="capital of Ukraine",
    )


@needed
def test_wikidata_of_real_people() -> None:
    people = [record for path in sorted((SLICES / "wikidata").glob("*.json")) for record in read(path, "wikidata")]
    assert len(people) == 7
    assert {record.kind for record in people} == {RecordKind.person}
    putin = next(record for record in people if record.identifier == "Q7747")
    assert (putin.label(), "RU" in putin.countries) == ("Vladimir Putin", True)
    assert RecordRole("Q218295", "2012-05-07") in putin.roles
    assert putin.prominence == max(record.prominence for record in people)


def test_sparql_results(tmp_path: Path) -> None:
    azov = {"type": "uri", "value": "http://www.wikidata.org/entity/Q35000"}
    names = (("uk", "Азовське море"), ("en", "Sea of Azov"))
    rows = [
        {
            "item": azov,
            "itemLabel": {"type": "literal", "xml:lang": language, "value": name},
            "kind": {"value": "water"},
        }
        for language, name in names
    ]
    content = json.dumps({"head": {"vars": ["item"]}, "results": {"bindings": rows}})
    (sea,) = read(written(tmp_path, "seas.json", content), "sparql-results")
    assert (sea.key, sea.kind) == ("wikidata:Q35000", RecordKind.water)
    assert sea.names == tuple(RecordName(text, language, label=True) for language, text in names)
    table = "item,itemLabel,lang,coord\nhttp://www.wikidata.org/entity/Q35000,Азовське море,uk,Point(36.5 46)\n"
    (sea,) = read(written(tmp_path, "seas.csv", table), "sparql-results", kind=RecordKind.water)
    assert (sea.kind, sea.names, sea.point) == (
        RecordKind.water,
        (RecordName("Азовське море", "uk", label=True),),
        (46.0, 36.5),
    )


def test_ftm(tmp_path: Path) -> None:
    post = {"schema": "Position", "properties": {"name": ["President of Russia"]}}
    held = {"schema": "Occupancy", "properties": {"post": [post], "startDate": ["2012-05-07"]}}
    putin = {
        "id": "Q7747",
        "schema": "Person",
        "caption": "Vladimir Putin",
        "properties": {"name": ["Владимир Путин", "Vladimir Putin"], "country": ["ru"], "positionOccupancies": [held]},
    }
    address = {"id": "a", "schema": "Address", "properties": {"full": ["Moscow"]}}
    lines = "".join(json.dumps(entity) + "\n" for entity in (putin, address))
    (found,) = read(written(tmp_path, "targets.nested.json", lines), "ftm")
    assert (found.key, found.kind, found.countries) == ("opensanctions:Q7747", RecordKind.person, ("RU",))
    assert found.label() == "Vladimir Putin"
    assert found.roles == (RecordRole("President of Russia", "2012-05-07"),)
    assert found.identifiers == {"wikidata": "Q7747"}


def test_own_table(tmp_path: Path) -> None:
    headings = "id,name,kind,lang,aliases,country,lat,lon,wikidata,name_uk,id:viaf"
    content = f"{headings}\n1,BILD,organisation,de,Bild|BILD-Zeitung,DE,,,Q156583,Більд,1\n"
    (found,) = read(written(tmp_path, "media.csv", content), "csv", dataset="media")
    assert found.names == (
        RecordName("BILD", "de", label=True),
        RecordName("Bild", "de"),
        RecordName("BILD-Zeitung", "de"),
        RecordName("Більд", "uk", label=True),
    )
    assert (found.key, found.identifiers) == ("media:1", {"viaf": "1", "wikidata": "Q156583"})


def test_identifiers_that_pandas_wrote_as_floats(tmp_path: Path) -> None:
    (found,) = read(written(tmp_path, "a.csv", "id,name,geonames\n7,Київ,703448.0\n"), "csv", dataset="own")
    assert found.identifiers == {"geonames": "703448"}


@pytest.mark.parametrize("name", ["seas.ttl", "seas.ttl.gz"])
def test_skos(tmp_path: Path, name: str) -> None:
    content = """@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
<urn:azov> a skos:Concept ; skos:prefLabel "Азовське море"@uk ; skos:altLabel "Азов"@uk ;
  skos:exactMatch <http://www.wikidata.org/entity/Q35000> ; skos:closeMatch <https://www.geonames.org/1/x.html> ."""
    (sea,) = read(written(tmp_path, name, content), "skos", dataset="seas", kind=RecordKind.water)
    names = (RecordName("Азовське море", "uk", label=True), RecordName("Азов", "uk"))
    assert sea == Record("seas", "urn:azov", RecordKind.water, names, identifiers={"wikidata": "Q35000"})


@needed
def test_country_codes() -> None:
    found = {record.identifier: record for record in read(SLICES / "country-codes.csv", "country-codes")}
    assert len(found) == 249
    assert found["DK"].identifiers == {"wikidata": "Q35", "geonames": "2623032", "iso3166-alpha3": "DNK"}
    assert RecordName("Украина", "ru", label=True) in found["UA"].names


@needed
def test_katottg() -> None:
    found = read(SLICES / "katottg_kodifikator.xlsx", "katottg")
    settlements = [record for record in found if record.kind is RecordKind.settlement]
    assert len(settlements) == 29_703  # Kyiv and Sevastopol, which have a category of their own, are two of them
    assert sum(record.label("uk") == "Костянтинівка" for record in settlements) == 35
    assert "Донецька область" in {record.label("uk") for record in found if record.kind is RecordKind.region}


@needed
def test_slice_of_geonames_and_natural_earth_agree_on_what_is_where() -> None:
    with ReferenceStore.in_memory() as reference:
        report = reference.add(PackMetadata("g", "1", "geonames"), read(SLICES / "geonames_slice.tsv.gz", "geonames"))
        assert report.records == 14_269
        assert report.languages["?Cyrl"] > 10_000
        places = read(SLICES / "naturalearth_populated_places_qid.tsv", "natural-earth-places")
        reference.add(PackMetadata("n", "1", "geonames"), places)
        assert {hit.record.key for hit in reference.exact("краматорськ")} == {"geonames:704508"}
        assert reference.equivalents("geonames", "wikidata")["491422"] == "Q39420"


@needed
def test_occupied_regions_are_flagged() -> None:
    with ReferenceStore.in_memory() as reference:
        reference.add(PackMetadata("codes", "1", "iso3166"), read(SLICES / "country-codes.csv", "country-codes"))
        reference.add(PackMetadata("rigour", "1", "rigour"), read(SLICES / "rigour-territories.jsonl", "territories"))
        assert reference.exact("донецька область") == []  # a weak name of Ukraine
        (donetsk,) = reference.exact("донецька")
        assert (donetsk.record.key, donetsk.record.flags) == ("rigour:ua-dpr", ("occupation-entity",))
        denmark = reference.get("rigour", "dk")
        assert denmark is not None
        assert denmark.flags == ("identifier-conflict",)


@needed
def test_cities_that_share_a_wikidata_id_are_flagged(tmp_path: Path) -> None:
    cities = json.loads((SLICES / "dr5hn" / "cities_UA.json").read_text("utf-8"))
    file = tmp_path / "dr5hn.csv"
    with file.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(["id", "name", "name_uk", "kind", "country", "lat", "lon", "wikidata"])
        for city in cities:
            point = (city["latitude"], city["longitude"])
            table.writerow([city["id"], city["name"], city["native"], "settlement", "UA", *point, city["wikiDataId"]])
    with ReferenceStore.in_memory() as reference:
        places = read(SLICES / "naturalearth_populated_places_qid.tsv", "natural-earth-places")
        reference.add(PackMetadata("earth", "1", "geonames"), places)
        report = reference.add(PackMetadata("dr5hn", "1", "dr5hn"), read(file, "csv", dataset="dr5hn"))
        assert (report.records, report.flags["shared-identifier"]) == (1_819, 601)
        conflicts = [hit.record for hit in reference.exact("чернівці") if "identifier-conflict" in hit.record.flags]
        assert conflicts


@pytest.mark.slow
def test_what_packages_carry() -> None:
    countries = {record.identifier: record for record in packaged_datasets.countries()}
    assert RecordName("Данія", "uk", label=True) in countries["DK"].names
    assert countries["UA"].identifiers["geonames"] == "690791"
    earth = {
        record.countries[0]: record
        for record in packaged_datasets.natural_earth(SourceFile(packaged_datasets.map_file()))
    }
    assert (earth["DK"].identifier, earth["FR"].identifier, earth["AU"].identifier) == ("Q35", "Q142", "Q408")
    assert RecordName("Сирія", "uk", label=True) in earth["SY"].names
    assert "491422" in {record.identifier for record in packaged_datasets.cities(15000)}


BROKEN = [
    ("geonames", "UA.txt", KYIV + "703449\tcut", "line 2: 2 columns"),
    ("geonames", "UA.txt", KYIV.replace("703448", "Q1899"), "line 1: geonameid is “Q1899”"),
    ("geonames", "UA.txt", KYIV.replace("50.45", "150.45"), "line 1: lat, lon are 150.45"),
    ("geonames", "UA.txt", KYIV.encode("utf-8") + "Київ".encode("cp1251"), "line 2: byte 1 is not UTF-8"),
    (
        "wikidata",
        "dump.json",
        "[\n" + json.dumps(ITEM) + ",\n" + json.dumps(ITEM)[:50],
        "line 3: invalid JSON",
    ),
    ("wikidata", "dump.json", '{"id": "L1x", "type": "item"}', "line 1: “L1x” is not the id of an item"),
    ("wikidata", "dump.json", '{"id": "Q1", "labels": ["x"]}', "line 1: Q1 does not have the structure"),
    ("wikidata", "dump.json", "[" * 100_000, "line 1"),
    ("wikidata", "dump.json", "{\n", "does not parse"),
    ("sparql-results", "r.json", '{"results": {', "not a SPARQL result"),
    ("sparql-results", "r.json", b"\xff", "not UTF-8"),
    ("sparql-results", "r.csv", "thing\nx\n", "row 2: the item is missing"),
    ("sparql-results", "r.csv", "item,itemLabel\nurn:x,y\n", "line 2: “urn:x” is not a Wikidata item"),
    ("ftm", "e.json", '{"id": "x", "schema": "Person"}', "line 1: not a FollowTheMoney entity"),
    ("ftm", "e.json", '{"id": "x", "schema": "Person", "properties": {"name": "y"}}', "line 1: the values of name"),
    ("country-codes", "c.csv", "name,code\nx,y\n", "no column ISO3166-1-Alpha-2"),
    ("csv", "c.csv", "id,name\n,x\n", "line 2: the column id is empty"),
    ("csv", "c.csv", "id,name,kind\n1,x,city\n", "line 2: kind is “city”"),
    ("csv", "c.csv", "id,name,wikidata\n1,x,P31\n", "line 2: wikidata is “P31”"),
    ("csv", "c.csv", "id,name,lat,lon\n1,x,a,2\n", "line 2: lat is “a”"),
    ("csv", "c.csv", "name,id\nx,a b\n", "c.csv, line 2, column 2 (id): “a b” is not an identifier of"),
    ("csv", "c.csv", 'id,name,id:viaf\n1,x,1\n2,y,"12,5"\n', "c.csv, line 3, column 3 (id:viaf): “12,5” is not"),
    ("geonames", "UA.txt", KYIV.replace("703448", "0"), "line 1: “0” is not an identifier of geonames"),
    ("ftm", "e.json", '{"id": "a b", "schema": "Person", "properties": {"name": ["y"]}}', "line 1: “a b” is not"),
    ("csv", "c.csv", "id,name\n1,x,y\n", "line 2: 3 cells for 2"),
    ("csv", "c.csv", 'id,name\n1,"x\n', "line 2: not a row"),
    ("skos", "s.ttl", "<urn:a> <urn:b> .", "s.ttl: The Turtle does not parse at line 1"),
    ("csv", "c.csv", "id,name\n1,x\0y\n", "line 2: U+0000 in column 4"),
    ("geonames", "UA.txt", KYIV.replace("Kyiv", "Ky\0iv"), "line 1: U+0000"),
    ("wikidata", "dump.json", json.dumps(ITEM).replace("Q1899", "Q1899\\u0000"), "line 1: a text with U+0000"),
    ("wikidata", "dump.json", '{\n"entities": {"Q1": {"labels": "\\u0000"}}}', "a text with U+0000"),
    ("sparql-results", "r.json", '{"results": {"bindings": [{"item": {"value": "\\u0000"}}]}}', "a text with U+0000"),
    ("skos", "s.ttl", '<urn:a> <urn:b> "\\u0000" .', "s.ttl: The text “U+0000”"),
    ("katottg", "k.xlsx", "no workbook", "is not a workbook"),
    ("territories", "t.jsonl", '{"code": "ua"}', "line 1: not a territory"),
    ("natural-earth", "n.zip", b"PK", "is not Natural Earth"),
    ("natural-earth", "n.dbf", b"x", "is not Natural Earth"),
]


@pytest.mark.parametrize(("form", "name", "content", "message"), BROKEN)
def test_what_is_broken_is_named(tmp_path: Path, form: str, name: str, content: str | bytes, message: str) -> None:
    path = written(tmp_path, name, content)
    with pytest.raises(ClaimgraphError) as refused:
        read(path, form)
    assert message in refused.value.message
    assert str(tmp_path) not in refused.value.message
    assert refused.value.remedy or form == "skos"


@pytest.mark.parametrize("ending", [".gz", ".bz2"])
def test_a_file_that_is_cut_off_is_named(tmp_path: Path, ending: str) -> None:
    path = written(tmp_path, f"UA.txt{ending}", KYIV * 2_000)
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(BadInput, match=r"cannot be read to the end"):
        read(path, "geonames")
    path.write_bytes(b"no such packing")
    with pytest.raises(BadInput, match=r"cannot be read to the end"):
        read(path, "geonames")


def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_files, "LONGEST", 1_000)
    with pytest.raises(BadInput, match=r"line 1: it is longer"):
        read(written(tmp_path, "e.json", b"x" * 5_000), "ftm")


@pytest.mark.slow
def test_memory_stays_flat(tmp_path: Path) -> None:
    line = json.dumps({"id": "xy", "schema": "Person", "properties": {"name": ["y" * 2_000]}}) + "\n"
    path = written(tmp_path, "e.json", line * 20_000)  # 42 MB
    tracemalloc.start()
    count = sum(1 for _ in FORMATS["ftm"].read(SourceFile(path)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 20_000
    assert peak < 3_000_000


def test_rows_of_a_key_come_together(monkeypatch: pytest.MonkeyPatch) -> None:
    def rows() -> Iterator[tuple[str, int]]:
        yield from ((str(number % 97), number) for number in range(1_000))

    few = dict(grouped(rows()))
    monkeypatch.setattr(row_grouping, "_IN_MEMORY", 10)
    assert dict(grouped(rows())) == few
    assert few["3"][:2] == [3, 100]

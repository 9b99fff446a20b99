"""Reference packs of the slices in ../shared, imported unchanged, for tests/bench/linking.py."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import openpyxl

from kg.reference.pack_metadata import PackMetadata
from kg.reference.records import Record, RecordKind, RecordName, RecordRole
from kg.reference.reference_store import ReferenceStore

SLICES = Path(__file__).resolve().parents[3] / "shared" / "data" / "linking"


def names(label: str, language: str, *others: str) -> tuple[RecordName, ...]:
    found = [RecordName(label, language, label=True)] if label else []
    return (*found, *(RecordName(other) for other in dict.fromkeys(others) if other and other != label))


def countries() -> Iterator[Record]:
    labels = {row["iso2"]: row for row in table("cldr_territories_uk_en_ru.tsv")}
    with (SLICES / "country-codes.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            code = row["ISO3166-1-Alpha-2"].strip()
            written = labels.get(code)
            if not code or written is None:
                continue
            found = [RecordName(written[language], language, label=True) for language in ("uk", "en", "ru")]
            found += [RecordName(row["official_name_en"], "en"), RecordName(row["UNTERM English Formal"], "en")]
            said = {"wikidata": row["wikidata_id"].rsplit("/", 1)[-1], "geonames": row["Geoname ID"].split(".")[0]}
            kept = tuple(name for name in found if name.text)
            yield Record(
                "iso3166", code, RecordKind.country, kept, (code,), identifiers={k: v for k, v in said.items() if v}
            )


def geonames() -> Iterator[Record]:
    regions = {}
    for row in table("geonames_admin1_slice.tsv"):
        regions[row["geonames_code"]] = row["geonameid"]
        said = {"iso3166-2": row["iso3166_2"]}
        country = row["geonames_code"].split(".")[0]
        spelt = names(row["name"], "en", *row["aliases"].split("|"))
        yield Record("geonames", row["geonameid"], RecordKind.region, spelt, (country,), identifiers=said)
    with gzip.open(SLICES / "geonames_slice.tsv.gz", "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            spelt = names(row["name"], "en", *row["alternatenames"].split("|"))
            point = (float(row["lat"]), float(row["lon"]))
            within = regions.get(f"{row['country']}.{row['admin1']}", "")
            size = float(row["population"] or 0)
            yield Record(
                "geonames", row["geonameid"], RecordKind.settlement, spelt, (row["country"],), point, within, size
            )


def natural_earth() -> Iterator[Record]:
    for row in table("naturalearth_populated_places_qid.tsv"):
        if row["wikidata"]:
            spelt = (*names(row["name_en"] or row["name"], "en", row["name"]), *names(row["name_ru"], "ru"))
            point = (float(row["lat"]), float(row["lon"]))
            said = {"geonames": row["geonameid"].split(".")[0]} if row["geonameid"] else {}
            size = max(0.0, float(row["pop_max"] or 0))
            yield Record(
                "wikidata", row["wikidata"], RecordKind.settlement, spelt, (row["iso_a2"],), point, "", size, said
            )


def regions() -> Iterator[Record]:
    """Return the states of dr5hn, whose Ukrainian names are adjectives."""
    columns = "country_code, iso2, name, translations->>'uk', wikiDataId, latitude, longitude"
    query = f"SELECT {columns} FROM '{SLICES}/dr5hn/states.parquet'"
    rows = [row for row in duckdb.execute(query).fetchall() if row[4] and row[4].startswith("Q")]
    shared = Counter(row[4] for row in rows)
    for country, code, name, ukrainian, qid, latitude, longitude in rows:
        flags = ("shared-identifier",) if shared[qid] > 1 else ()
        spelt = (*names(ukrainian or "", "uk"), *names(name, "en"))
        point = (float(latitude), float(longitude)) if latitude and longitude else None
        said = {"iso3166-2": f"{country}-{code}"}
        yield Record("wikidata", qid, RecordKind.region, spelt, (country,), point, identifiers=said, flags=flags)


def cities() -> Iterator[Record]:
    rows = [row for code in ("UA", "SY", "LB", "DK") for row in loaded(f"dr5hn/cities_{code}.json")]
    for row in rows:
        native = row.get("native") or ""
        spelt = (*names(native, "uk", (row.get("translations") or {}).get("uk") or ""), *names(row["name"], "en"))
        qid = row.get("wikiDataId") or ""
        yield Record(
            "dr5hn",
            str(row["id"]),
            RecordKind.region if native.endswith("район") else RecordKind.settlement,
            spelt,
            (row["country_code"],),
            (float(row["latitude"]), float(row["longitude"])),
            prominence=float(row["population"] or 0),
            identifiers={"wikidata": qid} if qid.startswith("Q") else {},
        )


def people() -> Iterator[Record]:
    nations = {"Q159": "RU", "Q212": "UA", "Q858": "SY"}
    for path in sorted((SLICES / "wikidata").glob("*.json")):
        for qid, item in json.loads(path.read_text("utf-8"))["entities"].items():
            spelt = [RecordName(v["value"], v["language"], label=True) for v in item["labels"].values()]
            spelt += [RecordName(v["value"], v["language"]) for found in item["aliases"].values() for v in found]
            held = [role(statement) for statement in item["claims"].get("P39", [])]
            belongs = [nations.get(value(statement), "") for statement in item["claims"].get("P27", [])]
            yield Record(
                "wikidata",
                qid,
                RecordKind.person,
                tuple(spelt),
                tuple(dict.fromkeys(filter(None, belongs))),
                prominence=float(len(item.get("sitelinks", {}))),
                roles=tuple(held),
                description=next((d["value"] for d in item["descriptions"].values()), ""),
            )


def value(statement: dict[str, Any]) -> str:
    found = statement["mainsnak"].get("datavalue", {}).get("value", "")
    return str(found.get("id", "") if isinstance(found, dict) else found)


def role(statement: dict[str, Any]) -> RecordRole:
    def day(name: str) -> str:
        found = statement.get("qualifiers", {}).get(name, [{}])[0].get("datavalue", {}).get("value", {})
        return str(found.get("time", ""))[1:11].replace("-00", "")

    return RecordRole(value(statement), day("P580"), day("P582"))


def katottg() -> Iterator[Record]:
    sheet = openpyxl.load_workbook(SLICES / "katottg_kodifikator.xlsx", read_only=True).active
    kinds = {**dict.fromkeys("OPB", RecordKind.region), **dict.fromkeys("KMTCX", RecordKind.settlement)}
    for row in sheet.iter_rows(min_row=5, values_only=True):
        codes = [code for code in row[:5] if code and str(code).startswith("UA")]
        if codes and row[5] in kinds:
            written = str(row[6]).strip()
            others = (f"{written} область",) if row[5] == "O" and written.endswith("а") else ()
            spelt = names(others[0] if others else written, "uk", written)
            size = {"M": 3.0, "T": 2.0}.get(row[5], 1.0)
            yield Record(
                "katottg",
                codes[-1],
                kinds[row[5]],
                spelt,
                ("UA",),
                None,
                codes[min(1, len(codes) - 2)] if codes[1:] else "",
                size,
            )


def table(name: str) -> list[dict[str, str]]:
    with (SLICES / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def loaded(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((SLICES / name).read_text("utf-8"))
    return found


PACKS = (
    (PackMetadata("country-codes", "caa72d1", "iso3166", date="2024"), countries),
    (PackMetadata("geonames-slice", "3.0.2", "geonames", kinds=(RecordKind.settlement, RecordKind.region)), geonames),
    (PackMetadata("naturalearth", "0b9a6ce", "wikidata"), natural_earth),
    (PackMetadata("dr5hn-states", "7fda0af", "wikidata"), regions),
    (PackMetadata("dr5hn-cities", "7fda0af", "dr5hn", countries=("UA", "SY", "LB", "DK")), cities),
    (PackMetadata("wikidata-people", "502208c", "wikidata"), people),
    (PackMetadata("katottg", "2024-01-19", "katottg", countries=("UA",)), katottg),
)


def build(path: Path) -> ReferenceStore:
    """Import all slices into a new reference store."""
    reference = ReferenceStore.open(path, writable=True)
    for pack, records in PACKS:
        report = reference.add(pack, records())
        print(f"{pack.label}: {report.records} records, {report.names} names, flags {dict(report.flags)}")
    return reference

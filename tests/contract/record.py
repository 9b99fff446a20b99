"""Recording of the contract's snapshots: ``python -m tests.contract.record [PART …]``, by default all parts."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.contract import inside, outside

FOLDER = Path(__file__).with_name("snapshots")
INSIDE = ("settings", "commands", "schema", "exit_codes")
OUTSIDE = ("addresses", "headers", "problems", "metrics", "log", "files")


def look_inside(folder: Path) -> dict[str, Any]:
    """Return the parts that no server is needed for."""
    return {
        "settings": inside.settings(),
        "commands": inside.commands(),
        "schema": inside.schema(folder),
        "exit_codes": inside.exit_codes(folder),
    }


def kept(part: str) -> Any:
    """Return the snapshot of a part."""
    return json.loads((FOLDER / f"{part}.json").read_text("utf-8"))


def plain(found: Any) -> Any:
    """Return what is left of something when it is written as JSON and read again."""
    return json.loads(json.dumps(found))


def _seen(parts: set[str]) -> Iterator[tuple[str, Any]]:
    with tempfile.TemporaryDirectory() as place:
        for names, look in ((INSIDE, look_inside), (OUTSIDE, outside.everything)):
            if parts & set(names):
                folder = Path(place, names[0])
                folder.mkdir()
                yield from look(folder).items()


def main() -> None:
    """Write the parts that the command line names."""
    parts = set(sys.argv[1:]) or {*INSIDE, *OUTSIDE}
    if unknown := parts - {*INSIDE, *OUTSIDE}:
        sys.exit(f"No such part: {', '.join(sorted(unknown))}. There are {', '.join((*INSIDE, *OUTSIDE))}.")
    for part, found in _seen(parts):
        if part in parts:
            text = json.dumps(found, ensure_ascii=False, indent=1)
            (FOLDER / f"{part}.json").write_text(text + "\n", "utf-8")
            sys.stdout.write(f"{part}\n")


if __name__ == "__main__":
    main()

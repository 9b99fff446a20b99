"""Detection of an interrupted restore, so that its leftovers are not mistaken for a new store.

A restore renames the previous store to ``NAME.before-restore`` and the new one to ``NAME``. If it is killed between the
two steps, ``NAME`` is missing or incomplete, and a new store there would hide the previous one.
"""

from __future__ import annotations

from pathlib import Path

from kg.errors import StoreUnavailable

BEFORE = ".before-restore"
"""End of the name under which a restore sets the previous store aside."""


def left_over(data: Path) -> Path | None:
    """Return the path of the previous store, or ``None`` if no restore is unfinished.

    It is next to the data directory, or inside it if that is a mount point, which cannot be renamed.
    """
    data = data.absolute()
    return next((path for path in (Path(f"{data}{BEFORE}"), data / BEFORE) if path.exists()), None)


def refuse(data: Path, *needed: Path) -> None:
    """Check that no interrupted restore has left a data directory without its ``needed`` files.

    Raises:
        StoreUnavailable: a previous store was set aside, and a needed file is missing.
    """
    left = left_over(data)
    if left and not all(path.exists() for path in needed):
        raise StoreUnavailable(
            f"A restore was interrupted: {left.name} holds the previous store.",
            remedy=f"Move the content of {left.name} back into {data.name}, and delete it; then restore again.",
        )

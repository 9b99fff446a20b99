"""What a restore leaves behind when it is killed between two renamings, and that nobody takes for a new directory."""

from __future__ import annotations

from pathlib import Path

from kg.errors import StoreUnavailable

BEFORE = ".before-restore"


def left_over(data: Path) -> Path | None:
    """Find where the store from before is: beside the data directory, or in it if that is a mount point."""
    data = data.absolute()
    return next((path for path in (Path(f"{data}{BEFORE}"), data / BEFORE) if path.exists()), None)


def refuse(data: Path, *needed: Path) -> None:
    """Refuse to go on in a data directory that lacks what it ``needed`` because a restore was interrupted.

    Raises:
        StoreUnavailable: so it is.
    """
    left = left_over(data)
    if left and not all(path.exists() for path in needed):
        raise StoreUnavailable(
            f"A restore was interrupted: {left.name} holds the store from before.",
            remedy=f"Move what is in {left.name} back into {data.name}, and delete it; then restore again.",
        )

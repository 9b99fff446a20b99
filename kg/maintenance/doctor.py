"""Diagnosis of an installation (``kg doctor``): read-only checks of the data directory, the store and the system.

Each check that applies yields at least one finding, even without a problem, so that the report shows everything
that was checked.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from kg.access.api_tokens import FILE as TOKENS
from kg.config import IGNORED, StoreSettings, from_environment, variables
from kg.errors import ClaimgraphError
from kg.files import disk_space
from kg.maintenance.python_requirements import unmet
from kg.maintenance.store_checks import check_store, newest_snapshot
from kg.reference import reference_lookup_and_backup
from kg.reference.reference_store import FILE as REFERENCE
from kg.reference.reference_store import ReferenceStore
from kg.store.directory_metadata import FILE as META
from kg.store.interrupted_restore_check import left_over
from kg.store.snapshots import FOLDER as SNAPSHOTS

Verdict = Literal["ok", "warning", "failed"]

_LOW = 1024 * disk_space.MIB
"""Free bytes below which the disk is a warning."""
_FILES = 1024
"""Minimum limit of open files that is advisable for any store."""
_SKEW = 60.0
"""Maximum difference between two clocks in seconds."""
_EARLIEST = 1735689600.0
"""1 January 2025, in seconds since 1970. An earlier time is wrong, as Claimgraph did not exist then."""

# It runs in its own process, because the limits of a process cannot be removed again.
_PROBE = """
import socket, sys
from kg.processes import process_confinement
process_confinement.limit_memory(512 * 1024 * 1024)
if not process_confinement.forbid_sockets():
    sys.exit("the system does not provide seccomp, the filter for system calls")
try:
    socket.socket()
except OSError:
    sys.exit(0)
sys.exit("a reader can still open sockets")
"""


@dataclass(frozen=True)
class Finding:
    """Finding of one check.

    Attributes:
        check: name of the check.
        verdict: ``"failed"`` must be fixed, ``"warning"`` should be reviewed.
        what: description of the finding.
        remedy: advice; empty for ``"ok"``.
    """

    check: str
    verdict: Verdict
    what: str
    remedy: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the finding as a JSON object."""
        return asdict(self)


@dataclass(frozen=True)
class Installation:
    """Installation to be checked.

    Attributes:
        data: the data directory.
        environ: the environment variables.
        full: whether to read all data.
    """

    data: Path
    environ: Mapping[str, str]
    full: bool = False


def diagnose(installation: Installation) -> list[Finding]:
    """Run all checks and return their findings."""
    return [finding for check in _CHECKS for finding in check(installation)]


def installation(data: Path | None, environ: Mapping[str, str], *, full: bool = False) -> Installation:
    """Return the installation to be checked; invalid settings do not prevent it.

    Args:
        data: the data directory; ``None`` for ``KG_DATA_DIR`` or its default.
        environ: the environment variables.
        full: whether to read all data.
    """
    named = environ.get("KG_DATA_DIR", "").strip()
    return Installation(data or (Path(named) if named else StoreSettings().data_dir), environ, full)


# ---- the data directory


def _directory(installation: Installation) -> Iterator[Finding]:
    check, data = "data directory", installation.data
    if left := left_over(data):
        remedy = (
            f"If the data directory lacks its store or {TOKENS}, move them back from {left.name}; then delete that."
        )
        yield Finding(check, "failed", f"A restore was interrupted: {left} contains the previous store.", remedy)
    if not data.is_dir():
        yield Finding(
            check,
            "failed",
            f"{data} is not a directory.",
            "Name the data directory with --data or KG_DATA_DIR, or let `kg serve` create it.",
        )
        return
    if not (data / META).is_file():
        yield Finding(
            check,
            "failed",
            f"There is no store in {data}.",
            "Name another directory, restore a backup, or let `kg serve` create the store.",
        )
        return
    yield Finding(check, "ok", f"{data}")


def _rights(installation: Installation) -> Iterator[Finding]:
    check, data = "rights", installation.data
    if not data.is_dir():
        return
    found = []
    status = data.stat()
    if not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        found.append(
            Finding(check, "failed", "The data directory is not writable.", "Run as the account that owns it.")
        )
    elif status.st_uid != os.geteuid():
        remedy = "Run as the account of the server, which may not be able to read files of another account."
        found.append(Finding(check, "warning", "The data directory belongs to another account.", remedy))
    if status.st_mode & 0o077:
        what = f"The data directory is open to other accounts (mode {status.st_mode & 0o777:04o})."
        found.append(Finding(check, "warning", what, "Run chmod 0700, so that only its owner has access."))
    tokens = data / TOKENS
    if tokens.exists() and tokens.stat().st_mode & 0o077:
        what = f"{TOKENS} is open to other accounts (mode {tokens.stat().st_mode & 0o777:04o})."
        found.append(Finding(check, "failed", what, "Run chmod 0600, so that only its owner can read it."))
    yield from found or [Finding(check, "ok", "Only the owner has access to the data.")]


def _store(installation: Installation) -> Iterator[Finding]:
    if (installation.data / META).is_file():
        for check, fault, what, remedy in check_store(installation.data, full=installation.full):
            yield Finding(check, "failed" if fault else "ok", what, remedy)


def _reference(installation: Installation) -> Iterator[Finding]:
    check, file = "reference data", installation.data / REFERENCE
    if not file.exists():
        return
    try:
        if installation.full:
            reference_lookup_and_backup.check(file)
        with ReferenceStore.open(file) as reference:
            packs = reference.packs()
    except ClaimgraphError as error:
        yield Finding(check, "failed", error.message, error.remedy)
        return
    how = "every page was read" if installation.full else "--full reads every page"
    yield Finding(check, "ok", f"{len(packs)} reference packs ({how}).")


def _disk(installation: Installation) -> Iterator[Finding]:
    left = disk_space.free(installation.data)
    what = f"{left // disk_space.MIB} MiB are free."
    if left < disk_space.RESERVE:
        remedy = "Free space on the disk of the data directory."
        yield Finding(
            "disk",
            "failed",
            f"{what} Writes are refused below {disk_space.RESERVE // disk_space.MIB} MiB.",
            remedy,
        )
    elif left < _LOW:
        yield Finding("disk", "warning", what, "Free space before writes are refused.")
    else:
        yield Finding("disk", "ok", what)


def _clock(installation: Installation) -> Iterator[Finding]:
    now = time.time()
    if now < _EARLIEST:
        yield Finding(
            "clock", "failed", f"The clock is at {time.strftime('%Y-%m-%d', time.gmtime(now))}.", "Set the clock."
        )
        return
    places = [installation.data / META, *(installation.data / SNAPSHOTS).glob("*")]
    ahead = [path for path in places if path.exists() and path.stat().st_mtime > now + _SKEW]
    if ahead:
        what = f"{ahead[0].relative_to(installation.data)} has a time in the future: the clock was set back."
        yield Finding("clock", "warning", what, "Set the clock, and synchronise it by NTP.")
    else:
        newest = newest_snapshot(installation.data)
        taken = (
            time.strftime(" The newest snapshot is from %F %TZ.", time.gmtime(newest.stat().st_mtime)) if newest else ""
        )
        yield Finding("clock", "ok", f"No file has a time in the future.{taken}")


# ---- the system


def _open_files(installation: Installation) -> Iterator[Finding]:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    store = installation.data / "store"
    needed = max(_FILES, 4 * sum(1 for _ in store.glob("*.sst")) if store.is_dir() else 0)
    if soft != resource.RLIM_INFINITY and soft < needed:
        what = f"A process may open {soft} files; at least {needed} are advisable for this store."
        yield Finding("open files", "warning", what, "Raise the limit with ulimit -n, or LimitNOFILE= of systemd.")
    else:
        yield Finding("open files", "ok", f"A process may open {'any number of' if soft < 0 else soft} files.")


def _software(_installation: Installation) -> Iterator[Finding]:
    try:
        product = metadata.version("claimgraph")
        required = metadata.requires("claimgraph") or []
    except metadata.PackageNotFoundError:
        yield Finding("software", "warning", "Claimgraph is not installed as a package.", "Install it with pip.")
        return
    wrong = [f"{name} {found or 'is missing'} (needed: {wanted})" for name, found, wanted in unmet(required)]
    if wrong:
        yield Finding("software", "failed", "; ".join(wrong) + ".", f"pip install --upgrade claimgraph=={product}")
        return
    python = ".".join(map(str, sys.version_info[:3]))
    named = ", ".join(f"{name} {metadata.version(name)}" for name in ("pyoxigraph", "rdflib", "pyshacl", "owlrl"))
    yield Finding("software", "ok", f"Claimgraph {product}, Python {python}, {named}; all requirements are met.")


def _isolation(_installation: Installation) -> Iterator[Finding]:
    command = [sys.executable, "-c", _PROBE]
    try:
        tried = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - a fixed program
    except (OSError, subprocess.TimeoutExpired):
        tried = None
    if tried and tried.returncode == 0:
        yield Finding("isolation", "ok", "Readers have memory limits and no network access.")
        return
    reasons = (tried.stderr.strip().splitlines() if tried else []) or ["a process cannot be started"]
    what = f"Readers are not fully isolated: {reasons[-1]}."
    yield Finding("isolation", "warning", what, "Use Linux on x86-64 or arm64, and a container that allows seccomp.")


def _settings(installation: Installation) -> Iterator[Finding]:
    known = {row.name for row in variables()}
    given = sorted(name for name in installation.environ if name.startswith("KG_"))
    try:
        from_environment(installation.environ)
    except ClaimgraphError as error:
        yield Finding("settings", "failed", error.message, error.remedy)
    ignored = [name for name in given if name in IGNORED]
    if ignored:
        yield Finding("settings", "ok", f"Ignored, as only earlier versions used it: {', '.join(ignored)}.")
    unknown = [name for name in given if name not in known | IGNORED]
    if unknown:
        remedy = "Check the spelling; the guide lists every setting (configuration)."
        yield Finding("settings", "warning", f"Unknown: {', '.join(unknown)}.", remedy)
    names = [name for name in given if name in known]
    yield Finding("settings", "ok", f"Set: {', '.join(names)}." if names else "All have default values.")


_CHECKS: tuple[Callable[[Installation], Iterator[Finding]], ...] = (
    _directory,
    _rights,
    _store,
    _reference,
    _disk,
    _clock,
    _open_files,
    _software,
    _isolation,
    _settings,
)

"""Clock jumps: snapshot numbers only increase, whatever their dates, and no request is refused for a date."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from kg.maintenance import doctor
from kg.maintenance.backup import newest_snapshot_number
from kg.store.snapshots import HeldSnapshots, Snapshots, last_number
from kg.store.store import Store, StoreOptions
from tests.cases import stores
from tests.processes import Server, running

_PAST, _FUTURE = 86_400.0, 4_000_000_000.0
_ROWS = "SELECT ?n { <urn:a> <urn:n> ?n } ORDER BY ?n"


def dated(data: Path, moment: float) -> None:
    """Set the dates of everything in a data directory."""
    for path in [*data.rglob("*"), data]:
        os.utime(path, (moment, moment), follow_symlinks=False)


def numbers(server: Server) -> tuple[int, list[bytes]]:
    """Return the number of the snapshot that is served, and its content."""
    answer = server.query(_ROWS)
    assert answer.status == 200
    return int(answer.headers["claimgraph-snapshot"]), answer.body.split()[1:]


def test_a_server_starts_on_whatever_dates_and_numbers_on(tmp_path: Path) -> None:
    last, etags = 0, set()
    for turn, moment in enumerate((_FUTURE, _PAST, _FUTURE)):
        with running(tmp_path, "--bare") as server:
            begun, rows = numbers(server)
            assert rows == [str(n).encode() for n in range(turn)]
            assert begun > last
            assert server.update(f"INSERT DATA {{ <urn:a> <urn:n> {turn} }}").status == 204
            last, rows = numbers(server)
            assert last > begun
            assert rows == [str(n).encode() for n in range(turn + 1)]
            assert server.ask("GET", "/readyz").status == 200
            assert server.ask("GET", "/metrics", headers={"Authorization": "Bearer a token for tests"}).status == 200
            etags.add(server.query(_ROWS).headers["etag"])
            dated(server.data, moment)
            assert server.update(f"INSERT DATA {{ <urn:b> <urn:n> {turn} }}").status == 204
            server.process.terminate()
            server.process.wait(60)
        dated(server.data, moment)
    assert len(etags) == 3
    clocks = [one for one in doctor.diagnose(doctor.installation(server.data, {})) if one.verdict != "ok"]
    assert [one.check for one in clocks] == ["clock"]


@pytest.mark.parametrize("moment", [_PAST, _FUTURE])
def test_the_newest_is_that_of_the_highest_number_not_of_the_latest_date(moment: float, tmp_path: Path) -> None:
    data = stores.plain(tmp_path / "data", "x")
    for number in (8, 9, 10):
        (data / "snapshots" / str(number)).mkdir(parents=True)
    os.utime(data / "snapshots" / "9", (moment, moment))
    assert HeldSnapshots(data, lambda: last_number(data)).newest().number == 10
    assert newest_snapshot_number(data) == 10
    assert Store(StoreOptions(data, bare=True)).version == 11


def test_snapshots_are_pruned_by_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that is set back between two of them does not make the newer one look old."""
    data = tmp_path / "data"
    data.mkdir()
    found = Snapshots(data, 2)
    now = time.time()
    for number, moment in enumerate((now, now + 10**8, now - 10**8, 0.0), start=1):
        monkeypatch.setattr(time, "time", lambda moment=moment: moment)

        def make(path: Path, number: int = number) -> int:
            path.mkdir()
            return number

        taken = found.take(make)
        assert (taken.number, last_number(data)) == (number, number)
    assert sorted(path.name for path in (data / "snapshots").iterdir()) == ["3", "4"]

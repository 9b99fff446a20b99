"""Interruptible work: Ctrl-C ends a query that would run for hours, and a damaged store ends work that never would."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from kg.cli import interruptible_work
from kg.errors import BadInput, StoreUnavailable
from kg.store.store import Store, StoreOptions
from tests.cases import stores
from tests.processes import PYTHON, wait_until

ENDLESS = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }"


def test_results_and_errors_come_through() -> None:
    store = Store(StoreOptions())

    def refused() -> None:
        raise BadInput("no")

    assert interruptible_work.run(store, lambda: 7) == 7
    with pytest.raises(BadInput, match="no"):
        interruptible_work.run(store, refused)


def test_an_interrupt_ends_a_long_query(tmp_path: Path) -> None:
    data = stores.seeded(tmp_path / "data")
    environ = {k: v for k, v in os.environ.items() if not k.startswith("KG_")} | {"KG_DATA_DIR": str(data)}
    process = subprocess.Popen([*PYTHON, "query", ENDLESS], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        used = Path(f"/proc/{process.pid}/stat")
        wait_until(lambda: int(used.read_text().rpartition(") ")[2].split()[11]) > 300, "three seconds of work")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, out, err) == (-signal.SIGINT, b"", b"")
    assert stores.kg_here("info", KG_DATA_DIR=str(data)).returncode == 0


def test_work_that_never_ends_on_a_damaged_store(monkeypatch: pytest.MonkeyPatch) -> None:
    store, ended = Store(StoreOptions()), threading.Event()

    def damaged(enough: object = None) -> None:
        raise StoreUnavailable("A file of the store is damaged.")

    monkeypatch.setattr(interruptible_work, "_CHECK_AFTER", 0.1)
    monkeypatch.setattr(store, "check_readable", damaged)
    with pytest.raises(StoreUnavailable):
        interruptible_work.run(store, ended.wait)
    ended.set()

"""Damaged data directories: every reading command answers or says what is wrong, and no server says ready in vain."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from kg.errors import StoreUnavailable
from kg.store.store import Store, StoreOptions
from tests.cases import stores
from tests.faults import damages


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the seed article whose content is in tables, as after a load, not only in the log of writes."""
    data = stores.seeded(tmp_path_factory.mktemp("sound") / "data")
    file = data.parent / "a.nt"
    file.write_text("<urn:a> <urn:b> <urn:c> .\n", "utf-8")
    assert stores.kg_here("load", file, KG_DATA_DIR=str(data)).returncode == 0
    return data


def check(data: Path) -> list[str]:
    """Run every reading command and return what is wrong with the answers."""
    wrong = []
    for found in damages.read_everything(data):
        texts = found.out + found.err
        allowed = (0, 1) if found.command.startswith("doctor") else (0, 4)
        if found.code not in allowed:
            wrong.append(f"{found.command}: exit code {found.code}: {found.err[-300:]}")
        if "Traceback" in texts or "panicked" in texts or "in use by another process" in texts:
            wrong.append(f"{found.command}: {texts[-500:]}")
        if found.code == 4 and str(data) in found.err:
            wrong.append(f"{found.command} names a path: {found.err}")
        if found.code == 4 and not found.err.strip():
            wrong.append(f"{found.command} says nothing")
    if wrong_serve := _served(data):
        wrong.append(wrong_serve)
    return wrong


def _unreadable(data: Path) -> bool:
    """Return whether the triples of a store, one by one, cannot be read or the store cannot be opened."""
    try:
        Store(StoreOptions(data)).check_readable()
    except StoreUnavailable:
        return True
    return False


def _served(data: Path) -> str:
    """Start a server where the triples cannot be read, and return what is wrong with its end."""
    if not _unreadable(data):
        return ""
    served = stores.kg("serve", "--port", "0", KG_DATA_DIR=str(data))
    said = served.stdout + served.stderr
    if served.returncode == 4 and "listens" not in said and "Traceback" not in said:
        return ""
    return f"serve: exit code {served.returncode}: {said[-500:]}"


def test_a_sound_store_is_read_by_every_command(sound: Path, tmp_path: Path) -> None:
    shutil.copytree(sound, tmp_path / "data")
    assert [found for found in damages.read_everything(tmp_path / "data") if found.code] == []


def test_a_damaged_description_is_a_sentence(sound: Path, tmp_path: Path) -> None:
    """In this process, as no damage of a small JSON file reaches the engine."""
    known = json.loads((sound / damages.META).read_text("utf-8"))
    data = tmp_path / "data"
    shutil.copytree(sound, data)
    for name, damage in damages.of_description(known):
        damage(data)
        for command in (("info",), ("query", "ASK {}"), ("backup", tmp_path / "b.tar")):
            result = stores.kg_here(*command, KG_DATA_DIR=str(data))
            assert result.returncode == 4, (name, command, result)
            assert damages.META in result.stderr, name
        assert stores.kg_here("doctor", KG_DATA_DIR=str(data)).returncode == 1


def test_a_server_on_a_damaged_store_never_says_ready(sound: Path, tmp_path: Path) -> None:
    data, refused = tmp_path / "data", 0
    for table in _tables(sound):
        shutil.copytree(sound, data)
        dict(damages.of_engine([table]))[f"flipped byte in {table}"](data)
        if not refused and _unreadable(data):
            refused += 1
            assert _served(data) == ""
        shutil.rmtree(data)
    assert refused


def _tables(data: Path) -> list[str]:
    return sorted(path.name for path in (data / "store").glob("*.sst"))


@pytest.mark.slow
def test_a_series_of_damages(sound: Path, tmp_path: Path) -> None:
    faults = {}
    for number, (name, damage) in enumerate(damages.of_engine(_tables(sound))):
        data = tmp_path / f"data{number}"
        shutil.copytree(sound, data)
        damage(data)
        if wrong := check(data):
            faults[name] = wrong
        shutil.rmtree(data)
    assert faults == {}


@pytest.mark.slow
def test_aggregates_end_on_a_damaged_store(sound: Path, tmp_path: Path) -> None:
    """The engine counts a damaged block for ever, so another thread reads the store meanwhile."""
    data, damaged = tmp_path / "data", 0
    for name, damage in damages.of_engine(_tables(sound)):
        if not name.startswith("flipped"):
            continue
        shutil.copytree(sound, data)
        damage(data)
        for command in damages.COUNTING:
            result = stores.kg(*command, KG_DATA_DIR=str(data))
            assert result.returncode in (0, 4), (name, command, result)
            assert "Traceback" not in result.stderr, (name, command)
            assert result.returncode == 0 or result.stderr.strip(), (name, command)
            damaged += result.returncode == 4
        shutil.rmtree(data)
    assert damaged

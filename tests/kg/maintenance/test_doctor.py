"""Checks of `kg doctor`: each with everything in order, and with its fault."""

from __future__ import annotations

import os
import resource
import shutil
import time
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from kg.access.api_tokens import TokenFile, TokenGrant
from kg.maintenance import doctor
from kg.maintenance.doctor import Finding
from tests.cases import stores
from tests.processes import running

_FUTURE = time.time() + 10 * 365 * 86_400


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stores.plain(tmp_path_factory.mktemp("made") / "data", "x")


@pytest.fixture
def data(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "data"))


def found(data: Path, check: str, **environ: str) -> Finding:
    """Return the only finding of a check."""
    one, *more = [f for f in doctor.diagnose(doctor.installation(data, environ)) if f.check == check]
    assert more == []
    assert (one.verdict == "ok") == (one.remedy == "")
    return one


def verdict(data: Path, check: str, **environ: str) -> str:
    return found(data, check, **environ).verdict


def test_all_is_well(data: Path) -> None:
    TokenFile(data).create("a", TokenGrant())
    before = stores.tree(data.parent).keys()
    findings = doctor.diagnose(doctor.installation(data, {}, full=True))
    assert [one for one in findings if one.verdict != "ok"] == []
    assert [one.check for one in findings] == [
        "data directory",
        "rights",
        "description",
        "engine",
        "disk",
        "clock",
        "open files",
        "software",
        "isolation",
        "settings",
    ]
    assert stores.tree(data.parent).keys() - before <= {"data/backups"}


def test_a_store_with_articles_is_examined(tmp_path: Path) -> None:
    data = stores.seeded(tmp_path / "data")
    checks = [one.check for one in doctor.diagnose(doctor.installation(data, {}, full=True)) if one.verdict == "ok"]
    assert {"article graphs", "scratch graphs", "union graph", "articles"} <= set(checks)
    stores.change(data, "INSERT DATA { <urn:stale> <urn:p> 1 }")
    assert verdict(data, "union graph") == "failed"


# ---- the data directory


def test_a_directory_that_is_not_there_or_holds_no_store(data: Path, tmp_path: Path) -> None:
    assert "is not a directory" in found(tmp_path / "nowhere", "data directory").what
    assert "is not a directory" in found(data / "claimgraph.json", "data directory").what
    (data / "claimgraph.json").unlink()
    assert "There is no store" in found(data, "data directory").what
    assert verdict(data, "data directory") == "failed"


@pytest.mark.parametrize("inside", [False, True])
def test_what_a_restore_left(inside: bool, data: Path) -> None:
    left = data / ".before-restore" if inside else data.with_name("data.before-restore")
    left.mkdir()
    findings = [one for one in doctor.diagnose(doctor.installation(data, {})) if one.check == "data directory"]
    assert [one.verdict for one in findings] == ["failed", "ok"]
    assert str(left) in findings[0].what


def test_the_directory_is_named_even_where_another_setting_is_wrong(data: Path) -> None:
    environ = {"KG_DATA_DIR": f" {data} ", "KG_PORT": "x"}
    assert doctor.installation(None, environ).data == data
    assert doctor.installation(Path("other"), environ).data == Path("other")
    assert doctor.installation(None, {"KG_DATA_DIR": " "}).data == Path("claimgraph-data")


@pytest.mark.parametrize("mode", [0o755, 0o710, 0o701])
def test_a_directory_that_is_open(mode: int, data: Path) -> None:
    assert verdict(data, "rights") == "ok"
    data.chmod(mode)
    one = found(data, "rights")
    assert one.verdict == "warning"
    assert f"{mode:04o}" in one.what


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_tokens_that_are_open(mode: int, data: Path) -> None:
    TokenFile(data).create("a", TokenGrant())
    assert verdict(data, "rights") == "ok"
    (data / "tokens.json").chmod(mode)
    one = found(data, "rights")
    assert one.verdict == "failed"
    assert f"{mode:04o}" in one.what


def test_a_directory_of_another_account(data: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only the administrator may give files away")
    os.chown(data, 12345, 12345)
    one = found(data, "rights")
    assert (one.verdict, "another account" in one.what) == ("warning", True)


def test_a_directory_that_cannot_be_written(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert verdict(data, "rights") == "failed"


def test_a_damaged_store(data: Path) -> None:
    for table in (data / "store").glob("*.sst"):
        table.write_bytes(b"")
    one = found(data, "engine")
    assert one.verdict == "failed"
    assert "Restore a backup" in one.remedy or one.remedy


@pytest.mark.parametrize(("left", "expected"), [(0, "failed"), (40, "warning"), (None, "warning")])
def test_a_disk_with_little_room(left: int | None, expected: str, made: Path, tmp_path: Path) -> None:
    with stores.small_disk(tmp_path / "disk", 60) as disk:
        data = Path(shutil.copytree(made, disk / "data"))
        if left is not None:
            stores.fill(disk, leave=left * 1024 * 1024)
        assert verdict(data, "disk") == expected
        assert verdict(data, "engine") == "ok"


def test_a_clock_that_has_gone_back(data: Path) -> None:
    assert verdict(data, "clock") == "ok"
    (data / "snapshots" / "3").mkdir(parents=True)
    one = found(data, "clock")
    assert one.verdict == "ok"
    assert time.strftime("The newest snapshot is from %Y-%m-%d", time.gmtime()) in one.what
    for path in (data / "claimgraph.json", data / "snapshots" / "3"):
        was = path.stat().st_mtime
        os.utime(path, (_FUTURE, _FUTURE))
        one = found(data, "clock")
        assert (one.verdict, str(path.relative_to(data)) in one.what) == ("warning", True)
        os.utime(path, (was, was))
    os.utime(data / "snapshots" / "3", (time.time() + 20, time.time() + 20))  # two clocks are never quite the same
    assert verdict(data, "clock") == "ok"


def test_a_clock_that_was_never_set(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 86_400.0)
    one = found(data, "clock")
    assert (one.verdict, one.what) == ("failed", "The clock is at 1970-01-02.")


# ---- the system


def test_few_open_files(data: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for number in range(300):
        (data / "store" / f"9{number:05}.sst").touch()
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (2000, hard))
        (finding,) = doctor._open_files(doctor.installation(data, {}))
        assert finding.verdict == "ok"
        resource.setrlimit(resource.RLIMIT_NOFILE, (1100, hard))
        (finding,) = doctor._open_files(doctor.installation(data, {}))
        assert finding.verdict == "warning"
        assert "may open 1100 files" in finding.what
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_requirements_that_are_not_met(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "requires", lambda _: ["rdflib>=99", "no-such-package"])
    one = found(data, "software")
    assert one.verdict == "failed"
    assert f"rdflib {metadata.version('rdflib')} (needed: >=99)" in one.what
    assert "no-such-package is missing" in one.what


def test_a_product_that_is_not_installed(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def version(_: str) -> str:
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(metadata, "version", version)
    assert verdict(data, "software") == "warning"


@pytest.mark.parametrize(
    ("probe", "said"),
    [
        ("import sys; sys.exit('no filter here')", "no filter here"),
        ("raise OSError('x')", "OSError: x"),
        ("import os; os.abort()", "a process cannot be started"),
    ],
)
def test_readers_that_are_not_isolated(probe: str, said: str, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_PROBE", probe)
    one = found(data, "isolation")
    assert (one.verdict, said in one.what) == ("warning", True)


def test_no_process_can_be_started(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "sys", SimpleNamespace(executable="/nowhere", version_info=(3, 11, 0)))
    assert "a process cannot be started" in found(data, "isolation").what


def test_settings(data: Path) -> None:
    assert found(data, "settings").what == "All have default values."
    assert found(data, "settings", KG_PORT="80", KG_TOKEN="very secret", HOME="/").what == "Set: KG_PORT, KG_TOKEN."


def test_settings_that_nothing_reads_or_that_are_wrong(data: Path) -> None:
    environ = {"KG_PROT": "80", "KG_PORT": "x", "KG_TOKEN": "very secret"}
    findings = [one for one in doctor.diagnose(doctor.installation(data, environ)) if one.check == "settings"]
    assert [one.verdict for one in findings] == ["failed", "warning", "ok"]
    assert "KG_PORT=x is not a whole number" in findings[0].what
    assert findings[1].what == "Unknown: KG_PROT."
    assert "very secret" not in str(findings)


def test_a_setting_of_an_earlier_version(data: Path) -> None:
    findings = [one for one in doctor.diagnose(doctor.installation(data, {"KG_LANES": "x"})) if one.check == "settings"]
    assert [one.verdict for one in findings] == ["ok", "ok"]
    assert "KG_LANES" in findings[0].what


# ---- beside a server


def test_a_server_goes_on_while_it_is_examined(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        assert server.update("INSERT DATA { <urn:a> <urn:b> 1 }").status == 204
        findings = doctor.diagnose(doctor.installation(server.data, {}, full=True))
        assert [one for one in findings if one.verdict != "ok"] == []
        assert any("The newest snapshot is from" in one.what for one in findings)
        assert server.update("INSERT DATA { <urn:a> <urn:b> 2 }").status == 204
        assert list((server.data / "backups").iterdir()) == []

"""`kg backup`, `kg restore` and `kg doctor` as commands: their output and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kg.access.api_tokens import TokenFile, TokenGrant
from tests.cases import peers, stores
from tests.processes import TOKEN, running


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return stores.plain(tmp_path / "data", "one", "two")


def test_there_and_back(data: Path, tmp_path: Path) -> None:
    TokenFile(data).create("a", TokenGrant())
    file = tmp_path / "b.tar"
    saved = stores.kg("backup", file, "--data", data)
    assert (saved.returncode, saved.stderr.strip()) == (0, "")
    held = "2 quads in 2 named graphs under http://127.0.0.1:8000/"
    assert saved.stdout == f"{file}: {held}, {file.stat().st_size} bytes\n"
    put = stores.kg("restore", file, KG_DATA_DIR=str(tmp_path / "new"))
    assert (put.returncode, put.stderr.strip()) == (0, "")
    assert put.stdout.startswith(f"{tmp_path / 'new'}: {held}, as of 20")
    assert stores.quads(tmp_path / "new") == stores.quads(data)
    assert (tmp_path / "new" / "tokens.json").exists()


def test_what_is_there_already(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "b.tar"
    assert stores.kg_here("backup", file, "--data", data).returncode == 0
    before = file.read_bytes()
    again = stores.kg_here("backup", file, "--data", data)
    assert (again.returncode, again.stdout) == (2, "")
    assert "already exists" in again.stderr
    assert file.read_bytes() == before
    assert stores.kg_here("backup", file, "--data", data, "--overwrite", "--without-tokens").returncode == 0
    over = stores.kg_here("restore", file, "--data", data)
    assert over.returncode == 2
    assert "use --replace" in over.stderr
    assert stores.kg_here("restore", file, "--data", data, "--replace").returncode == 0


def test_errors_are_sentences(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "b.tar"
    stores.kg_here("backup", file, "--data", data)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "damaged.tar").write_bytes(content)
    for code, said, *arguments in (
        (2, "is damaged", "restore", tmp_path / "damaged.tar", "--data", tmp_path / "new"),
        (2, "is not a file", "restore", tmp_path / "none.tar", "--data", tmp_path / "new"),
        (3, "There is no store", "backup", tmp_path / "c.tar", "--data", tmp_path / "nowhere"),
        (2, "is not an address", "backup", tmp_path / "c.tar", "--url", "file:///etc/passwd"),
        (4, "cannot be reached", "backup", tmp_path / "c.tar", "--url", "http://127.0.0.1:1/"),
        (2, "its directory does not exist", "backup", tmp_path / "no" / "c.tar", "--data", data),
    ):
        result = stores.kg_here(*map(str, arguments))
        assert (result.returncode, result.stdout) == (code, "")
        assert said in result.stderr.replace("\n", " ")
        assert "Traceback" not in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.tar", "damaged.tar", "data"]


def test_from_a_server(tmp_path: Path) -> None:
    file = tmp_path / "b.tar"
    with running(tmp_path, "--bare") as server:
        assert server.update("INSERT DATA { <urn:a> <urn:b> 1 }").status == 204
        refused = stores.kg("backup", file, "--url", server.base)
        assert refused.returncode == 2
        assert "needs a token" in refused.stderr
        assert not file.exists()
        taken = stores.kg("backup", file, "--url", server.base, KG_TOKEN=TOKEN)
        assert (taken.returncode, "1 quads in 0 named graphs" in taken.stdout) == (0, True)
        beside = stores.kg("backup", tmp_path / "c.tar", "--data", server.data)
        assert (beside.returncode, "1 quads in 0 named graphs" in beside.stdout) == (0, True)
        held = stores.kg("restore", file, "--data", server.data, "--replace")
        assert held.returncode == 4
        assert "in use by another process" in held.stderr
        examined = stores.kg("doctor", "--data", server.data, "--json")
        assert examined.returncode == 0
        assert TOKEN not in refused.stderr + taken.stdout + taken.stderr
    assert stores.kg("restore", file, "--data", server.data, "--replace").returncode == 0


def test_a_token_goes_nowhere_else(tmp_path: Path) -> None:
    with peers.serving(lambda _: peers.Reply(status=404)) as peer:
        result = stores.kg_here("backup", tmp_path / "b.tar", "--url", peer.address, KG_TOKEN="secret")
    assert result.returncode == 4
    assert "secret" not in result.stderr


def test_a_sound_directory(data: Path) -> None:
    table = stores.kg_here("doctor", "--data", data)
    assert table.returncode == 0
    assert "data directory" in table.stdout
    assert "failed" not in table.stdout
    answer = stores.kg_here("doctor", "--full", "--json", KG_DATA_DIR=str(data))
    assert answer.returncode == 0
    told = json.loads(answer.stdout)
    assert told["ok"] is True
    assert all(set(one) == {"check", "verdict", "what", "remedy"} for one in told["findings"])


def test_a_directory_that_is_not_sound(data: Path, tmp_path: Path) -> None:
    TokenFile(data).create("a", TokenGrant())
    (data / "tokens.json").chmod(0o644)
    table = stores.kg_here("doctor", "--data", data)
    assert table.returncode == 1
    assert "chmod 0600" in table.stdout
    answer = stores.kg_here("doctor", "--data", data, "--json")
    assert answer.returncode == 1
    told = json.loads(answer.stdout)
    assert told["ok"] is False
    assert [one["check"] for one in told["findings"] if one["verdict"] == "failed"] == ["rights"]
    assert stores.kg_here("doctor", "--data", tmp_path / "nowhere").returncode == 1


def test_a_warning_is_no_fault_and_a_wrong_setting_is_told_of(data: Path) -> None:
    warned = stores.kg_here("doctor", "--data", data, "--json", KG_PROT="80")
    assert warned.returncode == 0
    assert [o["what"] for o in json.loads(warned.stdout)["findings"] if o["verdict"] == "warning"] == [
        "Unknown: KG_PROT."
    ]
    wrong = stores.kg_here("doctor", "--data", data, "--json", KG_PORT="x", KG_TOKEN="very secret")
    assert wrong.returncode == 1
    assert "KG_PORT=x" in wrong.stdout
    assert "very secret" not in wrong.stdout


def test_a_name_with_brackets_is_no_markup(tmp_path: Path) -> None:
    data = stores.plain(tmp_path / "[bold]data[/]", "x")
    assert "[bold]data[/]" in stores.kg_here("doctor", "--data", data, COLUMNS="400").stdout

"""`kg token` as a command: a secret is shown once, and a running server applies each change."""

from __future__ import annotations

import hashlib
import json
import re
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kg.access.api_tokens import TokenRegistry
from kg.access.permissions import Principal
from kg.errors import Unauthorized
from tests.cases import stores
from tests.processes import Server, running


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def token(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return stores.kg_here("token", *arguments, "--data", data)


def made(data: Path, *arguments: str) -> str:
    """Run a command that prints one token and nothing else."""
    result = token(data, *arguments)
    assert (result.returncode, result.stderr) == (0, "")
    assert re.fullmatch(r"kg_[0-9a-f]{16}_[A-Za-z0-9_-]{43}\n", result.stdout)
    return result.stdout.strip()


def listed(data: Path) -> str:
    result = token(data, "list")
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def test_a_secret_is_shown_once_and_only_its_hash_is_kept(data: Path) -> None:
    printed = stores.kg("token", "create", "a", "--data", data)
    whole = printed.stdout.strip()
    assert (printed.returncode, printed.stdout, printed.stderr) == (0, f"{whole}\n", "")
    _, identifier, secret = whole.split("_", 2)
    shown = listed(data)
    assert identifier in shown
    assert secret not in shown
    content = (data / "tokens.json").read_text("utf-8")
    assert secret not in content
    assert hashlib.sha256(secret.encode()).hexdigest() in content
    assert stat.S_IMODE((data / "tokens.json").stat().st_mode) == 0o600
    for said in (token(data, "create", "a"), token(data, "revoke", "a")):
        assert secret not in said.stdout + said.stderr


def test_what_it_may_do(data: Path) -> None:
    graphs = ("--graph", "http://e/a", "--graph", "http://e/b/*")
    whole = made(data, "create", "a", "--scope", "write", *graphs, "--expires", "90d")
    principal = TokenRegistry(data / "tokens.json").authenticate(whole)
    assert principal == Principal("a", ("read", "write"), ("http://e/a", "http://e/b/*"))
    shown = listed(data)
    for word in ("write", "http://e/a", "http://e/b/*", (datetime.now(UTC) + timedelta(days=90)).strftime("%Y-%m-%d")):
        assert word in shown
    (row,) = json.loads((data / "tokens.json").read_text("utf-8"))["tokens"]
    assert datetime.fromisoformat(row["expires"]) - datetime.fromisoformat(row["created"]) == timedelta(days=90)


def test_without_options_it_reads_everything_and_never_ends(data: Path) -> None:
    whole = made(data, "create", "a")
    assert TokenRegistry(data / "tokens.json").authenticate(whole) == Principal("a", ("read",), None)
    (row,) = [line.split() for line in listed(data).splitlines()[1:] if line.strip()]
    assert (row[0], row[2], row[3], row[-1]) == ("a", "read", "all", "never")


def test_a_list_of_none(data: Path) -> None:
    assert listed(data).split() == ["name", "id", "scope", "graphs", "made", "ends"]
    assert not (data / "tokens.json").exists()


def test_the_list_tells_what_has_expired_and_what_was_replaced(data: Path) -> None:
    made(data, "create", "old", "--expires", "1d")
    made(data, "create", "turned")
    made(data, "rotate", "turned", "--grace", "2h")
    content = json.loads((data / "tokens.json").read_text("utf-8"))
    next(row for row in content["tokens"] if row["name"] == "old")["expires"] = "2025-01-01T00:00:00+00:00"
    (data / "tokens.json").write_text(json.dumps(content), "utf-8")
    shown = listed(data)
    assert "2025-01-01 00:00 UTC (expired)" in shown
    assert [("never" in line, "(replaced)" in line) for line in shown.splitlines() if "turned" in line] == [
        (True, False),
        (False, True),
    ]


@pytest.mark.parametrize(
    ("code", "said", "arguments"),
    [
        (2, "cannot be the name", ("create", "a b")),
        (2, "cannot be the name", ("create", "environment")),
        (2, "is neither the IRI of a graph nor a prefix", ("create", "a", "--graph", "x")),
        (2, "is not a duration", ("create", "a", "--expires", "soon")),
        (2, "is not a duration", ("rotate", "a", "--grace", "x")),
        (2, "'root' is not one of", ("create", "a", "--scope", "root")),
        (3, "There is no token", ("rotate", "a")),
        (3, "There is no token", ("revoke", "a")),
    ],
)
def test_errors_are_sentences(code: int, said: str, arguments: tuple[str, ...], data: Path) -> None:
    result = token(data, *arguments)
    assert (result.returncode, result.stdout) == (code, "")
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert not (data / "tokens.json").exists()


def test_a_damaged_file_is_not_written_over(data: Path) -> None:
    data.mkdir()
    (data / "tokens.json").write_text("{", "utf-8")
    for arguments in (("list",), ("create", "a"), ("rotate", "a"), ("revoke", "a")):
        result = token(data, *arguments)
        assert (result.returncode, "is damaged" in result.stderr) == (4, True)
    assert (data / "tokens.json").read_text("utf-8") == "{"


def status(server: Server, whole: str, graph: str = "urn:g") -> int:
    """Return the status of a write to a graph."""
    headers = {"Authorization": f"Bearer {whole}", "Content-Type": "text/turtle"}
    return server.ask("PUT", f"/graphs?graph={graph}", b"<urn:a> <urn:b> 1 .", headers).status


def test_a_running_server_heeds_each_change_at_once(tmp_path: Path) -> None:
    with running(tmp_path, "--bare") as server:
        data = server.data
        reader, writer = made(data, "create", "r"), made(data, "create", "w", "--scope", "write")
        limited = made(data, "create", "l", "--scope", "write", "--graph", "urn:g")
        assert [status(server, one) for one in (reader, writer, limited)] == [403, 201, 204]
        assert status(server, limited, "urn:other") == 403
        turned = made(data, "rotate", "w")
        assert [status(server, one) for one in (writer, turned)] == [204, 204]
        last = made(data, "rotate", "w", "--grace", "0")
        assert [status(server, one) for one in (turned, last)] == [401, 204]
        revoked = token(data, "revoke", "w")
        assert (revoked.returncode, revoked.stdout) == (0, "w: revoked\n")
        assert [status(server, one) for one in (writer, last, limited)] == [401, 401, 204]
        brief = made(data, "create", "brief", "--scope", "write", "--expires", "0")
        assert status(server, brief) == 401
    with pytest.raises(Unauthorized):
        TokenRegistry(data / "tokens.json").authenticate(brief)

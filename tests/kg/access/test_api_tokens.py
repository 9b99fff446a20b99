"""API tokens: only hashes are stored, changes take effect at once, and a damaged file grants nothing."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import stat
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kg.access import api_tokens as module
from kg.access.api_tokens import TokenFile, TokenGrant, TokenRegistry, duration
from kg.access.permissions import SCOPES, Principal
from kg.errors import BadInput, NotFound, StoreUnavailable, Unauthorized


@pytest.fixture
def file(tmp_path: Path) -> TokenFile:
    return TokenFile(tmp_path)


def caller(tokens: TokenRegistry, token: str) -> Principal:
    return tokens.authenticate(token)


def is_valid(tokens: TokenRegistry, token: str) -> bool:
    try:
        return bool(caller(tokens, token))
    except Unauthorized:
        return False


def changed(file: TokenFile, name: str, **fields: object) -> None:
    """Change the rows of one name in the file, as the passage of time would."""
    data = json.loads(file.path.read_text("utf-8"))
    for row in data["tokens"]:
        if row["name"] == name:
            row.update(fields)
    file.path.write_text(json.dumps(data), "utf-8")


# ---- the file


def test_only_a_hash_of_256_random_bits_is_kept(file: TokenFile) -> None:
    token = file.create("a", TokenGrant())
    prefix, identifier, secret = token.split("_", 2)
    assert prefix == "kg"
    assert len(secret) == 43
    text = file.path.read_text("utf-8")
    assert secret not in text
    assert identifier in text
    assert hashlib.sha256(secret.encode()).hexdigest() in text
    assert file.create("b", TokenGrant()) != token


def test_only_the_owner_may_read_it_whatever_the_file_before(file: TokenFile) -> None:
    before = os.umask(0)
    try:
        file.create("a", TokenGrant())
        assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
        file.path.chmod(0o644)
        file.create("b", TokenGrant())
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert [entry.name for entry in file.path.parent.iterdir()] == ["tokens.json"]


def test_a_write_that_fails_leaves_the_file_as_it_was(file: TokenFile, monkeypatch: pytest.MonkeyPatch) -> None:
    file.create("a", TokenGrant())
    before = file.path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreUnavailable, match="No space left"):
        file.create("b", TokenGrant())
    assert file.path.read_bytes() == before
    assert [entry.name for entry in file.path.parent.iterdir()] == ["tokens.json"]


def test_the_directory_is_made(tmp_path: Path) -> None:
    file = TokenFile(tmp_path / "a" / "b")
    assert file.tokens() == []
    file.create("a", TokenGrant())
    assert [token.name for token in file.tokens()] == ["a"]


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("a file", "utf-8")
    with pytest.raises(StoreUnavailable):
        TokenFile(tmp_path / "x").create("a", TokenGrant())


def test_changes_at_the_same_time_are_all_kept(file: TokenFile) -> None:
    threads = [threading.Thread(target=file.create, args=(f"t{i}", TokenGrant())) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(file.tokens()) == 8


@pytest.mark.parametrize("name", ["", " ", "a b", "environment", "anonymous", "-x", "a" * 65, "é", "a\n"])
def test_names_that_are_none(file: TokenFile, name: str) -> None:
    with pytest.raises(BadInput):
        file.create(name, TokenGrant())
    assert not file.path.exists()


def test_a_name_is_given_once(file: TokenFile) -> None:
    file.create("a", TokenGrant())
    with pytest.raises(BadInput, match="already"):
        file.create("a", TokenGrant())


@pytest.mark.parametrize("graph", ["", "x", "/graph/*", "a b", "http://e/ *", "http://e/<", "x*"])
def test_graphs_that_are_none(file: TokenFile, graph: str) -> None:
    with pytest.raises(BadInput):
        file.create("a", TokenGrant("read", (graph,)))


@pytest.mark.parametrize("text", ["90", "d", "-1d", "1.5h", "1 d", "1y", "99999999999s", "9999999999w", ""])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(BadInput):
        duration(text)


def test_durations() -> None:
    assert [duration(text) for text in ("0", "10s", "5m", "24h", "90d", "2w")] == [
        timedelta(),
        timedelta(seconds=10),
        timedelta(minutes=5),
        timedelta(hours=24),
        timedelta(days=90),
        timedelta(weeks=2),
    ]


# ---- who calls


@pytest.mark.parametrize(
    ("scope", "scopes"), [("read", ("read",)), ("write", ("read", "write")), ("admin", ("read", "write", "admin"))]
)
def test_a_scope_includes_the_lesser_ones(file: TokenFile, scope: str, scopes: tuple[str, ...]) -> None:
    token = file.create(
        "a", TokenGrant(next(known for known in SCOPES if known == scope), ("http://e/g", "http://e/h/*"))
    )
    assert caller(TokenRegistry(file.path), token) == Principal("a", scopes, ("http://e/g", "http://e/h/*"))  # type: ignore[arg-type]


def test_a_star_alone_is_no_limit(file: TokenFile) -> None:
    token = file.create("a", TokenGrant("read", ("http://e/g", "*")))
    assert caller(TokenRegistry(file.path), token).graphs is None


def test_the_token_of_the_environment_may_do_everything(file: TokenFile) -> None:
    tokens = TokenRegistry(file.path, "a token, with words")
    assert caller(tokens, "a token, with words") == Principal("environment", ("read", "write", "admin"))
    assert not is_valid(tokens, "a token, with word")
    assert is_valid(TokenRegistry(None, "kg_looks_like"), "kg_looks_like")
    assert not is_valid(TokenRegistry(None, ""), "")


def test_a_token_of_other_letters_comes_as_bytes() -> None:
    token = "жетон".encode().decode("latin-1")  # as a server hands header fields over
    assert TokenRegistry(None, "жетон").authenticate(token).name == "environment"
    assert not is_valid(TokenRegistry(None, "жетон"), "жетон")


def test_wrong_tokens(file: TokenFile) -> None:
    token = file.create("a", TokenGrant())
    tokens = TokenRegistry(file.path)
    _, identifier, secret = token.split("_", 2)
    digest = hashlib.sha256(secret.encode()).hexdigest()
    wrong = [
        token[:-1],
        token + "x",
        token.upper(),
        f"kg_{identifier}_",
        f"kg_{identifier}",
        "kg_",
        "kg__",
        secret,
        f"kg__{secret}",
        f"kg_{identifier}_{digest}",
        f"{token}, {token}",
        "\udcff",
    ]
    for given in wrong:
        with pytest.raises(Unauthorized) as caught:
            caller(tokens, given)
        assert caught.value.invalid
        assert secret not in caught.value.message
    assert is_valid(tokens, token)


def test_hashes_are_compared_in_constant_time(file: TokenFile, monkeypatch: pytest.MonkeyPatch) -> None:
    token = file.create("a", TokenGrant())
    tokens = TokenRegistry(file.path, "other")
    compared = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return hmac.compare_digest(one, other)

    monkeypatch.setattr(module, "hmac", type("Hmac", (), {"compare_digest": staticmethod(compare)}))
    assert is_valid(tokens, token)
    assert not is_valid(tokens, token + "x")
    assert not is_valid(tokens, "x")
    assert compared == [(32, 32)] * 4


def test_without_a_token() -> None:
    assert TokenRegistry(None).authenticate(None) == Principal("anonymous", ("read",), None)
    assert TokenRegistry(None, public="none").authenticate(None) == Principal("anonymous", (), ())
    limited = TokenRegistry(None, public=" http://e/a  http://e/b* ").authenticate(None)
    assert limited == Principal("anonymous", ("read",), ("http://e/a", "http://e/b*"))
    with pytest.raises(BadInput):
        TokenRegistry(None, public="everything")


# ---- changes while a server runs


def test_a_new_token_is_valid_at_once(file: TokenFile) -> None:
    tokens = TokenRegistry(file.path)
    assert is_valid(tokens, file.create("a", TokenGrant()))
    assert is_valid(tokens, file.create("b", TokenGrant()))


def test_a_revoked_token_is_not_valid_any_more(file: TokenFile) -> None:
    tokens = TokenRegistry(file.path)
    one, other = file.create("a", TokenGrant()), file.create("b", TokenGrant())
    assert is_valid(tokens, one)
    file.revoke("a")
    assert not is_valid(tokens, one)
    assert is_valid(tokens, other)
    with pytest.raises(NotFound):
        file.revoke("a")


def test_revoking_ends_what_was_replaced_too(file: TokenFile) -> None:
    tokens = TokenRegistry(file.path)
    old = file.create("a", TokenGrant())
    new = file.rotate("a", timedelta(hours=1))
    file.revoke("a")
    assert not is_valid(tokens, old)
    assert not is_valid(tokens, new)


def test_without_its_file_no_token_is_valid(file: TokenFile) -> None:
    tokens = TokenRegistry(file.path)
    token = file.create("a", TokenGrant())
    assert is_valid(tokens, token)
    file.path.unlink()
    assert not is_valid(tokens, token)


def test_an_expired_token(file: TokenFile) -> None:
    tokens = TokenRegistry(file.path)
    token = file.create("a", TokenGrant(lifetime=timedelta(days=1)))
    assert is_valid(tokens, token)
    changed(file, "a", expires=(datetime.now(UTC) - timedelta(seconds=1)).isoformat())
    assert not is_valid(tokens, token)
    assert file.tokens()[0].end < datetime.now(UTC).timestamp()


def test_a_token_expires_without_any_change_of_the_file(file: TokenFile, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = TokenRegistry(file.path)
    token = file.create("a", TokenGrant(lifetime=timedelta(days=1)))
    now = time.time()
    assert is_valid(tokens, token)
    monkeypatch.setattr(module, "time", type("Time", (), {"time": staticmethod(lambda: now + 86_401)}))
    assert not is_valid(tokens, token)


def test_a_rotated_token_is_valid_until_the_grace_ends(file: TokenFile, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = TokenRegistry(file.path)
    old = file.create("a", TokenGrant("write", ("http://e/*",)))
    new = file.rotate("a", timedelta(hours=24))
    assert caller(tokens, old) == caller(tokens, new) == Principal("a", ("read", "write"), ("http://e/*",))
    now = time.time()
    monkeypatch.setattr(module, "time", type("Time", (), {"time": staticmethod(lambda: now + 86_400)}))
    assert not is_valid(tokens, old)
    assert is_valid(tokens, new)
    file.create("b", TokenGrant())
    assert [(token.name, token.replaced) for token in file.tokens()] == [("a", False), ("b", False)]


def test_rotating_without_grace(file: TokenFile) -> None:
    tokens = TokenRegistry(file.path)
    old = file.create("a", TokenGrant())
    new = file.rotate("a", timedelta())
    assert not is_valid(tokens, old)
    assert is_valid(tokens, new)
    with pytest.raises(NotFound):
        file.rotate("b", timedelta())


def test_rotating_twice_ends_nothing_early(file: TokenFile) -> None:
    tokens = TokenRegistry(file.path)
    known = [file.create("a", TokenGrant()), *(file.rotate("a", timedelta(hours=1)) for _ in range(2))]
    assert all(is_valid(tokens, token) for token in known)
    assert [token.replaced for token in file.tokens()] == [False, True, True]


def test_grace_does_not_prolong_and_a_lifetime_starts_anew(file: TokenFile) -> None:
    file.create("a", TokenGrant(lifetime=timedelta(hours=2)))
    first = file.tokens()[0]
    file.rotate("a", timedelta(days=9))
    new, old = file.tokens()
    assert (old.id, old.end) == (first.id, first.end)
    lifetime = datetime.fromisoformat(new.expires or "") - datetime.fromisoformat(new.created)
    assert abs(lifetime - timedelta(hours=2)) < timedelta(seconds=1)


# ---- a damaged file

ROW = {"id": "x", "name": "a", "scope": "read", "graphs": None, "sha256": "0" * 64, "created": "2026-01-01T00:00:00Z"}
DAMAGED = [
    "",
    "{",
    "[]",
    "null",
    '{"tokens": 1}',
    '{"tokens": [1]}',
    '{"tokens": [{}]}',
    "[" * 100_000,
    json.dumps({"tokens": [ROW | {"scope": "root"}]}),
    json.dumps({"tokens": [ROW | {"sha256": "0"}]}),
    json.dumps({"tokens": [ROW | {"created": "2026-01-01T00:00:00"}]}),
    json.dumps({"tokens": [ROW | {"expires": "soon"}]}),
    json.dumps({"tokens": [ROW | {"graphs": "http://e/"}]}),
    json.dumps({"tokens": [ROW | {"graphs": [None]}]}),
    json.dumps({"tokens": [{key: value for key, value in ROW.items() if key != "graphs"}]}),
]


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_file_opens_nothing(file: TokenFile, text: str, caplog: pytest.LogCaptureFixture) -> None:
    file.path.write_text(text, "utf-8")
    tokens = TokenRegistry(file.path, "from the environment")
    assert not is_valid(tokens, "kg_x_")
    assert is_valid(tokens, "from the environment")
    assert [record.levelno for record in caplog.records] == [logging.ERROR]  # once, not with every request
    assert "damaged" in caplog.text
    assert "No token in it is valid." in caplog.text
    for change in (lambda: file.create("b", TokenGrant()), lambda: file.revoke("a"), file.tokens):
        with pytest.raises(StoreUnavailable, match="damaged"):
            change()
    assert file.path.read_text("utf-8") == text


def test_a_row_that_is_whole_is_read(file: TokenFile) -> None:
    """Otherwise the test above would say nothing."""
    file.path.write_text(json.dumps({"tokens": [ROW | {"sha256": hashlib.sha256(b"s").hexdigest()}]}), "utf-8")
    assert is_valid(TokenRegistry(file.path), "kg_x_s")


def test_when_the_file_is_damaged_the_last_good_one_holds(file: TokenFile, caplog: pytest.LogCaptureFixture) -> None:
    tokens = TokenRegistry(file.path)
    token = file.create("a", TokenGrant())
    assert is_valid(tokens, token)
    good = file.path.read_text("utf-8")
    file.path.write_text(good[:-9], "utf-8")
    assert is_valid(tokens, token)
    assert "The tokens read before stay valid." in caplog.text
    assert "a new" not in caplog.text.replace("make new tokens", "")
    file.path.write_text(good.replace('"a"', '"c"'), "utf-8")
    assert caller(tokens, token).name == "c"


def test_a_file_that_cannot_be_read(file: TokenFile, caplog: pytest.LogCaptureFixture) -> None:
    file.path.mkdir()
    assert not is_valid(TokenRegistry(file.path), "kg_x_y")
    assert "cannot be read" in caplog.text

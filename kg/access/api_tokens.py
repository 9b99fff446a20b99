"""Tokens: who may read, write and administer, kept beside the store in a file that `kg token` changes at any time.

A token is ``kg_<id>_<secret>``. Its secret is 256 random bits, of which only the SHA-256 is stored: nobody can guess
such a secret, so that a slow hash, which is for passwords that people choose, would protect nothing and cost every
request its time. The id leads to the hash, and the comparison takes the same time wherever two hashes differ.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import logging
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from kg.access.permissions import ANONYMOUS, SCOPES, Principal, Scope, anonymous, check_graphs, scopes_up_to
from kg.errors import BadInput, NotFound, StoreUnavailable, Unauthorized
from kg.files import disk_space

FILE = "tokens.json"
ENVIRONMENT = "environment"
"""The name of the token of KG_TOKEN."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}

_log = logging.getLogger("claimgraph.tokens")


@dataclass(frozen=True)
class ApiToken:
    """What is stored of a token.

    Attributes:
        id: the part of the token that is no secret.
        name: what people call it; shared by a token and the one that it replaces.
        scope: the most it may do.
        graphs: the graphs that it may read, and write if its scope is ``write`` or more; ``None`` for all.
        sha256: hash of its secret, in hexadecimal digits.
        created, expires: moments in ISO 8601 (UTC); ``expires`` is ``None`` for a token that does not end.
        replaced: whether a rotation has put another in its place.
    """

    id: str
    name: str
    scope: Scope
    graphs: tuple[str, ...] | None
    sha256: str
    created: str
    expires: str | None = None
    replaced: bool = False

    def __post_init__(self) -> None:
        """Check what was read from a file.

        Raises:
            ValueError, TypeError: it cannot be a token.
        """
        if not (_NAME.fullmatch(self.name) and self.scope in SCOPES and re.fullmatch(r"[0-9a-f]{64}", self.sha256)):
            raise ValueError(self.id)
        if any(datetime.fromisoformat(moment).tzinfo is None for moment in (self.created, self.expires) if moment):
            raise ValueError(self.id)

    @property
    def end(self) -> float:
        """When it ends, in seconds since 1970; infinity if it does not."""
        return datetime.fromisoformat(self.expires).timestamp() if self.expires else float("inf")


@dataclass(frozen=True, slots=True)
class _CachedToken:
    """A token as it is looked up with every request."""

    digest: bytes
    end: float
    principal: Principal


class TokenRegistry:
    """Tells the caller of a request by its token. May be used from any thread."""

    def __init__(self, file: Path | None, environment: str | None = None, public: str = "*") -> None:
        """Read the tokens.

        Args:
            file: where they are kept; ``None`` where there are none. It need not be there.
            environment: a token that may do everything (KG_TOKEN).
            public: what callers without a token see; see :func:`kg.access.permissions.anonymous`.

        Raises:
            BadInput: ``public`` names no graphs.
        """
        self._file = file
        self._environment = hashlib.sha256(environment.encode()).digest() if environment else None
        self._anonymous = anonymous(public)
        self._state: tuple[tuple[int, ...] | None, Mapping[str, _CachedToken]] = ((), {})
        self._read()

    def authenticate(self, header: str | None) -> Principal:
        """Tell who sends a request.

        Args:
            header: the value of ``Authorization``; ``None`` where there is none. A token is taken from nowhere else.

        Raises:
            Unauthorized: the token is wrong, revoked or expired, or the header holds none.
        """
        if header is None:
            return self._anonymous
        scheme, _, token = header.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise Unauthorized("The header Authorization holds no bearer token.", remedy=_HOW)
        known = self._find(token)
        if known is None:
            raise Unauthorized("The token is wrong, revoked or expired.", remedy=_HOW, invalid=True)
        return known

    def _find(self, token: str) -> Principal | None:
        if token.startswith("kg_"):
            _, identifier, secret = [*token.split("_", 2), ""][:3]
            found = self._read().get(identifier)
            if found and hmac.compare_digest(_digest(secret), found.digest) and time.time() < found.end:
                return found.principal
        if self._environment and hmac.compare_digest(_digest(token), self._environment):
            return _EVERYTHING
        return None

    def _read(self) -> Mapping[str, _CachedToken]:
        """Give the tokens of the file, read anew if it is another than before; what cannot be read changes nothing."""
        if self._file is None:
            return {}
        stamp = _stamp(self._file)
        seen, known = self._state
        if stamp != seen:
            try:
                known = {token.id: _known(token) for token in _load(self._file)}
            except StoreUnavailable as error:
                left = "The tokens read before stay valid." if known else "No token of it is valid."
                _log.error("%s %s %s", error.message, left, error.remedy)
            self._state = stamp, known  # in one step, as threads share this
        return known


_HOW = "Send “Authorization: Bearer …” with a valid token, or without that header read what is public."
_EVERYTHING = Principal(ENVIRONMENT, SCOPES)


def _known(token: ApiToken) -> _CachedToken:
    principal = Principal(token.name, scopes_up_to(token.scope), token.graphs)
    return _CachedToken(bytes.fromhex(token.sha256), token.end, principal)


def _digest(secret: str) -> bytes:
    """Hash a secret as it came in a header, which is handed over decoded byte by byte."""
    return hashlib.sha256(secret.encode("latin-1", "backslashreplace")).digest()


def _stamp(file: Path) -> tuple[int, ...] | None:
    """Tell one state of a file from another; each is a file of its own, as it is replaced whole."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _now() -> datetime:
    return datetime.now(UTC)


# ---- what `kg token` does


@dataclass(frozen=True)
class TokenGrant:
    """What a new token may do.

    Attributes:
        scope: the most it may do.
        graphs: exact IRIs or prefixes that end in ``*``; ``None`` for all.
        lifetime: until it expires; ``None`` for ever.
    """

    scope: Scope = "read"
    graphs: tuple[str, ...] | None = None
    lifetime: timedelta | None = None


class TokenFile:
    """The file of tokens, as the command line changes it. A running server takes up each change by itself."""

    def __init__(self, directory: Path) -> None:
        """Take the file in a data directory; neither has to be there."""
        self.path = directory / FILE

    def tokens(self) -> list[ApiToken]:
        """List the tokens by name, each before those that it has replaced.

        Raises:
            StoreUnavailable: the file cannot be read.
        """
        return sorted(_load(self.path), key=lambda token: (token.name, token.replaced, token.created))

    def create(self, name: str, grant: TokenGrant) -> str:
        """Make a token and return it; it cannot be shown again.

        Raises:
            BadInput: the name is taken or none, or a graph is none.
            StoreUnavailable: the file cannot be read or written.
        """
        if not _NAME.fullmatch(name) or name in (ENVIRONMENT, ANONYMOUS):
            raise BadInput(
                f"“{name}” cannot be the name of a token.",
                remedy="Use up to 64 letters, digits, dots, hyphens and underscores; environment and anonymous have "
                "a meaning already.",
            )
        grant = replace(grant, graphs=None if grant.graphs is None else check_graphs(grant.graphs))
        with self._changing() as tokens:
            if any(token.name == name for token in tokens):
                raise BadInput(
                    f"There is a token “{name}” already.",
                    remedy=f"`kg token rotate {name}` gives it a new secret; `kg token revoke {name}` ends it.",
                )
            return _append(tokens, name, grant)

    def rotate(self, name: str, grace: timedelta) -> str:
        """Give a token a new secret and return it; the old one stays valid for ``grace``, if it does not end before.

        What had a lifetime gets the same from now on.

        Raises:
            NotFound: there is no such token.
            StoreUnavailable: the file cannot be read or written.
        """
        with self._changing() as tokens:
            current = next((token for token in _named(tokens, name) if not token.replaced), None)
            if current is None:
                raise _unknown(name)
            tokens.remove(current)
            if grace:
                end = min(time.time() + grace.total_seconds(), current.end)
                tokens.append(replace(current, expires=_written(datetime.fromtimestamp(end, UTC)), replaced=True))
            created = datetime.fromisoformat(current.created)
            lifetime = datetime.fromisoformat(current.expires) - created if current.expires else None
            return _append(tokens, name, TokenGrant(current.scope, current.graphs, lifetime))

    def revoke(self, name: str) -> None:
        """End a token at once, and whatever it has replaced.

        Raises:
            NotFound: there is no such token.
            StoreUnavailable: the file cannot be read or written.
        """
        with self._changing() as tokens:
            if not _named(tokens, name):
                raise _unknown(name)
            tokens[:] = [token for token in tokens if token.name != name]

    @contextmanager
    def _changing(self) -> Iterator[list[ApiToken]]:
        """Hand out the tokens to be changed, one process at a time, and write what has become of them."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise _unwritable(error) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            tokens = _load(self.path)
            yield tokens
            now = time.time()
            _write(self.path, [token for token in tokens if not token.replaced or now < token.end])
        except OSError as error:
            raise _unwritable(error) from None
        finally:
            os.close(lock)


def duration(text: str) -> timedelta:
    """Read a stretch of time: a number and a unit, as in ``90d``, ``24h``, ``30m``, ``10s`` or ``2w``; 0 is none.

    Raises:
        BadInput: it is none, or longer than a century.
    """
    found = re.fullmatch(r"([0-9]{1,10})([smhdw])", "0s" if text == "0" else text)
    seconds = int(found[1]) * _UNITS[found[2]] if found else None
    if seconds is None or seconds > 36_525 * 86_400:
        raise BadInput(f"“{text}” is no stretch of time.", remedy="Write a number and s, m, h, d or w, such as 90d.")
    return timedelta(seconds=seconds)


def _append(tokens: list[ApiToken], name: str, grant: TokenGrant) -> str:
    now = _now()
    identifier, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    end = None if grant.lifetime is None else _written(now + grant.lifetime)
    digest = hashlib.sha256(secret.encode()).hexdigest()
    tokens.append(ApiToken(identifier, name, grant.scope, grant.graphs, digest, _written(now), end))
    return f"kg_{identifier}_{secret}"


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds" if not moment.microsecond else "microseconds")


def _named(tokens: Iterable[ApiToken], name: str) -> list[ApiToken]:
    return [token for token in tokens if token.name == name]


def _unknown(name: str) -> NotFound:
    return NotFound(f"There is no token “{name}”.", remedy="`kg token list` lists them.")


def _unwritable(error: OSError) -> StoreUnavailable:
    return StoreUnavailable(
        f"The tokens cannot be kept: {error.strerror}.", remedy="Check the rights to the data directory and its space."
    )


def _load(file: Path) -> list[ApiToken]:
    """Read the file; one that is not there holds no tokens.

    Raises:
        StoreUnavailable: it cannot be read, or holds something else.
    """
    try:
        return [_token(row) for row in json.loads(file.read_text("utf-8"))["tokens"]]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreUnavailable(
            f"The file of tokens cannot be read: {error.strerror}.", remedy=f"Check the rights to {FILE}."
        ) from None
    except (BadInput, ValueError, KeyError, TypeError, RecursionError):
        raise StoreUnavailable(
            "The file of tokens is damaged.",
            remedy=f"Put {FILE} back from a backup, or remove it and make new tokens.",
        ) from None


def _token(row: Mapping[str, Any]) -> ApiToken:
    """Read one row; one that says nothing of graphs is damaged, lest it be taken for one without a limit."""
    graphs = row["graphs"]
    return ApiToken(**{**row, "graphs": None if graphs is None else check_graphs([str(graph) for graph in graphs])})


def _write(file: Path, tokens: Iterable[ApiToken]) -> None:
    """Put a new file in the old one's place, so that whoever reads has one of them whole; only its owner may."""
    rows = {"version": 1, "tokens": [asdict(token) for token in tokens]}
    disk_space.write_whole(file, json.dumps(rows, ensure_ascii=False, indent=1).encode())

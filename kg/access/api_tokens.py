"""API tokens: authentication of requests, and the token file next to the store, which `kg token` edits at any time.

A token is ``kg_<id>_<secret>``. Its secret is 256 random bits, of which only the SHA-256 is stored. Nobody can guess
such a secret, so a slow hash, which protects passwords that people choose, would only delay every request. The stored
hash is found by the id, and compared in constant time.
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
from kg.files import durable_writes

FILE = "tokens.json"
"""Name of the token file in the data directory."""

ENVIRONMENT = "environment"
"""Name of the token that is set by KG_TOKEN."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}

_log = logging.getLogger("claimgraph.tokens")


@dataclass(frozen=True)
class ApiToken:
    """Stored record of a token.

    Attributes:
        id: public part of the token.
        name: name for people; shared by a token and the one that it replaces.
        scope: highest scope.
        graphs: graphs that the token may read, and write if its scope is ``write`` or higher; ``None`` for all.
        sha256: SHA-256 of the secret, in hexadecimal digits.
        created, expires: times in ISO 8601 (UTC); ``expires`` is ``None`` for a token that does not expire.
        replaced: whether a rotation has replaced it.
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
        """Check the values, which may come from a damaged file.

        Raises:
            ValueError, TypeError: a value is invalid.
        """
        if not (_NAME.fullmatch(self.name) and self.scope in SCOPES and re.fullmatch(r"[0-9a-f]{64}", self.sha256)):
            raise ValueError(self.id)
        if any(datetime.fromisoformat(moment).tzinfo is None for moment in (self.created, self.expires) if moment):
            raise ValueError(self.id)

    @property
    def end(self) -> float:
        """Time of expiry in seconds since 1970; infinity if the token does not expire."""
        return datetime.fromisoformat(self.expires).timestamp() if self.expires else float("inf")


@dataclass(frozen=True, slots=True)
class _CachedToken:
    """A token in the form for lookups: digest of the secret, time of expiry, caller."""

    digest: bytes
    end: float
    principal: Principal


class TokenRegistry:
    """Authentication of callers by their tokens; thread-safe. The token file is read again whenever it changes."""

    def __init__(self, file: Path | None, environment: str | None = None, public: str = "*") -> None:
        """Read the tokens.

        Args:
            file: token file, which need not exist; ``None`` for a registry without a file.
            environment: a token with all scopes (KG_TOKEN).
            public: graphs that are readable without a token; see :func:`kg.access.permissions.anonymous`.

        Raises:
            BadInput: ``public`` is not a list of graphs.
        """
        self._file = file
        self._environment = hashlib.sha256(environment.encode()).digest() if environment else None
        self._anonymous = anonymous(public)
        self._state: tuple[tuple[int, ...] | None, Mapping[str, _CachedToken]] = ((), {})
        self._read()

    def authenticate(self, token: str | None) -> Principal:
        """Return the holder of a token; ``None``, without one, is the anonymous caller.

        Raises:
            Unauthorized: the token is wrong, revoked or expired.
        """
        if token is None:
            return self._anonymous
        known = self._find(token)
        if known is None:
            remedy = "Send a valid token, or none to read public graphs."
            raise Unauthorized("The token is wrong, revoked or expired.", remedy=remedy, invalid=True)
        return known

    def _find(self, token: str) -> Principal | None:
        if token.startswith("kg_"):
            # The secret may contain underscores itself; the empty element stands for one that is missing.
            _, identifier, secret = [*token.split("_", 2), ""][:3]
            found = self._read().get(identifier)
            if found and hmac.compare_digest(_digest(secret), found.digest) and time.time() < found.end:
                return found.principal
        if self._environment and hmac.compare_digest(_digest(token), self._environment):
            return _EVERYTHING
        return None

    def _read(self) -> Mapping[str, _CachedToken]:
        """Return the tokens of the file by id, read again if it has changed; an unreadable file changes nothing."""
        if self._file is None:
            return {}
        stamp = _stamp(self._file)
        seen, known = self._state
        if stamp != seen:
            try:
                known = {token.id: _known(token) for token in _load(self._file)}
            except StoreUnavailable as error:
                effect = "The tokens read before stay valid." if known else "No token in it is valid."
                _log.error("%s %s %s", error.message, effect, error.remedy)
            self._state = stamp, known  # one assignment, since threads share it
        return known


_EVERYTHING = Principal(ENVIRONMENT, SCOPES)


def _known(token: ApiToken) -> _CachedToken:
    """Return a token in the form for lookups."""
    principal = Principal(token.name, scopes_up_to(token.scope), token.graphs)
    return _CachedToken(bytes.fromhex(token.sha256), token.end, principal)


def _digest(secret: str) -> bytes:
    """Return the SHA-256 of a secret from a header, which the server decodes as Latin-1, byte by byte."""
    return hashlib.sha256(secret.encode("latin-1", "backslashreplace")).digest()


def _stamp(file: Path) -> tuple[int, ...] | None:
    """Return a value that changes with the content of a file, or ``None`` if there is no file.

    Every change replaces the whole file, so it has a new inode even if time and size are the same.
    """
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _now() -> datetime:
    return datetime.now(UTC)


# ---- changes by `kg token`


@dataclass(frozen=True)
class TokenGrant:
    """Rights and lifetime of a new token.

    Attributes:
        scope: highest scope.
        graphs: exact IRIs, or prefixes that end in ``*``; ``None`` for all graphs.
        lifetime: time until it expires; ``None`` if it does not.
    """

    scope: Scope = "read"
    graphs: tuple[str, ...] | None = None
    lifetime: timedelta | None = None


class TokenFile:
    """The token file, for the command line. A running server notices every change by itself."""

    def __init__(self, directory: Path) -> None:
        """Set the data directory; neither it nor the file needs to exist."""
        self.path = directory / FILE

    def tokens(self) -> list[ApiToken]:
        """Return the tokens sorted by name, each before the ones that it has replaced.

        Raises:
            StoreUnavailable: the file cannot be read.
        """
        return sorted(_load(self.path), key=lambda token: (token.name, token.replaced, token.created))

    def create(self, name: str, grant: TokenGrant) -> str:
        """Create a token and return it; it cannot be shown again.

        Raises:
            BadInput: the name is invalid or in use, or a graph is not an IRI or prefix.
            StoreUnavailable: the file cannot be read or written.
        """
        if not _NAME.fullmatch(name) or name in (ENVIRONMENT, ANONYMOUS):
            raise BadInput(
                f"“{name}” cannot be the name of a token.",
                remedy="Use up to 64 letters, digits, dots, hyphens and underscores; environment and anonymous are "
                "reserved.",
            )
        grant = replace(grant, graphs=None if grant.graphs is None else check_graphs(grant.graphs))
        with self._changing() as tokens:
            if any(token.name == name for token in tokens):
                raise BadInput(
                    f"The token “{name}” exists already.",
                    remedy=f"`kg token rotate {name}` replaces its secret; `kg token revoke {name}` revokes it.",
                )
            return _append(tokens, name, grant)

    def rotate(self, name: str, grace: timedelta) -> str:
        """Replace a token by one with a new secret, and return the new one.

        The old one stays valid for ``grace``, or until it expires. A limited lifetime starts again from now.

        Raises:
            NotFound: there is no token of this name.
            StoreUnavailable: the file cannot be read or written.
        """
        with self._changing() as tokens:
            current = next((token for token in _named(tokens, name) if not token.replaced), None)
            if current is None:
                raise _unknown(name)
            tokens.remove(current)
            if grace:  # the old record stays in the list, with the same name, until the grace period ends
                end = min(time.time() + grace.total_seconds(), current.end)
                tokens.append(replace(current, expires=_iso(datetime.fromtimestamp(end, UTC)), replaced=True))
            created = datetime.fromisoformat(current.created)
            lifetime = datetime.fromisoformat(current.expires) - created if current.expires else None
            return _append(tokens, name, TokenGrant(current.scope, current.graphs, lifetime))

    def revoke(self, name: str) -> None:
        """Revoke a token, and those that it has replaced, with immediate effect.

        Raises:
            NotFound: there is no token of this name.
            StoreUnavailable: the file cannot be read or written.
        """
        with self._changing() as tokens:
            if not _named(tokens, name):
                raise _unknown(name)
            tokens[:] = [token for token in tokens if token.name != name]

    @contextmanager
    def _changing(self) -> Iterator[list[ApiToken]]:
        """Yield the tokens as a list to edit, and write it back; one process at a time holds the lock."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # The lock is on the directory, since every write replaces the file.
            lock = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise _unwritable(error) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            tokens = _load(self.path)
            yield tokens
            now = time.time()  # replaced tokens are dropped once they have expired; others stay in the list
            _write(self.path, [token for token in tokens if not token.replaced or now < token.end])
        except OSError as error:
            raise _unwritable(error) from None
        finally:
            os.close(lock)


def duration(text: str) -> timedelta:
    """Parse a duration: a number and a unit, such as ``90d``, ``24h``, ``30m``, ``10s`` or ``2w``, or ``0``.

    Raises:
        BadInput: the text is not a duration, or longer than a century.
    """
    found = re.fullmatch(r"([0-9]{1,10})([smhdw])", "0s" if text == "0" else text)
    seconds = int(found[1]) * _UNITS[found[2]] if found else None
    if seconds is None or seconds > 36_525 * 86_400:
        raise BadInput(f"“{text}” is not a duration.", remedy="Write a number and s, m, h, d or w, such as 90d.")
    return timedelta(seconds=seconds)


def _append(tokens: list[ApiToken], name: str, grant: TokenGrant) -> str:
    """Append the record of a new token, and return the token itself."""
    now = _now()
    # 64 random bits for the id, which is public, and 256 for the secret, of which only the hash is stored.
    identifier, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    end = None if grant.lifetime is None else _iso(now + grant.lifetime)
    digest = hashlib.sha256(secret.encode()).hexdigest()
    tokens.append(ApiToken(identifier, name, grant.scope, grant.graphs, digest, _iso(now), end))
    return f"kg_{identifier}_{secret}"


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds" if not moment.microsecond else "microseconds")


def _named(tokens: Iterable[ApiToken], name: str) -> list[ApiToken]:
    return [token for token in tokens if token.name == name]


def _unknown(name: str) -> NotFound:
    return NotFound(f"There is no token “{name}”.", remedy="`kg token list` lists all tokens.")


def _unwritable(error: OSError) -> StoreUnavailable:
    return StoreUnavailable(
        f"The token file cannot be written: {error.strerror}.",
        remedy="Check the permissions of the data directory and the free space.",
    )


def _load(file: Path) -> list[ApiToken]:
    """Return the tokens in the file; a missing file has none.

    Raises:
        StoreUnavailable: the file cannot be read, or is damaged.
    """
    try:
        return [_token(row) for row in json.loads(file.read_text("utf-8"))["tokens"]]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreUnavailable(
            f"The token file cannot be read: {error.strerror}.", remedy=f"Check the permissions of {FILE}."
        ) from None
    except (BadInput, ValueError, KeyError, TypeError, RecursionError):
        raise StoreUnavailable(
            "The token file is damaged.",
            remedy=f"Restore {FILE} from a backup, or remove it and create new tokens.",
        ) from None


def _token(row: Mapping[str, Any]) -> ApiToken:
    """Parse one record; ``graphs`` is required, so that a damaged record never counts as one without a limit."""
    graphs = row["graphs"]
    return ApiToken(**{**row, "graphs": None if graphs is None else check_graphs([str(graph) for graph in graphs])})


def _write(file: Path, tokens: Iterable[ApiToken]) -> None:
    """Replace the file atomically (mode 0600), so that readers see either the old or the new content."""
    rows = {"version": 1, "tokens": [asdict(token) for token in tokens]}
    durable_writes.write_whole(file, json.dumps(rows, ensure_ascii=False, indent=1).encode())

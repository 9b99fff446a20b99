"""Settings, declared once: this table feeds the code, ``--help`` and the README."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TypeVar

from kg.errors import BadInput

_MIB = 1024 * 1024

T = TypeVar("T")


def _setting(default: T, env: str, text: str, least: float | None = None) -> T:
    """Declare a setting: its default, its variable, what it means, and the least value that makes sense."""
    declared: T = field(default=default, metadata={"env": env, "help": text, "least": least})
    return declared


IGNORED = frozenset(("KG_LANES",))
"""Settings of earlier versions: whatever their values, they change nothing."""


@dataclass(frozen=True)
class Config:
    """All settings, read once. Secrets come from the environment only, never from a command line or an address."""

    data_dir: Path = _setting(Path("claimgraph-data"), "KG_DATA_DIR", "Directory of the store; made when absent.")
    base_iri: str | None = _setting(
        None,
        "KG_BASE_IRI",
        "Base of every IRI that is minted; fixed when a store is made. Default: the server's own address.",
    )
    token: str | None = _setting(
        None, "KG_TOKEN", "Bearer token that may do everything; `kg serve` makes and prints one when unset."
    )
    public_graphs: str = _setting(
        "*",
        "KG_PUBLIC_GRAPHS",
        "What may be read without a token: `*` for everything, `none` for nothing, or IRIs of graphs and prefixes with "
        "`*` at the end, with spaces between.",
    )
    host: str = _setting("127.0.0.1", "KG_HOST", "Address to listen on.")
    port: int = _setting(8000, "KG_PORT", "Port to listen on.")
    bare: bool = _setting(
        False, "KG_BARE", "An empty plain SPARQL 1.1 store: no seed, no managed graphs, no union default graph."
    )
    max_body_bytes: int = _setting(32 * _MIB, "KG_MAX_BODY_BYTES", "Largest request body, in bytes.", least=1024)
    max_nesting: int = _setting(100, "KG_MAX_NESTING", "Deepest nesting of brackets in a query or update.", least=10)
    max_height: int = _setting(
        1000, "KG_MAX_HEIGHT", "Longest string of operators or group parts in a query or update.", least=10
    )
    log: str | None = _setting(
        None,
        "KG_LOG",
        "A line a request on the standard error: json, text or off. Default: text on a terminal, else json.",
    )
    metrics_public: bool = _setting(
        False, "KG_METRICS_PUBLIC", "Let everybody read `/metrics`, which otherwise needs the token."
    )
    cors_origins: str | None = _setting(
        None,
        "KG_CORS_ORIGINS",
        "Web pages of these origins (with spaces between) may call the API; `*` lets all of them read.",
    )
    max_url_bytes: int = _setting(16384, "KG_MAX_URL_BYTES", "Longest address of a request, in bytes.", least=1024)
    max_connections: int = _setting(
        500, "KG_MAX_CONNECTIONS", "Most connections of clients at a time; idle ones make room.", least=10
    )
    header_timeout: int = _setting(
        10, "KG_HEADER_TIMEOUT", "Seconds within which the head of a request must have come.", least=1
    )
    body_timeout: int = _setting(
        120, "KG_BODY_TIMEOUT", "Seconds within which the body of a request must have come.", least=1
    )
    max_query_length: int = _setting(1_000_000, "KG_MAX_QUERY_LENGTH", "Longest query, in characters.", least=100)
    timeout: float = _setting(
        30.0,
        "KG_TIMEOUT",
        "Seconds that a query may take, from its arrival; a request can only lower it (`timeout=`).",
        least=0.1,
    )
    max_rows: int = _setting(
        1_000_000,
        "KG_MAX_ROWS",
        "Most rows (solutions or triples) of an answer; a larger one is refused, never cut.",
        least=1,
    )
    max_result_bytes: int = _setting(
        128 * _MIB, "KG_MAX_RESULT_BYTES", "Largest answer, in bytes; a larger one is refused, never cut.", least=1024
    )
    max_memory: int = _setting(
        1024 * _MIB,
        "KG_MAX_MEMORY",
        "Memory that a reader process may have, in bytes; a query that needs more is ended.",
        least=256 * _MIB,  # with less a reader may not even start
    )
    readers: int = _setting(0, "KG_READERS", "Reader processes; 0 is one more than there are processors.", least=0)
    max_queries: int = _setting(
        128, "KG_MAX_QUERIES", "Most queries under way, running or waiting; one more gets 503.", least=1
    )
    max_queries_per_client: int = _setting(
        48, "KG_MAX_QUERIES_PER_CLIENT", "The same for one token or address; one more gets 429.", least=1
    )
    snapshots: int = _setting(4, "KG_SNAPSHOTS", "Snapshots that are kept for `asOf`, the newest included.", least=1)
    cache_bytes: int = _setting(
        64 * _MIB,
        "KG_CACHE_BYTES",
        "Memory for answers that are kept to be given again, in bytes; 0 keeps none.",
        least=0,
    )
    max_sending_bytes: int = _setting(
        512 * _MIB,
        "KG_MAX_SENDING_BYTES",
        "Memory for answers that clients have not taken yet, in bytes, a quarter of it for one client; more gets 503.",
        least=_MIB,
    )
    update_timeout: float = _setting(
        300.0,
        "KG_UPDATE_TIMEOUT",
        "Seconds that an update may take; the server starts anew to end one that takes longer.",
        least=1,
    )
    shutdown_seconds: int = _setting(
        30, "KG_SHUTDOWN_SECONDS", "Seconds that answers in flight get when the server is stopped.", least=1
    )
    allow_service: str = _setting(
        "",
        "KG_ALLOW_SERVICE",
        "Endpoints that SERVICE may name, whole, with spaces between; `=` and another address asks that instead, `@` "
        "and an IP address pins where to connect.",
    )
    allow_load: str = _setting("", "KG_ALLOW_LOAD", "Documents that LOAD may name, in the same form.")
    outgoing_seconds: float = _setting(
        20.0, "KG_OUTGOING_SECONDS", "Seconds for all that one request asks of other servers.", least=0.1
    )
    outgoing_max_bytes: int = _setting(
        8 * _MIB, "KG_OUTGOING_MAX_BYTES", "Largest answer of another server, in bytes.", least=1024
    )
    outgoing_max_rows: int = _setting(
        10_000, "KG_OUTGOING_MAX_ROWS", "Most solutions of one SERVICE; more is an error, never cut.", least=1
    )
    outgoing_cache_seconds: float = _setting(
        300.0, "KG_OUTGOING_CACHE_SECONDS", "Seconds for which an answer to SERVICE is kept; 0 keeps none."
    )

    def __post_init__(self) -> None:
        """Check what a type cannot say.

        Raises:
            BadInput: a value out of range, or a base that is no IRI prefix.
        """
        if self.base_iri is not None and not re.fullmatch(r"https?://[^\s<>\"{}|\\^`\[\]?#]+/", self.base_iri):
            raise BadInput(
                f"KG_BASE_IRI “{self.base_iri}” is not a base for IRIs.",
                remedy="Give an http(s) address that ends in a slash, such as https://data.example.org/.",
            )
        if not 0 <= self.port <= 65535:
            raise BadInput(
                f"The port {self.port} does not exist.", remedy="Choose one from 1 to 65535, or 0 for a free one."
            )
        for row in fields(self):
            least = row.metadata["least"]
            if least is not None and getattr(self, row.name) < least:
                raise BadInput(f"{row.metadata['env']} must be at least {least}.", remedy="Raise it or unset it.")

    def with_options(self, **options: object) -> Config:
        """Return a copy with the options that are not ``None``."""
        return replace(self, **{name: value for name, value in options.items() if value is not None})  # type: ignore[arg-type]


def from_environment(environ: Mapping[str, str] = os.environ) -> Config:
    """Read the settings from ``KG_*`` variables; an empty value counts as unset.

    Raises:
        BadInput: a value that does not fit, named with its variable.
    """
    values: dict[str, object] = {}
    for row in fields(Config):
        text = environ.get(row.metadata["env"], "").strip()
        if text:
            values[row.name] = _read(row.metadata["env"], text, row.default)
    return Config(**values)  # type: ignore[arg-type]


def _read(variable: str, text: str, default: object) -> object:
    if isinstance(default, bool):
        if text.lower() not in ("1", "0", "true", "false", "yes", "no"):
            raise BadInput(f"{variable}={text} is neither true nor false.", remedy="Use true or false.")
        return text.lower() in ("1", "true", "yes")
    if isinstance(default, int):
        if not re.fullmatch(r"-?[0-9]+", text):
            raise BadInput(f"{variable}={text} is not a whole number.", remedy="Use digits only.")
        return int(text)
    if isinstance(default, float):
        if not re.fullmatch(r"[0-9]+([.][0-9]+)?", text):
            raise BadInput(f"{variable}={text} is not a number.", remedy="Use digits, such as 30 or 0.5.")
        return float(text)
    return Path(text) if isinstance(default, Path) else text


def table() -> str:
    """Render the settings as the Markdown table of the README."""
    lines = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for row in fields(Config):
        default = "—" if row.default is None else f"`{str(row.default).lower() if row.type == 'bool' else row.default}`"
        lines.append(f"| `{row.metadata['env']}` | {default} | {row.metadata['help']} |")
    return "\n".join(lines)

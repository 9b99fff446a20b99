"""Settings, declared once: this table feeds the code, ``--help`` and the README."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from kg.errors import BadInput

_MIB = 1024 * 1024


@dataclass(frozen=True)
class Config:
    """All settings, read once. Secrets come from the environment only, never from a command line or an address."""

    data_dir: Path = field(
        default=Path("claimgraph-data"),
        metadata={"env": "KG_DATA_DIR", "help": "Directory of the store; made when absent."},
    )
    base_iri: str | None = field(
        default=None,
        metadata={
            "env": "KG_BASE_IRI",
            "help": "Base of every IRI that is minted; fixed when a store is made. Default: the server's own address.",
        },
    )
    token: str | None = field(
        default=None,
        metadata={"env": "KG_TOKEN", "help": "Bearer token for writes; `kg serve` makes and prints one when unset."},
    )
    host: str = field(default="127.0.0.1", metadata={"env": "KG_HOST", "help": "Address to listen on."})
    port: int = field(default=8000, metadata={"env": "KG_PORT", "help": "Port to listen on."})
    bare: bool = field(
        default=False,
        metadata={
            "env": "KG_BARE",
            "help": "An empty plain SPARQL 1.1 store: no seed, no managed graphs, no union default graph.",
        },
    )
    max_body_bytes: int = field(
        default=32 * _MIB, metadata={"env": "KG_MAX_BODY_BYTES", "help": "Largest request body, in bytes."}
    )
    max_nesting: int = field(
        default=100,
        metadata={"env": "KG_MAX_NESTING", "help": "Deepest nesting of brackets in a query or update."},
    )
    max_height: int = field(
        default=1000,
        metadata={"env": "KG_MAX_HEIGHT", "help": "Longest string of operators or group parts in a query or update."},
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
        for name, least in (("max_body_bytes", 1024), ("max_nesting", 10), ("max_height", 10)):
            if getattr(self, name) < least:
                raise BadInput(f"KG_{name.upper()} must be at least {least}.", remedy="Raise it or unset it.")

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
        if not text.isdecimal():
            raise BadInput(f"{variable}={text} is not a whole number.", remedy="Use digits only.")
        return int(text)
    return Path(text) if isinstance(default, Path) else text


def table() -> str:
    """Render the settings as the Markdown table of the README."""
    lines = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for row in fields(Config):
        default = "—" if row.default is None else f"`{str(row.default).lower() if row.type == 'bool' else row.default}`"
        lines.append(f"| `{row.metadata['env']}` | {default} | {row.metadata['help']} |")
    return "\n".join(lines)

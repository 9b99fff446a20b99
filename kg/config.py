"""Settings from ``KG_*`` environment variables, in groups: each part of the program receives its own group only.

Each setting is declared once. Its field is the source for the code, the errors, ``kg doctor`` and the tables of the
documentation; its variable is the prefix of the group and the name of the field, in capitals. How text is parsed is the
matter of :mod:`kg.config_group`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsConfigDict

from kg.config_group import SettingGroup, misfit
from kg.errors import BadInput
from kg.iris import is_base

_MIB = 1024 * 1024


IGNORED = frozenset(("KG_LANES",))
"""Settings of earlier versions, which are accepted with any value and have no effect."""


class StoreSettings(SettingGroup):
    """Location and kind of the store."""

    heading = "Store"

    data_dir: Path = Field(Path("claimgraph-data"), description="Directory of the store; created if it does not exist.")
    base_iri: str | None = Field(
        None,
        description="Base of all generated IRIs, fixed when the store is created. Default: the address of the server.",
    )
    bare: bool = Field(
        False,
        description="Serve an empty plain SPARQL 1.1 store: no seed article, managed graphs or union default graph.",
    )
    snapshots: int = Field(4, ge=1, description="Maximum number of snapshots kept for `asOf`, the newest included.")

    @field_validator("base_iri")
    @classmethod
    def _check_base(cls, value: str | None) -> str | None:
        if value is not None and not is_base(value):
            raise misfit(
                f"KG_BASE_IRI “{value}” is not a base for IRIs.",
                "Use an http(s) address that ends in a slash, such as https://data.example.org/.",
            )
        return value


class HttpSettings(SettingGroup):
    """Address of the server, and limits of requests and connections."""

    heading = "HTTP server"

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, description="Port to listen on; 0 picks a free one.")
    log: str | None = Field(
        None,
        description="Format of the request log on standard error: `json`, `text` or `off`. Default: `text` on a "
        "terminal, otherwise `json`.",
    )
    cors_origins: str | None = Field(
        None, description="Origins whose web pages may call the API, separated by spaces; `*` lets all of them read."
    )
    max_url_bytes: int = Field(
        16384, ge=1024, description="Maximum length of a request's path and query string, in bytes."
    )
    max_body_bytes: int = Field(32 * _MIB, ge=1024, description="Maximum size of a request body, in bytes.")
    max_connections: int = Field(
        500, ge=10, description="Maximum concurrent client connections; idle ones are closed first, then stalled ones."
    )
    max_connections_per_client: int = Field(
        100,
        ge=1,
        description="Maximum concurrent connections of one address (IPv6: /64 network); further ones are refused. "
        "Proxies in `FORWARDED_ALLOW_IPS` are not limited.",
    )
    web_processes: int = Field(
        0, ge=0, description="Number of processes that handle HTTP; 0 is the number of processors."
    )
    header_timeout: int = Field(10, ge=1, description="Seconds to receive the request line and header of a request.")
    body_timeout: int = Field(120, ge=1, description="Seconds to receive the body of a request.")
    max_sending_bytes: int = Field(
        512 * _MIB,
        ge=_MIB,
        description="Maximum memory for responses that clients have not received yet, in bytes; one client may use a "
        "quarter of it. Further ones are refused.",
    )
    shutdown_seconds: int = Field(
        30, ge=1, description="Seconds that running requests get to finish when the server stops."
    )

    @field_validator("port")
    @classmethod
    def _check_port(cls, value: int) -> int:
        if not 0 <= value <= 65535:
            raise misfit(f"KG_PORT={value} is not a port.", "Choose one from 1 to 65535, or 0 for a free one.")
        return value


class AccessSettings(SettingGroup):
    """Access rights: the administrator's token and what is public."""

    heading = "Access"

    token: str | None = Field(
        None, repr=False, description="Bearer token with all rights; if unset, `kg serve` generates one and prints it."
    )
    public_graphs: str = Field(
        "*",
        description="Graphs that are readable without a token: `*` for all, `none` for none, or graph IRIs separated "
        "by spaces, where `*` at the end of one makes it a prefix.",
    )
    metrics_public: bool = Field(False, description="Serve `/metrics` without a token.")


class QuerySettings(SettingGroup):
    """Limits of queries and updates, and the number and memory of the reader processes."""

    heading = "Queries and updates"

    timeout: float = Field(
        30.0,
        ge=0.1,
        description="Seconds that a query may take, waiting included; a request can lower it with `timeout=`.",
    )
    update_timeout: float = Field(
        300.0, ge=1, description="Seconds that an update may take; a longer one is ended with the process that writes."
    )
    max_rows: int = Field(
        1_000_000,
        ge=1,
        description="Maximum number of rows (solutions or triples) in a result; a larger result is an error, never "
        "truncated.",
    )
    max_result_bytes: int = Field(
        128 * _MIB,
        ge=1024,
        description="Maximum size of a result, in bytes; a larger result is an error, never truncated.",
    )
    max_query_length: int = Field(1_000_000, ge=100, description="Maximum length of a query, in characters.")
    max_nesting: int = Field(100, ge=10, description="Maximum nesting depth of brackets in a query or update.")
    max_height: int = Field(
        1000, ge=10, description="Maximum number of chained operators or group elements in a query or update."
    )
    max_queries: int = Field(
        128, ge=1, description="Maximum concurrent queries, running or waiting; further ones are refused."
    )
    max_queries_per_client: int = Field(
        48, ge=1, description="Maximum concurrent queries of one token or client address; further ones are refused."
    )
    readers: int = Field(
        0, ge=0, description="Number of reader processes, divided among the web processes; 0 is three for each of them."
    )
    max_memory: int = Field(
        1024 * _MIB,
        ge=256 * _MIB,  # a reader may not even start with less
        description="Maximum memory of a reader process, in bytes; a query that needs more is aborted.",
    )
    max_writer_memory: int = Field(
        2048 * _MIB,
        ge=512 * _MIB,
        description="Maximum memory of the process that writes, in bytes; an update that needs more is aborted.",
    )
    cache_bytes: int = Field(64 * _MIB, ge=0, description="Response cache size in bytes; 0 disables the cache.")


class OutgoingSettings(SettingGroup):
    """Allow-lists and limits of outgoing requests (SERVICE and LOAD)."""

    model_config = SettingsConfigDict(env_prefix="KG_OUTGOING_")

    heading = "Outgoing requests"
    exceptions: ClassVar[Mapping[str, str]] = {"allow_service": "KG_ALLOW_SERVICE", "allow_load": "KG_ALLOW_LOAD"}

    allow_service: str = Field(
        "",
        description="Endpoints that SERVICE may name, as complete URLs separated by spaces. `=` and a second URL sends "
        "the requests there instead; `@` and an IP address fixes the address to connect to.",
    )
    allow_load: str = Field("", description="Documents that LOAD may name, in the same form.")
    seconds: float = Field(
        20.0, ge=0.1, description="Seconds for all outgoing requests of one query or update together."
    )
    max_bytes: int = Field(8 * _MIB, ge=1024, description="Maximum size of a response from another server, in bytes.")
    max_rows: int = Field(
        10_000, ge=1, description="Maximum number of solutions of one SERVICE; more are an error, never truncated."
    )
    cache_seconds: float = Field(
        300.0, ge=0, description="Seconds to cache responses to SERVICE; 0 disables the cache."
    )


class Config(BaseModel):
    """All settings, read once. Secrets come from the environment only, never from a command line or a URL."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    store: StoreSettings = StoreSettings()
    http: HttpSettings = HttpSettings()
    access: AccessSettings = AccessSettings()
    queries: QuerySettings = QuerySettings()
    outgoing: OutgoingSettings = OutgoingSettings()

    def with_options(self, **options: object) -> Config:
        """Return a copy changed by the options that are not ``None``.

        Options are named like their variables: ``port`` for ``KG_PORT``.

        Raises:
            BadInput: some values are invalid; one error names them all.
            TypeError: an option has no variable.
        """
        # Dumped and validated again, so that the options are checked like variables.
        changed: dict[str, dict[str, object]] = {name: getattr(self, name).model_dump() for name in _GROUPS}
        places = {row.option: row for row in variables()}
        for option, value in options.items():
            if option not in places:
                raise TypeError(f"There is no setting {option}.")
            if value is not None:
                changed[places[option].group][places[option].field] = value
        return _build(lambda name, group: group.model_validate(changed[name]))


_GROUPS: Mapping[str, type[SettingGroup]] = {name: type(field.default) for name, field in Config.model_fields.items()}


@dataclass(frozen=True)
class Variable:
    """An environment variable of a setting.

    Attributes:
        name: full name, such as ``KG_MAX_ROWS``.
        group: name of the group in :class:`Config`.
        field: name of the field in the group.
        default: value if the variable is unset.
        least: minimum of a number, or ``None``.
        text: description in Markdown.
    """

    name: str
    group: str
    field: str
    default: object
    least: float | None
    text: str

    @property
    def option(self) -> str:
        """Name of the option for :meth:`Config.with_options`."""
        return self.name.removeprefix("KG_").lower()


def variables() -> Iterator[Variable]:
    """Yield all variables, group by group."""
    for name, group in _GROUPS.items():
        for key, field in group.model_fields.items():
            least = next((rule.ge for rule in field.metadata if hasattr(rule, "ge")), None)
            yield Variable(group.variable(key), name, key, field.default, least, field.description or "")


def from_environment(environ: Mapping[str, str] = os.environ) -> Config:
    """Return the settings from ``KG_*`` variables; an empty value counts as unset.

    Raises:
        BadInput: some values are invalid; one error names them all, each with its variable.
    """
    return _build(lambda _, group: group.read(environ))


def _build(make: Callable[[str, type[SettingGroup]], SettingGroup]) -> Config:
    """Build every group, and raise one error for all invalid values together."""
    groups: dict[str, SettingGroup] = {}
    faults: list[_Fault] = []
    for name, group in _GROUPS.items():
        try:
            groups[name] = make(name, group)
        except ValidationError as error:
            faults += [_fault(group, details) for details in error.errors()]
    if faults:
        remedies = [f"{it.variable}: {it.remedy}" for it in faults] if len(faults) > 1 else [faults[0].remedy]
        raise BadInput(" ".join(it.message for it in faults), remedy=" ".join(remedies))
    return Config.model_validate(groups)


class _Fault(NamedTuple):
    variable: str
    message: str
    remedy: str


def _fault(group: type[SettingGroup], details: ErrorDetails) -> _Fault:
    variable, context = group.variable(str(details["loc"][0])), details.get("ctx", {})
    if details["type"] == "setting":  # raised by misfit, with message and remedy
        return _Fault(variable, context["message"], context["remedy"])
    if details["type"] == "greater_than_equal":
        least = next(row.least for row in variables() if row.name == variable)
        return _Fault(variable, f"{variable} must be at least {least}.", "Raise it or unset it.")
    return _Fault(variable, f"{variable} cannot be used: {details['msg']}.", "Correct it or unset it.")


def table() -> str:
    """Return the settings as Markdown: a heading and a table for each group."""
    lines: list[str] = []
    for name, group in _GROUPS.items():
        lines += [f"## {group.heading}", "", "| variable | default | meaning |", "| --- | --- | --- |"]
        for row in variables():
            if row.group == name:
                default = str(row.default).lower() if isinstance(row.default, bool) else row.default
                lines.append(f"| `{row.name}` | {'—' if default in (None, '') else f'`{default}`'} | {row.text} |")
        lines.append("")
    return "\n".join(lines[:-1])

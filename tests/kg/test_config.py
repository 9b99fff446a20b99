"""Settings: read once from the environment in strict forms; one error names all invalid variables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from kg.config import (
    AccessSettings,
    Config,
    HttpSettings,
    OutgoingSettings,
    QuerySettings,
    StoreSettings,
    from_environment,
    table,
    variables,
)
from kg.errors import BadInput

MIB = 1024 * 1024
PROMISED: dict[str, tuple[object, float | None]] = {
    "KG_DATA_DIR": (Path("claimgraph-data"), None),
    "KG_BASE_IRI": (None, None),
    "KG_BARE": (False, None),
    "KG_SNAPSHOTS": (4, 1),
    "KG_HOST": ("127.0.0.1", None),
    "KG_PORT": (8000, None),
    "KG_LOG": (None, None),
    "KG_CORS_ORIGINS": (None, None),
    "KG_MAX_URL_BYTES": (16384, 1024),
    "KG_MAX_BODY_BYTES": (32 * MIB, 1024),
    "KG_MAX_CONNECTIONS": (500, 10),
    "KG_MAX_CONNECTIONS_PER_CLIENT": (100, 1),
    "KG_WEB_PROCESSES": (0, 0),
    "KG_HEADER_TIMEOUT": (10, 1),
    "KG_BODY_TIMEOUT": (120, 1),
    "KG_MAX_SENDING_BYTES": (512 * MIB, MIB),
    "KG_SHUTDOWN_SECONDS": (30, 1),
    "KG_TOKEN": (None, None),
    "KG_PUBLIC_GRAPHS": ("*", None),
    "KG_METRICS_PUBLIC": (False, None),
    "KG_TIMEOUT": (30.0, 0.1),
    "KG_UPDATE_TIMEOUT": (300.0, 1),
    "KG_MAX_ROWS": (1_000_000, 1),
    "KG_MAX_RESULT_BYTES": (128 * MIB, 1024),
    "KG_MAX_QUERY_LENGTH": (1_000_000, 100),
    "KG_MAX_NESTING": (100, 10),
    "KG_MAX_HEIGHT": (1000, 10),
    "KG_MAX_QUERIES": (128, 1),
    "KG_MAX_QUERIES_PER_CLIENT": (48, 1),
    "KG_READERS": (0, 0),
    "KG_MAX_MEMORY": (1024 * MIB, 256 * MIB),
    "KG_MAX_WRITER_MEMORY": (2048 * MIB, 512 * MIB),
    "KG_CACHE_BYTES": (64 * MIB, 0),
    "KG_ALLOW_SERVICE": ("", None),
    "KG_ALLOW_LOAD": ("", None),
    "KG_OUTGOING_SECONDS": (20.0, 0.1),
    "KG_OUTGOING_MAX_BYTES": (8 * MIB, 1024),
    "KG_OUTGOING_MAX_ROWS": (10_000, 1),
    "KG_OUTGOING_CACHE_SECONDS": (300.0, 0),
}
"""What users hold on to: every variable, its default (whose type is its form) and the least value."""

FORMS: dict[type, tuple[tuple[str, ...], tuple[str, ...]]] = {
    bool: (
        ("1", "0", "true", "false", "yes", "no", "TRUE", "No", " yes "),
        ("on", "off", "t", "f", "y", "n", "2", "perhaps", "tru e", "falſe", "yeſ"),
    ),
    int: (
        ("536870912", "0536870912", " 536870912 "),
        (
            "many",
            "1e9",
            "536870912.0",
            "536_870_912",
            "+536870912",
            "٥٣٦٨٧٠٩١٢",
            "inf",
            "nan",
            "true",
            "0x20000000",
            "--1",
        ),
    ),
    float: (
        ("30", "30.5", "030", " 30.25\t"),
        ("soon", "1e3", "30.", ".5", "1_000", "+5", "-5", "inf", "Infinity", "nan", "٣٠", "true", "30 s"),
    ),
}
"""By type, texts that are accepted and texts that are not; the numbers are over every least value."""

FORMED = [(name, default) for name, (default, _) in PROMISED.items() if type(default) in FORMS and name != "KG_PORT"]


def value(config: Config, variable: str) -> Any:
    (row,) = (row for row in variables() if row.name == variable)
    return getattr(getattr(config, row.group), row.field)


def fault(**environ: str) -> BadInput:
    with pytest.raises(BadInput) as caught:
        from_environment(environ)
    return caught.value


def test_the_variables_with_their_defaults_and_least_values() -> None:
    assert {row.name: (row.default, row.least) for row in variables()} == PROMISED
    assert [type(row.default) for row in variables()] == [type(default) for default, _ in PROMISED.values()]


def test_defaults() -> None:
    config = from_environment({})
    assert config == Config()
    assert {name: value(config, name) for name in PROMISED} == {
        name: default for name, (default, _) in PROMISED.items()
    }


def test_the_environment_counts_only_where_it_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KG_PORT", "9")
    (tmp_path / ".env").write_text("KG_READERS=5\n")
    monkeypatch.chdir(tmp_path)
    assert (Config().http.port, HttpSettings().port, from_environment({}).http.port) == (8000, 8000, 8000)
    assert from_environment().http.port == 9
    assert from_environment().queries.readers == 0


def test_values_are_read_by_type() -> None:
    config = from_environment(
        {
            "KG_PORT": "9",
            "KG_BARE": "yes",
            "KG_DATA_DIR": "x",
            "KG_TOKEN": " s ",
            "KG_OUTGOING_MAX_ROWS": "7",
            "KG_ALLOW_LOAD": "http://a.org/d  http://b.org/d",
        }
    )
    assert config == Config(
        store=StoreSettings(data_dir=Path("x"), bare=True),
        http=HttpSettings(port=9),
        access=AccessSettings(token="s"),
        outgoing=OutgoingSettings(max_rows=7, allow_load="http://a.org/d  http://b.org/d"),
    )


@pytest.mark.parametrize("text", ["", " ", "\t\n"])
def test_an_empty_value_is_unset(text: str) -> None:
    assert from_environment(dict.fromkeys(PROMISED, text)) == Config()


def test_names_are_exact_and_others_are_ignored() -> None:
    others = {"kg_port": "9", "PORT": "9", "KG_OUTGOING_ALLOW_LOAD": "x", "KG_SECONDS": "x", "KG_LANES": "many"}
    assert from_environment(others) == Config()


@pytest.mark.parametrize(("variable", "default"), FORMED)
def test_forms(variable: str, default: object) -> None:
    kind: Any = type(default)
    accepted, refused = FORMS[kind]
    for text in accepted:
        wanted = text.strip().lower() in ("1", "true", "yes") if kind is bool else kind(text)
        found = value(from_environment({variable: text}), variable)
        assert (type(found), found) == (kind, wanted)
    for text in refused:
        error = fault(**{variable: text})
        assert error.message.startswith(f"{variable}={text} is ")
        assert error.remedy


@pytest.mark.parametrize(("variable", "least"), [(name, least) for name, (_, least) in PROMISED.items() if least])
def test_least_values(variable: str, least: float) -> None:
    assert value(from_environment({variable: str(least)}), variable) == least
    below = str(least - 1) if isinstance(PROMISED[variable][0], int) else "0.05"
    error = fault(**{variable: below})
    assert (error.message, error.remedy) == (f"{variable} must be at least {least}.", "Raise it or unset it.")


@pytest.mark.parametrize("text", ["-1", "65536", "80.0", "http"])
def test_a_port_that_does_not_exist(text: str) -> None:
    assert fault(KG_PORT=text).message.startswith(f"KG_PORT={text} is not a ")
    assert [from_environment({"KG_PORT": text}).http.port for text in ("0", "65535")] == [0, 65535]


@pytest.mark.parametrize(
    "text", ["http://example.org/no-slash", 'http://example.org/"quote/', "urn:x:", "http://a.org/?q/", "http://a b/"]
)
def test_a_base_that_is_none(text: str) -> None:
    error = fault(KG_BASE_IRI=text)
    assert error.message == f"KG_BASE_IRI “{text}” is not a base for IRIs."
    assert "slash" in error.remedy


def test_a_number_with_more_digits_than_can_be_read() -> None:
    assert "KG_MAX_ROWS" in fault(KG_MAX_ROWS="9" * 5000).message


def test_all_faults_are_told_at_once() -> None:
    error = fault(KG_OUTGOING_SECONDS="soon", KG_MAX_ROWS="0", KG_PORT="many", KG_BARE="on", KG_READERS="2")
    assert error.message == (
        "KG_BARE=on is neither true nor false. KG_PORT=many is not a whole number. KG_MAX_ROWS must be at least 1. "
        "KG_OUTGOING_SECONDS=soon is not a number."
    )
    assert error.remedy == (
        "KG_BARE: Use true or false. KG_PORT: Use digits only. KG_MAX_ROWS: Raise it or unset it. "
        "KG_OUTGOING_SECONDS: Use digits, such as 30 or 0.5."
    )


@pytest.mark.parametrize("value", ["0", "-1", "8", "", "many", "-2", "1.5"])
def test_the_setting_of_lanes_is_ignored(value: str) -> None:
    """They are gone; whoever had set how many there were starts the server as before."""
    assert from_environment({"KG_LANES": value}) == Config()


def test_options_win_over_the_environment() -> None:
    config = from_environment({"KG_PORT": "9", "KG_READERS": "3"})
    found = config.with_options(port=10, host=None, outgoing_seconds=5, allow_load="http://a.org/")
    assert (found.http.port, found.http.host, found.queries.readers) == (10, "127.0.0.1", 3)
    assert (found.outgoing.seconds, found.outgoing.allow_load) == (5, "http://a.org/")
    assert config.http.port == 9
    assert config.with_options() == config


def test_options_are_checked() -> None:
    with pytest.raises(BadInput, match=r"KG_PORT=70000 is not a port\. KG_MAX_ROWS must be at least 1"):
        Config().with_options(port=70000, max_rows=0)
    with pytest.raises(TypeError, match="lanes"):
        Config().with_options(lanes=2)


@pytest.mark.parametrize(
    "options", [{"max_rows": 1.0}, {"max_rows": True}, {"timeout": False}, {"host": 1}, {"data_dir": 1}]
)
def test_values_of_another_type_are_not_converted(options: dict[str, object]) -> None:
    with pytest.raises(BadInput, match=f"KG_{next(iter(options)).upper()} cannot be used"):
        Config().with_options(**options)


def test_a_group_is_checked_and_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        QuerySettings(max_rows=0)
    with pytest.raises(ValidationError):
        QuerySettings(port=1)  # type: ignore[call-arg]
    with pytest.raises(ValidationError):
        QuerySettings().max_rows = 5  # type: ignore[misc]


def test_the_token_is_not_shown() -> None:
    assert "secret" not in repr(from_environment({"KG_TOKEN": "secret"}))


def test_every_variable_is_in_the_tables_once() -> None:
    rows = [line for line in table().splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == list(PROMISED)
    assert "| `KG_BARE` | `false` |" in table()
    assert "| `KG_TOKEN` | — |" in table()
    assert [line for line in table().splitlines() if line.startswith("#")] == [
        "## Store",
        "## HTTP server",
        "## Access",
        "## Queries and updates",
        "## Outgoing requests",
    ]

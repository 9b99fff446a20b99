"""Settings come from the environment, once, and say what is wrong with them."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from kg.config import Config, from_environment, table
from kg.errors import BadInput


def test_defaults() -> None:
    assert from_environment({}) == Config()


def test_values_are_read_by_type() -> None:
    config = from_environment({"KG_PORT": "9", "KG_BARE": "yes", "KG_DATA_DIR": "x", "KG_TOKEN": " s ", "KG_HOST": ""})
    assert (config.port, config.bare, config.data_dir, config.token, config.host) == (
        9,
        True,
        Path("x"),
        "s",
        "127.0.0.1",
    )


@pytest.mark.parametrize(
    "environ",
    [
        {"KG_PORT": "many"},
        {"KG_BARE": "perhaps"},
        {"KG_BASE_IRI": "http://example.org/no-slash"},
        {"KG_BASE_IRI": 'http://example.org/"quote/'},
        {"KG_BASE_IRI": "urn:x:"},
        {"KG_MAX_BODY_BYTES": "1"},
        {"KG_MAX_NESTING": "0"},
    ],
)
def test_bad_values_are_named(environ: dict[str, str]) -> None:
    with pytest.raises(BadInput) as caught:
        from_environment(environ)
    assert next(iter(environ)) in caught.value.message
    assert caught.value.remedy


@pytest.mark.parametrize("value", ["0", "-1", "8", "", "many", "-2", "1.5"])
def test_the_setting_of_lanes_is_ignored(value: str) -> None:
    """They are gone; whoever had set how many there were starts the server as before."""
    assert from_environment({"KG_LANES": value}) == Config()


def test_options_win_over_the_environment() -> None:
    assert from_environment({"KG_PORT": "9"}).with_options(port=10, host=None).port == 10


def test_every_setting_is_in_the_table() -> None:
    rows = table().splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == [field.metadata["env"] for field in fields(Config)]

"""Python requirements of the package, compared with the installed versions."""

from __future__ import annotations

from importlib import metadata

import pytest

from kg.maintenance.python_requirements import unmet

HERE = metadata.version("rdflib")
MAJOR = int(HERE.split(".")[0])


@pytest.mark.parametrize(
    "text",
    [
        "rdflib",
        f"rdflib=={HERE}",
        f"rdflib >= {HERE}",
        f"rdflib (>={HERE})",
        f"rdflib<{MAJOR + 1},>={MAJOR}",
        f"rdflib<={HERE}",
        f"rdflib!={MAJOR}.0.1",
        f"rdflib>={MAJOR}; python_version > '3'",
        f"rdflib[html]>={MAJOR}",
        f"rdflib>{MAJOR - 1}.999.999",
        f"rdflib=={HERE}.0",
        "no-such-package; platform_system == 'Windows'",
        "no-such-package>=9; extra == 'test'",
        f"rdflib>={MAJOR + 1}; extra == 'test'",
    ],
)
def test_what_is_met(text: str) -> None:
    assert list(unmet([text])) == []


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        (f"rdflib>={MAJOR + 1}", f">={MAJOR + 1}"),
        (f"rdflib<{HERE}", f"<{HERE}"),
        (f"rdflib>{HERE}", f">{HERE}"),
        (f"rdflib!={HERE}", f"!={HERE}"),
        (f"rdflib=={HERE}.1", f"=={HERE}.1"),
        (f"rdflib<={MAJOR - 1}.9", f"<={MAJOR - 1}.9"),
        (f"rdflib>={MAJOR},<{MAJOR}", f"<{MAJOR},>={MAJOR}"),
        (f"rdflib (<{MAJOR})", f"<{MAJOR}"),
        (f"rdflib[html]>={MAJOR + 1}; python_version > '3'", f">={MAJOR + 1}"),
    ],
)
def test_what_is_not(text: str, bounds: str) -> None:
    assert list(unmet([text])) == [("rdflib", HERE, bounds)]


def test_what_is_not_installed() -> None:
    assert list(unmet(["no-such-package>=2", "rdflib"])) == [("no-such-package", "", ">=2")]
    assert list(unmet(["no-such-package>=2; python_version > '3'"])) == [("no-such-package", "", ">=2")]


@pytest.mark.parametrize(
    ("found", "bound", "met"),
    [
        ("1.10", "1.9", True),  # as numbers, not as text
        ("1.9", "1.10", False),
        ("2", "1.99.99", True),
        ("1.2.0", "1.2", True),
        ("1.2+local.9", "1.2", True),
        ("1.2+local.9", "1.2.1", False),
        ("0.20.1", "0.20", True),
        ("2.0rc1", "1.9", True),
        ("2.0rc1", "2.0", False),
    ],
)
def test_releases_are_compared_by_their_numbers(
    found: str, bound: str, met: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metadata, "version", lambda _: found)
    assert list(unmet([f"x>={bound}"])) == ([] if met else [("x", found, f">={bound}")])


def test_this_package_has_what_it_asks_for() -> None:
    assert list(unmet(metadata.requires("claimgraph") or [])) == []

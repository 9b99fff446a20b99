"""Imports run one way and in no circle, each engine enters through one file, and modules stay small."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = [path for folder in ("ontology", "kg", "api") for path in sorted((ROOT / folder).rglob("*.py"))]


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0]


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def own_imports(path: Path, modules: Collection[str]) -> set[str]:
    """List the own modules that a module imports anywhere: in functions and for types alone, too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in modules else str(node.module))
    return (found & set(modules)) - {name_of(path)}


def circles(imports: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Take away, again and again, what imports nothing that is left and what nothing left imports; circles remain."""
    left = dict(imports)
    while True:
        used = {name for names in left.values() for name in names}
        smaller = {name: names & left.keys() for name, names in left.items() if names & left.keys() and name in used}
        if smaller == left:
            return left
        left = smaller


def test_no_modules_import_each_other_in_a_circle() -> None:
    modules = {name_of(path): path for path in MODULES}
    assert circles({name: own_imports(path, modules.keys()) for name, path in modules.items()}) == {}


def test_a_circle_would_be_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"d", "b"}, "d": set()}) == {"b": {"c"}, "c": {"b"}}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_direction(path: Path) -> None:
    forbidden = {
        "ontology": {"kg", "api", "rdflib", "pyoxigraph", "fastapi"},
        "kg": {"api", "fastapi", "starlette"},
        "api": {"rdflib", "pyoxigraph", "pyshacl", "owlrl"},
    }[path.relative_to(ROOT).parts[0]]
    assert forbidden.isdisjoint(imported(path))


@pytest.mark.parametrize(
    ("library", "home"),
    [
        ("pyoxigraph", "kg/engine.py"),
        ("pyshacl", "kg/shacl.py"),
        ("owlrl", "kg/reasoning.py"),
        ("duckdb", "kg/duck.py"),
        ("edtf", "kg/times.py"),
        ("uvicorn", "kg/http_limits.py"),
        ("sqlite3", "kg/linking/database.py"),
        ("ibis", "kg/events/engine.py"),
        ("pyspark", "kg/events/engine.py"),
    ],
)
def test_each_engine_enters_through_one_file(library: str, home: str) -> None:
    assert [str(path.relative_to(ROOT)) for path in MODULES if library in imported(path)] == [home]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_size(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    assert len(path.read_text("utf-8").splitlines()) <= 400
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno <= 60, f"{node.name} is long"

"""Imports run one way and in no circle, each engine enters through one file, and modules stay small."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = [path for folder in ("ontology", "kg", "api") for path in sorted((ROOT / folder).rglob("*.py"))]
TESTED_ELSEWHERE = {
    "api/app.py": "tests/api/test_middleware.py",
    "api/formats.py": "tests/api/test_negotiation.py",
    "api/reconciliation.py": "tests/api/test_reconcile.py",
    "api/routers/articles.py": "tests/api/test_articles.py",
    "api/routers/graph_store.py": "tests/api/test_graph_store.py",
    "api/routers/home.py": "tests/api/test_pages.py",
    "api/routers/operations.py": "tests/api/test_operations.py",
    "api/routers/operations_backup.py": "tests/api/test_operations_backup.py",
    "api/routers/provenance.py": "tests/api/test_provenance.py",
    "api/routers/questions.py": "tests/api/test_questions.py",
    "api/routers/reconcile.py": "tests/api/test_reconcile.py",
    "api/routers/reconcile_02.py": "tests/api/test_reconcile_02.py",
    "api/routers/reconcile_10.py": "tests/api/test_reconcile_10.py",
    "api/routers/resources.py": "tests/api/test_resources.py",
    "api/routers/review.py": "tests/api/test_review.py",
    "api/routers/sparql.py": "tests/api/test_sparql.py",
    "api/routers/validation.py": "tests/api/test_validation.py",
    "api/routers/vocabulary.py": "tests/api/test_vocabulary.py",
    "api/rows.py": "tests/api/test_pages.py",
    "api/terms.py": "tests/api/test_vocabulary.py",
    "kg/channel.py": "tests/kg/test_worker.py",
    "kg/console.py": "tests/kg/test_cli.py",
    "kg/description.py": "tests/api/test_resources.py",
    "kg/errors.py": "tests/api/test_problems.py",
    "kg/events/acled.py": "tests/kg/events/test_files.py",
    "kg/events/gdelt.py": "tests/kg/events/test_files.py",
    "kg/events/ucdp.py": "tests/kg/events/test_files.py",
    "kg/guard.py": "tests/kg/test_worker.py",
    "kg/headers.py": "tests/api/test_negotiation.py",
    "kg/joined.py": "tests/kg/test_http_limits.py",
    "kg/lane.py": "tests/api/test_lending.py",
    "kg/lanes.py": "tests/api/test_lending.py",
    "kg/linking/beside.py": "tests/kg/test_restore.py",
    "kg/linking/database.py": "tests/kg/linking/test_reference.py",
    "kg/linking/formats.py": "tests/kg/linking/test_sources.py",
    "kg/linking/proposals.py": "tests/kg/linking/test_decisions.py",
    "kg/linking/published.py": "tests/kg/linking/test_ledger.py",
    "kg/linking/records.py": "tests/kg/linking/test_candidates.py",
    "kg/linking/sources/carried.py": "tests/kg/linking/test_sources.py",
    "kg/linking/sources/files.py": "tests/kg/linking/test_sources.py",
    "kg/linking/sources/ftm.py": "tests/kg/linking/test_sources.py",
    "kg/linking/sources/geonames.py": "tests/kg/linking/test_sources.py",
    "kg/linking/sources/katottg.py": "tests/kg/linking/test_sources.py",
    "kg/linking/sources/sheets.py": "tests/kg/linking/test_sources.py",
    "kg/linking/sources/skos.py": "tests/kg/linking/test_sources.py",
    "kg/linking/sources/sparql.py": "tests/kg/linking/test_sources.py",
    "kg/linking/sources/territories.py": "tests/kg/linking/test_sources.py",
    "kg/linking/sources/wikidata.py": "tests/kg/linking/test_sources.py",
    "kg/linking/tables.py": "tests/kg/linking/test_sources.py",
    "kg/names.py": "tests/kg/test_mapping.py",
    "kg/nesting.py": "tests/kg/test_lexer.py",
    "kg/operations.py": "tests/kg/test_sparql.py",
    "kg/questions.py": "tests/questions/test_questions.py",
    "kg/rdf.py": "tests/kg/test_engine.py",
    "kg/refusals.py": "tests/kg/test_http_limits.py",
    "kg/request.py": "tests/kg/test_sparql.py",
    "kg/tags.py": "tests/api/test_cache.py",
    "kg/union.py": "tests/kg/test_engine.py",
}
"""Modules without a test file of their own, and the file that tests each: a part that is reached through another."""


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


def test_every_module_has_its_test_file() -> None:
    """The tests of `kg/a/b.py` are in `tests/kg/a/test_b.py`, or where the table says."""
    modules = {str(path.relative_to(ROOT)) for path in MODULES if path.name not in ("__init__.py", "__main__.py")}
    alone = {module for module in modules if not (ROOT / _mirrored(module)).exists()}
    assert not alone - TESTED_ELSEWHERE.keys(), "these have no test file: add one, or name it in TESTED_ELSEWHERE"
    assert not TESTED_ELSEWHERE.keys() - alone, "these need no entry: they are gone, or have a test file"
    assert [test for test in TESTED_ELSEWHERE.values() if not (ROOT / test).is_file()] == []


def _mirrored(module: str) -> Path:
    return Path("tests", module).with_name(f"test_{Path(module).name}")

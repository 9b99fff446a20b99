"""Imports run in one direction without circles, each engine enters through one file, packages stay small."""

from __future__ import annotations

import ast
import logging
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).resolve().parents[1]
MODULES = [path for folder in ("ontology", "kg", "api") for path in sorted((ROOT / folder).rglob("*.py"))]
TESTED_ELSEWHERE = {
    "api/app.py": "tests/api/edge/test_edge_middleware.py",
    "api/http/security_headers.py": "tests/api/http/test_content_negotiation.py",
    "api/reconcile/request_rows.py": "tests/api/rendering/test_html_templates.py",
    "api/reconcile/shared_operations.py": "tests/api/reconcile/test_user_decisions.py",
    "api/rendering/html_terms.py": "tests/api/routers/test_vocabulary_and_schemas.py",
    "api/rendering/response_format_choice.py": "tests/api/http/test_content_negotiation.py",
    "api/server/child_process.py": "tests/api/server/test_process_supervisor.py",
    "api/server/connection_adoption.py": "tests/api/server/test_process_supervisor.py",
    "api/server/early_refusal_responses.py": "tests/api/server/test_http_protocol.py",
    "api/server/serve_command_registration.py": "tests/kg/cli/test_command_table.py",
    "api/server/server_programs.py": "tests/api/server/test_serve.py",
    "api/server/signal_inbox.py": "tests/api/server/test_process_supervisor.py",
    "api/server/socket_write_coalescing.py": "tests/api/server/test_http_protocol.py",
    "kg/articles/competency_question_files.py": "tests/questions/test_questions.py",
    "kg/articles/explanation_records.py": "tests/kg/articles/test_statement_explanations.py",
    "kg/cli/add_remove_validate.py": "tests/kg/cli/test_main.py",
    "kg/cli/init_load_info.py": "tests/kg/cli/test_main.py",
    "kg/cli/options_and_store_opening.py": "tests/kg/cli/test_main.py",
    "kg/cli/query_ask_why.py": "tests/kg/cli/test_main.py",
    "kg/cli/tables_and_trees.py": "tests/kg/cli/test_main.py",
    "kg/config_group.py": "tests/kg/test_config.py",
    "kg/errors.py": "tests/api/http/test_problem_details.py",
    "kg/events/acled.py": "tests/kg/events/test_event_file_reading.py",
    "kg/events/event_file_format_detection.py": "tests/kg/events/test_event_file_reading.py",
    "kg/events/gdelt.py": "tests/kg/events/test_event_file_reading.py",
    "kg/events/ucdp.py": "tests/kg/events/test_event_file_reading.py",
    "kg/http_client/pinned_connection.py": "tests/kg/http_client/test_federation_client.py",
    "kg/http_client/url.py": "tests/kg/http_client/test_allowlist.py",
    "kg/iris.py": "tests/kg/document/test_document_rdf_conversion.py",
    "kg/linking/link_proposal_types.py": "tests/kg/links/test_decision_log_state.py",
    "kg/links/incremental_link_graphs.py": "tests/kg/links/test_decision_log_and_link_graphs.py",
    "kg/processes/readers/reader_connection.py": "tests/kg/processes/readers/test_reader_process.py",
    "kg/processes/readers/reader_launcher_process.py": "tests/kg/processes/readers/test_reader_launcher.py",
    "kg/processes/unix_socket_store.py": "tests/kg/cli/test_running_server.py",
    "kg/rdf/query_request_and_result.py": "tests/kg/sparql/test_query_and_update_analysis.py",
    "kg/rdf/oxigraph_queries.py": "tests/kg/rdf/test_oxigraph.py",
    "kg/rdf/rdflib_conversion.py": "tests/kg/rdf/test_oxigraph.py",
    "kg/reconciliation/name_match_value_and_reason.py": "tests/kg/reconciliation/test_reconciliation_index.py",
    "kg/reference/pack_formats.py": "tests/kg/reference/test_sources.py",
    "kg/reference/records.py": "tests/kg/linking/test_candidates.py",
    "kg/reference/sources/row_grouping.py": "tests/kg/reference/test_sources.py",
    "kg/reference/sources/user_tables.py": "tests/kg/reference/test_sources.py",
    "kg/reference/sources/followthemoney.py": "tests/kg/reference/test_sources.py",
    "kg/reference/sources/geonames.py": "tests/kg/reference/test_sources.py",
    "kg/reference/sources/katottg.py": "tests/kg/reference/test_sources.py",
    "kg/reference/sources/packaged_datasets.py": "tests/kg/reference/test_sources.py",
    "kg/reference/sources/rigour_territories.py": "tests/kg/reference/test_sources.py",
    "kg/reference/sources/skos.py": "tests/kg/reference/test_sources.py",
    "kg/reference/sources/source_files.py": "tests/kg/reference/test_sources.py",
    "kg/reference/sources/sparql_results.py": "tests/kg/reference/test_sources.py",
    "kg/reference/sources/country_and_place_tables.py": "tests/kg/reference/test_sources.py",
    "kg/reference/sources/wikidata.py": "tests/kg/reference/test_sources.py",
    "kg/reference/sqlite_database.py": "tests/kg/reference/test_reference_store.py",
    "kg/reference/sqlite_tables_and_pack_changes.py": "tests/kg/reference/test_sources.py",
    "kg/reference/reference_lookup_and_backup.py": "tests/kg/maintenance/test_restore.py",
    "kg/sparql/request_policy.py": "tests/kg/processes/readers/test_reader_process.py",
    "kg/sparql/rewriting/scanned_elements.py": "tests/kg/sparql/rewriting/test_query_scanner.py",
    "kg/sparql/rewriting/scanner_base.py": "tests/kg/sparql/rewriting/test_query_scanner.py",
    "kg/sparql/text_edits.py": "tests/kg/sparql/rewriting/test_engine_rewriting.py",
    "kg/sparql/update_operations.py": "tests/kg/sparql/test_query_and_update_analysis.py",
    "kg/store/directory_metadata.py": "tests/api/routers/test_resources.py",
    "kg/store/union_graph_maintenance.py": "tests/kg/rdf/test_oxigraph.py",
}
"""Modules without a test file of their own, and the file that tests each: a part that is reached through another."""

TWICE_MODULES = {
    "articles",  # kg.cli.add_remove_validate and api.routers.articles: the commands and the routes about the same thing
    "export",  # kg.cli.export is the command of the package kg.export
    "linking",  # likewise
    "events",
    "maintenance",
}
TWICE_CLASSES = {
    "Relation",  # of the claims document, a name in its JSON Schema; of a link, a name in openapi.json
}


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
        ("pyoxigraph", "kg/rdf/oxigraph.py kg/rdf/oxigraph_queries.py"),
        ("pyshacl", "kg/gate/shacl_engine.py"),
        ("owlrl", "kg/gate/owl_closure_and_contradictions.py"),
        ("duckdb", "kg/export/parquet_and_duckdb_files.py"),
        ("edtf", "kg/gate/edtf_and_weekday_checks.py"),
        ("uvicorn", "api/server/http_protocol.py"),
        ("markdown_it", "api/rendering/guide_pages.py"),
        ("sqlite3", "kg/reference/sqlite_database.py"),
        ("ibis", "kg/events/table_engines.py"),
        ("pyspark", "kg/events/table_engines.py"),
    ],
)
def test_each_engine_enters_through_one_file(library: str, home: str) -> None:
    """The adapter of the RDF engine has two files."""
    assert [str(path.relative_to(ROOT)) for path in MODULES if library in imported(path)] == home.split()


def test_packages_import_only_those_below_them() -> None:
    """The layers are declared in ``pyproject.toml``, imports for types alone included."""
    loggers = [each for each in logging.root.manager.loggerDict.values() if isinstance(each, logging.Logger)]
    enabled = [logger for logger in loggers if not logger.disabled]
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0
    for logger in enabled:  # its configuration of logging disables all that exist
        logger.disabled = False


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_imported_by_a_name_in_a_string(path: Path) -> None:
    """Two modules may: the command line loads commands by entry points, a source the packages that hold its data."""
    allowed = {"kg/cli/main.py", "kg/reference/sources/packaged_datasets.py"}
    names = {node.id for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Name)}
    assert not names & {"import_module", "__import__", "importlib"} or str(path.relative_to(ROOT)) in allowed


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_size(path: Path) -> None:
    """A module is cut by its noun, not by its length; one of 600 lines is likely to be two things."""
    tree = ast.parse(path.read_text("utf-8"))
    assert len(path.read_text("utf-8").splitlines()) <= 600
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno <= 60, f"{node.name} is long"


def test_no_folder_holds_more_than_fourteen_modules() -> None:
    counts = Counter(path.parent for path in MODULES if path.name != "__init__.py")
    assert {str(folder.relative_to(ROOT)): count for folder, count in counts.items() if count > 14} == {}


def test_no_two_modules_have_one_name() -> None:
    counts = Counter(path.stem for path in MODULES if path.name != "__init__.py")
    assert {name for name, count in counts.items() if count > 1} <= TWICE_MODULES


def test_no_two_classes_have_one_name() -> None:
    counts = Counter(
        node.name.lstrip("_")
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
    )
    assert {name for name, count in counts.items() if count > 1} <= TWICE_CLASSES


def test_every_package_says_what_it_is_for() -> None:
    for path in MODULES:
        if path.name == "__init__.py":
            assert ast.get_docstring(ast.parse(path.read_text("utf-8"))), path


def test_every_module_has_its_test_file() -> None:
    """The tests of `kg/a/b.py` are in `tests/kg/a/test_b.py`, or where the table says."""
    modules = {str(path.relative_to(ROOT)) for path in MODULES if path.name not in ("__init__.py", "__main__.py")}
    alone = {module for module in modules if not (ROOT / _mirrored(module)).exists()}
    assert not alone - TESTED_ELSEWHERE.keys(), "these have no test file: add one, or name it in TESTED_ELSEWHERE"
    assert not TESTED_ELSEWHERE.keys() - alone, "these need no entry: they are gone, or have a test file"
    assert [test for test in TESTED_ELSEWHERE.values() if not (ROOT / test).is_file()] == []


def _mirrored(module: str) -> Path:
    return Path("tests", module).with_name(f"test_{Path(module).name}")

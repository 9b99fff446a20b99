"""Marks for tests: by folder, and by what the code of a test and of its fixtures reaches.

A test that nothing slows down is `fast`: `pytest -m fast` runs in a minute. The other marks say why a test is not:

    process        it starts a server or another process, or readers
    browser        it drives Chromium
    suite          it is a published suite: W3C, reconciliation, the benchmark's questions
    external_data  it reads what lies in `../shared`, outside of the repository
    slow           it takes more than a second or so: property tests, and those with `@pytest.mark.slow`
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import pytest
import uvicorn

from kg.maintenance.doctor import diagnose
from kg.processes.query_and_write_service import QueryService
from kg.processes.readers.reader_pool import ReaderPool
from tests import applications, writers

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
FOLDERS = {"browser": "browser", "faults": "process", "w3c": "suite"}
SLOW_FILES = frozenset(
    {
        "api/http/test_cross_site_writes.py",
        "api/reconcile/test_user_decisions.py",
        "api/rendering/test_html_templates.py",
        "api/routers/test_articles.py",
        "api/routers/test_resources.py",
        "api/routers/test_review.py",
        "api/routers/test_unwritable_results.py",
        "api/routers/test_validate.py",
        "api/routers/test_why.py",
        "kg/articles/test_article_repository.py",
        "kg/articles/test_labels.py",
        "kg/articles/test_statement_explanations.py",
        "kg/cli/test_reference_packs.py",
        "kg/events/test_event_file_reading.py",
        "kg/events/test_event_match_proposals.py",
        "kg/events/test_event_matching.py",
        "kg/events/test_graph_events.py",
        "kg/events/test_match_acceptance_rules.py",
        "kg/export/test_article_rdf_export.py",
        "kg/export/test_geojson.py",
        "kg/export/test_graphml.py",
        "kg/export/test_nanopublications.py",
        "kg/export/test_place_coordinates_and_containers.py",
        "kg/export/test_situation_records.py",
        "kg/export/test_table_files.py",
        "kg/export/test_table_rows.py",
        "kg/export/test_timeline_and_icalendar.py",
        "kg/gate/test_claims_json_reading.py",
        "kg/gate/test_document_checks.py",
        "kg/gate/test_owl_closure_and_contradictions.py",
        "kg/gate/test_shacl_engine.py",
        "kg/http_client/test_federation_client.py",
        "kg/http_client/test_http_client.py",
        "kg/linking/test_entity_profiles.py",
        "kg/linking/test_linker.py",
        "kg/links/test_link_file_export.py",
        "kg/links/test_link_review_and_proposals.py",
        "kg/links/test_links_as_rdf.py",
        "kg/maintenance/test_backup.py",
        "kg/maintenance/test_backup_archive.py",
        "kg/maintenance/test_restore.py",
        "kg/maintenance/test_store_checks.py",
        "kg/rdf/test_nesting_and_xml_limits.py",
        "kg/reconciliation/test_reconciliation_index.py",
        "kg/reference/test_reference_store.py",
        "kg/test_knowledge_graph.py",
        "questions/test_further.py",
        "questions/test_questions.py",
    }
)
"""Files whose tests mostly open a store with the seed article, run DuckDB, or fill a reference store: a second each."""
STARTERS = (
    subprocess,
    uvicorn,
    ReaderPool,
    QueryService,
    diagnose,
    applications.on_disk,
    applications.application,
    writers.Writer,
    writers.ServiceWithWriter,
)
"""What starts a process or a server; who reaches one of these does, too."""


LONGEST_FIRST = ("faults", "w3c", "browser")
"""Folders whose files take longest: begun first, they do not leave one worker at work alone at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest first, and mark every test; one that has no other mark is fast."""
    items.sort(key=lambda item: item.path.relative_to(ROOT).parts[1] not in LONGEST_FIRST)
    for item in items:
        for mark in _marks(item):
            item.add_marker(mark)
        if not any(item.get_closest_marker(mark) for mark in ("process", "browser", "suite", "external_data", "slow")):
            item.add_marker("fast")


def _marks(item: pytest.Item) -> set[str]:
    path = item.path.relative_to(ROOT)
    found = {FOLDERS[part] for part in path.parts if part in FOLDERS}
    if path.relative_to("tests").as_posix() in SLOW_FILES:
        found.add("slow")
    if hasattr(getattr(item, "function", None), "hypothesis"):
        found.add("slow")
    functions = [getattr(item, "function", None), *_fixtures(item)]
    return found.union(*(_reached(function) for function in functions if isinstance(function, FunctionType)))


def _fixtures(item: pytest.Item) -> Iterator[Callable[..., Any]]:
    """List the functions of the fixtures that a test asks for, directly or through others."""
    if isinstance(item, pytest.Function):
        for definitions in item._fixtureinfo.name2fixturedefs.values():
            yield from (definition.func for definition in definitions)


@cache
def _reached(function: FunctionType) -> frozenset[str]:
    """Return the marks for the names that a function uses, directly or through the helpers in `tests` that it uses.

    The names of ``with stores.kg(…)`` are looked up in the globals of the function (``stores``) and, where one is a
    module of the project, in that module (``kg``); code of the tests is then looked at in the same way.
    """
    marks, seen, waiting = set(), set(), [function]
    while waiting:
        current = waiting.pop()
        seen.add(current)
        for value in _named(current):
            if any(value is starter for starter in STARTERS):
                marks.add("process")
            elif isinstance(value, Path) and value.is_relative_to(SHARED):
                marks.add("external_data")
            waiting += [inner for inner in _functions(value) if inner not in seen]
    return frozenset(marks)


def _named(function: FunctionType) -> Iterator[object]:
    names = {name for code in _codes(function.__code__) for name in code.co_names}
    for name in names & function.__globals__.keys():
        value = function.__globals__[name]
        yield value
        if isinstance(value, ModuleType) and value.__name__.partition(".")[0] in ("tests", "kg", "api"):
            yield from (getattr(value, inner) for inner in names if hasattr(value, inner))


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Yield the code of a function and of the functions nested in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _functions(value: object) -> Iterable[FunctionType]:
    """Return the functions in a value: itself, the one it wraps (a context manager), or the methods of a class."""
    if isinstance(value, type) and value.__module__.startswith("tests."):
        return [inner for each in vars(value).values() for inner in _functions(getattr(each, "fget", each))]
    function = getattr(value, "__wrapped__", value)
    function = function.__func__ if isinstance(function, MethodType) else function
    return [function] if isinstance(function, FunctionType) and function.__module__.startswith("tests.") else []

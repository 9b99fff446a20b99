"""Tasks of readers on what a client sent: validation, and the preparation of writes (parsing, mapping, gate, closure).

A task may take any time and memory, so it runs in a process that can be killed. The modules of the gate are imported
by the first task of a process or by :func:`import_all`, since most readers only answer queries.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kg.access.restricted_store import WritableView
from kg.errors import ClaimgraphError, MalformedText, TooLarge
from kg.processes import ipc_messages
from kg.rdf import literal_limits, oxigraph
from kg.store.prepared_writes_and_conflicts import PreparedWrite, WriteRecorder
from kg.store.store_protocols import Reads, ReadsAndWrites

# ruff: noqa: PLC0415 - see the docstring of the module


@dataclass(frozen=True)
class Task:
    """Work on one document.

    Attributes:
        name: key of :data:`TASKS`.
        arguments: values of its parameters, as JSON.
        data: the document.
        limit: graphs that the sender may read and write; see :class:`kg.access.permissions.GraphLimit`.
    """

    name: str
    arguments: Mapping[str, Any]
    data: bytes
    limit: tuple[str, ...] | None = None


@dataclass(frozen=True)
class TaskResult:
    """Result of a task.

    Attributes:
        values: a JSON object.
        content: raw bytes, such as a report.
        prepared: the write to commit, if the task has prepared one.
    """

    values: Mapping[str, Any]
    content: bytes = b""
    prepared: PreparedWrite | None = None

    def pack(self) -> bytes:
        """Return the result as one message, whose content is that of the result and then the triples of the write."""
        write, triples = self.prepared.pack() if self.prepared else (None, b"")
        about = {"values": self.values, "size": len(self.content), "write": write}
        return ipc_messages.pack(about, self.content + triples)

    @classmethod
    def unpack(cls, data: bytes) -> TaskResult:
        """Return the result that :meth:`pack` has packed.

        Raises:
            ClaimgraphError: the task failed; see :func:`run_packed`.
        """
        found = ipc_messages.MessageUnpacker().feed(data)
        assert found is not None
        about, content = found
        if "error" in about:
            raise ipc_messages.decode_error(about)
        size = about["size"]
        prepared = PreparedWrite.unpack(about["write"], content[size:]) if about["write"] else None
        return cls(about["values"], content[:size], prepared)


def run(task: Task, store: ReadsAndWrites) -> TaskResult:
    """Run a task on a dataset, as far as its sender may use it.

    Raises:
        ClaimgraphError: see the tasks.
    """
    limited = store if task.limit is None else WritableView(store, task.limit)
    try:
        return TASKS[task.name](limited, task.data, **task.arguments)
    except RecursionError:
        raise TooLarge("The document is nested too deeply.", remedy="Write it flatter.") from None


def run_packed(task: Task, snapshot: WriteRecorder) -> bytes:
    """Run a task on a snapshot and return its result, or its error, as bytes (:meth:`TaskResult.unpack`)."""
    try:
        found = run(task, snapshot)
    except ClaimgraphError as error:
        return ipc_messages.pack(ipc_messages.encode_error(error))
    return TaskResult(found.values, found.content, snapshot.prepared).pack()


def import_all() -> None:
    """Import all that the tasks need, for processes that are going to be forked."""
    from kg.articles import article_repository
    from kg.federation import service_and_load_calls
    from kg.gate import validation_report

    del article_repository, service_and_load_calls, validation_report


def _check(store: Reads, data: bytes, media_type: str, report_type: str) -> TaskResult:
    """Check a claims document (JSON) or an article graph (RDF); the content is the report in ``report_type``.

    Raises:
        MalformedText, UnsupportedFormat, BadInput: see :class:`kg.articles.article_repository.Articles`.
    """
    from kg.articles.article_repository import Articles

    articles = Articles(store)
    json_type = "application/json"
    report = articles.check_document(data) if media_type == json_type else articles.check_graph(data, media_type)
    shown = report.shortened()
    if report_type == json_type:
        return TaskResult({}, json.dumps(shown.to_json(), ensure_ascii=False, separators=(",", ":")).encode())
    return TaskResult({}, shown.to_rdf(report_type))


def _add_article(store: ReadsAndWrites, data: bytes, identifier: str | None) -> TaskResult:
    """Check a claims document and store it with its closure.

    Raises:
        MalformedText, Rejected, BadInput: see :class:`kg.articles.article_repository.WritableArticles`.
    """
    from kg.articles.article_repository import WritableArticles

    found = WritableArticles(store).add(data, identifier)
    report = found.report.shortened().to_json()
    return TaskResult({"id": found.identifier, "iri": found.iri, "outcome": found.outcome, "report": report})


def _replace_graph(store: ReadsAndWrites, data: bytes, graph: str | None, parts: Sequence[Sequence[Any]]) -> TaskResult:
    """Replace a graph by the triples of RDF documents; ``None`` is the default graph of a bare store."""
    triples = _triples(store, data, graph, parts)
    if graph is not None:
        return TaskResult({"outcome": store.replace({graph: triples})})
    store.clear_default(triples)
    return TaskResult({"outcome": "replaced"})


def _merge_graph(store: ReadsAndWrites, data: bytes, graph: str | None, parts: Sequence[Sequence[Any]]) -> TaskResult:
    """Add the triples of RDF documents to a graph."""
    new = store.merge(graph, _triples(store, data, graph, parts))
    return TaskResult({"outcome": "created" if new else "replaced"})


def _triples(store: Reads, data: bytes, graph: str | None, parts: Sequence[Sequence[Any]]) -> list[oxigraph.Triple]:
    """Parse documents for one graph; ``parts`` are their media types and sizes.

    Raises:
        MalformedText: a document has a syntax error, or contains quads in named graphs.
        BadInput: the store cannot hold one of its literals.
    """
    triples, start = [], 0
    for media_type, size in parts:
        parsed = oxigraph.parse(data[start : start + size], media_type, graph or store.names.base)
        for quad in literal_limits.checked(parsed):
            if not isinstance(quad.graph_name, oxigraph.DefaultGraph):
                raise MalformedText(
                    f"The content names the graph {quad.graph_name}, but the request determines the graph to write.",
                    remedy="Send triples, or load a dataset with `kg load`.",
                )
            triples.append(quad.triple)
        start += size
    return triples


def _has_calls(_store: Reads, data: bytes, base: str, prefixes: Mapping[str, str] | None, update: bool) -> TaskResult:
    """Return whether a query or update calls SERVICE or LOAD."""
    from kg.federation import service_and_load_calls

    text = data.decode("utf-8", "surrogatepass")
    found = (
        service_and_load_calls.update_has_calls(text, base)
        if update
        else service_and_load_calls.query_has_calls(text, base, prefixes)
    )
    return TaskResult({"calls": found})


TASKS: Mapping[str, Callable[..., TaskResult]] = {
    "check": _check,
    "add article": _add_article,
    "replace graph": _replace_graph,
    "merge graph": _merge_graph,
    "has calls": _has_calls,
}
"""Tasks by name; each is called with the dataset, the document, and its own arguments."""

"""Dereferencing of IRIs: every resource of the graph as a page or as RDF."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from api.authorization import Reading
from api.handler_services import AppContext
from api.http import request_parsing
from api.rendering import html_templates, openapi_helpers, response_format_choice
from api.rendering.html_terms import TermCell, TermRenderer
from api.rendering.response_format_choice import HTML
from kg.errors import MalformedText, NotFound
from kg.iris import CG, RDF, RDFS
from kg.knowledge_graph import ReadableGraph
from kg.rdf import oxigraph
from kg.store.store_protocols import Reads

router = APIRouter(tags=["Resources"], default_response_class=Response)

_MAX_STATEMENTS = 500
"""Statements in one section of a page, and passages of one resource."""

_LABEL = oxigraph.NamedNode(f"{RDFS}label")
_TYPE = oxigraph.NamedNode(f"{RDF}type")

_OUT = f"SELECT ?this ?p ?o ?g WHERE {{ GRAPH ?g {{ ?this ?p ?o }} }} ORDER BY ?p ?o LIMIT {_MAX_STATEMENTS + 1}"
# The inner LIMIT comes before the sort: millions of statements may point to one resource (a code, a class).
_IN = (
    "SELECT ?this ?s ?p ?g WHERE { "
    f"{{ SELECT ?this ?s ?p ?g WHERE {{ GRAPH ?g {{ ?s ?p ?this }} }} LIMIT {_MAX_STATEMENTS + 1} }} }} ORDER BY ?p ?s"
)
_OWN = "SELECT DISTINCT ?this ?p ?o WHERE { ?this ?p ?o } ORDER BY ?p ?o"
_PASSAGE = "?passage cg:exact ?words ; cg:start ?start ; cg:inArticle ?article"
# Each path to a passage is joined with the words of the passage inside its own branch: given the join after the UNION,
# the engine joins the union with every passage of the store.
_WAYS = " UNION ".join(
    f"{{ {way} . {_PASSAGE} }}"
    for way in (
        "?this cg:quotedIn ?passage",
        "?this cg:cue ?passage",
        "?passage cg:denotes ?this",
        "?claim cg:affirms ?this ; cg:quotedIn ?passage",
        "?claim cg:denies ?this ; cg:quotedIn ?passage",
    )
)
_PASSAGES = f"""
PREFIX cg: <{CG}>
SELECT DISTINCT ?this ?passage ?words ?start ?language WHERE {{
  {_WAYS}
  OPTIONAL {{ ?article <http://purl.org/dc/terms/language> ?language }}
}} ORDER BY ?article ?start LIMIT {_MAX_STATEMENTS}"""


@dataclass(frozen=True)
class StatementRow:
    """One statement of a page: the two terms other than the resource of the page.

    ``inferred`` is true when only inferred graphs hold the statement; ``why`` is the address of its explanation.
    """

    cells: list[TermCell]
    inferred: bool
    why: str | None


@dataclass(frozen=True)
class MentionQuote:
    """The exact words of a passage, with the language of its article (empty if unknown)."""

    words: str
    language: str
    passage: TermCell


_ANSWERS = {
    **openapi_helpers.response((HTML, *response_format_choice.GRAPHS), "The statements about the resource."),
    **openapi_helpers.problems(404, 406),
}
_PATH = {"parameters": [openapi_helpers.path_parameter("path", "The rest of the IRI.")]}


@router.get("/entity/{path:path}", summary="Open an entity", responses=_ANSWERS, openapi_extra=_PATH)
@router.get(
    "/article/{path:path}",
    summary="Open an article, or a resource inside one",
    operation_id="get_article_resource",
    responses=_ANSWERS,
    openapi_extra=_PATH,
)
@router.get(
    "/graph/{path:path}",
    summary="Open a named graph",
    operation_id="get_graph_resource",
    responses=_ANSWERS,
    openapi_extra=_PATH,
)
@router.get(
    "/link/{path:path}",
    summary="Open a link to an outside dataset, or a linkset",
    operation_id="get_link_resource",
    responses=_ANSWERS,
    openapi_extra=_PATH,
)
async def get_entity(request: Request, shared: Reading) -> Response:
    """Return a resource as a page or as RDF.

    RDF contains the statements about the resource and the passages that quote it; for a named graph, its triples.
    """
    # An IRI of the graph may itself contain percent-encodings, which the decoded path has lost.
    raw = (request.scope.get("raw_path") or request.scope["path"].encode()).decode("latin-1")
    path = raw.removeprefix(request.scope.get("root_path", "")).removeprefix("/")
    base = shared.graph.names.base
    return await _open(request, shared, [base + candidate for candidate in request_parsing.path_candidates(path)])


@router.get(
    "/describe",
    summary="Open any IRI",
    responses={**_ANSWERS, **openapi_helpers.problems(400, 404, 406)},
    openapi_extra={
        "parameters": [
            openapi_helpers.query_parameter("iri", "An IRI that occurs in the graph, such as a term of the vocabulary.")
        ]
    },
)
async def describe(request: Request, shared: Reading) -> Response:
    """Return the statements about any IRI, also one of another host, as a page or as RDF."""
    iri = request_parsing.single(request_parsing.query_parameters(request), "iri")
    if iri is None:
        raise MalformedText("The parameter “iri” is missing.", remedy="Add ?iri= with an IRI.")
    return await _open(request, shared, [request_parsing.check_iri(iri)])


async def _open(request: Request, shared: AppContext[ReadableGraph], candidates: Sequence[str]) -> Response:
    offers = (HTML, *response_format_choice.GRAPHS)
    response_format_choice.choose(request, offers)  # status 406 comes before 404

    def write(media_type: str) -> Response:
        node = _find(candidates, shared.graph.store)
        if media_type == HTML:
            return _page(request, shared, node)
        return response_format_choice.rdf(_describe(shared.graph.store, node), media_type)

    return await shared.in_thread(response_format_choice.written, request, offers, write)


def _find(candidates: Sequence[str], store: Reads) -> oxigraph.NamedNode:
    """Return the first of the candidates that occurs in the graph.

    Raises:
        NotFound: none of them occurs.
    """
    for candidate in candidates:
        if not request_parsing.is_iri(candidate):
            continue
        node = oxigraph.NamedNode(candidate)
        if store.has_graph(node.value) or any(store.rows(text, {"this": node}) for text in (_OUT, _IN)):
            return node
    raise NotFound(f"The graph has no statement about <{candidates[0]}>.", remedy="Search with a query at /sparql.")


def _describe(store: Reads, node: oxigraph.NamedNode) -> list[oxigraph.Triple]:
    if store.has_graph(node.value):
        return store.triples(node.value)
    nodes = [node, *(_named(row["passage"]) for row in store.rows(_PASSAGES, {"this": node}))]
    return [
        oxigraph.Triple(about, _named(row["p"]), row["o"])
        for about in dict.fromkeys(nodes)
        for row in store.rows(_OWN, {"this": about})
    ]


def _named(term: oxigraph.Term) -> oxigraph.NamedNode:
    assert isinstance(term, oxigraph.NamedNode)
    return term


# ---- the page of a resource


def _page(request: Request, shared: AppContext[ReadableGraph], node: oxigraph.NamedNode) -> Response:
    store = shared.graph.store
    outward, inward = (store.rows(text, {"this": node}) for text in (_OUT, _IN))
    show = html_templates.term_renderer(request, shared, _labels(store, [*outward, *inward]))
    labels = [show.term(row["o"]) for row in outward if row["p"] == _LABEL]
    labels.sort(key=lambda label: label.language != "en")  # False sorts first: English labels
    graph_size = store.count(node.value) if store.has_graph(node.value) else None
    context = {
        "iri": node.value,
        "title": labels[0].text if labels else show.term(node).text,
        "labels": list(dict.fromkeys(labels[1:])),
        "types": list(dict.fromkeys(show.term(row["o"]) for row in outward if row["p"] == _TYPE)),
        "quotes": [_quote(row, show) for row in store.rows(_PASSAGES, {"this": node})],
        "sections": [
            ("Statements about it", _statements(outward, show), len(outward) > _MAX_STATEMENTS),
            ("Statements that refer to it", _statements(inward, show), len(inward) > _MAX_STATEMENTS),
        ],
        "graph_size": graph_size,
    }
    return html_templates.render(request, shared, "resource.html", context)


def _labels(store: Reads, rows: Sequence[dict[str, oxigraph.Term]]) -> dict[oxigraph.Term, str]:
    """Return a label for each IRI in the statements that has one, preferably in English."""
    terms = [term for row in rows for name, term in row.items() if name != "g"]
    iris = " ".join(dict.fromkeys(str(term) for term in terms if isinstance(term, oxigraph.NamedNode)))
    found: dict[oxigraph.Term, str] = {}
    for row in store.rows(f"SELECT ?x ?label WHERE {{ VALUES ?x {{ {iris} }} ?x <{RDFS}label> ?label }}"):
        label = row["label"]
        if isinstance(label, oxigraph.Literal) and (row["x"] not in found or label.language == "en"):
            found[row["x"]] = label.value
    return found


def _statements(rows: Sequence[dict[str, oxigraph.Term]], show: TermRenderer) -> list[StatementRow]:
    """Return each statement once, however many graphs hold it; it is inferred if only inferred graphs do."""
    graphs: dict[tuple[oxigraph.Term, oxigraph.Term, oxigraph.Term], list[str]] = {}
    for row in rows[:_MAX_STATEMENTS]:
        statement = row.get("s", row["this"]), row["p"], row.get("o", row["this"])
        graphs.setdefault(statement, []).append(_named(row["g"]).value)
    inward = "s" in rows[0] if rows else False
    inferred = show.names.inferred_graph("")
    explained = (show.names.article_graph(""), inferred)
    return [
        StatementRow(
            cells=[show.term(term) for term in (statement[:2] if inward else statement[1:])],
            inferred=all(graph.startswith(inferred) for graph in found),
            why=_why(statement, show) if any(graph.startswith(explained) for graph in found) else None,
        )
        for statement, found in graphs.items()
    ]


def _why(statement: tuple[oxigraph.Term, ...], show: TermRenderer) -> str | None:
    """Return the address of a statement's explanation, or ``None`` for a statement with a literal.

    ``/why?subject=…&predicate=…&object=…`` identifies the object by its text, which is ambiguous for literals.
    """
    if not all(isinstance(term, oxigraph.NamedNode) for term in statement):
        return None
    values = [_named(term).value for term in statement]
    return f"{show.root}/why?{urlencode(dict(zip(('subject', 'predicate', 'object'), values, strict=True)))}"


def _quote(row: dict[str, oxigraph.Term], show: TermRenderer) -> MentionQuote:
    """Return the quote of a passage from a row of ``_PASSAGES``."""
    words, language = row["words"], row.get("language")
    assert isinstance(words, oxigraph.Literal)
    spoken = language.value if isinstance(language, oxigraph.Literal) else ""
    return MentionQuote(words.value, spoken, show.term(row["passage"]))

"""Rows of the export tables, selected by SPARQL article by article, in a stable order.

Each query runs on the graph of one article, which has a few thousand triples. On the union of all graphs, the engine
would join the optional parts with every match in the whole store.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from kg.articles.article_repository import Articles
from kg.articles.labels import labels, text
from kg.articles.statement_explanations import shortest_way
from kg.export import place_coordinates_and_containers
from kg.export.table_schema import TABLES, ColumnType, ExportTable, Row, Value
from kg.iris import CG, CODE, PREFIXES, SKOS
from kg.rdf import oxigraph
from kg.rdf.query_request_and_result import QueryDataset

_PREFIXES = "".join(f"PREFIX {name}: <{iri}>\n" for name, iri in PREFIXES.items())

_QUERIES = {
    "articles": """
SELECT ?iri ?title ?language ?published ?url ?licence ?sha256 WHERE {
  ?iri a cg:Article .
  OPTIONAL { ?iri dcterms:title ?title }
  OPTIONAL { ?iri dcterms:language ?language }
  OPTIONAL { ?iri dcterms:issued ?published }
  OPTIONAL { ?iri dcterms:source ?url }
  OPTIONAL { ?iri dcterms:license ?licence }
  OPTIONAL { ?iri cg:sha256 ?sha256 }
} ORDER BY ?iri""",
    "claims": """
SELECT * WHERE {
  ?claim a cg:Claim ; ?polarity ?situation .
  VALUES ?polarity { cg:affirms cg:denies }
  OPTIONAL { ?claim dcterms:identifier ?id }
  OPTIONAL { ?claim cg:quotedIn ?passage .
             ?passage cg:exact ?quote ; cg:start ?quote_start ; cg:end ?quote_end ; cg:section ?section }
  OPTIONAL { ?claim cg:cue ?cues . ?cues cg:exact ?cue ; cg:start ?cue_start }
  OPTIONAL { ?claim cg:attributionMode ?attribution_mode }
  OPTIONAL { ?claim cg:expression ?expression }
  OPTIONAL { ?claim cg:certainty ?certainty }
  OPTIONAL { ?claim cg:probability ?probability }
  OPTIONAL { ?claim cg:originatesIn ?origin }
  OPTIONAL { ?claim cg:extractedBy ?extracted_by }
  OPTIONAL { ?claim cg:extractionConfidence ?extraction_confidence }
  OPTIONAL { ?claim cg:reviewStatus ?review_status }
} ORDER BY ?claim ?quote_start ?quote_end ?cue_start""",
    "situations": """
SELECT * WHERE {
  ?situation cg:modality ?modality ; a ?type .
  OPTIONAL { ?situation ?dates ?time . VALUES ?dates { cg:time cg:startTime }
             ?time cg:edtf ?edtf ; cg:notBefore ?not_before ; cg:notAfter ?not_after .
             OPTIONAL { ?time cg:precision ?precision }
             OPTIONAL { ?time cg:partOfDay ?part_of_day }
             OPTIONAL { ?time cg:yearSource ?year_source } }
  OPTIONAL { ?situation cg:duration ?duration }
  OPTIONAL { ?situation cg:roleName ?role_name }
  OPTIONAL { ?situation cg:topicText ?topic_text }
  OPTIONAL { ?situation cg:former ?former }
  OPTIONAL { ?situation cg:repeated ?repeated }
  BIND(?modality = code:actual && EXISTS { ?claim cg:affirms ?situation } AS ?reported_fact)
} ORDER BY ?situation DESC(?dates) ?not_before ?not_after ?edtf ?type""",
    "participants": """
SELECT ?situation ?role ?entity ?type WHERE {
  VALUES ?role { cg:actor cg:recipient cg:affected cg:instrument cg:subject cg:object cg:reporter cg:venue
                 cg:place cg:origin cg:destination }
  ?situation ?role ?entity .
  OPTIONAL { ?entity a ?type }
} ORDER BY ?situation ?role ?entity ?type""",
    "relations": """
SELECT ?subject ?relation ?object WHERE {
  VALUES ?relation { cg:respondsTo cg:causedBy cg:during cg:before cg:after cg:partOf cg:purpose cg:topic cg:relays
                     cg:sameIncidentAs cg:conflictsWith }
  ?subject ?relation ?object .
} ORDER BY ?subject ?relation ?object""",
    "mentions": """
SELECT ?start ?end ?entity ?exact ?name ?section ?segment WHERE {
  ?mention cg:denotes ?entity ; cg:exact ?exact ; cg:start ?start ; cg:end ?end .
  OPTIONAL { ?mention cg:section ?section }
  OPTIONAL { ?mention cg:inSegment/dcterms:identifier ?segment }
  OPTIONAL { ?mention cg:namePart/cg:exact ?name }
} ORDER BY ?start ?end ?entity ?name""",
}
_LABELS = "SELECT ?of ?label WHERE { ?of rdfs:label ?label } ORDER BY ?of ?label"
_ENDS = "SELECT ?claim ?first ?last WHERE { ?claim cg:reportedIn ?first ; cg:originatesIn ?last } ORDER BY ?claim"
_RELAYS = "SELECT ?act ?next WHERE { ?act cg:relays ?next } ORDER BY ?act ?next"
_ACTS = """
SELECT ?act ?reporter ?act_type ?venue WHERE {
  { SELECT DISTINCT ?act WHERE { { ?claim cg:reportedIn ?act } UNION { ?claim cg:originatesIn ?act }
                                 UNION { ?x cg:relays ?act } UNION { ?act cg:relays ?x } } }
  OPTIONAL { ?act a ?act_type }
  OPTIONAL { ?act cg:reporter ?reporter }
  OPTIONAL { ?act cg:venue ?venue }
} ORDER BY ?act ?reporter ?act_type ?venue"""
_LINKS = """
SELECT ?entity ?match ?record WHERE {
  VALUES ?match { skos:exactMatch skos:closeMatch }
  ?entity ?match ?record .
} ORDER BY ?entity ?match ?record"""

_LABEL_OF = {
    "label": ("entity", "situation", "iri"),
    "label_local": ("entity", "situation"),
    "act_label": ("act",),
    "reporter_label": ("reporter",),
    "venue_label": ("venue",),
}
"""Columns with the resource that a label column is about; the first one that has a value counts."""

Solution = Mapping[str, oxigraph.Term]
"""One solution of a query: terms by variable."""
Labels = Mapping[str, Mapping[str, str]]
"""Labels by resource and language."""


@dataclass(frozen=True)
class ArticleRows:
    """The rows of one article.

    Attributes:
        identifier: id of the article.
        tables: rows by table.
    """

    identifier: str
    tables: Mapping[str, list[Row]]

    def records(self, table: str) -> Iterator[dict[str, Value]]:
        """Return the rows of a table, each as values by column."""
        names = TABLES[table].names
        return (dict(zip(names, row, strict=True)) for row in self.tables[table])


class TableReader:
    """Reader of the rows of one article or of all articles.

    Attributes:
        articles: ids of the articles, sorted.
    """

    def __init__(self, articles: Articles, article: str | None = None) -> None:
        """Find the articles.

        Args:
            articles: the articles of the store.
            article: id of the only article to read; ``None`` for all articles.

        Raises:
            NotFound: the article does not exist.
        """
        self._store, self._names = articles.store, articles.names
        if article is not None:
            articles.facts(article)  # raises NotFound
        graphs = filter(None, map(self._names.article_of, self._store.graphs()))
        self.articles = sorted(graphs) if article is None else [article]
        self._only = article

    def of_article(self, identifier: str) -> ArticleRows:
        """Return the rows of one article."""
        names = self._labels(identifier)
        found: dict[str, Iterable[Solution]] = {
            name: self._query(identifier, query) for name, query in _QUERIES.items()
        }
        found["sources"] = self._sources(identifier)
        language = next((text(row["language"]) for row in found["articles"] if "language" in row), "")

        def fill(table: ExportTable, solution: Solution) -> Row:
            return tuple(_cell(column.name, column.type, solution, names, language) for column in table.columns)

        start = oxigraph.Literal(identifier)
        tables = {
            name: list(_distinct(TABLES[name], (fill(TABLES[name], {**row, "article": start}) for row in rows)))
            for name, rows in found.items()
        }
        return ArticleRows(identifier, tables)

    def of_all(self) -> Iterator[tuple[str, list[Row]]]:
        """Yield the tables that are not divided by article, ``places`` and ``links``, with their rows."""
        graphs = () if self._only is None else self._own(self._only)
        found = place_coordinates_and_containers.read(self._store, graphs)
        rows = [(p.iri, p.type, p.label, p.within, p.latitude, p.longitude, p.point_of) for p in found]
        yield "places", list(_distinct(TABLES["places"], rows))
        yield "links", list(self._links())

    def _own(self, article: str) -> tuple[str, ...]:
        return self._names.article_graph(article), self._names.inferred_graph(article)

    def _query(self, article: str, query: str) -> list[dict[str, oxigraph.Term]]:
        request = QueryDataset(default_graphs=(self._names.article_graph(article),))
        return self._store.rows(_PREFIXES + query, None, request)

    def _labels(self, article: str) -> Labels:
        found: defaultdict[str, dict[str, str]] = defaultdict(dict)
        for row in self._query(article, _LABELS):
            label = row["label"]
            if isinstance(label, oxigraph.Literal):
                found[text(row["of"])].setdefault(label.language or "", label.value)
        return found

    def _sources(self, article: str) -> Iterator[Solution]:
        following: defaultdict[str, list[str]] = defaultdict(list)
        for row in self._query(article, _RELAYS):
            following[text(row["act"])].append(text(row["next"]))
        acts: defaultdict[str, list[Solution]] = defaultdict(list)
        for row in self._query(article, _ACTS):
            acts[text(row["act"])].append(row)
        for row in self._query(article, _ENDS):
            path = shortest_way(text(row["first"]), text(row["last"]), lambda act: following[act])
            for hop, act in enumerate(path):
                for solution in acts[act]:
                    yield {**solution, "claim": row["claim"], "hop": oxigraph.Literal(str(hop))}

    def _links(self) -> Iterator[Row]:
        prefix = f"{self._names.base}graph/links/"
        rows: list[tuple[str, str, str, str]] = []
        for graph in self._store.graphs():
            dataset = graph.removeprefix(prefix)
            if dataset != graph and "/" not in dataset:
                found = self._store.rows(_PREFIXES + _LINKS, None, QueryDataset(default_graphs=(graph,)))
                rows += (_link(row, dataset) for row in found)
        if self._only is not None:
            own = {text(row["of"]) for row in self._query(self._only, "SELECT DISTINCT ?of WHERE { ?of a ?type }")}
            rows = [row for row in rows if row[0] in own]
        names = labels(self._store, dict.fromkeys(row[0] for row in rows))
        return _distinct(TABLES["links"], [(*row, names.get(row[0])) for row in sorted(rows)])


def _link(row: Solution, dataset: str) -> tuple[str, str, str, str]:
    return text(row["entity"]), dataset, text(row["match"]).removeprefix(SKOS), text(row["record"])


def _cell(name: str, kind: ColumnType, solution: Solution, names: Labels, language: str) -> Value:
    if name not in _LABEL_OF:
        return value(solution.get(name), kind)
    of = next((solution[key] for key in _LABEL_OF[name] if key in solution), None)
    known = {} if of is None else names.get(text(of), {})
    if name == "label_local":
        return known.get(language)
    return known.get("en") or next(iter(known.values()), None)


def value(term: oxigraph.Term | None, kind: ColumnType) -> Value:
    """Return a term as the value of a cell; ``None`` if it does not have the type of the column."""
    if term is None or isinstance(term, oxigraph.Triple):
        return None
    try:
        return _READERS.get(kind, str)(term.value)
    except ValueError:
        return None


def _local(iri: str) -> str:
    return iri.removeprefix(CG).removeprefix(CODE)


def _day(day: str) -> str:
    return date.fromisoformat(day[:10]).isoformat()


_READERS: dict[ColumnType, Callable[[str], Value]] = {
    ColumnType.code: _local,
    ColumnType.integer: int,
    ColumnType.number: float,
    ColumnType.boolean: lambda word: word in ("true", "1"),
    ColumnType.date: _day,
}


def _distinct(table: ExportTable, rows: Iterable[Row]) -> Iterator[Row]:
    """Yield the first row of each key."""
    seen: set[Row] = set()
    for row in rows:
        if row[: table.key] not in seen:
            seen.add(row[: table.key])
            yield row

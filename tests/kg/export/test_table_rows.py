"""Table rows: everything in the graph once, in a stable order."""

from __future__ import annotations

from collections import defaultdict
from datetime import date

import pytest

from kg.articles.statement_explanations import evidence
from kg.errors import NotFound
from kg.export.table_rows import ArticleRows, TableReader
from kg.export.table_schema import TABLES, ColumnType, Value
from kg.knowledge_graph import KnowledgeGraph
from kg.rdf.rdflib_conversion import cg
from tests.cases import articles


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    found = articles.seeded()
    articles.add_odd(found)
    return found


@pytest.fixture(scope="module")
def seed(graph: KnowledgeGraph) -> ArticleRows:
    return TableReader(graph.articles).of_article("seed")


@pytest.fixture(scope="module")
def odd(graph: KnowledgeGraph) -> ArticleRows:
    return TableReader(graph.articles).of_article("odd")


def one(article: ArticleRows, table: str, **wanted: Value) -> dict[str, Value]:
    (found,) = [row for row in article.records(table) if all(row[name] == value for name, value in wanted.items())]
    return found


def test_the_seed_article_has_all_its_rows(seed: ArticleRows) -> None:
    counts = {name: len(rows) for name, rows in seed.tables.items()}
    assert counts == {
        "articles": 1,
        "claims": 59,
        "situations": 57,
        "participants": 110,
        "relations": 31,
        "mentions": 91,
        "sources": 104,
    }


def test_a_claim(seed: ArticleRows, graph: KnowledgeGraph) -> None:
    assert one(seed, "claims", id="C22") == {
        "article": "seed",
        "claim": graph.names.local("seed", "C22"),
        "id": "C22",
        "polarity": "affirms",
        "situation": graph.names.local("seed", "stopcalls"),
        "quote": "за кілька днів до цього Путін припинив відповідати на дзвінки Асада",
        "quote_start": 813,
        "quote_end": 880,
        "section": "body",
        "cue": "За словами колишнього речника",
        "attribution_mode": "explicit",
        "expression": "stated",
        "certainty": "certain",
        "probability": None,
        "origin": graph.names.local("seed", "interview"),
        "extracted_by": "manual annotation",
        "extraction_confidence": 1.0,
        "review_status": "reviewed",
    }


def test_facts_are_those_that_the_closure_calls_so(seed: ArticleRows, graph: KnowledgeGraph) -> None:
    query = "PREFIX cg: <https://w3id.org/claimgraph/ns#> SELECT DISTINCT ?s { ?s a cg:ReportedFact }"
    reported = {row["s"].value for row in graph.store.rows(query)}  # type: ignore[union-attr]
    assert reported
    assert {row["situation"] for row in seed.records("situations") if row["reported_fact"]} == reported


def test_every_chain_is_the_one_that_why_draws(seed: ArticleRows, graph: KnowledgeGraph) -> None:
    found = evidence(graph.articles, "seed")
    chains: defaultdict[Value, list[Value]] = defaultdict(list)
    for row in seed.records("sources"):
        assert row["hop"] == len(chains[row["claim"]])
        chains[row["claim"]].append(row["act"])
    claims = {str(claim): claim for claim in found.facts.subjects(None, cg("Claim"))}
    assert chains == {iri: [str(act) for act in found.chain(claim)] for iri, claim in claims.items()}
    assert max(map(len, chains.values())) == 4


def test_cells_have_the_type_of_their_column(seed: ArticleRows, odd: ArticleRows) -> None:
    kinds = {ColumnType.integer: int, ColumnType.number: float, ColumnType.boolean: bool}
    for article in (seed, odd):
        for name, rows in article.tables.items():
            for row in rows:
                for column, value in zip(TABLES[name].columns, row, strict=True):
                    assert value is None or type(value) is kinds.get(column.type, str), (name, column.name, value)
                    if column.type is ColumnType.date and value is not None:
                        assert date.fromisoformat(str(value)).isoformat() == value


def test_rows_stand_in_the_order_of_their_key_and_none_twice(graph: KnowledgeGraph) -> None:
    reader = TableReader(graph.articles)
    assert reader.articles == ["odd", "seed"]
    first, second = (reader.of_article("seed"), reader.of_article("seed"))
    assert first == second
    for name, rows in first.tables.items():
        keys = [row[: TABLES[name].key] for row in rows]
        assert len(set(keys)) == len(keys)
        assert keys == sorted(keys, key=lambda key: [(value is not None, value) for value in key])


def test_of_several_passages_the_first_stands_with_the_claim(odd: ArticleRows) -> None:
    claim = one(odd, "claims", id="C1")
    assert (claim["quote"], claim["quote_start"], claim["cue"]) == (articles.ODD, 3, "later")
    assert (claim["polarity"], claim["probability"]) == ("denies", 0.25)


def test_names_are_english_or_any_and_those_of_the_article_too(odd: ArticleRows, seed: ArticleRows) -> None:
    request = one(odd, "situations", type="Request")
    assert (request["label"], request["label_local"]) == ("bitte", "прошу")
    place = one(odd, "participants", role="place")
    assert (place["label"], place["label_local"]) == ("hier", None)
    putin = next(row for row in seed.records("participants") if str(row["entity"]).endswith("/putin"))
    assert (putin["label"], putin["label_local"]) == ("Vladimir Putin", "Володимир Путін")


def test_a_begin_is_told_from_a_time(odd: ArticleRows, seed: ArticleRows) -> None:
    assert one(odd, "situations", type="Request")["dates"] == "startTime"
    attack = one(odd, "situations", type="Attack")
    assert (attack["dates"], attack["edtf"]) == ("time", "2024-02-29")  # the first of two
    assert [row["dates"] for row in seed.records("situations") if row["dates"]].count("startTime") == 1


def test_a_hop_with_two_reporters_has_two_rows_and_a_circle_ends(odd: ArticleRows) -> None:
    hops = [(row["hop"], row["reporter"]) for row in odd.records("sources") if str(row["claim"]).endswith("C1")]
    assert [hop for hop, _ in hops] == [0, 0, 1]
    assert hops[2][1] is None


def test_places_and_links(graph: KnowledgeGraph) -> None:
    names = graph.names
    text = "<{0}entity/putin> <http://www.w3.org/2004/02/skos/core#{1}> <http://www.wikidata.org/entity/{2}> ."
    articles.merge(graph, f"{names.base}graph/links/wikidata", text.format(names.base, "exactMatch", "Q7747"))
    articles.merge(graph, f"{names.base}graph/links/other", text.format(names.base, "closeMatch", "Q1"))
    articles.merge(graph, f"{names.base}graph/links/wikidata/rejected", text.format(names.base, "exactMatch", "Q2"))
    articles.merge(graph, "urn:mine", text.format(names.base, "exactMatch", "Q3"))
    everything = dict(TableReader(graph.articles).of_all())
    putin, label = names.entity("putin"), "Vladimir Putin"
    assert everything["links"] == [
        (putin, "other", "closeMatch", "http://www.wikidata.org/entity/Q1", label),
        (putin, "wikidata", "exactMatch", "http://www.wikidata.org/entity/Q7747", label),
    ]
    assert len(everything["places"]) == 21
    assert dict(TableReader(graph.articles, "seed").of_all())["links"] == everything["links"]
    only = dict(TableReader(graph.articles, "odd").of_all())
    assert only["links"] == []
    assert [row[0] for row in only["places"]] == [names.entity("here")]


def test_an_unknown_article(graph: KnowledgeGraph) -> None:
    with pytest.raises(NotFound):
        TableReader(graph.articles, "nowhere")

"""SSSOM files: readable by the rules of other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

import pytest
import yaml

from kg.knowledge_graph import KnowledgeGraph
from kg.links import link_file_export
from kg.links.decision_log_state import Judgement, Relation
from kg.links.link_file_export import LinkExportFormat
from kg.links.link_review_and_proposals import LinkReview, ReviewDecision
from kg.rdf import oxigraph
from tests.cases.links import BASE, proposal
from tests.configs import configured

AWKWARD = 'a tab\t, a line\nbreak, "quotes", # and |'


@pytest.fixture(scope="module")
def review() -> LinkReview:
    made = KnowledgeGraph.open(configured(), in_memory=True).review()
    made.propose([proposal("putin", "wikidata:Q7747"), proposal("iran", "geonames:130758")])
    made.decide(ReviewDecision("entity/iran", "iso3166", "IR", Judgement.positive, AWKWARD), "ann")
    made.decide(ReviewDecision("entity/syria", "wikidata", "Q858", Judgement.positive, "", Relation.close), "ann")
    made.decide(ReviewDecision("entity/russia", "wikidata", "Q1", Judgement.negative, AWKWARD), "bob")
    return made


def read(text: str) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """Read SSSOM TSV by its specification: YAML in lines that start with #, then a table."""
    lines = text.split("\n")
    count = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    header = yaml.safe_load("\n".join(line[1:] for line in lines[:count]))
    return header, [*csv.DictReader(io.StringIO("\n".join(lines[count:])), dialect="excel-tab")]


def expanded(value: str, header: dict[str, Any]) -> str:
    prefix, colon, local = value.partition(":")
    return header["curie_map"][prefix] + local if colon and prefix in header["curie_map"] else value


@pytest.mark.parametrize("rejected", [False, True])
def test_there_and_back(review: LinkReview, rejected: bool) -> None:
    header, rows = read(link_file_export.export(review, LinkExportFormat.sssom, rejected=rejected))
    assert header["license"]
    assert header["mapping_set_id"].startswith(BASE)
    links = [link for name in ("geonames", "iso3166", "wikidata") for link in review.links(name, rejected=rejected)]
    assert len(rows) == len(links) == (1 if rejected else 4)
    for row, link in zip(rows, links, strict=True):
        wanted = {name: str(value) for name, value in link.slots()}
        assert {name: expanded(value, header) for name, value in row.items() if value} == wanted
        assert {*row} <= {*link_file_export.COLUMNS}


def test_references_are_curies(review: LinkReview) -> None:
    header, rows = read(link_file_export.export(review, LinkExportFormat.sssom))
    for row in rows:
        for name, value in row.items():
            if value and (name.endswith("_id") or name in ("subject_source", "object_source", "mapping_justification")):
                assert value.partition(":")[0] in header["curie_map"], (name, value)
    assert rows[-2]["object_id"] == "wikidata:Q7747"


def test_columns_are_in_the_order_of_the_list_and_never_empty(review: LinkReview) -> None:
    _, rows = read(link_file_export.export(review, LinkExportFormat.sssom))
    assert [*rows[0]] == [name for name in link_file_export.COLUMNS if name in rows[0]]
    assert all(any(row[name] for row in rows) for name in rows[0])


def test_without_links() -> None:
    review = KnowledgeGraph.open(configured(), in_memory=True).review()
    header, rows = read(link_file_export.export(review, LinkExportFormat.sssom))
    assert (rows, header["sssom_version"]) == ([], "1.1")
    assert link_file_export.export(review, LinkExportFormat.nt).strip() == ""


def quads(review: LinkReview, **options: bool) -> set[oxigraph.Quad]:
    return stored(
        oxigraph.parse(link_file_export.export(review, LinkExportFormat.trig, **options).encode(), "application/trig")
    )


def stored(found: Iterable[oxigraph.Quad]) -> set[oxigraph.Quad]:
    """Write numbers as the store does."""
    store = oxigraph.open_store(None)
    store.extend(found)
    return {*store}


def test_trig_is_what_the_store_holds(review: LinkReview) -> None:
    names, store = review.names, review.store
    links = [names.links_graph(name) for name in ("geonames", "iso3166", "wikidata")]
    assert quads(review) == {*store.quads(links)}
    assert quads(review, rejected=True) == {*store.quads([names.rejected_graph("wikidata")])}


def test_same_as_only_on_request(review: LinkReview) -> None:
    same = "http://www.w3.org/2002/07/owl#sameAs"
    assert same not in link_file_export.export(review, LinkExportFormat.nt) + "".join(
        str(quad) for quad in quads(review)
    )
    plain = link_file_export.export(review, LinkExportFormat.nt, same_as=True)
    assert plain.count(same) == 3
    assert plain.count("closeMatch") == 1
    assert {
        row["predicate_id"] for row in read(link_file_export.export(review, LinkExportFormat.sssom, same_as=True))[1]
    } == {
        "owl:sameAs",
        "skos:closeMatch",
    }
    assert any(same in str(quad) for quad in quads(review, same_as=True))


def test_a_plain_link_cannot_say_no(review: LinkReview) -> None:
    assert link_file_export.export(review, LinkExportFormat.nt, rejected=True).strip() == ""

"""Pattern scanner: it reads what the engine reads, and never raises anything unexpected."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg.sparql.cursor_with_iri_resolution import UnexpectedToken
from kg.sparql.rewriting.query_scanner import PatternScanner
from kg.sparql.text_edits import TextSpan

ROOT = Path(__file__).resolve().parents[4]
DATA = Path(os.environ.get("CLAIMGRAPH_SUITES") or ROOT.parent / "shared" / "suites") / "data"

WORDS = """
SELECT * DISTINCT ?a ?b ( ) { } [ ] . ; , | / ^ ! + ? = <urn:x> :y a 1 -1 "s" "s"@en ^^ _:n AS WHERE FROM ORDER BY ASC
DESC LIMIT VALUES UNDEF OPTIONAL UNION MINUS FILTER EXISTS NOT BIND GRAPH SERVICE SILENT COUNT GROUP_CONCAT SEPARATOR
GROUP HAVING CONSTRUCT DESCRIBE ASK << >> ~ {| |} STR PREFIX :
"""


def queries() -> Iterator[tuple[str, list[str] | None]]:
    """Yield the queries of the W3C suites that the engine accepts, each with its columns if that is known."""
    for file in sorted(DATA.rglob("*.rq")):
        text, names = file.read_bytes().decode(), None
        try:
            found = ox.Store().query(text, base_iri="http://e/")
        except SyntaxError:
            continue
        except (OSError, RuntimeError):  # SERVICE, a custom function
            pass
        else:
            if isinstance(found, ox.QuerySolutions):
                names = sorted(variable.value for variable in found.variables)
        yield text, names


@pytest.mark.skipif(not DATA.is_dir(), reason="The W3C suites are absent; set CLAIMGRAPH_SUITES to their folder.")
def test_it_reads_all_queries_of_the_suites() -> None:
    count = 0
    for text, names in queries():
        stars = [star for star in PatternScanner(text).query().stars if star.outermost and star.selects]
        assert names is None or all(sorted(star.variables) == names for star in stars), text
        count += 1
    assert count > 900


@settings(max_examples=1000)
@given(st.lists(st.sampled_from(WORDS.split()), max_size=30))
def test_rubbish_is_unexpected_and_no_more(words: list[str]) -> None:
    for text in (" ".join(words), f"SELECT * {{ {' '.join(words)} }}", f"SELECT ?a {{ }} ORDER BY {' '.join(words)}"):
        with suppress(UnexpectedToken):
            PatternScanner(text).query()


def test_places_are_those_in_the_whole_text() -> None:
    text = "DELETE { ?a ?b 1 } WHERE { ?a :p|:q _:x . FILTER(?a = 1) { SELECT ?c { ?c ?d ?e } ORDER BY ?e } }"
    found = PatternScanner(text, TextSpan(text.index("{ ?a :p"), len(text))).group()
    assert [text[slice(*triples.span)] for triples in found.triples] == ["?a :p|:q _:x", "?c ?d ?e"]
    assert [text[slice(*order.span)] for order in found.orders] == ["?e"]
    assert [text[label.start : label.end] for label in found.labels] == ["_:x"]

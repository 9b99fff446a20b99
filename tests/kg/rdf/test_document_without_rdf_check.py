"""Documents without a statement: an empty graph is one, ``false`` and an empty file of XML are not."""

from __future__ import annotations

import io

import pytest

from kg.errors import MalformedText
from kg.rdf import oxigraph

JSON_LD, RDF_XML = "application/ld+json", "application/rdf+xml"
RDF = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>'

EMPTY = [
    *(
        (JSON_LD, text)
        for text in ("[]", "{}", "[[]]", "\ufeff {}", '{"a": "b"}', '{"@graph": []}', '[{"@graph": {}}]')
    ),
    *((RDF_XML, text) for text in (RDF, f"<?xml version='1.0'?><!-- x -->{RDF}")),
    *((name, "") for name in ("text/turtle", "application/n-triples", "application/n-quads", "text/n3")),
    ("application/trig", "{}"),
]
NONE = [
    *((JSON_LD, text, "the document is true or false") for text in ("false", " true\n", "\ufefffalse")),
    (JSON_LD, "null", "the document is null"),
    (JSON_LD, "5", "the document is a number"),
    (JSON_LD, "9" * 5000, "the document is a number"),
    (JSON_LD, '"abc"', "the document is a string"),
    (JSON_LD, "[{}, 5]", "a member of the document is a number"),
    (JSON_LD, '[[["x"]]]', "a member of the document is a string"),
    (JSON_LD, '{"@graph": 5}', "@graph is a number"),
    (JSON_LD, '{"@graph": [null]}', "a member of @graph is null"),
    (JSON_LD, '{"@value": 5}', "the document has @value"),
    (JSON_LD, '[{"@list": [5]}]', "a member of the document has @list"),
    *((RDF_XML, text, "no element") for text in ("", " \n", "<!-- <a/> -->", "<?xml version='1.0'?>")),
]


@pytest.mark.parametrize("as_stream", [False, True])
@pytest.mark.parametrize(("media_type", "text"), EMPTY)
def test_an_empty_document_has_no_statement(media_type: str, text: str, as_stream: bool) -> None:
    data = text.encode()
    assert list(oxigraph.parse(io.BytesIO(data) if as_stream else data, media_type, "http://x/")) == []


@pytest.mark.parametrize("as_stream", [False, True])
@pytest.mark.parametrize(("media_type", "text", "reason"), NONE)
def test_what_is_no_document_is_refused(media_type: str, text: str, reason: str, as_stream: bool) -> None:
    data = text.encode()
    with pytest.raises(MalformedText, match=reason):
        list(oxigraph.parse(io.BytesIO(data) if as_stream else data, media_type, "http://x/"))


def test_a_stream_that_cannot_be_read_again_is_taken_as_it_is() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    assert list(oxigraph.parse(Pipe(b"false"), JSON_LD)) == []
    assert list(oxigraph.parse(io.BytesIO(b"[" + b" " * 2_000_000 + b"5]"), JSON_LD)) == []


def test_deep_json_of_a_stream_ends_without_a_crash() -> None:
    deep = b"[" * 100 + b"]" * 100
    assert list(oxigraph.parse(io.BytesIO(deep), JSON_LD)) == []

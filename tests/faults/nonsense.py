"""Meaningless requests from a seed: queries, updates and RDF that are cut, doubled, nested or scrambled."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote_from_bytes

from kg.articles.competency_question_files import all_questions
from tests.faults.articles import article

QUERIES = [
    *(question.text for question in all_questions()),
    "PREFIX : <http://example/> SELECT (SUM(?o) AS ?n) { ?s :p+ ?o . FILTER NOT EXISTS { ?s :q/:r|^:s 'a'@en } } "
    "HAVING (?n > 1)",
    "CONSTRUCT { ?s ?p [ :q (1 2 3) ] } WHERE { GRAPH ?g { ?s ?p ?o } VALUES (?o) { (UNDEF) ('x'^^<urn:t>) } } LIMIT 3",
    "DESCRIBE <urn:a> ?x { { ?x a <urn:b> } UNION { ?x <urn:c> 1.5e3 } MINUS { ?x <urn:d> true } }",
    "ASK { SERVICE SILENT <http://127.0.0.1:1/> { ?s ?p ?o } BIND(REGEX(STR(?o), '(a+)+$') AS ?b) }",
    "BASE <http://e/> SELECT * FROM <a> FROM NAMED <b> { << ?s ?p ?o >> ?q \"\"\"long 'text'\"\"\" } # a remark",
]  # fmt: skip
UPDATES = [
    "INSERT DATA { <urn:a> <urn:p> 'x' ; <urn:q> 1, 2.5, true . GRAPH <urn:g> { _:b <urn:p> \"\\u0041\"@uk } }",
    "DELETE { ?s ?p ?o } INSERT { GRAPH <urn:h> { ?s ?p ?o } } WHERE { GRAPH <urn:g> { ?s ?p ?o } } ; "
    "DROP SILENT GRAPH <urn:h>",
    "WITH <urn:g> DELETE { ?s <urn:p> ?o } WHERE { ?s <urn:p> ?o OPTIONAL { ?s <urn:q> ?z } }",
    "LOAD <file:///etc/passwd> INTO GRAPH <urn:g> ; COPY <urn:g> TO <urn:i> ; MOVE DEFAULT TO <urn:j>",
    "CREATE GRAPH <urn:k> ; CLEAR NAMED ; ADD <urn:g> TO DEFAULT",
]  # fmt: skip
BODIES = {
    "text/turtle": (
        "@prefix : <http://e/> . "
        ":a :b [ :c (1 2.0 \"x\"@en \"2\"^^:t) ] , \"\"\"q\"\"\" ; a :K . <<:a :b :c>> :d true ."
    ),
    "application/n-triples": "<urn:a> <urn:b> \"c\\n\\u00e9\"^^<urn:t> .\n_:x <urn:p> <urn:o> . # remark\n",
    "application/n-quads": "<urn:a> <urn:b> \"c\"@en-GB .\n_:x <urn:p> <urn:o> <urn:g> .\n",
    "application/trig": "@base <http://e/> . GRAPH <g> { <a> <b> <c> . } { <d> <e> 'f' } <h> { [] <i> () }",
    "text/n3": "@prefix : <#> . { ?x :p ?y } => { ?y :q ?x } . :a is :b of :c ; = :d . @forAll :z .",
    "application/rdf+xml": (
        "<?xml version='1.0'?><!DOCTYPE r [<!ENTITY e 'x'>]>"
        "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' "
        "xmlns:d='http://d/'><rdf:Description rdf:about='http://e/a'><d:t xml:lang='en'>&e;</d:t>"
        "<d:u rdf:parseType='Literal'><b/></d:u><d:v rdf:parseType='Collection'><d:W/></d:v></rdf:Description>"
        "</rdf:RDF>"
    ),
    "application/ld+json": (
        '{"@context": {"k": {"@id": "http://e/k", "@container": "@list"}, "@vocab": "http://v/"}, "@id": "http://e/a", '
        '"@type": "T", "k": [1, 2.5, {"@value": "x", "@language": "en"}], '
        '"@graph": [{"n": null, "@reverse": {"p": {}}}]}'
    ),
}  # fmt: skip
_ODD = [
    "\x00", "\ufeff", "\u202e", "\u0301" * 40, "😀", "\U0010ffff", "\ufffe", "\x7f", "\u2028", "İ", "ß", "\\uD800",
    "\\u0000", "\\U00110000", "%00", "\r\n", "'''", '"""', "<<", ">>", "{|", "|}", "^^", "@", "_:", "?", "$", "#",
    "\\", "..", "1e999999999", "-0", "9" * 400, "0x", "<>", "< >", "<\x01>", "[]", "()", "{}", "!!", "^^^", "a:b:c",
    ":", "@prefix", "SERVICE", "LOAD",
]  # fmt: skip
_BRACKETS = [
    "{",
    "(",
    "[",
    "{ OPTIONAL {",
    "(1+",
    "!",
    "- ",
    "<< ",
    "[ a ",
    "EXISTS {",
    "{ SELECT * {",
    "/",
    "^",
    "[[",
    '{"a":',
    "<a>",
]


@dataclass(frozen=True)
class Request:
    """A request to send."""

    method: str
    target: str
    body: bytes | None
    headers: dict[str, str]


def nonsense(number: int, seed: int) -> Iterator[Request]:
    """Make so many requests, the same for the same seed."""
    rng = random.Random(seed)
    kinds, weights = zip(*_KINDS.items(), strict=True)
    for _ in range(number):
        yield rng.choices(kinds, weights)[0](rng)


def _get(rng: random.Random) -> Request:
    data = scrambled(rng, rng.choice(QUERIES))[:9000]
    more = rng.choice(
        ("", "", "&format=csv", "&timeout=0", "&asOf=-1", "&default-graph-uri=%", "&format=html", "&%ff=%fe")
    )
    accept = rng.choice(("*/*", "text/csv", "a/b;q=x", "text/html", "application/rdf+xml, */*;q=0.1", ",,;=", "é"))
    return Request("GET", f"/sparql?query={quote_from_bytes(data)}{more}", None, {"Accept": accept})


def _query(rng: random.Random) -> Request:
    return _post(rng, "/sparql?timeout=2", rng.choice(QUERIES), "application/sparql-query")


def _form(rng: random.Random) -> Request:
    data = quote_from_bytes(scrambled(rng, rng.choice(QUERIES))).encode()
    body = rng.choice((b"query=", b"&&query=", b"query=a&query=", b"update=", b"%=", b"query")) + data
    kind = rng.choice(("application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=utf-16", "a"))
    return Request("POST", "/sparql", body, {"Content-Type": kind})


def _update(rng: random.Random) -> Request:
    return _post(rng, "/update", rng.choice(UPDATES), "application/sparql-update")


def _graph(rng: random.Random) -> Request:
    kind, text = rng.choice(list(BODIES.items()))
    kind = kind if rng.random() < 0.9 else rng.choice(list(BODIES))
    where = rng.choice(("graph=urn:x", "default", "graph=%3C%3E", "graph=urn:x&default", "", "graph=http://e/%C3%A9"))
    made = _post(rng, f"/graphs?{where}", text, kind)
    return made if rng.random() < 0.5 else Request("PUT", made.target, made.body, made.headers)


def _validate(rng: random.Random) -> Request:
    kind, text = rng.choice([*BODIES.items(), ("application/json", article("a", 2).decode())])
    return _post(rng, "/validate", text, kind)


def _article(rng: random.Random) -> Request:
    return _post(rng, "/articles", article("a", 2).decode(), "application/json")


def _post(rng: random.Random, target: str, text: str, kind: str) -> Request:
    return Request("POST", target, scrambled(rng, text), {"Content-Type": kind})


def scrambled(rng: random.Random, text: str) -> bytes:
    """Corrupt a text in one to three ways."""
    if rng.random() < 0.05:
        return rng.randbytes(rng.randrange(2000))
    for _ in range(rng.randint(1, 3)):
        text = rng.choice(_WAYS)(rng, text)
    data = bytearray(text.encode("utf-8", "surrogatepass"))
    if data and rng.random() < 0.1:
        for _ in range(3):
            data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def _cut(rng: random.Random, text: str) -> str:
    start, end = sorted((rng.randrange(len(text) + 1), rng.randrange(len(text) + 1)))
    return text[:start] + text[end:]


def _insert(rng: random.Random, text: str) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice(_ODD) + text[at:]


def _double(rng: random.Random, text: str) -> str:
    start, end = sorted((rng.randrange(len(text) + 1), rng.randrange(len(text) + 1)))
    return text[:end] + text[start:end] * rng.choice((1, 2, 5)) + text[end:]


def _swap(rng: random.Random, text: str) -> str:
    words = text.split(" ")
    for _ in range(3):
        one, other = rng.randrange(len(words)), rng.randrange(len(words))
        words[one], words[other] = words[other], words[one]
    return " ".join(words)


def _nest(rng: random.Random, text: str) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice(_BRACKETS) * rng.choice((10, 90, 1000, 5000)) + text[at:]


def _swell(rng: random.Random, text: str) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice("ax1 \n\"'<é") * rng.choice((300, 5000, 100_000)) + text[at:]


_WAYS = (_cut, _cut, _insert, _insert, _insert, _double, _swap, _nest, _swell)
_KINDS = {_get: 20, _query: 20, _form: 10, _update: 20, _graph: 25, _validate: 4, _article: 1}
"""Relative frequencies; documents that go through the gate take longest."""

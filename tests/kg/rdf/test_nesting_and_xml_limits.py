"""Limits on submitted RDF: nesting, amplifying entities and long terms are refused, in one piece and in a stream."""

from __future__ import annotations

import io
import os
import random
import time
from contextlib import suppress
from pathlib import Path

import pytest

from kg.errors import ClaimgraphError, MalformedText, TooLarge
from kg.rdf import oxigraph
from kg.rdf.nesting_and_xml_limits import (
    MAX_DATA_NESTING,
    MAX_TERM,
    MAX_XML_ATTRIBUTES,
    MAX_XML_NESTING,
    CheckedStream,
    Syntax,
    checked,
)
from tests.cases.peers import Reply, serving

NAMESPACES = """<!ENTITY rdf "http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<!ENTITY xsd "http://www.w3.org/2001/XMLSchema#">
<!ENTITY both "&rdf; &xsd;">"""
LIMIT = 1024 * 1024
"""An expansion up to this size is let pass whatever the size of the document."""


def document(declarations: str, body: str = "&e;", head: str = "[\n{}\n]") -> bytes:
    return f"""<?xml version="1.0"?>
<!DOCTYPE rdf:RDF {head.format(declarations)}>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="urn:e:">
<rdf:Description rdf:about="urn:s"><e:p>{body}</e:p></rdf:Description></rdf:RDF>""".encode()


def refused_expansion(data: bytes) -> None:
    checked(data, "xml")


def value(data: bytes) -> str:
    """Parse a document with one statement and return its literal."""
    (quad,) = oxigraph.parse(data, "application/rdf+xml", "urn:base:")
    assert isinstance(quad.object, oxigraph.Literal)
    return quad.object.value


def laughs(levels: int, width: int = 10) -> bytes:
    rows = ['<!ENTITY e0 "ha">', *(f'<!ENTITY e{n} "{f"&e{n - 1};" * width}">' for n in range(1, levels))]
    return document("\n".join(rows), f"&e{levels - 1};")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (document(NAMESPACES, "&both;"), "http://www.w3.org/1999/02/22-rdf-syntax-ns# http://www.w3.org/2001/XMLSchema#"),
        (document('<!ENTITY\te\n"hello" >'), "hello"),
        (document('<!ENTITY e "a&#60;b&amp;">'), "a<b&"),
        (document('<!ENTITY f "ha"><!ENTITY e "&#38;f;">'), "&f;"),
        (laughs(5), "ha" * 10**4),
        (document("", "no entity at all"), "no entity at all"),
    ],
)  # fmt: skip
def test_ordinary_entities_are_put_in(data: bytes, expected: str) -> None:
    assert value(data) == expected


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(laughs(7), id="seven levels of ten: two million characters"),
        pytest.param(laughs(40), id="forty levels"),
        pytest.param(laughs(12, 100), id="wide"),
        pytest.param(document(f'<!ENTITY e "{"x" * 20_000}">', "&e;" * 20_000), id="one long entity, named often"),
        pytest.param(document(f'<!ENTITY e "a"><!ENTITY e "{"x" * 20_000}">', "&e;" * 20_000), id="declared again"),
        pytest.param(document(f'<!ENTITY e "{"x" * 20_000}"><!ENTITY e "a">', "&e;" * 20_000), id="and the other way"),
    ],
)
def test_what_grows_is_refused_before_it_does(data: bytes) -> None:
    begun = time.process_time()
    with pytest.raises(TooLarge, match="grows too much"):
        value(data)
    assert time.process_time() - begun < 60


def test_the_limit_is_on_what_is_put_in() -> None:
    entity = "x" * 1000
    for count, refused in ((LIMIT // 1000, False), (12 * LIMIT // 1000, True)):
        data = document(f'<!ENTITY e "{entity}">', "&e;" * count)
        if refused:
            with pytest.raises(TooLarge):
                refused_expansion(data)
        else:
            refused_expansion(data)
            assert len(value(data)) == 1000 * count


@pytest.mark.parametrize(
    "declaration",
    [
        "<!ENTITY e '{long}'>",
        '<!ENTITY e"{long}">',
        '<!ENTITY e SYSTEM "{file}">',
        '<!ENTITY e PUBLIC "x" "{address}/secret">',
        '<!ENTITY % e SYSTEM "{address}/secret.dtd"> %e;',
        "<!ENTITY % p \"<!ENTITY e 'hi'>\"> %p;",
    ],
)
def test_declarations_that_cannot_be_reckoned_with_are_refused(declaration: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the secret", "utf-8")
    with serving(lambda _: Reply(b"the secret", "text/plain")) as peer:
        text = declaration.format(long="x" * 100, file=secret.as_uri(), address=peer.address)
        with pytest.raises(TooLarge):
            value(document(text))
    assert peer.asked == []


@pytest.mark.parametrize("head", ['SYSTEM "{}"', 'PUBLIC "x" "{}"', 'SYSTEM "{}" [ ]'])
def test_a_document_type_from_outside_is_never_read(head: str) -> None:
    with serving(lambda _: Reply(b'<!ENTITY e "the secret">', "application/xml-dtd")) as peer:
        assert value(document(f"{peer.address}/x.dtd", "plain", head)) == "plain"
        with pytest.raises(MalformedText):
            value(document(f"{peer.address}/x.dtd", "&e;", head))
    assert peer.asked == []


def test_the_parser_knows_only_what_was_declared_before() -> None:
    """The reckoning takes a name that is declared later for nothing; so must the parser."""
    for declarations in ('<!ENTITY e "&f;&f;"><!ENTITY f "ha">', '<!ENTITY e "&e;&e;">'):
        refused_expansion(document(declarations))
        with pytest.raises(MalformedText):
            value(document(declarations))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "utf-7", "cp037"])
def test_no_other_encoding_hides_a_declaration(encoding: str) -> None:
    data = laughs(12).decode().replace("?>", f' encoding="{encoding}"?>', 1).encode(encoding)
    with pytest.raises(ClaimgraphError):
        value(data)


def test_it_takes_linear_time() -> None:
    """Names that never end, and marks that open nothing: no part is read again and again."""
    for piece in (b"<!ENTITY ", b"&", b"&a", b'<!ENTITY a "', b"<!ENTITY % ", b'"&a;', os.linesep.encode()):
        begun = time.process_time()
        with suppress(TooLarge):
            refused_expansion(b"<!ENTITY " + piece * (2_000_000 // len(piece)))
        assert time.process_time() - begun < 60


XML_HEAD = b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="urn:e:">'


class Dripping(io.RawIOBase):
    """A stream that returns a few bytes at a time, so that its pieces end within every mark."""

    def __init__(self, data: bytes, most: int) -> None:
        self._data, self._most, self._random = data, most, random.Random(len(data))

    def read(self, _size: int = -1) -> bytes:
        size = self._random.randint(1, self._most)
        piece, self._data = self._data[:size], self._data[size:]
        return piece


def dripped(data: bytes, syntax: Syntax, most: int = 5) -> bytes:
    return CheckedStream(Dripping(data, most), syntax).read()  # type: ignore[arg-type]


def refuses(data: bytes, syntax: Syntax) -> bool:
    """Return whether data is refused; in one piece and in many the answer is the same."""
    answers = []
    for read in (checked, dripped):
        try:
            assert read(data, syntax) == data
            answers.append(False)
        except TooLarge:
            answers.append(True)
    assert answers[0] == answers[1]
    return answers[0]


NESTED: list[tuple[Syntax, str, str, int]] = [
    ("turtle", "[ <u:p> ", "]", MAX_DATA_NESTING),
    ("turtle", "( ", ") ", MAX_DATA_NESTING),
    ("turtle", r"[ :a\#b ", "]", MAX_DATA_NESTING),
    ("turtle", r"[ :a\'b :c\"d ", "]", MAX_DATA_NESTING),
    ("turtle", "[ <u:p> '''it's \"[[\" '' ''' , ", "]", MAX_DATA_NESTING),
    ("turtle", '[ <u:p#]> "]" , # ]\n', "]", MAX_DATA_NESTING),
    ("lines", "<<<u:a><u:p>", ">> ", MAX_DATA_NESTING),
    ("json", '{"]": "\\"]", "p": ', "}", MAX_DATA_NESTING),
    ("json", '{"@context": ', "}", MAX_DATA_NESTING),
    ("xml", "<e:p>", "</e:p>", MAX_XML_NESTING),
    ("xml", "<e:p e:q='</x>' e:r=\"/>\"><e:leaf e:q='>'/>", "</e:p>", MAX_XML_NESTING),
    ("xml", "<e:p><!-- </e:p> --><![CDATA[</e:p>]]><?x </e:p> ?>", "</e:p>", MAX_XML_NESTING),
]


@pytest.mark.parametrize(("syntax", "opening", "closing", "limit"), NESTED)
def test_the_depth_is_counted_exactly(syntax: Syntax, opening: str, closing: str, limit: int) -> None:
    for depth, refused in ((limit, False), (limit + 1, True)):
        data = (opening * depth + closing * depth).encode()
        assert refuses(data, syntax) is refused
    assert not refuses((opening + closing).encode() * limit * 2, syntax)


@pytest.mark.parametrize(("syntax", "data"), [
    ("turtle", b'<u:a> <u:p> "[[[[" , """ " "" [[ """ , \'[\' . # [[[' * 300),
    ("turtle", b'<u:a> <u:p> "never closed' + b"[" * 300),
    ("json", b'{"a": "[[[[\\\\"}' * 300),
    ("xml", b"<a b='<<<<'/> &amp; <!DOCTYPE x [ <!ELEMENT y ANY> ]> <" * 300),
    ("lines", b'<u:a> <u:p> "<< << <<" .\n' * 300),
])  # fmt: skip
def test_brackets_in_other_marks_do_not_count(syntax: Syntax, data: bytes) -> None:
    assert not refuses(data, syntax)


def test_a_stream_is_refused_where_it_nests() -> None:
    line = b"<urn:a> <urn:p> <urn:b> .\n"
    data = line * 100_000 + b"<urn:a> <urn:p> " + b"( " * 100_000
    found: list[oxigraph.Quad] = []
    with pytest.raises(TooLarge, match="line 100001") as caught:
        found.extend(oxigraph.parse(io.BytesIO(data), "text/turtle"))
    assert caught.value.line == 100_001
    assert 50_000 < len(found) < 100_001  # what was read in the pieces before


def test_deep_xml_is_refused_before_it_takes_quadratic_time() -> None:
    data = XML_HEAD + b"<rdf:Description><e:p>" * 100_000
    for source in (data, io.BytesIO(data)):
        with pytest.raises(TooLarge, match="nests elements"):
            list(oxigraph.parse(source, "application/rdf+xml"))


def attributes(number: int) -> bytes:
    names = " ".join(f"e:a{each}='x=\"1\"'" for each in range(number - 1))
    return (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="urn:e:">\n'
        f"<rdf:Description rdf:about='urn:s' {names}/></rdf:RDF>"
    ).encode()


def test_attributes_of_an_element_are_counted_before_they_take_quadratic_time() -> None:
    assert len(list(oxigraph.parse(attributes(MAX_XML_ATTRIBUTES), "application/rdf+xml"))) == MAX_XML_ATTRIBUTES - 1
    with pytest.raises(TooLarge, match="1000 attributes at line 2") as caught:
        checked(attributes(MAX_XML_ATTRIBUTES + 1), "xml")
    assert caught.value.line == 2
    with pytest.raises(TooLarge):
        CheckedStream(io.BytesIO(attributes(200_000)), "xml").read()
    text = "<!-- " + "a='1' " * 5000 + "-->"  # which are no attributes
    assert checked(attributes(2) + text.encode(), "xml")


@pytest.mark.parametrize("levels", [7, 40])
def test_entities_in_a_stream(levels: int) -> None:
    with pytest.raises(TooLarge, match="grows too much"):
        list(oxigraph.parse(io.BytesIO(laughs(levels)), "application/rdf+xml"))
    assert len(list(oxigraph.parse(io.BytesIO(laughs(5)), "application/rdf+xml"))) == 1
    assert refuses(laughs(levels), "xml")


@pytest.mark.parametrize("media_type", ["text/turtle", "application/n-triples", "application/ld+json"])
def test_a_term_longer_than_the_buffer_of_the_parser(media_type: str) -> None:
    quoted = b'"' + b"x" * MAX_TERM + b'"'
    data = b'{"urn:p": ' + quoted + b"}" if "json" in media_type else b"<urn:a> <urn:p> " + quoted + b" .\n"
    for source in (data, io.BytesIO(data)):
        with pytest.raises(TooLarge, match="longer than 16 MiB"):
            list(oxigraph.parse(source, media_type))


@pytest.mark.parametrize(("media_type", "data"), [
    ("text/turtle", "@prefix : <urn:> .\n:a :p 'перший' ."),
    ("application/n-triples", "<urn:a> <urn:p> <urn:b> .\n"),
    ("application/n-quads", "<urn:a> <urn:p> <urn:b> <urn:g> .\n"),
    ("application/trig", "<urn:g> { <urn:a> <urn:p> 1 }"),
    ("text/n3", "<urn:a> <urn:p> 1 ."),
    ("application/ld+json", '{"@id": "urn:a", "urn:p": 1}'),
    ("application/rdf+xml", XML_HEAD.decode() + "<rdf:Description e:p='x'/></rdf:RDF>"),
])  # fmt: skip
def test_a_byte_order_mark_is_skipped_in_every_syntax(media_type: str, data: str) -> None:
    marked = data.encode("utf-8-sig")
    assert (
        len(list(oxigraph.parse(marked, media_type))) == len(list(oxigraph.parse(io.BytesIO(marked), media_type))) == 1
    )
    with pytest.raises(MalformedText, match="UTF-16"):
        list(oxigraph.parse(data.encode("utf-16"), media_type))


@pytest.mark.parametrize(
    "opening", [b'"', b'"""', b"'''", b"<", b"<u:a", b"\\", b"#", b"<<", b"<!--", b"<a '", b"<?", b"&", b"]]>"]
)
def test_the_depth_takes_linear_time(opening: bytes) -> None:
    data = opening * (2_000_000 // len(opening))
    for syntax in ("turtle", "json", "xml"):
        begun = time.process_time()
        with suppress(TooLarge):
            checked(data, syntax)
        assert time.process_time() - begun < 60

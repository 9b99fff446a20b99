"""XML expansion limit: RDF/XML with amplifying entities is refused; entities for namespaces are accepted."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

import pytest

from kg.errors import ClaimgraphError, MalformedText, TooLarge
from kg.rdf import oxigraph
from kg.rdf.input_limits import refuse_expansion
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
                refuse_expansion(data)
        else:
            refuse_expansion(data)
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
        refuse_expansion(document(declarations))
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
            refuse_expansion(b"<!ENTITY " + piece * (2_000_000 // len(piece)))
        assert time.process_time() - begun < 60

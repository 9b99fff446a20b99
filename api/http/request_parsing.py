"""Reading requests strictly: addresses, parameters, media types, and bodies under a limit."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl, unquote

import anyio
from fastapi import Request
from python_multipart import multipart
from starlette.datastructures import URL

from kg.errors import MalformedText, TooLarge, TooSlow, UnsupportedFormat
from kg.rdf import oxigraph

Parameters = list[tuple[str, str]]

_MAX_PARAMETERS = 1000
_MAX_DIGITS = 20
_PARAMETERS = "claimgraph.parameters"


@dataclass(frozen=True)
class ContentType:
    """A ``Content-Type``: the bare name in lower case (empty when the header is absent), and its parameters."""

    name: str
    parameters: dict[str, str]


def address(request: Request) -> str:
    """Give the IRI under which the request came, without its query: as sent, with its percent-encoding.

    Raises:
        MalformedText: the address is not a valid IRI.
    """
    scope = request.scope
    path = scope.get("raw_path") or scope["path"].encode()
    server = scope.get("server")  # a list or a tuple
    return _address(scope["scheme"], request.headers.get("host"), tuple(server) if server else None, path)


@lru_cache(maxsize=64)
def _address(scheme: str, host: str | None, server: tuple[str, int | None] | None, path: bytes) -> str:
    headers = [] if host is None else [(b"host", host.encode("latin-1"))]
    url = URL(scope={"scheme": scheme, "server": server, "path": "/", "headers": headers})
    return check_iri(f"{url.scheme}://{url.netloc}{path.decode('latin-1')}")


def origin_path(request: Request, path: str) -> str:
    """Give the address of another path of this application, beginning with ``/``."""
    return f"{request.scope.get('root_path', '')}{path}"


def check_iri(iri: str) -> str:
    """Return ``iri`` if it is an absolute IRI.

    Raises:
        MalformedText: it is not.
    """
    if not is_iri(iri):
        shown = iri[:200].encode("utf-8", "backslashreplace").decode()
        raise MalformedText(f"“{shown}” is not an absolute IRI.", remedy="Write it in full and encoded.")
    return iri


def is_iri(text: str) -> bool:
    """Tell whether ``text`` is an absolute IRI (RFC 3987)."""
    try:
        oxigraph.NamedNode(text)
    except ValueError:
        return False
    return True


def path_candidates(raw: str) -> Sequence[str]:
    """Give the forms in which an IRI may have been minted, from the path by which a browser asks for it.

    A browser sends letters outside ASCII percent-encoded, while the graph has the IRI with the letters themselves.
    """
    return list(dict.fromkeys((raw, unquote(raw))))


def media_type(header: str | None) -> ContentType:
    """Read a ``Content-Type`` header."""
    name, options = multipart.parse_options_header(header)
    parameters = {key.decode("latin-1"): value.decode("latin-1") for key, value in options.items()}
    return ContentType(name.decode("latin-1").strip(), parameters)


def content_type(request: Request, accepted: Sequence[str]) -> ContentType:
    """Read the ``Content-Type`` of a request, which must be one of ``accepted`` and in UTF-8.

    Raises:
        UnsupportedFormat: another type or charset, or none.
    """
    found = media_type(request.headers.get("content-type"))
    remedy = f"Send one of {', '.join(accepted)}."
    if not found.name:
        raise UnsupportedFormat("The request has no Content-Type.", remedy=remedy)
    if found.name not in accepted:
        raise UnsupportedFormat(f"The Content-Type “{found.name}” is not accepted here.", remedy=remedy)
    check_charset(found)
    return found


def check_charset(found: ContentType) -> None:
    """Refuse a charset other than UTF-8 (or its subset ASCII).

    Raises:
        UnsupportedFormat: another charset.
    """
    charset = found.parameters.get("charset", "utf-8").lower()
    if charset not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedFormat(f"The charset “{charset}” is not accepted.", remedy="Send UTF-8.")


async def read_body(request: Request, limit: int, seconds: float = 120) -> bytes:
    """Read the body, stopping as soon as it is over the limit, whatever ``Content-Length`` says.

    Raises:
        TooLarge: more than ``limit`` bytes.
        TooSlow: it did not come whole within ``seconds``.
    """
    declared = request.headers.get("content-length", "")
    if len(declared) > _MAX_DIGITS or (declared.isdecimal() and int(declared) > limit):
        raise _too_large(limit)
    chunks, size = [], 0
    try:
        with anyio.fail_after(seconds):
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    raise _too_large(limit)
                chunks.append(chunk)
    except TimeoutError:
        raise TooSlow(
            f"The body did not come whole within {seconds:g} seconds.",
            remedy="Send less at a time, load files with `kg load`, or raise KG_BODY_TIMEOUT.",
        ) from None
    return b"".join(chunks)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(
        f"The body is over the limit of {limit} bytes.",
        remedy="Send less at a time, load files with `kg load`, or raise KG_MAX_BODY_BYTES.",
    )


def decode(data: bytes, what: str) -> str:
    """Decode UTF-8, dropping a byte order mark.

    Raises:
        MalformedText: it is not UTF-8; the position is that of the first bad byte.
    """
    try:
        return data.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = len(before.rsplit(b"\n", 1)[-1].decode("utf-8", "replace")) + 1
        raise MalformedText(
            f"The {what} is not UTF-8 (byte {error.start}).", remedy="Send UTF-8.", line=line, column=column
        ) from None


def parse_parameters(data: bytes, what: str) -> Parameters:
    """Read ``application/x-www-form-urlencoded`` pairs, decoding each exactly once.

    Raises:
        MalformedText: not UTF-8, before or after percent-decoding, or more than a thousand pairs.
    """
    try:
        return parse_qsl(decode(data, what), keep_blank_values=True, errors="strict", max_num_fields=_MAX_PARAMETERS)
    except UnicodeDecodeError:
        raise MalformedText(f"The {what} is not UTF-8.", remedy="Percent-encode the bytes of UTF-8.") from None
    except ValueError:
        raise MalformedText(f"The {what} has more than {_MAX_PARAMETERS} parameters.") from None


def query_parameters(request: Request) -> Parameters:
    """Read the query part of the address, once; see :func:`parse_parameters`."""
    found: Parameters | None = request.scope.get(_PARAMETERS)
    if found is None:
        found = parse_parameters(request.scope["query_string"], "query part of the address")
        request.scope[_PARAMETERS] = found
    return found


def values(parameters: Parameters, name: str) -> list[str]:
    """Give all values of one parameter, in order."""
    return [value for key, value in parameters if key == name]


def single(parameters: Parameters, name: str) -> str | None:
    """Give the only value of a parameter, or ``None``.

    Raises:
        MalformedText: it is there more than once.
    """
    found = values(parameters, name)
    if len(found) > 1:
        raise MalformedText(f"The parameter “{name}” is given {len(found)} times.", remedy="Give it once.")
    return found[0] if found else None

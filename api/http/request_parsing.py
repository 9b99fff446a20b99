"""Strict request parsing: URLs, parameters, media types, and bodies within limits of size and time."""

from __future__ import annotations

import asyncio
import codecs
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl, unquote, unquote_to_bytes

import anyio
import anyio.lowlevel
from fastapi import Request
from pydantic import BeforeValidator
from python_multipart import multipart
from starlette.datastructures import URL

from api.http import request_log_record
from kg.errors import MalformedText, TooLarge, TooSlow, Unauthorized, UnsupportedFormat
from kg.rdf import oxigraph

Parameters = list[tuple[str, str]]

_MAX_PARAMETERS = 1000
_PIECE = 16 * 1024
"""Longest part of a form that is decoded at a time: at most 5 ms, in which the process serves nobody."""

_LONG_FORMS = asyncio.Lock()
"""Held while a long form is parsed: many at a time would still delay everybody by a piece of each."""

_MAX_DIGITS = 20
"""Longest Content-Length that is parsed as a number."""

_PARAMETERS = "claimgraph.parameters"
"""Key of the parsed parameters in the ASGI scope."""


@dataclass(frozen=True)
class ContentType:
    """Parsed ``Content-Type``: media type in lower case (empty if the header is absent), and its parameters."""

    name: str
    parameters: dict[str, str]


def address(request: Request) -> str:
    """Return the IRI of the request without its query, percent-encoded as sent.

    Raises:
        MalformedText: it is not a valid IRI.
    """
    scope = request.scope
    path = scope.get("raw_path") or scope["path"].encode()
    server = scope.get("server")  # a list or a tuple
    return _address(scope["scheme"], request.headers.get("host"), tuple(server) if server else None, path)


@lru_cache(maxsize=64)
def _address(scheme: str, host: str | None, server: tuple[str, int | None] | None, path: bytes) -> str:
    """Return the IRI of a path; the Host header takes precedence over the server's own address."""
    headers = [] if host is None else [(b"host", host.encode("latin-1"))]
    url = URL(scope={"scheme": scheme, "server": server, "path": "/", "headers": headers})
    return check_iri(f"{url.scheme}://{url.netloc}{path.decode('latin-1')}")


def origin_path(request: Request, path: str) -> str:
    """Return another path of this application (``/docs``) below the prefix it is served under (``/news/docs``)."""
    return f"{request.scope.get('root_path', '')}{path}"


def check_iri(iri: str) -> str:
    """Return ``iri`` if it is an absolute IRI.

    Raises:
        MalformedText: it is not.
    """
    if not is_iri(iri):
        shown = iri[:200].encode("utf-8", "backslashreplace").decode()
        raise MalformedText(f"“{shown}” is not an absolute IRI.", remedy="Write it in full and percent-encoded.")
    return iri


def is_iri(text: str) -> bool:
    """Return whether ``text`` is an absolute IRI (RFC 3987)."""
    try:
        oxigraph.NamedNode(text)
    except ValueError:
        return False
    return True


def path_candidates(raw: str) -> Sequence[str]:
    """Return the forms of an IRI that a requested path may stand for: as sent, and percent-decoded.

    A browser percent-encodes letters outside ASCII, while the graph may hold the IRI with the letters themselves:
    ``entity/%D0%9A%D0%B8%D1%97%D0%B2`` and ``entity/Київ``.
    """
    return list(dict.fromkeys((raw, unquote(raw))))


def media_type(header: str | None) -> ContentType:
    """Parse a ``Content-Type`` header."""
    name, options = multipart.parse_options_header(header)
    parameters = {key.decode("latin-1"): value.decode("latin-1") for key, value in options.items()}
    return ContentType(name.decode("latin-1").strip(), parameters)


def content_type(request: Request, accepted: Sequence[str]) -> ContentType:
    """Return the ``Content-Type`` of a request, which must be one of ``accepted`` and in UTF-8.

    Raises:
        UnsupportedFormat: the header is absent, or names another media type or charset.
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
    """Check that the charset is UTF-8 (or its subset ASCII).

    Raises:
        UnsupportedFormat: it is another one.
    """
    charset = found.parameters.get("charset", "utf-8").lower()
    if charset not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedFormat(f"The charset “{charset}” is not accepted.", remedy="Send UTF-8.")


async def read_body(request: Request, limit: int, seconds: float = 120) -> bytes:
    """Return the body, read until it exceeds the limit at most, whatever ``Content-Length`` states.

    Raises:
        TooLarge: it has more than ``limit`` bytes.
        TooSlow: it is not complete within ``seconds``.
        Busy, TooManyRequests: there is no memory for it; see :mod:`api.edge.response_and_request_memory_budget`.
    """
    declared = request.headers.get("content-length", "")
    # A number of absurd length is over any limit, and parsing it would take quadratic time.
    if len(declared) > _MAX_DIGITS or (declared.isdecimal() and int(declared) > limit):
        raise _too_large(limit)
    chunks, size = [], 0
    memory = request_log_record.of(request.scope).body
    try:
        with anyio.fail_after(seconds):
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    raise _too_large(limit)
                if memory is not None:
                    memory.grow(len(chunk))
                chunks.append(chunk)
    except TimeoutError:
        raise _too_slow(seconds) from None
    return b"".join(chunks)


def _too_slow(seconds: float) -> TooSlow:
    return TooSlow(
        f"The body did not arrive completely within {seconds:g} seconds.",
        remedy="Send less at a time, load files with `kg load`, or raise KG_BODY_TIMEOUT.",
    )


def _too_large(limit: int) -> TooLarge:
    return TooLarge(
        f"The body exceeds the limit of {limit} bytes.",
        remedy="Send less at a time, load files with `kg load`, or raise KG_MAX_BODY_BYTES.",
    )


def decode(data: bytes, what: str) -> str:
    """Decode UTF-8 without its byte order mark, if any.

    Args:
        data: bytes to decode.
        what: name of the text in messages.

    Raises:
        MalformedText: it is not UTF-8; with line and column (in code points) of the first invalid byte.
    """
    try:
        return data.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        # The text before the invalid byte is valid, so its characters can be counted.
        column = len(before.rsplit(b"\n", 1)[-1].decode("utf-8", "replace")) + 1
        raise MalformedText(
            f"The {what} is not UTF-8 (byte {error.start}).", remedy="Send UTF-8.", line=line, column=column
        ) from None


def parse_parameters(data: bytes, what: str) -> Parameters:
    """Parse ``application/x-www-form-urlencoded`` pairs, each percent-decoded exactly once.

    Args:
        data: encoded pairs.
        what: name of the text in messages.

    Raises:
        MalformedText: it is not UTF-8, before or after percent-decoding, or has more than 1,000 pairs.
    """
    try:
        return parse_qsl(decode(data, what), keep_blank_values=True, errors="strict", max_num_fields=_MAX_PARAMETERS)
    except UnicodeDecodeError:
        raise _not_utf8(what) from None
    except ValueError:
        raise _too_many(what) from None


def _text(data: bytes, what: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise _not_utf8(what) from None


def _not_utf8(what: str) -> MalformedText:
    return MalformedText(f"The {what} is not UTF-8.", remedy="Percent-encode the bytes of UTF-8.")


def _too_many(what: str) -> MalformedText:
    return MalformedText(f"The {what} has more than {_MAX_PARAMETERS} parameters.")


async def parse_form(data: bytes) -> Parameters:
    """Parse the fields of a form like :func:`parse_parameters`; a long one in pieces, between which others are served.

    Raises:
        MalformedText: see :func:`parse_parameters`.
    """
    if len(data) <= _PIECE:
        return parse_parameters(data, "form")
    async with _LONG_FORMS:
        decode(data, "form")  # only to check it
        data = data.removeprefix(codecs.BOM_UTF8)
        if data.count(b"&") >= _MAX_PARAMETERS:
            raise _too_many("form")
        fields = (pair.partition(b"=") for pair in data.split(b"&") if pair)
        return [(await _unquoted(name), await _unquoted(value)) for name, _, value in fields]


async def _unquoted(data: bytes) -> str:
    """Return a percent-decoded name or value of a form."""
    pieces, start = [], 0
    while start < len(data):
        end = start + _PIECE
        # A piece ends before a % that belongs to the next one.
        end -= next((back for back in (1, 2) if data[end - back : end - back + 1] == b"%" and end < len(data)), 0)
        pieces.append(unquote_to_bytes(data[start:end].replace(b"+", b" ")))
        start = end
        await anyio.lowlevel.checkpoint()
    return _text(b"".join(pieces), "form")


def query_parameters(request: Request) -> Parameters:
    """Return the parameters in the URL, which are parsed once; see :func:`parse_parameters`."""
    found: Parameters | None = request.scope.get(_PARAMETERS)
    if found is None:
        found = parse_parameters(request.scope["query_string"], "query part of the URL")
        request.scope[_PARAMETERS] = found
    return found


def present(parameters: Parameters, name: str) -> bool:
    """Return whether a parameter is sent, with a value or without one.

    Raises:
        MalformedText: it is sent more than once.
    """
    return _once(name, [value for key, value in parameters if key == name]) is not None


def values(parameters: Parameters, name: str) -> list[str]:
    """Return all values of one parameter, in order; an empty value counts as absent.

    Forms send every field, and clients every option, whether it is filled in or not: ``default-graph-uri=&format=``.
    """
    return [value for key, value in parameters if key == name and value]


def single(parameters: Parameters, name: str) -> str | None:
    """Return the only value of a parameter, or ``None`` if it is absent or empty.

    Raises:
        MalformedText: it has more than one value.
    """
    return _once(name, values(parameters, name))


def _once(name: str, found: list[str]) -> str | None:
    if len(found) > 1:
        raise MalformedText(f"The parameter “{name}” occurs {len(found)} times.", remedy="Send it once.")
    return found[0] if found else None


def empty_as_absent(default: object = None) -> BeforeValidator:
    """Return the validator of a declared parameter that replaces an empty value (``?limit=``) by the default."""
    return BeforeValidator(lambda value: default if value == "" else value)


def access_token(header: str | None) -> str | None:
    """Return the token of an ``Authorization`` field, the only place where one is accepted.

    It is a bearer token (RFC 6750, clause 2.1), or the password of Basic credentials (RFC 7617) with any user name, for
    clients that know only these.

    Args:
        header: value of the field; ``None`` if the request has none.

    Raises:
        Unauthorized: the field contains no token.
    """
    if header is None:
        return None
    scheme, _, value = header.partition(" ")
    token = {"bearer": value.strip(), "basic": _password(value.strip())}.get(scheme.lower())
    if not token:
        remedy = "Send “Authorization: Bearer …” with a valid token, or omit that header to read public graphs."
        raise Unauthorized("The header Authorization contains no bearer token.", remedy=remedy)
    return token


def _password(credentials: str) -> str:
    """Return the password of Basic credentials, decoded like a header (Latin-1, byte by byte); empty if malformed."""
    try:
        return b64decode(credentials, validate=True).decode("latin-1").partition(":")[2]
    except ValueError:
        return ""

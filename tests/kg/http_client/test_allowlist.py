"""Allow-list: exact matches pass, look-alikes do not."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.errors import BadInput
from kg.http_client.allowlist import AllowList
from kg.http_client.private_address_guard import address_of, is_public
from kg.http_client.url import normal

ALLOWED = AllowList("https://a.org/sparql http://127.0.0.1:9999/sparql http://b.org/data?x=1", "KG_ALLOW_SERVICE")


@pytest.mark.parametrize(
    "iri",
    [
        "https://a.org/sparql",
        "HTTPS://A.ORG/sparql",
        "https://a.org:443/sparql",
        "https://a.org:0443/sparql",
        "https://a.org/%73parql",
        "http://127.0.0.1:9999/sparql",
        "http://b.org/data?x=1",
        "http://b.org:80/data?x=1",
    ],
)
def test_the_same_address_written_otherwise(iri: str) -> None:
    assert ALLOWED.find(iri) is not None


@pytest.mark.parametrize(
    "iri",
    [
        "http://a.org/sparql",
        "https://a.org",
        "https://a.org/",
        "https://a.org/sparql/",
        "https://a.org/sparql/x",
        "https://a.org/sparqlx",
        "https://a.org/SPARQL",
        "https://a.org/sparql?",
        "https://a.org/sparql?x=1",
        "https://a.org/sparql#x",
        "https://a.org/x/../sparql",
        "https://a.org/./sparql",
        "https://a.org//sparql",
        "https://a.org/%2Fsparql",
        "https://a.org/spar%ql",
        "https://a.org:8443/sparql",
        "https://a.org:/sparql",
        "https://a.org:99999/sparql",
        "https://a.org./sparql",
        "https://a.org.evil.com/sparql",
        "https://evil.com/https://a.org/sparql",
        "https://evil.com#https://a.org/sparql",
        "https://evil.com?https://a.org/sparql",
        "https://a.org@evil.com/sparql",
        "https://a.org:443@evil.com/sparql",
        "https://user@a.org/sparql",
        "https://user:password@a.org/sparql",
        "https://@a.org/sparql",
        "https://evil.com\\@a.org/sparql",
        "https:\\\\a.org\\sparql",
        "https:a.org/sparql",
        "https:/a.org/sparql",
        "https:///a.org/sparql",
        "//a.org/sparql",
        "a.org/sparql",
        " https://a.org/sparql",
        "https://a.org/sparql\n",
        "https://a.org/sparql\x00",
        "https://a.org /sparql",
        "https://а.org/sparql",  # a Cyrillic letter
        "https://ａ.org/sparql",  # a full-width one, which IDNA would map to a
        "https://a。org/sparql",
        "https://a%2Eorg/sparql",
        "file:///etc/passwd",
        "ftp://a.org/sparql",
        "http://b.org/data",
        "http://b.org/data?x=2",
        "http://b.org/data?x=1&y=2",
        "http://127.0.0.1/sparql",
        "http://localhost:9999/sparql",
        "http://2130706433:9999/sparql",
        "http://0x7f000001:9999/sparql",
        "http://0x7f.1:9999/sparql",
        "http://0177.0.0.1:9999/sparql",
        "http://127.1:9999/sparql",
        "http://127.0.0.1.:9999/sparql",
        "http://127.000.000.001:9999/sparql",
        "http://[::ffff:127.0.0.1]:9999/sparql",
        "http://[::1]:9999/sparql",
        "http://[127.0.0.1]:9999/sparql",
        "http://a.org/\ud800",
        "",
    ],
)
def test_another_address_that_looks_like_it(iri: str) -> None:
    assert ALLOWED.find(iri) is None


@given(st.text(max_size=20), st.text(max_size=20))
def test_nothing_around_an_allowed_name_is_allowed(before: str, after: str) -> None:
    name = "https://a.org/sparql"
    assert (ALLOWED.find(before + name + after) is not None) == (before == after == "")


@given(st.from_regex(r"https?://[a-z0-9.:@\[\]%]{1,20}(/[a-zA-Zé%0-9/.]{0,9})?(\?[a-z=%]{0,5})?", fullmatch=True))
def test_a_normal_form_stays_as_it_is(iri: str) -> None:
    url = normal(iri)
    assert url is None or normal(str(url)) == url
    assert url is None or str(url).isascii()


@pytest.mark.parametrize(
    ("entry", "name", "url", "pinned"),
    [
        ("http://a.org/sparql", "http://a.org/sparql", "http://a.org/sparql", None),
        ("http://a.org/s=https://m.org/x", "http://a.org/s", "https://m.org/x", None),
        ("http://a.org/s=http://10.0.0.1/x", "http://a.org/s", "http://10.0.0.1/x", "10.0.0.1"),
        ("https://a.org/s@10.0.0.1", "https://a.org/s", "https://a.org/s", "10.0.0.1"),
        ("https://a.org/s@[fd00::1]", "https://a.org/s", "https://a.org/s", "fd00::1"),
        ("http://a.org/s=http://localhost:9/x@::1", "http://a.org/s", "http://localhost:9/x", "::1"),
        ("http://[0:0::1]/x", "http://[::1]/x", "http://[::1]/x", "::1"),
        ("http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[::ffff:7f00:1]/", "::ffff:7f00:1"),
        ("http://a.org/@me", "http://a.org/@me", "http://a.org/@me", None),
        ("http://a.org/?u=http://b.org/", "http://a.org/?u=http://b.org/", "http://a.org/?u=http://b.org/", None),
        ("http://a.org/é", "http://a.org/%C3%A9", "http://a.org/%C3%A9", None),
    ],
)
def test_entries(entry: str, name: str, url: str, pinned: str | None) -> None:
    found = AllowList(entry, "X").find(name)
    assert found is not None
    assert (found.url, found.pinned) == (normal(url), address_of(pinned) if pinned else None)


@pytest.mark.parametrize(
    "text",
    [
        "a.org",
        "*",
        "https://*.a.org/",
        "https://a.org/#x",
        "https://u@a.org/",
        "http://u@10.0.0.1",
        "http://u:p@10.0.0.1/",
        "file:///data",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://1.2.3/",
        "http://a.org/=http://",
        "http://a..org/",
        "http://a.org:0/",
        "http://a.org/ http://a.org:80/",
    ],
)
def test_what_is_no_entry_is_named(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        AllowList(text, "KG_ALLOW_LOAD")
    assert "KG_ALLOW_LOAD" in caught.value.message
    assert caught.value.remedy


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:2800:220:1::1", "2a00:1450::1"])
def test_public_addresses(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    """0.0.0.0 10.1.2.3 100.64.0.1 100.127.255.255 127.0.0.1 127.255.0.1 169.254.169.254 172.16.0.1 172.31.255.255
    192.0.0.8 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1 198.51.100.7 203.0.113.7 224.0.0.1 239.1.1.1 240.0.0.1
    255.255.255.255 :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::ffff:0:127.0.0.1 64:ff9b::127.0.0.1
    64:ff9b::8.8.8.8 64:ff9b:1::1 100::1 2001::1 2001:db8::1 2002:7f00:1::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254
    fe80::1 fec0::1 ff02::1""".split(),  # noqa: SIM905 - a list would be a page long
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))

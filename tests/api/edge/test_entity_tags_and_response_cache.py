"""Response cache: strong entity tags, 304 without work, no stale response and none of another caller."""

from __future__ import annotations

import gc
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from api.edge.entity_tags_and_response_cache import CachedResponse, ResponseCache
from api.server.connection_limit_settings import ConnectionLimits
from kg.access.api_tokens import TokenFile, TokenGrant
from kg.rdf.query_request_and_result import QueryDataset, QueryResult
from kg.sparql.checked_query_evaluation import volatile
from tests.applications import TOKEN, WRITER, Served, application, on_disk, settings
from tests.serving import Address, Answer, ask, serving

COUNT = "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"
ALL = "SELECT ?g ?o { GRAPH ?g { ?s ?p ?o } } ORDER BY ?o"
CSV = {"Accept": "text/csv"}
TAG = re.compile(r'"[0-9a-f]{16}-[0-9a-f]+-[0-9a-f]{24}(?:-gzip|-zstd)?"')
ROUNDS = 15
FOREVER = "max-age=31536000, immutable"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A shared store that tests may add to, each with its own numbers or graphs."""
    with on_disk(tmp_path_factory.mktemp("cache")) as found:
        found.update(
            "INSERT DATA { <a:a> <a:b> 1 . GRAPH <g:open> { <a:o> <a:b> 1 } GRAPH <g:kept> { <a:k> <a:b> 2 } }"
        )
        yield found


def tag_of(answer: httpx2.Response) -> str:
    assert answer.status_code == 200, answer.text
    tag = answer.headers["ETag"]
    assert TAG.fullmatch(tag)
    return str(tag)


# ---- 304


def test_what_a_client_has_is_not_run_again(served: Served) -> None:
    first = served.ask(COUNT)
    served.app.state.observer.metrics.cache.clear()
    before = served.answered
    again = served.ask(COUNT, {"If-None-Match": tag_of(first)})
    assert (again.status_code, again.content) == (304, b"")
    assert served.answered == before
    assert served.app.state.observer.metrics.cache == {"not-modified": 1}


def test_a_tag_holds_even_where_the_answer_is_not_kept(tmp_path: Path) -> None:
    with on_disk(tmp_path, cache_bytes=0) as served:
        first = served.ask(COUNT)
        before = served.answered
        assert served.ask(COUNT, {"If-None-Match": tag_of(first)}).status_code == 304
        assert served.answered == before
        assert tag_of(served.ask(COUNT)) == tag_of(first)
        assert served.answered == before + 1


def test_a_304_says_what_the_200_would(served: Served) -> None:
    """RFC 9110, clause 15.4.5."""
    for path in (f"/sparql?query={quote(COUNT)}", "/graphs?graph=g:open", "/", "/openapi.json", "/sparql"):
        whole = served.client.get(path)
        for condition in (tag_of(whole), "*"):
            short = served.client.get(path, headers={"If-None-Match": condition})
            assert short.status_code == 304, path
            for name in ("ETag", "Cache-Control", "Vary", "Claimgraph-Snapshot"):
                assert short.headers[name] == whole.headers[name], path
            assert "Content-Length" not in short.headers
            assert short.headers["X-Content-Type-Options"] == "nosniff"


def conditions(tag: str) -> list[tuple[str, bool]]:
    other = '"0000-1-0000"'
    return [
        (tag, True),
        (f"W/{tag}", True),  # weak comparison: clause 13.1.2
        (f"{other}, {tag}", True),
        (f"{tag},{other}", True),
        (f'W/"a", W/{tag} , "b"', True),
        (f'"a,b", {tag}', True),
        (" * ", True),
        ("*", True),
        (other, False),
        (tag.upper(), False),
        (tag[1:-1], False),
        (tag[:-2] + '"', False),
        (f'"x{tag[1:]}', False),
        ('"*"', False),
        ('W/"*"', False),
        ("", False),
    ]


@pytest.mark.parametrize("number", range(len(conditions(""))))
def test_the_list_of_tags_is_read_as_the_standard_says(served: Served, number: int) -> None:
    condition, matches = conditions(tag_of(served.ask(COUNT)))[number]
    answer = served.ask(COUNT, {"If-None-Match": condition})
    assert answer.status_code == (304 if matches else 200), condition


def test_the_list_may_come_in_several_fields(tmp_path: Path) -> None:
    """Which a client library may join; so here they are written by hand."""

    def get(*fields: str) -> Answer:
        lines = [f"GET /sparql?query={quote(COUNT)} HTTP/1.1", "Host: x", "Connection: close", *fields, "", ""]
        return ask(address, "\r\n".join(lines).encode())

    with serving(application(settings(tmp_path)), ConnectionLimits()) as address:
        right, other = f"If-None-Match: {get().headers['etag']}", 'If-None-Match: "other"'
        assert [get(right, other).status, get(other, right).status, get(other, other).status] == [304, 304, 200]


def test_a_star_fits_what_is_there_and_nothing_else(served: Served) -> None:
    star = {"If-None-Match": "*"}
    query = f"{COUNT} #star"
    assert served.ask(query, star).status_code == 304  # not asked before: it has to be run to know that it is there
    before = served.answered
    assert "results" in served.ask(query).json()  # what was run for the 304 is kept whole
    assert served.answered == before
    assert served.client.get("/graphs?graph=g:none", headers=star).status_code == 404
    assert served.client.get("/nowhere", headers=star).status_code == 404
    assert served.ask("ASK {", star).status_code == 400
    assert served.ask("SELECT (NOW() AS ?x) {}", star).status_code == 304


# ---- what a tag depends on


def test_a_tag_names_the_store_the_snapshot_and_the_request(served: Served) -> None:
    query = f"{COUNT} #names"
    first = served.ask(query)
    identity, number, _ = tag_of(first)[1:-1].split("-")
    assert identity == served.endpoint.store.identity
    assert int(number, 16) == served.endpoint.number
    assert first.headers["Claimgraph-Snapshot"] == str(served.endpoint.number)


def test_a_tag_changes_with_a_write_and_the_answer_too(served: Served) -> None:
    query = "SELECT ?o { <t:changes> <a:b> ?o } ORDER BY ?o"
    before = served.ask(query)
    served.update("INSERT DATA { <t:changes> <a:b> 7 }")
    after = served.ask(query, {"If-None-Match": tag_of(before)})
    assert after.status_code == 200
    assert tag_of(after) != tag_of(before)
    assert after.json()["results"]["bindings"][0]["o"]["value"] == "7"


def test_each_form_of_a_request_has_a_tag_of_its_own(served: Served) -> None:
    path = f"/sparql?query={quote(ALL)}"
    requests: list[tuple[str, dict[str, str]]] = [
        (path, {}),
        (path, CSV),
        (path, {"Accept": "application/sparql-results+xml"}),
        (path + "&format=csv", {}),
        (path + "&format=tsv", {}),
        (path + "&default-graph-uri=g:open", {}),
        (path + "&named-graph-uri=g:open", {}),
        (path + f"&asOf={served.endpoint.number}", {}),
        (path, {"Host": "other.example"}),
        (f"/sparql?query={quote(ALL + ' ')}", {}),
        ("/sparql", {}),
        ("/graphs?graph=g:open", {}),
        ("/graphs?graph=g:kept", {}),
        ("/graphs?default", {}),
    ]
    found = [served.client.get(path, headers=headers) for path, headers in requests]
    tags = [tag_of(answer) for answer in found]
    assert len(set(tags)) == len(requests)
    again = [served.client.get(path, headers=headers) for path, headers in requests]
    assert [(tag_of(answer), answer.content) for answer in again] == [
        (tag, answer.content) for tag, answer in zip(tags, found, strict=True)
    ]
    for tag in tags[1:]:  # the tag of another request is none of this one
        assert served.client.get(path, headers={"If-None-Match": tag}).status_code == 200


def test_relative_iris_are_resolved_by_the_host_that_was_asked(served: Served) -> None:
    query = "SELECT (<x> AS ?iri) {}"
    for host in ("one.example", "two.example"):
        found = served.ask(query, {"Host": host, **CSV}).text
        assert found.split() == ["iri", f"http://{host}/x"]


def test_another_store_has_other_tags(served: Served, tmp_path: Path) -> None:
    with on_disk(tmp_path) as other:
        while other.endpoint.number < served.endpoint.number:
            other.update("INSERT DATA { <a:a> <a:b> 1 }")
        while served.endpoint.number < other.endpoint.number:
            served.update("INSERT DATA { <a:a> <a:b> 1 }")
        tag = tag_of(served.ask(COUNT))
        assert other.ask(COUNT, {"If-None-Match": tag}).status_code == 200


def test_a_tag_outlives_no_start(tmp_path: Path) -> None:
    """The software may be another after it, and may render otherwise."""

    def once(condition: str) -> httpx2.Response:
        with on_disk(tmp_path) as served:
            return served.ask(COUNT, {"If-None-Match": condition})

    tag = tag_of(once('"none"'))
    gc.collect()  # lets go of the store
    assert once(tag).status_code == 200


# ---- kept answers


def test_a_kept_answer_is_given_without_a_reader(served: Served) -> None:
    query = f"{COUNT} #kept"
    first, before = served.ask(query), served.answered
    again = served.ask(query)
    assert (again.content, tag_of(again)) == (first.content, tag_of(first))
    assert served.answered == before
    assert {k: v for k, v in again.headers.items() if k != "x-request-id"} == {
        k: v for k, v in first.headers.items() if k != "x-request-id"
    }


def test_head_asks_and_keeps_the_same(served: Served) -> None:
    query = f"{COUNT} #head"
    path = f"/sparql?query={quote(query)}"
    head, before = served.client.head(path), served.answered
    assert (head.status_code, head.content) == (200, b"")
    whole = served.client.get(path)  # a body that HEAD left empty would show here
    assert len(whole.content) == int(head.headers["Content-Length"]) > 0
    assert tag_of(whole) == tag_of(head)
    assert served.answered == before
    assert served.client.head(path, headers={"If-None-Match": tag_of(head)}).status_code == 304


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_neither_read_nor_fill_the_cache(served: Served, method: str) -> None:
    path = f"/sparql?query={quote(f'{COUNT} #{method}')}"
    tag = tag_of(served.client.get(path))
    answer = served.client.request(method, path, headers={"If-None-Match": tag})
    assert answer.status_code in (405, 415)
    assert "ETag" not in answer.headers
    assert "results" in served.client.get(path).json()


def test_a_posted_query_has_no_tag(served: Served) -> None:
    for _ in range(2):
        before = served.answered
        answer = served.client.post("/sparql", data={"query": COUNT})
        assert answer.status_code == 200
        assert "ETag" not in answer.headers
        assert served.answered == before + 1


def test_errors_are_neither_tagged_nor_kept(served: Served) -> None:
    for path, status in (("/graphs?graph=t:late", 404), (f"/sparql?query={quote('ASK {')}", 400), ("/nowhere", 404)):
        answer = served.client.get(path)
        assert answer.status_code == status
        assert "ETag" not in answer.headers
        assert "Cache-Control" not in answer.headers
    served.update("INSERT DATA { GRAPH <t:late> { <a:a> <a:b> 1 } }")
    assert served.client.get("/graphs?graph=t:late").status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/static/style.css"])
def test_what_reads_no_snapshot_has_none(served: Served, path: str) -> None:
    answer = served.client.get(path, headers=WRITER)
    assert answer.status_code == 200
    assert "Claimgraph-Snapshot" not in answer.headers


def test_the_cache_is_bounded() -> None:
    """Small answers are not free: what they take beside their bytes counts, too."""
    answers = ResponseCache(100_000)
    for number in range(1000):
        answers.put(b"%d" % number, CachedResponse([(b"name", b"value")], b"x"))
    kept = [number for number in range(1000) if answers.get(b"%d" % number)]
    assert 20 < len(kept) < 160
    assert kept == list(range(kept[0], 1000))


def test_what_is_used_stays() -> None:
    answers = ResponseCache(100_000)
    for number in range(1000):
        answers.put(b"%d" % number, CachedResponse([], b"x" * 1000))
        assert answers.get(b"0")
    assert not answers.get(b"1")


def test_an_answer_put_twice_counts_once() -> None:
    answers = ResponseCache(100_000)
    for number in range(100):
        answers.put(b"same", CachedResponse([], b"x" * (10_000 - 90 * number)))
    for number in range(7):
        answers.put(b"%d" % number, CachedResponse([], b"x" * 10_000))
    assert answers.get(b"same")
    assert answers.get(b"0")


def test_one_large_answer_does_not_take_the_cache() -> None:
    answers = ResponseCache(80_000)
    answers.put(b"small", CachedResponse([], b"x"))
    assert answers.accepts(10_000)
    assert not answers.accepts(10_001)
    answers.put(b"large", CachedResponse([], b"x" * 10_000))
    assert answers.get(b"small")
    assert not answers.get(b"large")


def test_a_large_answer_is_given_whole_and_not_kept(tmp_path: Path) -> None:
    with on_disk(tmp_path, cache_bytes=80_000) as served:
        query = f'SELECT ("{"x" * 9000}" AS ?x) {{ VALUES ?n {{ 1 2 3 4 5 6 }} }}'
        answers = [served.client.get("/sparql", params={"query": query}, headers=CSV) for _ in range(2)]
        assert [len(answer.text.split()) for answer in answers] == [7, 7]
        assert served.answered == 2
        assert tag_of(answers[0]) == tag_of(answers[1])


# ---- never stale


def test_what_is_acknowledged_is_read(served: Served) -> None:
    for number in range(10):
        served.update(f"INSERT DATA {{ <t:ack> <a:b> {number} }}")
        found = served.ask("SELECT ?o { <t:ack> <a:b> ?o }", CSV).text.split()
        assert found[1:].count(str(number)) == 1
        assert len(found) == number + 2


def test_what_is_acknowledged_at_the_address_of_queries_is_read(served: Served) -> None:
    for number in range(10):
        update = {"update": f"INSERT DATA {{ <t:ack> <a:c> {number} }}"}
        assert served.client.post("/sparql", data=update, headers=WRITER).status_code == 204
        found = served.ask("SELECT ?o { <t:ack> <a:c> ?o }", CSV).text.split()
        assert len(found) == number + 2


class Race:
    """Writers and readers on one server, and the inconsistencies they observe."""

    query = quote("SELECT ?s (COUNT(*) AS ?n) { ?s <urn:wrote> ?o } GROUP BY ?s ORDER BY ?s")
    paths = (f"/sparql?query={query}", "/sparql?format=ttl", "/graphs?default")

    def __init__(self, address: Address) -> None:
        self.faults: list[str] = []
        self.seen: dict[str, bytes] = {}
        self.over = threading.Event()
        self._base = f"http://127.0.0.1:{address[1]}"

    def look(self, client: httpx2.Client, path: str) -> httpx2.Response:
        answer = client.get(self._base + path, headers={"Accept": "text/csv, text/turtle;q=0.5"})
        tag = answer.headers.get("ETag")
        if answer.status_code != 200:
            self.faults.append(f"{path}: {answer.status_code}")
        elif tag and self.seen.setdefault(tag, answer.content) != answer.content:
            self.faults.append(f"{path}: two answers have the tag {tag}")
        return answer

    def write(self, name: str) -> None:
        with httpx2.Client(timeout=30) as client:
            for number in range(1, ROUNDS + 1):
                text = f"INSERT DATA {{ <urn:{name}> <urn:wrote> {number} }}"
                done = client.post(f"{self._base}/update", data={"update": text}, headers=WRITER)
                answer = self.look(client, self.paths[0])
                if done.status_code != 204 or f"urn:{name},{number}\r\n" not in answer.text:
                    self.faults.append(f"{name} wrote {number} and read {answer.text}")

    def read(self) -> None:
        number = 0
        with httpx2.Client(timeout=30) as client:
            while not self.over.is_set():
                for path in self.paths:
                    known = int(self.look(client, path).headers.get("Claimgraph-Snapshot", number))
                    if known < number:
                        self.faults.append(f"snapshot {known} after {number}")
                    number = known


def test_writers_read_what_they_wrote_and_a_tag_names_one_answer(tmp_path: Path) -> None:
    """While many write at once, nobody is told old news, and no two answers have the same strong tag."""
    with serving(application(settings(tmp_path, snapshots=2)), ConnectionLimits()) as address:
        race = Race(address)
        writers = [threading.Thread(target=race.write, args=(f"w{number}",)) for number in range(3)]
        readers = [threading.Thread(target=race.read) for _ in range(2)]
        for thread in (*writers, *readers):
            thread.start()
        for thread in writers:
            thread.join(60)
        race.over.set()
        for thread in readers:
            thread.join(60)
    assert not race.faults
    assert race.seen  # how many depends on the machine


def test_what_changes_while_it_is_read_has_no_tag(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """The description counts what is there now: here a graph that was committed after the number was noted."""
    store = served.endpoint.store
    sizes = store.sizes

    def later() -> dict[str, int]:
        store.merge("t:early", [])
        return sizes()

    with monkeypatch.context() as patched:
        patched.setattr(store, "sizes", later)
        early = served.client.get("/sparql", headers={"Accept": "text/turtle"})
    assert "t:early" in early.text
    assert "ETag" not in early.headers
    assert tag_of(served.client.get("/sparql", headers={"Accept": "text/turtle"}))


def test_an_answer_from_a_newer_snapshot_than_was_noted_has_no_tag(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = served.endpoint
    query = endpoint.query

    async def later(*given: Any, **named: Any) -> QueryResult:
        await endpoint.update("INSERT DATA { <t:newer> <a:b> 1 }", QueryDataset())
        return await query(*given, **named)

    text = "SELECT ?o { <t:newer> <a:b> ?o }"
    with monkeypatch.context() as patched:
        patched.setattr(endpoint, "query", later)
        answer = served.ask(text, CSV)
    assert answer.text.split() == ["o", "1"]
    assert "ETag" not in answer.headers
    assert tag_of(served.ask(text, CSV))


# ---- asOf


def test_as_of_a_snapshot_that_is_kept(served: Served) -> None:
    query = "SELECT ?o { <t:past> <a:b> ?o } ORDER BY ?o"
    numbers = []
    for number in range(3):
        served.update(f"INSERT DATA {{ <t:past> <a:b> {number} }}")
        numbers.append(served.endpoint.number)
    for count, number in enumerate(numbers, 1):
        answer = served.ask(query, CSV, asOf=str(number))
        assert len(answer.text.split()) == count + 1
        assert answer.headers["Cache-Control"] == FOREVER
        assert answer.headers["Claimgraph-Snapshot"] == str(number)
        assert tag_of(answer).split("-")[1] == f"{number:x}"
    assert len({tag_of(served.ask(query, CSV, asOf=str(number))) for number in numbers}) == 3
    assert served.ask(query, CSV).headers["Cache-Control"] == "no-cache"


def test_as_of_a_snapshot_that_is_pruned_or_never_was(tmp_path: Path) -> None:
    with on_disk(tmp_path, snapshots=2) as served:
        first = served.endpoint.number
        kept = served.ask(COUNT, CSV, asOf=str(first))
        for number in range(3):
            served.update(f"INSERT DATA {{ <a:a> <a:b> {number} }}")
        for gone in (first, 0, served.endpoint.number + 1, 10**17):
            answer = served.ask(f"{COUNT} #new", CSV, asOf=str(gone))
            assert (answer.status_code, "ETag" in answer.headers) == (404, False)
        before = served.answered
        assert (
            served.ask(COUNT, CSV, asOf=str(first)).content == kept.content
        )  # the answer is kept, if not the snapshot
        assert served.ask(COUNT, CSV | {"If-None-Match": tag_of(kept)}, asOf=str(first)).status_code == 304
        assert served.answered == before
        coming = served.endpoint.number + 1
        assert served.ask(COUNT, CSV, asOf=str(coming)).status_code == 404
        served.update("INSERT DATA { <a:a> <a:b> 9 }")
        assert served.ask(COUNT, CSV, asOf=str(coming)).text.split() == ["n", "4"]


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("asOf={now}&asOf={now}", 400),
        ("asOf={now}&asOf={then}", 400),
        ("asOf={then}&asOf={now}", 400),
        ("asOf=", 200),
        ("asOf=-1", 400),
        ("asOf=1.0", 400),
        ("asOf=%31", 400),
        ("as%4ff={then}", 400),
        ("%61sOf={then}", 400),
        ("asOf={then}%20", 400),
        ("asOf=+{then}", 400),
        ("asOf=9999999999999999999", 400),
        ("xasOf={then}", 200),
        ("asof={then}", 200),
    ],
)
def test_an_as_of_that_is_odd_passes_nothing_off_for_something_else(served: Served, text: str, status: int) -> None:
    served.update("INSERT DATA { <t:odd> <a:b> 1 }")
    then = served.endpoint.number
    served.update("INSERT DATA { <t:odd> <a:b> 2 }")
    now = served.endpoint.number
    written = text.format(now=now, then=then)
    answer = served.client.get(f"/sparql?query={quote('SELECT ?o { <t:odd> <a:b> ?o }')}&{written}", headers=CSV)
    assert answer.status_code == status
    if status == 200:  # another parameter, that means nothing
        assert answer.headers["Claimgraph-Snapshot"] == str(now)
        assert answer.headers["Cache-Control"] == "no-cache"
        assert len(answer.text.split()) == 3
    else:
        assert "ETag" not in answer.headers


@pytest.mark.parametrize("path", ["/sparql?", "/?", "/openapi.json?"])
def test_what_goes_back_to_no_snapshot_is_not_said_to(served: Served, path: str) -> None:
    number = served.endpoint.number
    for _ in range(2):
        answer = served.client.get(f"{path}asOf={number}", headers={"Accept": "text/turtle, */*;q=0.1"})
        assert answer.status_code == 200
        assert "ETag" not in answer.headers
        assert "immutable" not in answer.headers.get("Cache-Control", "")


def test_paging_is_stable_while_others_write(served: Served) -> None:
    served.update(f"INSERT DATA {{ {' '.join(f'<t:page> <a:b> {n} .' for n in range(0, 60, 2))} }}")
    query = "SELECT ?o {{ <t:page> <a:b> ?o }} ORDER BY ?o LIMIT 10 OFFSET {}"
    page = served.ask(query.format(0), CSV)
    number, found = page.headers["Claimgraph-Snapshot"], page.text.split()[1:]
    for offset in (10, 20, 30):
        served.update(f"INSERT DATA {{ <t:page> <a:b> {offset - 9} }} ; DELETE DATA {{ <t:page> <a:b> {offset} }}")
        found += served.ask(query.format(offset), CSV, asOf=number).text.split()[1:]
    assert [int(value) for value in found] == list(range(0, 60, 2))


# ---- whose answers


def limited(folder: Path, *graphs: str) -> dict[str, str]:
    token = TokenFile(folder).create("narrow", TokenGrant(scope="read", graphs=graphs))
    return {"Authorization": f"Bearer {token}"}


def test_an_answer_is_for_those_who_see_the_same(tmp_path: Path) -> None:
    with on_disk(tmp_path, public_graphs="g:open") as served:
        served.update("INSERT DATA { GRAPH <g:open> { <a:a> <a:b> 1 } GRAPH <g:kept> { <a:a> <a:b> 2 } }")
        narrow = limited(tmp_path, "g:kept")
        asked = [({}, {"1"}), (WRITER, {"1", "2"}), (narrow, {"2"}), ({}, {"1"}), (narrow, {"2"}), (WRITER, {"1", "2"})]
        tags = []
        for headers, expected in asked:
            answer = served.ask(ALL, headers | CSV)
            assert {line.split(",")[-1] for line in answer.text.split()[1:]} == expected
            assert answer.headers["Cache-Control"] == "private, no-cache"
            tags.append(tag_of(answer))
        assert len(set(tags)) == 3
        assert tags[:3] == [tags[3], tags[5], tags[4]]
        for tag in tags[1:3]:  # of others: they are no secret, but show nothing
            assert served.ask(ALL, CSV | {"If-None-Match": tag}).status_code == 200
        past = served.ask(ALL, WRITER | CSV, asOf=str(served.endpoint.number))
        assert past.headers["Cache-Control"] == f"private, {FOREVER}"


def test_what_everybody_sees_is_public(served: Served) -> None:
    assert served.ask(COUNT, WRITER).headers["Cache-Control"] == "no-cache"
    assert tag_of(served.ask(COUNT, WRITER)) == tag_of(served.ask(COUNT))


def test_who_may_not_read_gets_nothing_that_is_kept(tmp_path: Path) -> None:
    with on_disk(tmp_path, public_graphs="none") as served:
        whole = served.ask(COUNT, WRITER)
        assert whole.headers["Cache-Control"] == "private, no-cache"
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic YTpi"}):
            for condition in ({}, {"If-None-Match": tag_of(whole)}, {"If-None-Match": "*"}):
                answer = served.ask(COUNT, headers | condition)
                assert (answer.status_code, "ETag" in answer.headers) == (401, False)


def test_a_revoked_token_gets_nothing_that_is_kept(tmp_path: Path) -> None:
    with on_disk(tmp_path, public_graphs="none") as served:
        narrow = limited(tmp_path, "g:kept")
        tag = tag_of(served.ask(COUNT, narrow))
        assert served.ask(COUNT, narrow | {"If-None-Match": tag}).status_code == 304
        TokenFile(tmp_path).revoke("narrow")
        assert served.ask(COUNT, narrow | {"If-None-Match": tag}).status_code == 401


def test_the_past_of_a_limited_caller_is_what_it_was(tmp_path: Path) -> None:
    """Even where a graph is gone since, for which graphs there are is read in the snapshot, too."""
    with on_disk(tmp_path, cache_bytes=0) as served:
        served.update("INSERT DATA { GRAPH <g:kept> { <a:a> <a:b> 2 } GRAPH <g:other> { <a:a> <a:b> 3 } }")
        number, narrow = str(served.endpoint.number), limited(tmp_path, "g:kept") | CSV
        before = served.ask(ALL, narrow, asOf=number)
        served.update("DROP GRAPH <g:kept>")
        after = served.ask(ALL, narrow, asOf=number)
        assert before.text.split()[1:] == after.text.split()[1:] == ["g:kept,2"]
        assert tag_of(before) == tag_of(after)
        assert served.ask(ALL, narrow).text.split()[1:] == []


@pytest.mark.parametrize("path", ["/describe?iri=urn:x", "/graphs?graph=g:x"])
def test_whatever_reads_a_snapshot_goes_back_to_it(tmp_path: Path, path: str) -> None:
    with on_disk(tmp_path, cache_bytes=0, bare=False) as served:
        served.update("INSERT DATA { GRAPH <g:x> { <urn:x> <a:b> 1 } }")
        number = served.endpoint.number
        served.update("INSERT DATA { GRAPH <g:x> { <urn:x> <a:b> 2 } }")
        triples = {"Accept": "application/n-triples"}
        then, now = (
            served.client.get(f"{path}&asOf={number}", headers=triples),
            served.client.get(path, headers=triples),
        )
        assert (then.text.count("urn:x"), now.text.count("urn:x")) == (1, 2)
        assert (then.headers["Cache-Control"], now.headers["Cache-Control"]) == (FOREVER, "no-cache")
        assert then.headers["Claimgraph-Snapshot"] == str(number)


# ---- what depends on more than the data


@pytest.mark.parametrize(
    "query",
    [
        "SELECT (NOW() AS ?x) {}",
        "SELECT (now () AS ?x) {}",
        "SELECT (Now#c\n() AS ?x) {}",
        "SELECT (RAND() AS ?x) {}",
        "SELECT (UUID() AS ?x) {}",
        "SELECT (STRUUID() AS ?x) {}",
        "SELECT (BNODE() AS ?x) {}",
        'SELECT (BNODE("a") AS ?x) {}',
        "SELECT ?x { VALUES ?x { 1 2 } FILTERRAND() }",
        "SELECT ?x { VALUES ?x { 1 2 3 } } ORDER BYRAND()",
        "SELECT (COUNT(*) AS ?n) { VALUES ?x { 1 2 } } GROUP BYRAND()",
        "CONSTRUCT { [] <a:b> 1 } {}",
        "CONSTRUCT { _:a <a:b> 1 } {}",
        "CONSTRUCT { <a:b> <a:c> (1 2) } {}",
        "construct{<a:b> <a:c> '}' , [] } {}",
    ],
)
def test_what_chance_and_the_clock_answer_is_not_stored(served: Served, query: str) -> None:
    for _ in range(2):
        before = served.answered
        answer = served.ask(query)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
        assert "ETag" not in answer.headers
        assert served.answered == before + 1


@pytest.mark.parametrize(
    "query", [COUNT, "SELECT ?now { ?now <a:b> ?rand }", "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }", "DESCRIBE <a:a>"]
)
def test_other_answers_are(served: Served, query: str) -> None:
    assert not volatile(query)
    assert tag_of(served.ask(query))


@pytest.mark.parametrize(
    "query", ["ASK { SERVICE <http://x/> {} }", "ASK {SERVICESILENT<http://x/> {}}", "ASK{service <x:y>{}}"]
)
def test_what_other_servers_answer_is_not(query: str) -> None:
    assert volatile(query)


def test_the_cache_works_without_readers_too(bare: Any) -> None:
    """A store in memory is asked directly, and has no past."""
    first = bare.get("/sparql", params={"query": COUNT}, headers=CSV)
    number = first.headers["Claimgraph-Snapshot"]
    assert (
        bare.get("/sparql", params={"query": COUNT}, headers=CSV | {"If-None-Match": tag_of(first)}).status_code == 304
    )
    bare.post("/update", data={"update": "INSERT DATA { <a:a> <a:b> 1 }"}, headers={"Authorization": f"Bearer {TOKEN}"})
    assert bare.get("/sparql", params={"query": COUNT}, headers=CSV).text.split() == ["n", "1"]
    assert "ETag" not in bare.get("/sparql", params={"query": COUNT, "asOf": number}, headers=CSV).headers

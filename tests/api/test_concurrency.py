"""Concurrency over a real server: slow queries block nobody, and oversized bodies are cut off on arrival."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
import uvicorn

from api.app import create_app
from kg.config import Config
from kg.knowledge_graph import KnowledgeGraph

SLOW = """SELECT (COUNT(*) AS ?n) WHERE {
  { SELECT ?a WHERE { ?a ?b ?c } LIMIT 200 } ?d ?e ?f . FILTER(STRLEN(CONCAT(STR(?a), STR(?d))) = 1) }"""


@pytest.fixture(scope="module")
def address(graph: KnowledgeGraph, config: Config) -> Iterator[str]:
    """A server on a free loopback port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings = uvicorn.Config(create_app(graph, config), log_level="critical", lifespan="off")
        server = uvicorn.Server(settings)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()


def test_slow_queries_delay_nothing_else(address: str) -> None:
    """Three answers within one slow query show that it holds nothing up; if it did, there would be one, at its end."""

    def ask() -> None:
        answer = httpx2.get(f"{address}/sparql", params={"query": SLOW}, timeout=60)
        assert answer.json()["results"]["bindings"][0]["n"]["value"] == "0"

    with ThreadPoolExecutor(2) as pool:
        for _ in range(20):
            slow, count = [pool.submit(ask) for _ in range(2)], 0
            while not any(each.done() for each in slow):
                assert httpx2.get(f"{address}/questions", timeout=60).status_code == 200
                count += not any(each.done() for each in slow)
            for each in slow:
                each.result(60)
            if count > 2:
                return
    raise AssertionError("never were there three answers within a slow query")


def test_a_body_without_a_length_is_cut_off_at_the_limit(address: str, auth: dict[str, str], config: Config) -> None:
    def body() -> Iterator[bytes]:
        for _ in range(4 * config.http.max_body_bytes // 1024):
            yield b"#" * 1024

    headers = {"Content-Type": "text/turtle", **auth}
    try:
        answer = httpx2.put(f"{address}/graphs?graph=g:1", content=body(), headers=headers, timeout=30)
    except httpx2.WriteError:
        pass  # the server has hung up before we were done, which is its right
    else:
        assert answer.status_code == 413
        assert answer.json()["title"] == "A limit is exceeded"
    assert httpx2.get(f"{address}/graphs?graph=g:1").status_code == 404


def test_a_client_that_hangs_up_does_no_harm(address: str, auth: dict[str, str]) -> None:
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        lines = ["PUT /graphs?graph=g:1 HTTP/1.1", f"Host: {host}", f"Authorization: {auth['Authorization']}",
                 "Content-Type: text/turtle", "Content-Length: 1000", "", "<a:a>"]  # fmt: skip
        connection.sendall("\r\n".join(lines).encode())
    assert httpx2.get(f"{address}/graphs?graph=g:1").status_code == 404


def test_many_readers_at_once(address: str) -> None:
    def read() -> None:
        for path in ("/sparql?query=SELECT*%7B%3Fs%3Fp%3Fo%7DLIMIT+100", "/entity/putin", "/sparql", "/graphs?default"):
            seen.append(httpx2.get(address + path, timeout=60).status_code)

    seen: list[int] = []
    readers = [threading.Thread(target=read) for _ in range(12)]
    for thread in readers:
        thread.start()
    for thread in readers:
        thread.join()
    assert seen == [200] * 48

"""Access log: one accurate, unforgeable line for each request, without secrets, written outside of request handling."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import pytest

from api.edge import access_and_server_log
from api.edge.access_and_server_log import LogWriter, MessageHandler, RequestLog, logging_to, mode, now
from api.http.request_log_record import RequestLogRecord
from api.server.connection_limit_settings import ConnectionLimits
from kg.access.api_tokens import TokenFile, TokenGrant
from tests.applications import TOKEN, WRITER, Served, application, observer_of, on_disk, settings
from tests.processes import wait_until
from tests.serving import ask, serving

Form = Literal["json", "text"]
SECRET = "urn:the-subject-of-a-secret-query"
QUERY = f"SELECT * {{ <{SECRET}> ?p ?o }}"


class Pipe:
    """A pipe as the target of a log, read when the test chooses."""

    def __init__(self) -> None:
        self.inlet, self.outlet = os.pipe()[::-1]
        self.writer = LogWriter(self.inlet)

    def lines(self) -> list[str]:
        """Close the log and return its lines."""
        self.writer.close()
        os.close(self.inlet)
        with os.fdopen(self.outlet, encoding="utf-8", newline="\n") as file:
            return file.read().splitlines()


@contextmanager
def logged(served: Served, form: Form = "json") -> Iterator[list[str]]:
    """Log what an application does, and return the lines afterwards."""
    pipe, found = Pipe(), list[str]()
    observer = served.app.state.observer
    observer.log = RequestLog(pipe.writer, form)
    try:
        yield found
    finally:
        observer.log = None
        found += pipe.lines()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with on_disk(tmp_path_factory.mktemp("logs")) as found:
        yield found


def exchange(**scope: Any) -> RequestLogRecord:
    given = {"method": "GET", "path": "/", "raw_path": b"/", "client": ("192.0.2.1", 5), **scope}
    return RequestLogRecord(given, "id-1", "point")


# ---- what a line says


def test_a_line_says_what_was_asked_and_what_became_of_it(served: Served) -> None:
    with logged(served) as lines:
        answers = [served.ask(QUERY), served.ask(QUERY)]
        served.ask(QUERY, {"If-None-Match": answers[0].headers["ETag"]} | WRITER)
        served.client.post("/sparql", data={"query": QUERY})
        served.client.get("/graphs?graph=urn:none")
    first, again, short, posted, missing = [json.loads(line) for line in lines]
    assert (first["method"], first["path"], first["route"], first["status"]) == ("GET", "/sparql", "/sparql", 200)
    assert (first["event"], first["level"], first["client"]) == ("request", "info", "testclient")
    assert first["bytes"] == len(answers[0].content)
    assert first["request"] == answers[0].headers["X-Request-ID"]
    assert first["snapshot"] == served.endpoint.number
    assert first["ms"] > 0
    assert "principal" not in first
    assert [line["cache"] for line in (first, again, short)] == ["miss", "hit", "not-modified"]
    assert (short["status"], short["bytes"], short["principal"]) == (304, 0, "environment")
    assert (missing["status"], missing["route"]) == (404, "/graphs")
    digest = hashlib.sha256(QUERY.encode()).hexdigest()[:16]
    assert [line["query"] for line in (first, again, short, posted)] == [digest] * 4


def test_one_who_writes_is_named(served: Served) -> None:
    token = TokenFile(served.app.state.services.config.store.data_dir).create(
        "the bot".replace(" ", "-"), TokenGrant("write", None)
    )
    with logged(served) as lines:
        headers = {"Authorization": f"Bearer {token}"}
        served.client.put("/graphs?graph=urn:g", content=b"", headers=headers | {"Content-Type": "text/turtle"})
        served.client.get("/graphs?graph=urn:g", headers=headers)
    assert [json.loads(line)["principal"] for line in lines] == ["the-bot", "the-bot"]
    assert token not in "".join(lines)


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_secret_is_written(served: Served, form: Form) -> None:
    with logged(served, form) as lines:
        served.ask(QUERY, WRITER)
        served.ask(QUERY + " {", WRITER)
        served.client.get(f"/sparql?query={quote(QUERY)}&access_token={quote(TOKEN)}")
        served.client.post("/sparql", data={"query": QUERY}, headers=WRITER)
        served.client.post("/update", data={"update": f"INSERT DATA {{ <{SECRET}> <a:b> 1 }}"}, headers=WRITER)
        served.client.get("/metrics", headers={"Authorization": "Bearer another secret"})
        served.client.get("/", headers={"Cookie": "session=secret"})
    assert len(lines) == 7
    text = "\n".join(lines)
    for secret in (SECRET, quote(SECRET), "SELECT", "INSERT", TOKEN, quote(TOKEN), "another secret", "session"):
        assert secret not in text


def test_a_client_that_is_gone_and_a_fault_are_logged_too(tmp_path: Path) -> None:
    app = application(settings(tmp_path))

    @app.get("/fault")
    def fault() -> None:
        raise RuntimeError(SECRET)

    pipe = Pipe()
    observer_of(app).log = RequestLog(pipe.writer, "json")
    with serving(app, ConnectionLimits()) as address:
        assert ask(address, b"GET /fault HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").status == 500
    (line,) = pipe.lines()
    assert (json.loads(line)["status"], json.loads(line)["route"]) == (500, "/fault")
    assert SECRET not in line


# ---- no forged lines

FORGERIES = [
    '\n{"event":"request","status":200}',
    "\r\nforged",
    "\u2028forged",
    '","status":200,"forged":"',
    "\x1b[2Jforged",
    "\\",
    "ї",
    "a" * 5000,
]


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("forgery", FORGERIES)
def test_no_line_can_be_forged(forgery: str, form: Form) -> None:
    pipe = Pipe()
    noted = exchange(method=forgery, raw_path=forgery.encode(), client=(forgery, 1))
    noted.principal = noted.route = forgery
    RequestLog(pipe.writer, form).add(noted, 0.001)
    (line,) = pipe.lines()
    assert line.isascii() or form == "json"
    assert not set(line) & set("\r\x1b\u2028\x00")
    assert len(line) < 4 * len(forgery) * 6 + 500
    if form == "json":
        found = json.loads(line)
        assert (found["status"], "forged" in found) == (499, False)
        assert len(found["path"]) <= 301


def test_a_request_forges_none(served: Served) -> None:
    with logged(served) as lines:
        for path in ("/a%0A%7B%7D", "/%1b%5b2J", "/a%22,%22x%22:%22", "/%E2%80%A8", "/%ff%fe"):
            served.client.get(path, headers={"X-Request-ID": 'a","b":"c', "User-Agent": "\t{}"})
    found = [json.loads(line) for line in lines]
    assert [line["status"] for line in found] == [404] * 5
    assert not any("b" in line or "x" in line for line in found)


@pytest.mark.parametrize("given", ["a-b_c.9", "x" * 64])
def test_a_request_id_is_taken_over(served: Served, given: str) -> None:
    with logged(served) as lines:
        assert served.client.get("/healthz", headers={"X-Request-ID": given}).headers["X-Request-ID"] == given
    assert json.loads(lines[0])["request"] == given


@pytest.mark.parametrize("given", ["", "a b", "a\tb", "x" * 65, "ї".encode(), '"', "a/b"])
def test_a_request_id_that_may_do_harm_is_not(served: Served, given: str | bytes) -> None:
    value = given if isinstance(given, bytes) else given.encode()
    found = served.client.get("/healthz", headers={b"X-Request-ID": value}).headers["X-Request-ID"]
    assert found.encode() != value
    assert len(found) < 64


# ---- messages of the server


def message(form: access_and_server_log.Mode, text: str, error: Exception | None = None) -> str:
    pipe = Pipe()
    handler = MessageHandler(pipe.writer, form)
    record = logging.LogRecord("a.logger", logging.ERROR, "f", 1, "%s", (text,), None)
    if error is not None:
        record.exc_info = (type(error), error, error.__traceback__)
    handler.handle(record)
    (line,) = pipe.lines()
    return line


@pytest.mark.parametrize("form", ["json", "text", "off"])
def test_a_stack_is_told_without_the_words_of_the_error(form: access_and_server_log.Mode) -> None:
    try:
        raise RuntimeError(f"{SECRET}\n{TOKEN}")
    except RuntimeError as error:
        line = message(form, "Exception in ASGI application\n", error)
    assert "RuntimeError" in line
    assert "test_a_stack_is_told_without_the_words_of_the_error:" in line
    assert SECRET not in line
    assert TOKEN not in line
    assert str(Path(__file__).parent) not in line


@pytest.mark.parametrize("form", ["json", "text", "off"])
def test_a_message_forges_no_line(form: access_and_server_log.Mode) -> None:
    line = message(form, "one\n2026-01-01 ERROR forged\x1b[2J")
    assert "forged" in line
    assert "\x1b" not in line
    if form == "json":
        assert json.loads(line)["message"].startswith("one\n")


# ---- the writer


def test_one_who_reads_slowly_holds_nobody_up(served: Served) -> None:
    """The pipe is full, nobody reads it; requests are answered, and the lines wait."""
    inlet, outlet = os.pipe()[::-1]
    writer = LogWriter(inlet)
    observer = served.app.state.observer
    observer.log = RequestLog(writer, "json")
    try:
        writer.write("x" * 200_000 + "\n")  # more than a pipe holds
        wait_until(writer._lines.empty, "the thread is writing that")
        for _ in range(50):
            assert served.client.get("/healthz").status_code == 200
        writer.close(0.2)
    finally:
        observer.log = None
    found = b""
    while found.count(b"\n") < 51:
        found += os.read(outlet, 1 << 20)
    assert found.count(b'"path":"/healthz"') == 50
    os.close(outlet)
    os.close(inlet)


def test_lines_that_nobody_takes_are_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_and_server_log, "_CAPACITY", 100)
    inlet, outlet = os.pipe()[::-1]
    writer = LogWriter(inlet)
    writer.write("x" * 200_000 + "\n")
    wait_until(writer._lines.empty, "the thread is writing that")
    for number in range(150):
        writer.write(f"{number}\n")
    assert writer.dropped == 50
    os.close(outlet)
    writer.close()
    os.close(inlet)


def test_a_log_that_is_closed_at_the_other_end_does_no_harm() -> None:
    inlet, outlet = os.pipe()[::-1]
    os.close(outlet)
    writer = LogWriter(inlet)
    writer.write("lost\n")
    wait_until(lambda: writer.dropped == 1, "the loss is counted")
    writer.write("lost\n")
    wait_until(lambda: writer.dropped == 2, "the next one, too")
    writer.close()
    os.close(inlet)


def test_a_descriptor_that_does_not_block_gets_everything() -> None:
    inlet, outlet = os.pipe()[::-1]
    os.set_blocking(inlet, False)
    writer = LogWriter(inlet)
    writer.write("x" * 300_000 + "\n")
    found = b""
    while not found.endswith(b"\n"):
        found += os.read(outlet, 65536)
    assert len(found) == 300_001
    writer.close()
    os.close(inlet)
    os.close(outlet)


def test_lines_of_many_threads_come_whole() -> None:
    pipe = Pipe()
    found: list[bytes] = []

    def read() -> None:
        while data := os.read(pipe.outlet, 65536):
            found.append(data)

    reader = threading.Thread(target=read)
    reader.start()

    def write(name: str) -> None:
        for _ in range(500):
            pipe.writer.write(f"{name * 50}\n")

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pipe.writer.close()
    os.close(pipe.inlet)
    reader.join()
    os.close(pipe.outlet)
    lines = b"".join(found).decode().splitlines()
    assert sorted(lines) == sorted(name * 50 for name in "abcd" for _ in range(500))


# ---- how it is set up


def test_the_form_is_set_or_fits_where_it_goes() -> None:
    for setting in ("json", "text", "off"):
        assert mode(setting, terminal=True) == mode(setting, terminal=False) == setting
    assert mode(None, terminal=True) == "text"
    assert mode(None, terminal=False) == "json"


class Watching:
    """The set-up of :func:`logging_to`."""

    log: RequestLog | None = None


@pytest.mark.parametrize("setting", ["json", "text", "off", None])
def test_a_log_is_written_to_a_stream(tmp_path: Path, setting: str | None) -> None:
    place, observer = tmp_path / "log", Watching()
    with place.open("w", encoding="utf-8") as stream, logging_to(stream, setting, observer):
        if observer.log:
            observer.log.add(exchange(), 0.5)
    text = place.read_text("utf-8")
    if setting == "off":
        assert (text, observer.log) == ("", None)
    elif setting == "text":
        assert "499" in text
        assert "500.0 ms" in text
    else:
        assert json.loads(text)["ms"] == 500


def test_moments_are_written_in_utc() -> None:
    before = time.time()
    moments = [now() for _ in range(3)]
    for moment in moments:
        assert len(moment) == len("2026-01-01T00:00:00.000Z")
        assert abs(datetime.fromisoformat(moment).timestamp() - before) < 30
    assert moments == sorted(moments)

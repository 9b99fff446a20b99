"""`kg serve` as a process: its output, its shutdown, and refusals to start."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from tests.processes import COMMAND, WRITER, Server, alive, called, children, running, serving, wait_until


def post(address: str, body: str, token: str) -> int:
    headers = {"Content-Type": "application/sparql-update", "Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{address}update", body.encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_it_prints_address_token_and_a_query_that_works(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, said):
        address = re.search(r"listens on (\S+)", said)
        token = re.search(r"KG_TOKEN to choose your own\): (\S+)", said)
        assert address
        assert token
        assert post(address[1], "INSERT DATA { <urn:a> <urn:b> 1 }", "wrong") == 401
        assert post(address[1], "INSERT DATA { <urn:a> <urn:b> 1 }", token[1]) == 204
        query = said[said.index("curl") :]
        answer = subprocess.run(["bash", "-c", query], capture_output=True, text=True, timeout=60, check=True)
        assert "Iran,https://w3id.org/claimgraph/ns#Refusal,Iran refused Assad support" in answer.stdout
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    with serving(tmp_path, KG_TOKEN="mine") as (process, said):
        assert "Token" not in said
        assert "IRIs in this store start with" in said  # another port, the same store
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr
        assert "Traceback" not in process.stderr.read()


def test_a_bare_server_has_no_seed(tmp_path: Path) -> None:
    with serving(tmp_path, "--bare") as (_, said):
        address = re.search(r"listens on (\S+)", said)
        assert address
        count = "SELECT%20(COUNT(*)%20AS%20%3Fn)%20%7B%20%3Fs%20%3Fp%20%3Fo%20%7D"
        with urllib.request.urlopen(f"{address[1]}sparql?query={count}", timeout=30) as answer:
            assert json.load(answer)["results"]["bindings"][0]["n"]["value"] == "0"


def test_a_taken_port_is_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        command = [*COMMAND, "--data", str(tmp_path), "--port", str(taken.getsockname()[1])]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 2
    assert "Cannot listen on 127.0.0.1" in result.stderr


def test_a_held_store_is_a_sentence(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, _):
        command = [*COMMAND, "--data", str(tmp_path), "--port", "0"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert process.poll() is None
    assert result.returncode == 4
    assert "in use by another process" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_base_iri_of_a_new_store(tmp_path: Path) -> None:
    with serving(tmp_path, KG_BASE_IRI="https://news.example/") as (_, said):
        assert "IRIs in this store start with https://news.example/" in said


def test_its_processes(tmp_path: Path) -> None:
    with running(tmp_path, KG_WEB_PROCESSES="3", KG_READERS="4") as server:
        assert [called(pid) for pid in server.webs()] == ["kg web 0", "kg web 1", "kg web 2"]
        assert set(children(server.process.pid)) == {server.writer(), *server.webs()}
        assert len(server.readers()) == 6, "four, divided and rounded up"
        assert all(os.getpgid(pid) == pid for pid in children(server.process.pid)), "Ctrl-C comes once"


def requests(server: Server) -> int:
    """Return the number of completed requests in the metrics."""
    text = server.ask("GET", "/metrics", headers=WRITER).body.decode()
    return sum(int(float(count)) for count in re.findall(r"duration_seconds_count\{[^}]*\} (\S+)", text))


def test_metrics_are_sums_that_outlive_a_web_process(tmp_path: Path) -> None:
    with running(tmp_path, KG_WEB_PROCESSES="2") as server:
        before = requests(server)
        connections = [server.connect() for _ in range(4)]
        for number, connection in enumerate(connections):  # two for each web process
            connection.request("GET", f"/sparql?query=SELECT%20({number}%20AS%20%3Fx)%20%7B%7D")
            assert connection.getresponse().read()
        wait_until(lambda: requests(server) >= before + 4, "every process has published its numbers")
        counted = requests(server)
        victim = server.webs()[0]
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: not alive(victim) and len(server.webs()) == 2, "another has taken its place")
        for _ in range(4):
            assert server.answers()
        wait_until(lambda: requests(server) >= counted + 4, "the sums have grown")
        for connection in connections:
            connection.close()


def test_log_lines_of_several_processes_are_whole(tmp_path: Path) -> None:
    with running(tmp_path, KG_WEB_PROCESSES="2", KG_LOG="json") as server:
        for _ in range(100):
            server.ask("GET", "/healthz")
        server.process.terminate()
        assert server.process.wait(60) == 0
        lines = server.log.read_text("utf-8").splitlines()
        assert sum(json.loads(line).get("path") == "/healthz" for line in lines) == 100

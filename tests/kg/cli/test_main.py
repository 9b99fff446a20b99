"""`kg` as a process: its output and its exit codes."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import ontology
from kg.knowledge_graph import KnowledgeGraph
from tests.configs import configured

SEED = json.loads(ontology.read("seed/article.json"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kg")


def kg(home: Path, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("KG_")} | {"KG_DATA_DIR": str(home / "data")}
    command = [sys.executable, "-c", "from kg.cli.main import main; main()", *arguments]
    return subprocess.run(command, env=environ, input=stdin, capture_output=True, text=True, timeout=60, check=False)


def test_ask_answers_and_lists(home: Path) -> None:
    listed = kg(home, "ask", "--lang", "uk")
    assert listed.returncode == 0
    assert "Хто" in listed.stdout
    answered = kg(home, "ask", "14", "--format", "csv")
    assert answered.returncode == 0
    assert "Vladimir Putin" in answered.stdout
    assert kg(home, "ask", "no-such-question").returncode == 3


def test_query_in_every_format(home: Path) -> None:
    text = 'SELECT ?c WHERE { ?c cg:affirms/rdfs:label "Iran refused Assad support"@en }'
    assert "seed/C28" in kg(home, "query", text).stdout
    assert json.loads(kg(home, "query", text, "--format", "json").stdout)["results"]["bindings"]
    assert kg(home, "query", text, "--format", "tsv").stdout.startswith("?c\n")
    assert kg(home, "query", "ASK { ?s a cg:Refusal }").stdout == "yes\n"
    assert "a cg:Refusal" in kg(home, "query", "CONSTRUCT WHERE { ?s a cg:Refusal }", "--format", "turtle").stdout
    file = home / "q.rq"
    file.write_text(text, "utf-8")
    assert "seed/C28" in kg(home, "query", str(file)).stdout


def test_a_malformed_query_is_one_sentence(home: Path) -> None:
    result = kg(home, "query", "SELECT * WHERE {\n ?s ?p }")
    assert result.returncode == 2
    assert "line 2, column" in result.stderr
    assert "Traceback" not in result.stderr


def test_add_is_checked_stored_replaced_and_removed(home: Path) -> None:
    document = json.loads(json.dumps(SEED))
    document["article"]["id"] = "copy"
    file = home / "copy.json"
    file.write_text(json.dumps(document), "utf-8")
    assert "would be stored (0 violations, 3 warnings, 20 notes)" in kg(home, "add", str(file), "--dry-run").stdout
    assert "created" in kg(home, "add", str(file)).stdout
    assert "unchanged" in kg(home, "add", "-", stdin=file.read_text("utf-8")).stdout
    assert "copy" in kg(home, "info").stdout
    assert "removed" in kg(home, "remove", "copy").stdout
    assert kg(home, "remove", "copy").returncode == 3


def test_a_refused_document_lists_its_problems(home: Path) -> None:
    document = json.loads(json.dumps(SEED))
    document["article"]["id"] = "broken"
    document["claims"][3]["quotes"][0] = {"exact": "слова, яких немає"}
    del next(s for s in document["situations"] if s["id"] == "refusal_ir")["respondsTo"]
    file = home / "broken.json"
    file.write_text(json.dumps(document), "utf-8")
    for command in ("add", "validate"):
        result = kg(home, command, str(file))
        assert result.returncode == 1
        assert "A3" in result.stdout
        assert "D1" in result.stdout
        assert "/claims/3/quotes/0" in result.stdout
    assert "broken" not in kg(home, "info").stdout


def test_validate_tells_in_json_and_turtle(home: Path) -> None:
    file = home / "seed.json"
    file.write_text(json.dumps(SEED), "utf-8")
    report = json.loads(kg(home, "validate", str(file), "--format", "json").stdout)
    assert (report["conforms"], report["counts"]["warnings"], report["counts"]["infos"]) == (True, 3, 20)
    assert "sh:ValidationReport" in kg(home, "validate", str(file), "--format", "turtle").stdout
    exported = home / "seed.ttl"
    assert kg(home, "export", "seed", "--format", "turtle", "-o", str(exported)).returncode == 0
    assert "conforms" in kg(home, "validate", str(exported)).stdout


def test_load_plain_and_gzipped(home: Path) -> None:
    plain, packed = home / "a.nt", home / "b.ttl.gz"
    plain.write_text("<urn:x:a> <urn:x:p> <urn:x:b> .\n", "utf-8")
    packed.write_bytes(gzip.compress(b"<urn:x:c> <urn:x:p> <urn:x:d> ."))
    result = kg(home, "load", str(plain), str(packed), "--graph", "urn:x:g")
    assert (result.returncode, result.stdout) == (0, "a.nt: 1 statements\nb.ttl.gz: 1 statements\n")
    assert (
        "2" in kg(home, "query", "SELECT (COUNT(*) AS ?n) { GRAPH <urn:x:g> { ?s ?p ?o } }", "--format", "csv").stdout
    )


def test_load_refuses_managed_graphs_and_bad_files(home: Path) -> None:
    quad = home / "evil.nq"
    quad.write_text("<urn:x:a> <urn:x:p> <urn:x:b> <http://127.0.0.1:8000/graph/article/seed> .\n", "utf-8")
    assert kg(home, "load", str(quad)).returncode == 2
    broken = home / "broken.nt"
    broken.write_text("<urn:x:a> <urn:x:p> <urn:x:b> .\nrubbish\n", "utf-8")
    result = kg(home, "load", str(broken))
    assert result.returncode == 2
    assert "line 2" in result.stderr
    assert kg(home, "load", str(home / "missing.nt")).returncode == 2
    assert kg(home, "load", str(home / "what.doc")).returncode == 2


def test_why_draws_the_chain(home: Path) -> None:
    result = kg(home, "why", "seed/C22")
    assert result.returncode == 0
    assert "За словами колишнього речника" in result.stdout
    assert result.stdout.index("BILD") < result.stdout.index("Kamel Saqr")
    assert json.loads(kg(home, "why", "C22", "--json").stdout)["attributionMode"] == "explicit"
    assert kg(home, "why", "C99").returncode == 3


def test_schema_is_json_schema(home: Path) -> None:
    schema = json.loads(kg(home, "schema").stdout)
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(SEED)


def test_a_store_that_is_held_says_so(home: Path) -> None:
    held = home / "held"
    graph = KnowledgeGraph.open(configured(data_dir=held))
    result = kg(home, "info", "--data", str(held))
    assert result.returncode == 4
    assert "in use by another process" in result.stderr
    assert graph.articles.entries()

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
    home = tmp_path_factory.mktemp("kg")
    assert kg(home, "init").returncode == 0
    return home


def kg(home: Path, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("KG_")} | {"KG_DATA_DIR": str(home / "data")}
    command = [sys.executable, "-c", "from kg.cli.main import main; main()", *arguments]
    return subprocess.run(command, env=environ, input=stdin, capture_output=True, text=True, timeout=60, check=False)


def test_init_makes_a_store_once(tmp_path: Path) -> None:
    made = kg(tmp_path, "init")
    assert (made.returncode, made.stdout) == (0, "base IRI    http://127.0.0.1:8000/\narticles    1\n")
    assert "Created a new store" in made.stderr
    again = kg(tmp_path, "init")
    assert (again.stdout, again.stderr) == (made.stdout, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("query", "ASK {}"),
        ("ask", "14"),
        ("why", "C22"),
        ("info",),
        ("export", "seed"),
        ("links", "export"),
        ("review", "--list"),
        ("remove", "seed"),
        ("validate", "a.json", "--data", "nowhere"),
        ("events", "match", "a.csv", "--format", "acled"),
    ],
)
def test_reading_makes_no_store(arguments: tuple[str, ...], tmp_path: Path) -> None:
    result = kg(tmp_path, *arguments)
    assert result.returncode == 3, result.stderr
    assert "There is no store in" in result.stderr
    assert "kg init" in " ".join(result.stderr.split())
    assert list(tmp_path.iterdir()) == []


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
    columns = "SELECT * { ?z a cg:Refusal . BIND(1 AS ?b) BIND(2 AS ?a) } ORDER BY ?b"
    assert kg(home, "query", columns, "--format", "csv").stdout.startswith("z,b,a")
    assert kg(home, "query", "ASK { ?s a cg:Refusal }").stdout == "yes\n"
    assert "a cg:Refusal" in kg(home, "query", "CONSTRUCT WHERE { ?s a cg:Refusal }", "--format", "turtle").stdout
    file = home / "q.rq"
    file.write_text(text, "utf-8")
    assert "seed/C28" in kg(home, "query", str(file)).stdout


def test_csv_for_spreadsheets(home: Path) -> None:
    text = "SELECT ?a ?b { VALUES (?a ?b) { ('=1+1' -5) } }"
    assert kg(home, "query", text, "--format", "csv").stdout == "a,b\n=1+1,-5\n"
    assert kg(home, "query", text, "--format", "csv", "--spreadsheet").stdout == "a,b\n'=1+1,-5\n"
    assert kg(home, "ask", "14", "--format", "csv", "--spreadsheet").returncode == 0
    refused = kg(home, "query", text, "--spreadsheet")
    assert (refused.returncode, "is for CSV" in refused.stderr) == (2, True)


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
    assert "would be stored (0 violations, 3 warnings, 11 notes)" in kg(home, "add", str(file), "--dry-run").stdout
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
    assert (report["conforms"], report["counts"]["warnings"], report["counts"]["infos"]) == (True, 3, 11)
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


def test_load_what_other_programs_write(home: Path) -> None:
    """A mark of Windows editors, gzip under a plain name, a plain file under the name of gzip, relative IRIs."""
    files = {
        "mark.nt": "\ufeff<urn:m:a> <urn:m:p> <urn:m:b> .\n".encode(),
        "mark.ttl": "\ufeff@prefix : <urn:m:> .\n:c :p 'перший' .".encode(),
        "packed.ttl": gzip.compress(b"<urn:m:e> <urn:m:p> 1 ."),
        "plain.nt.gz": b"<urn:m:f> <urn:m:p> <urn:m:g> .\n",
        "relative.ttl": b"<a> <urn:m:p> <../b> .",
    }
    for name, content in files.items():
        (home / name).write_bytes(content)
    paths = [str(home / name) for name in files]
    result = kg(home, "load", *paths, "--graph", "urn:m:graph", "--base", "https://e.example/x/")
    assert (result.returncode, result.stdout) == (0, "".join(f"{name}: 1 statements\n" for name in files))
    found = kg(home, "query", "SELECT ?s ?o { GRAPH <urn:m:graph> { ?s ?p ?o } } ORDER BY ?s", "--format", "csv")
    assert found.stdout.splitlines() == [
        "s,o", "https://e.example/x/a,https://e.example/b", "urn:m:a,urn:m:b",
        "urn:m:c,перший", "urn:m:e,1", "urn:m:f,urn:m:g",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("laughs.rdf", b'<!DOCTYPE r [<!ENTITY a "%s">]><r>%s</r>' % (b"ha" * 9999, b"&a;" * 9999), "grows"),
        ("deep.ttl", b"<urn:a> <urn:p> " + b"<<( <urn:a> <urn:p> " * 100_000, "line 1"),
        ("deep.jsonld", b'{"@context": {"a": ' * 10_000, "nests brackets"),
        ("deep.rdf", b"<a>" * 100_000, "nests elements"),
        ("long.nt", b'<urn:a> <urn:p> "' + b"x" * (17 * 1024 * 1024) + b'" .\n', "16 MiB"),
        ("remote.jsonld", b'{"@context": "https://schema.org", "@id": "urn:a"}', "no context is fetched"),
        ("other.nt", b"BZh91AY&SY", "bzip2"),
        ("cut.nt", gzip.compress(b"<urn:a> <urn:p> <urn:b> .\n" * 99, mtime=0)[:-20], "cannot be read to the end"),
        ("utf16.nt", "<urn:a> <urn:p> <urn:b> .\n".encode("utf-16"), "UTF-16"),
    ],
)  # fmt: skip
def test_load_refuses_with_a_sentence(home: Path, name: str, content: bytes, said: str) -> None:
    (home / name).write_bytes(content)
    result = kg(home, "load", str(home / name))
    assert (result.returncode, result.stdout.strip()) == (2, "")
    assert said in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr


def test_a_base_is_an_iri(home: Path) -> None:
    result = kg(home, "load", str(home / "a.nt"), "--base", "no base")
    assert result.returncode == 2
    assert "is not an IRI" in result.stderr


def test_load_warns_of_numbers_out_of_range(home: Path) -> None:
    numbers = home / "n.ttl"
    numbers.write_text("<urn:x:a> <urn:x:p> 0.0014285714285714286 , 9223372036854775808 , 1 .", "utf-8")
    result = kg(home, "load", str(numbers))
    assert (result.returncode, result.stdout) == (0, "n.ttl: 3 statements\n")
    assert "n.ttl: 2 values are out of the range" in result.stderr
    assert "the first is 0.0014285714285714286 (of <urn:x:p>)" in " ".join(result.stderr.split())
    numbers.write_text('<urn:x:a> <urn:x:p> "a\\u0000b" .', "utf-8")
    result = kg(home, "load", str(numbers))
    assert result.returncode == 2
    assert "U+0000" in result.stderr


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

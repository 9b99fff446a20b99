"""Store of version 1 in ``version-1/``: how it was made, and its expected content.

``python -m tests.cases.version_1 make SHARED`` rebuilds the folder with the present program, and must not be
run with a newer one: the folder is the evidence of the old one. ``python -m tests.cases.version_1 look`` writes only
``expected.json``, with what this program reads in the folder. Both use only the command line, HTTP and files.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.processes import PYTHON, WRITER, Reply, Server, running

FOLDER = Path(__file__).with_name("version-1")
BASE = "http://127.0.0.1:8000/"
NOTES = "https://desk.example/graph/notes"
DRAFTS = "https://desk.example/graph/drafts"
DOCUMENTS = ("chain", "cross", "leadbody")
_KEPT_BY_PROGRAM = (f"{BASE}graph/ontology",)
"""Built-in graphs: a new vocabulary may change their content, so only their existence is checked."""

_NOTES = f"""
@prefix : <https://desk.example/ns#> .
@prefix entity: <{BASE}entity/> .
entity:putin :watchedBy "Olha" ; :note "ask the embassy again"@en , "знову запитати посольство"@uk .
entity:kramatorsk :watchedBy "Olha" ; :visits 3 .
entity:iran :watchedBy "Max" .
<https://desk.example/file/7> :about entity:putin , entity:iran .
"""
_DRAFTS = f"""
PREFIX : <https://desk.example/ns#>
INSERT DATA {{
  GRAPH <{DRAFTS}> {{ <{BASE}entity/assad> :draft "who paid for the flight?" . <{BASE}entity/saqr> :draft "call" }}
  <{BASE}entity/bild> :readBy "Max"
}}"""
_COUNTRIES = ("SY", "RU", "IR", "UA", "LB", "SA", "DK", "FR")
_PAGES = (
    "", "docs", "questions", "articles", "review", "sparql", "ontology", "openapi.json", "context.jsonld", "schema",
    "entity/putin", "article/seed", "article/chain", "graph/article/seed", "questions/14",
    f"describe?iri={quote(BASE + 'entity/kramatorsk', safe='')}", "articles/leadbody", "claims/chain%2Fc1/why",
)  # fmt: skip
_JOINED = """
PREFIX : <https://desk.example/ns#> PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
PREFIX skos: <http://www.w3.org/2004/02/skos/core#>
SELECT ?who ?by ?record { ?x :watchedBy ?by ; rdfs:label ?who FILTER(LANG(?who) = "en") OPTIONAL { ?x skos:exactMatch
?record FILTER(STRSTARTS(STR(?record), "http://www.wikidata.org/")) } } ORDER BY ?who ?by ?record"""
_GRAPHS = "SELECT ?g (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } } GROUP BY ?g ORDER BY ?g"
_SEES = "SELECT DISTINCT ?g { GRAPH ?g { ?s ?p ?o } } ORDER BY ?g"


def kg(data: Path, *arguments: str, code: int = 0) -> str:
    """Run a command over a data directory and return its output; fail on another exit code."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("KG_")} | {"KG_DATA_DIR": str(data)}
    ended = subprocess.run(
        [*PYTHON, *arguments], env=clean, capture_output=True, encoding="utf-8", timeout=300, check=False
    )
    assert ended.returncode == code, (arguments, ended.returncode, ended.stdout, ended.stderr)
    return ended.stdout


def tokens() -> dict[str, str]:
    """Return the clear texts of the tokens by name."""
    found: dict[str, str] = json.loads((FOLDER / "tokens.json").read_text("utf-8"))
    return found


def unpack(folder: Path) -> tuple[Path, Path]:
    """Unpack the stored files into a folder; return the data directory and the backup file."""
    with tarfile.open(FOLDER / "data.tar.xz") as packed:
        packed.extractall(folder, filter="data")
    (folder / "data").chmod(0o700)  # the extraction filter sets the default permissions
    with tarfile.open(FOLDER / "backup.tar.xz") as packed:
        packed.extractall(folder, filter="data")
    return folder / "data", folder / "backup.tar"


# ---- what is seen


def ask(server: Server, target: str, accept: str = "*/*", token: str | None = None) -> Reply:
    """Send a GET request with a token of the store, or with that of the server, which may do everything."""
    given = {"Authorization": f"Bearer {token}"} if token else WRITER
    return server.ask("GET", f"/{target}", headers=given | {"Accept": accept})


def rows(server: Server, query: str, token: str | None = None) -> list[list[str]]:
    """Run a query and return its rows."""
    reply = ask(server, f"sparql?query={quote(query)}", "text/csv", token)
    assert reply.status == 200, reply.body
    return list(csv.reader(io.StringIO(reply.body.decode())))[1:]


def seen_by_server(server: Server) -> dict[str, Any]:
    """Return everything that a running server shows of the store."""
    review = json.loads(ask(server, "review?limit=500", "application/json").body)
    questions = json.loads(ask(server, "questions", "application/json").body)
    keys = [str(entry["number"]) for entry in questions]
    return {
        "statements": int(rows(server, "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }")[0][0]),
        "graphs": dict(_graphs(server)),
        "articles": [
            _chosen(entry, "id iri label claims")
            for entry in json.loads(ask(server, "articles", "application/json").body)
        ],
        "documents": {name: _document(server, name) for name in ("seed", *DOCUMENTS)},
        "questions": {key: ask(server, f"questions/{key}", "text/csv").body.decode() for key in keys},
        "joined": rows(server, _JOINED),
        "pages": {page: _page(server, page) for page in _PAGES},
        "waiting": [_chosen(entry, "subject dataset identifier judgement") for entry in review["items"]],
        "decisions": [
            _chosen(entry, "number subject dataset identifier judgement relation user time reason automatic undoes")
            for entry in review["decisions"]
        ],
        "tokens": {name: [row[0] for row in rows(server, _SEES, token)] for name, token in tokens().items()},
    }


def _graphs(server: Server) -> Iterator[tuple[str, Any]]:
    for name, count in rows(server, _GRAPHS):
        if name in _KEPT_BY_PROGRAM:
            yield name, "there"
            continue
        lines = ask(server, f"graphs?graph={quote(name, safe='')}", "application/n-triples").body.decode().splitlines()
        assert len(lines) == int(count), name
        yield name, {"triples": len(lines), "sha256": _sum("\n".join(sorted(lines)))}


def _document(server: Server, name: str) -> dict[str, Any]:
    found = json.loads(ask(server, f"articles/{name}", "application/json").body)
    counts = {key: len(value) for key, value in found.items() if isinstance(value, list)}
    return {"counts": counts, "sha256": _sum(json.dumps(found, ensure_ascii=False, sort_keys=True))}


def _page(server: Server, page: str) -> list[Any]:
    reply = ask(server, page, "text/html, */*;q=0.1")
    return [reply.status, reply.headers["content-type"]]


def _chosen(entry: Mapping[str, Any], names: str) -> dict[str, Any]:
    return {name: entry[name] for name in names.split()}


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def seen_by_command(data: Path) -> dict[str, Any]:
    """Return everything that the command line shows of a store without a server."""
    doctor = json.loads(kg(data, "doctor", "--full", "--json"))
    about_store = {
        "data directory", "rights", "description", "engine", "article graphs", "scratch graphs", "union graph",
        "articles", "reference data",
    }  # fmt: skip
    return {
        "doctor": {
            "ok": doctor["ok"],
            "verdicts": {row["check"]: row["verdict"] for row in doctor["findings"] if row["check"] in about_store},
        },
        "links": _mappings(kg(data, "links", "export")),
        "rejected": _mappings(kg(data, "links", "export", "--rejected")),
        "packs": [
            _chosen(pack, "name version dataset licence")
            for pack in json.loads(kg(data, "reference", "list", "--json"))
        ],
        "answer": kg(data, "ask", "14", "--format", "csv"),
        "joined": list(csv.reader(io.StringIO(kg(data, "query", _JOINED, "--format", "csv"))))[1:],
    }


def _mappings(text: str) -> str:
    """Remove from an SSSOM table the values that depend on the day and on the program."""
    kept = (line for line in text.splitlines() if not line.startswith(("#publication_date", "#comment")))
    head = [line for line in kept if line.startswith("#")]
    table = list(csv.DictReader((line for line in text.splitlines() if not line.startswith("#")), delimiter="\t"))
    out = io.StringIO()
    names = [name for name in (table[0] if table else ()) if name != "mapping_tool_version"]
    written = csv.DictWriter(out, names, delimiter="\t", extrasaction="ignore", lineterminator="\n")
    written.writeheader()
    written.writerows(table)
    return "\n".join([*head, out.getvalue()])


# ---- how it was made


def make(shared: Path) -> None:
    """Make the folder's files with the program that is there.

    Args:
        shared: where ``articles/`` and ``data/linking/`` lie.
    """
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        data = folder / "data"
        _articles(data, shared / "articles", folder)
        _packs(data, shared / "data" / "linking", folder)
        _decide_by_command(data)
        made = {
            "desk": kg(data, "token", "create", "desk", "--scope", "write").strip(),
            "guest": kg(
                data, "token", "create", "guest", "--graph", NOTES, "--graph", f"{BASE}graph/article/chain"
            ).strip(),
        }
        (FOLDER / "tokens.json").write_text(json.dumps(made, indent=1) + "\n", "utf-8")
        with running(folder) as server:
            _by_http(server, made["desk"])
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(60) == 0
        backup = folder / "backup.tar"
        kg(data, "backup", str(backup))
        _pack(data, "data.tar.xz")
        _pack(backup, "backup.tar.xz")


def _articles(data: Path, source: Path, folder: Path) -> None:
    for name in DOCUMENTS:
        document = json.loads((source / f"{name}.json").read_text("utf-8"))
        if name == "leadbody":  # version 1 refuses a cue in the lead for content in the body (B11) as inherited
            document["claims"][0]["attributionMode"] = "explicit"
        file = folder / f"{name}.json"
        file.write_text(json.dumps(document, ensure_ascii=False), "utf-8")
        kg(data, "add", str(file))


def _packs(data: Path, source: Path, folder: Path) -> None:
    """Import eight countries, five towns, three namesakes, and one person."""
    chosen = ("--version", "2026-01")
    countries = (source / "country-codes.csv").read_text("utf-8")
    table = list(csv.DictReader(io.StringIO(countries)))
    with (folder / "country-codes.csv").open("w", encoding="utf-8", newline="") as out:
        written = csv.DictWriter(out, list(table[0]))
        written.writeheader()
        written.writerows(row for row in table if row["ISO3166-1-Alpha-2"] in _COUNTRIES)
    kg(data, "reference", "add", str(folder / "country-codes.csv"), "--format", "country-codes", *chosen)

    head, *lines = (source / "naturalearth_populated_places_qid.tsv").read_text("utf-8").splitlines()
    towns = [line for line in lines if line.split("\t")[0] in ("Q33613", "Q39420", "Q3766", "Q649", "Q403446")]
    (folder / "places.tsv").write_text("\n".join([head, *towns, ""]), "utf-8")
    kg(data, "reference", "add", str(folder / "places.tsv"), "--format", "natural-earth-places", *chosen)

    (folder / "homonyms.csv").write_text(
        "id,name,kind,lang,country,lat,lon,prominence\n"
        "705104,Костянтинівка,settlement,uk,UA,48.527,37.706,67350\n"
        "705115,Костянтинівка,settlement,uk,UA,46.818,35.424,11540\n"
        "616743,Дружківка,settlement,uk,UA,48.620,37.525,53977\n",
        "utf-8",
    )
    by_name = ("--format", "csv", "--name", "homonyms", "--dataset", "geonames", "--licence", "CC BY 4.0")
    kg(data, "reference", "add", str(folder / "homonyms.csv"), *by_name, *chosen)

    person = json.loads((source / "wikidata" / "Q7747.json").read_text("utf-8"))
    entity = person["entities"]["Q7747"]
    entity["claims"] = {name: found for name, found in entity["claims"].items() if name in ("P31", "P39", "P27")}
    entity["sitelinks"] = {}
    (folder / "person.json").write_text(json.dumps(person), "utf-8")
    kg(data, "reference", "add", str(folder / "person.json"), "--format", "wikidata", *chosen)


def _decide_by_command(data: Path) -> None:
    kg(data, "link")
    kg(
        data,
        "review",
        "accept",
        "entity/kostiantynivka",
        "geonames:705104",
        "--reason",
        "Donetsk region",
        "--user",
        "Olha",
    )
    kg(
        data,
        "review",
        "reject",
        "entity/kostiantynivka",
        "geonames:705115",
        "--reason",
        "other region",
        "--user",
        "Olha",
    )
    kg(data, "review", "reject", "entity/iran", "wikidata:Q794", "--reason", "a slip", "--user", "Olha")
    number = re.findall(r"^(\d+) +│ entity/iran +│ wikidata:Q794", kg(data, "review", "--list"), re.MULTILINE)[-1]
    kg(data, "review", "undo", number, "--reason", "it was right", "--user", "Olha")


def _by_http(server: Server, token: str) -> None:
    holder = {"Authorization": f"Bearer {token}"}
    put = server.ask(
        "PUT", f"/graphs?graph={quote(NOTES, safe='')}", _NOTES.encode(), holder | {"Content-Type": "text/turtle"}
    )
    assert put.status == 201, put.body
    update = server.ask("POST", "/update", _DRAFTS.encode(), holder | {"Content-Type": "application/sparql-update"})
    assert update.status == 204, update.body
    said = [
        ("asma", "wikidata", "Q7747", "negative", "another person", "exactMatch"),
        ("sochi", "geonames", "491422", "negative", "the district is meant", "exactMatch"),
        ("bild", "wikidata", "Q180089", "positive", "the newspaper", "closeMatch"),
        ("kovac", "wikidata", "Q7747", "unsure", "who is he?", "exactMatch"),
    ]
    names = ("subject", "dataset", "identifier", "judgement", "reason", "relation")
    sent = [dict(zip(names, (f"entity/{row[0]}", *row[1:]), strict=True)) for row in said]
    decided = server.ask(
        "POST", "/review/decisions", json.dumps(sent).encode(), holder | {"Content-Type": "application/json"}
    )
    assert decided.status == 201, decided.body


def _pack(path: Path, name: str) -> None:
    """Pack a file or folder, without the engine's own logs, with a fixed owner and date."""

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        member.mtime = 1767225600  # 2026-01-01
        return None if Path(member.name).name.startswith(("LOG", "LOCK")) else member

    with tarfile.open(FOLDER / name, "w:xz", preset=9) as packed:
        packed.add(path, path.name, filter=plain)


def look() -> None:
    """Write down what this program sees in the folder."""
    with tempfile.TemporaryDirectory() as place:
        data, _ = unpack(Path(place))
        found = {"command": seen_by_command(data)}
        with running(Path(place)) as server:
            found["server"] = seen_by_server(server)
    text = json.dumps(found, ensure_ascii=False, indent=1)
    (FOLDER / "expected.json").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    if sys.argv[1] == "make":
        (FOLDER / "expected.json").unlink(missing_ok=True)
        make(Path(sys.argv[2]))
    look()

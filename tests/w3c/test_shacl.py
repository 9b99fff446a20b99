"""W3C SHACL suite (98 core and 23 SPARQL tests) through the engine of the gate."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUNNERS = Path(os.environ.get("CLAIMGRAPH_SUITES") or ROOT.parent / "shared" / "suites") / "runners"

_RUN = """
import sys
sys.path[:0] = [sys.argv[1], sys.argv[2]]
import shacl_suite
from kg.gate.shacl_engine import ShaclError, Shapes

run_here = 0

def engine(data, data_iri, shapes, shapes_iri):
    global run_here
    try:
        prepared = Shapes.prepare(shacl_suite.graph_of(shapes, shapes_iri))
        run_here += len(prepared.constraints)
        return prepared.validate(shacl_suite.graph_of(data, data_iri))
    except ShaclError as error:
        raise shacl_suite.Failure(str(error)) from None

shacl_suite.ENG["gate"] = engine
out = sys.argv[3]
sys.argv[1:] = ["--engine", "gate", "--json", out]
shacl_suite.main()
print("run by the gate's own engine:", run_here)
"""


@pytest.mark.skipif(not RUNNERS.is_dir(), reason="The W3C suites are absent; set CLAIMGRAPH_SUITES to their folder.")
def test_shacl_suite(tmp_path: Path) -> None:
    out = tmp_path / "shacl.json"
    command = [sys.executable, "-c", _RUN, str(ROOT), str(RUNNERS), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    results = json.loads(out.read_text("utf-8"))
    failed = {result["name"].split("#")[0] for result in results if result["status"] != "pass"}
    assert len(results) == 121
    # uniqueLang-002 takes "1"^^xsd:boolean for true in pySHACL; shapesGraph-001 tests an optional feature.
    assert failed == {"core/property/uniqueLang-002", "sparql/pre-binding/shapesGraph-001"}
    assert int(done.stdout.split("run by the gate's own engine:")[1]) >= 2

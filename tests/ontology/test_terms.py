"""Generated module of terms: up to date."""

from __future__ import annotations

from tests.ontology_tools import ROOT, render


def test_terms_are_fresh() -> None:
    assert (ROOT / "ontology" / "terms.py").read_text("utf-8") == render(), "run python tests/ontology_tools.py"

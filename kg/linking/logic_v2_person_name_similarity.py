"""Optional similarity of names of persons: logic-v2 of nomenklatura."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

from kg.errors import BadInput
from kg.linking.candidates import Candidate
from kg.reference.records import RecordName

Scorer = Callable[[Candidate], Candidate]
"""Function that returns a candidate with another similarity."""

REMEDY = (
    "Run pip install '.[logic]' in the clone, in an environment of its own, without constraints.txt: it requires "
    "DuckDB below 2, and PyICU, which is compiled and needs ICU (libicu-dev, pkg-config, g++)."
)


def logic() -> Scorer | None:
    """Load the scorer (600 MB of packages); return ``None`` if the extra or the ICU library is missing."""
    try:
        from followthemoney import model  # type: ignore[import-not-found] # noqa: PLC0415 - optional, and slow to load
        from followthemoney.proxy import EntityProxy  # type: ignore[import-not-found] # noqa: PLC0415
        from nomenklatura.matching import LogicV2  # type: ignore[import-not-found] # noqa: PLC0415
    except ImportError:
        return None

    def entity(names: tuple[RecordName, ...]) -> EntityProxy:
        """Return an entity whose id is a hash of its names, because the library caches its analysis of names by id."""
        texts = sorted({name.text for name in names})
        identity = hashlib.sha256("\n".join(texts).encode()).hexdigest()
        return model.get_proxy({"id": identity, "schema": "Person", "properties": {"name": texts}})

    config = LogicV2.default_config()

    def scored(candidate: Candidate) -> Candidate:
        names = candidate.record.names
        result = LogicV2.compare(entity((RecordName(candidate.spelling.text),)), entity(names), config)
        return replace(candidate, similarity=max(candidate.similarity, float(result.score)))

    return scored


def required() -> Scorer:
    """Load the scorer.

    Raises:
        BadInput: it is not installed.
    """
    scorer = logic()
    if scorer is None:
        raise BadInput("The scorer logic-v2 is not installed.", remedy=REMEDY)
    return scorer

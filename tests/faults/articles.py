"""Small claims documents that pass the gate, with any number of claims."""

from __future__ import annotations

import json
from typing import Any

_SAID = {"originatesIn": "pub", "reportedIn": "pub", "attributionMode": "outletVoice"}
_HOW = {"expression": "stated", "certainty": "certain"}
_WORK = {"extractedBy": "by hand", "extractionConfidence": 1, "reviewStatus": "unreviewed"}
_PUBLICATION = {
    "id": "pub",
    "type": "Publication",
    "modality": "actual",
    "label": {"en": "it"},
    "reporter": ["paper"],
}


def article(identifier: str, claims: int) -> bytes:
    """Write an article of that many claims; all articles share their people."""
    wins = [f"виграла вибори в окрузі {number} учора" for number in range(claims)]
    text = f"Про Олену ({identifier}): " + "; ".join(wins) + "."
    events: list[dict[str, Any]] = [
        {
            "id": f"win{number}",
            "type": "Event",
            "modality": "actual",
            "label": {"en": f"win {number}"},
            "actor": ["olena"],
        }
        for number in range(claims)
    ]
    document = {
        "format": "https://w3id.org/claimgraph/claims/1",
        "article": {"id": identifier, "label": {"en": f"wins of {identifier}"}, "language": "uk", "text": text},
        "segments": [{"id": "S1", "section": "headline", "start": 0, "end": len(text)}],
        "entities": [
            {"id": "paper", "type": "Outlet", "label": {"en": "a paper"}},
            {"id": "olena", "type": "Person", "label": {"en": "Olena"}, "mentions": [{"exact": "Олену"}]},
        ],
        "situations": [_PUBLICATION, *events],
        "claims": [
            {"id": f"W{number}", "affirms": f"win{number}", "quotes": [{"exact": words}], **_SAID, **_HOW, **_WORK}
            for number, words in enumerate(wins)
        ],
    }
    return json.dumps(document, ensure_ascii=False).encode()

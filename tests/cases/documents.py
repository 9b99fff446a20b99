"""Claims documents that violate one constraint each: the small document as JSON, changed in one place."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.cases.graphs import small_document

Item = dict[str, Any]
LISTS = ("entities", "segments", "times", "situations", "claims", "relations", "quantities")


class Content:
    """A claims document as plain JSON data; ``content["C22"]`` is the item with that id."""

    def __init__(self) -> None:
        self.data: Item = json.loads(small_document().to_json())

    def __getitem__(self, identifier: str) -> Item:
        return self._find(identifier)[1]

    def pointer(self, place: str) -> str:
        """Return the JSON Pointer of a place such as ``C22/cue/0``."""
        identifier, slash, rest = place.partition("/")
        return self._find(identifier)[0] + slash + rest

    def _find(self, identifier: str) -> tuple[str, Item]:
        if identifier == "article":
            return "/article", self.data["article"]
        return next(
            (f"/{name}/{i}", item)
            for name in LISTS
            for i, item in enumerate(self.data[name])
            if item["id"] == identifier
        )

    def remove(self, identifier: str) -> None:
        """Remove an item from its list."""
        pointer = self._find(identifier)[0]
        _, name, index = pointer.split("/")
        del self.data[name][int(index)]


class DocumentCase(NamedTuple):
    """A claims document that breaks one constraint.

    Attributes:
        constraint: its id.
        place: where it is reported: the id of an item and, if need be, what comes below it.
        change: what breaks it.
    """

    constraint: str
    place: str
    change: Callable[[Content], object]

    def make(self) -> tuple[bytes, str]:
        """Return the broken document and the JSON Pointer of the error."""
        content = Content()
        pointer = content.pointer(self.place)
        self.change(content)
        return json.dumps(content.data, ensure_ascii=False).encode(), pointer


def _copy(content: Content, identifier: str, **changes: object) -> None:
    """Append a copy of a claim with another id."""
    content.data["claims"].append({**content[identifier], "id": "C90", **changes})


def _sized(content: Content, size: int) -> None:
    del content["rebels"]["sizeUnstated"]
    content["rebels"]["size"] = size


def _undecided(content: Content) -> None:
    _copy(content, "C23")
    content["C23"].pop("affirms")


def _late_refusal(content: Content) -> None:
    content["request_ir"].update(time=["ts_8dec"])
    content["refusal_ir"].update(time=["ts_latenov"])


def _words(exact: str) -> list[Item]:
    return [{"exact": exact}]


DOCUMENTS = [
    DocumentCase("A2", "article/sha256", lambda d: d["article"].update(sha256="0" * 64)),
    DocumentCase("A3", "C44/quotes/0", lambda d: d["C44"]["quotes"][0].update(start=1616)),
    DocumentCase("A3", "C44/quotes/0", lambda d: d["C44"].update(quotes=_words("безпілотники атакували Москву"))),
    DocumentCase("A3", "C44/quotes/0", lambda d: d["C44"].update(quotes=_words("Асада"))),
    DocumentCase("A3", "russia/mentions/0", lambda d: d["russia"].update(mentions=_words("Росія"))),
    DocumentCase("A4", "S20", lambda d: d["S20"].update(end=99_999)),
    DocumentCase("B2", "C22", lambda d: d["C22"].update(denies="pub_bild")),
    DocumentCase("B2", "C23", _undecided),
    DocumentCase("B3", "C22", lambda d: d["C22"].update(originatesIn="fpv_attack")),
    DocumentCase("B3", "C44", lambda d: d["C44"].update(reportedIn="interview", originatesIn="interview")),
    DocumentCase("B4", "C22", lambda d: d["C22"].update(reportedIn="pub_article_own")),
    DocumentCase("B5", "C22", lambda d: d["C22"].pop("cue")),
    DocumentCase("B6", "C22", lambda d: d["C22"].update(attributionMode="outletVoice")),
    DocumentCase("B7", "C44", lambda d: d["C44"].update(probability=0.5)),
    DocumentCase("B8", "pub_bild", lambda d: d["pub_bild"].pop("reporter")),
    DocumentCase("B9", "interview", lambda d: d["interview"].update(relays=["interview"])),
    DocumentCase("B11", "C16", lambda d: d["C16"].update(cue=d["C28"]["cue"])),
    DocumentCase("C1", "death", lambda d: d.remove("C54")),
    DocumentCase("C2", "death", lambda d: _copy(d, "C54", affirms=None, denies="death")),
    DocumentCase("C3", "calls", lambda d: d["calls"].update(before=["calls"])),
    DocumentCase("C4", "fpv_attack", lambda d: d["fpv_attack"].update(causedBy=["fpv_attack"])),
    DocumentCase("C5", "death", lambda d: d["death"].update(time=["ts_latenov"])),
    DocumentCase("C6", "stopcalls", lambda d: d["leave"].update(time=["ts_latenov"])),
    DocumentCase("C8", "calls/partOf/0", lambda d: d["calls"].update(partOf=["calls"])),
    DocumentCase("C8", "calls/topic/0", lambda d: d["calls"].update(topic=["calls"])),
    DocumentCase("C8", "C22/conflictsWith/0", lambda d: d["C22"].update(conflictsWith=["C22"])),
    DocumentCase("C8", "ts_8dec/relativeTo", lambda d: d["ts_8dec"].update(relativeTo="ts_8dec")),
    DocumentCase("D1", "refusal_ir", lambda d: d["refusal_ir"].update(respondsTo=["death"])),
    DocumentCase("D2", "refusal_ir", lambda d: d["refusal_ir"].update(actor=["putin"])),
    DocumentCase("D2n", "stopcalls", lambda d: d["stopcalls"].update(actor=["iran"])),
    DocumentCase("D3", "refusal_ir", lambda d: d["refusal_ir"].update(recipient=["putin"])),
    DocumentCase(
        "D4",
        "refusal_ir",
        _late_refusal,
    ),
    DocumentCase("D5", "request_ir", lambda d: [d["request_ir"].pop(n) for n in ("actor", "recipient", "topicText")]),
    DocumentCase("E1", "sochi_attack", lambda d: d["sochi_attack"].pop("instrument")),
    DocumentCase("E2", "sochi_attack", lambda d: [d["sochi_attack"].pop(name) for name in ("place", "affected")]),
    DocumentCase("E3", "sochi_attack", lambda d: d["sochi_attack"].pop("time")),
    DocumentCase("E4", "death", lambda d: d["death"].update(affected=["ua_drones"])),
    DocumentCase("E5", "detention", lambda d: d["detention"].pop("affected")),
    DocumentCase("F1", "ts_8dec", lambda d: d["ts_8dec"].update(notAfter="2024-12-07")),
    DocumentCase("F2", "ts_8dec", lambda d: d["ts_8dec"].update(yearSource="stated")),
    DocumentCase("F3", "ts_2oct", lambda d: d["ts_2oct"].update(edtf="2025-10-03", notBefore=None, notAfter=None)),
    DocumentCase("F4", "ts_8dec", lambda d: d["ts_8dec"].update(edtf="early December")),
    DocumentCase("G0", "rebels", lambda d: d["rebels"].pop("sizeUnstated")),
    DocumentCase("G0", "rebels", lambda d: d["rebels"].update(size=300)),
    DocumentCase("G1", "sochi", lambda d: d["sochi"].update(within=["sochi"])),
    DocumentCase("G5", "sochi_attack", lambda d: d["sochi_attack"].update(instrument=["sochi"])),
    DocumentCase("G4", "interview", lambda d: d["interview"].update(venue=["sochi"])),
    DocumentCase("J2", "C22/certainty", lambda d: d["C22"].update(certainty="sure")),
    DocumentCase("J2", "death/type", lambda d: d["death"].update(type="Murder")),
    DocumentCase("J2", "C22/quotes", lambda d: d["C22"].update(quotes=[])),
    DocumentCase("J2", "assad", lambda d: d["assad"].pop("label")),
    DocumentCase("J2", "assad/id", lambda d: d["assad"].update(id="Bashar al-Assad")),
    DocumentCase("J2", "assad/nickname", lambda d: d["assad"].update(nickname="—")),
    DocumentCase("J3", "death/affected/0", lambda d: d["death"].update(affected=["nobody"])),
    DocumentCase("J3", "interview/venue/0", lambda d: d["interview"].update(venue=["nothing"])),
    DocumentCase("J3", "C22/originatesIn", lambda d: d["C22"].update(originatesIn="nothing")),
    DocumentCase("J4", "C23/id", lambda d: d["C23"].update(id="C22")),
    DocumentCase("J8", "assad/label/en", lambda d: d["assad"]["label"].update(en="Assad\v of Syria")),
    DocumentCase("J8", "C22/note", lambda d: d["C22"].update(note="a\0b")),
    DocumentCase("J9", "assad/label/EN", lambda d: d["assad"]["label"].update(EN="Bashar Assad")),
    DocumentCase("J10", "C22/extractionConfidence", lambda d: d["C22"].update(extractionConfidence=1 / 700)),
    DocumentCase("J12", "assad/label/en", lambda d: d["assad"]["label"].update(en=" \u00a0")),
    DocumentCase("J12", "assad/label/en", lambda d: d["assad"]["label"].update(en="\u200b")),
    DocumentCase("J11", "meeting/duration", lambda d: d["meeting"].update(duration=f"PT{'9' * 19}H")),
    DocumentCase("J11", "rebels/size", lambda d: _sized(d, 2**63)),
]

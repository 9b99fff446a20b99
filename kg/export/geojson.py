"""A map: every situation with a place, as GeoJSON (RFC 7946).

A place that the graph has no point for is a feature without geometry (clause 3.2), so that nothing is lost and nothing
is put where nobody said that it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from kg.export.situation_records import Record, SituationRecord, situation_records
from kg.export.table_rows import TableReader
from kg.export.table_schema import TABLES

_COPIED = (
    "type",
    "label",
    "label_local",
    "modality",
    "reported_fact",
    "dates",
    "edtf",
    "not_before",
    "not_after",
    "precision",
    "part_of_day",
    "year_source",
)


class GeoJsonWriter:
    """Writes the features one by one, and counts them.

    Attributes:
        features: how many there are.
        unlocated: how many of them have no geometry.
    """

    def __init__(self, reader: TableReader) -> None:
        """Look up where all the places are."""
        names = TABLES["places"].names
        rows = dict(reader.of_all())["places"]
        self._places = {row[0]: dict(zip(names, row, strict=True)) for row in rows}
        self._reader = reader
        self.features = self.unlocated = 0

    def pieces(self) -> Iterator[str]:
        """Give the text of the collection, a piece an article and one to end it."""
        mark = '{"type": "FeatureCollection", "features": ['
        for identifier in self._reader.articles:
            piece = ""
            for happening in situation_records(self._reader.of_article(identifier)):
                for place in happening.places:
                    piece += mark + "\n" + json.dumps(self._feature(happening, place), ensure_ascii=False)
                    mark = ","
            yield piece
        yield ("" if mark == "," else mark) + "\n]}\n"

    def _feature(self, happening: SituationRecord, place: Record) -> dict[str, Any]:
        known = self._places.get(place["entity"], {})
        longitude, latitude = known.get("longitude"), known.get("latitude")
        geometry = None if latitude is None else {"type": "Point", "coordinates": [longitude, latitude]}
        self.features += 1
        self.unlocated += geometry is None
        return {
            "type": "Feature",
            "id": f"{happening.iri}@{place['entity']}",
            "geometry": geometry,
            "properties": {
                "article": happening.situation["article"],
                "situation": happening.iri,
                **{name: happening.situation[name] for name in _COPIED},
                "place": place["entity"],
                "place_label": place["label"],
                "place_type": place["type"],
                "within": known.get("within"),
                "point_of": known.get("point_of"),
                "claims": [claim["claim"] for claim in happening.claims],
            },
        }

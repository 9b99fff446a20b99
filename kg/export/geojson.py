"""GeoJSON export (RFC 7946): one feature for each situation and each of its places.

A place without coordinates in the graph becomes a feature without geometry (clause 3.2): it is not lost, and its
position is not guessed.
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
    """Writer of a feature collection, article by article.

    Attributes:
        features: number of features written.
        unlocated: number of features without geometry among them.
    """

    def __init__(self, reader: TableReader) -> None:
        """Read the coordinates of all places.

        Args:
            reader: the articles to write.
        """
        names = TABLES["places"].names
        rows = dict(reader.of_all())["places"]
        self._places = {row[0]: dict(zip(names, row, strict=True)) for row in rows}
        self._reader = reader
        self.features = self.unlocated = 0

    def pieces(self) -> Iterator[str]:
        """Yield the text of the collection: one piece per article, and the end."""
        mark = '{"type": "FeatureCollection", "features": ['
        for identifier in self._reader.articles:
            piece = ""
            for record in situation_records(self._reader.of_article(identifier)):
                for place in record.places:
                    piece += mark + "\n" + json.dumps(self._feature(record, place), ensure_ascii=False)
                    mark = ","
            yield piece
        yield ("" if mark == "," else mark) + "\n]}\n"

    def _feature(self, record: SituationRecord, place: Record) -> dict[str, Any]:
        known = self._places.get(place["entity"], {})
        longitude, latitude = known.get("longitude"), known.get("latitude")
        geometry = None if latitude is None else {"type": "Point", "coordinates": [longitude, latitude]}
        self.features += 1
        self.unlocated += geometry is None
        return {
            "type": "Feature",
            "id": f"{record.iri}@{place['entity']}",
            "geometry": geometry,
            "properties": {
                "article": record.situation["article"],
                "situation": record.iri,
                **{name: record.situation[name] for name in _COPIED},
                "place": place["entity"],
                "place_label": place["label"],
                "place_type": place["type"],
                "within": known.get("within"),
                "point_of": known.get("point_of"),
                "claims": [claim["claim"] for claim in record.claims],
            },
        }

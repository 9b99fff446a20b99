"""Events for matching: records of the common table, files of each dataset, and an article of another year."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import ontology
from kg.events import acled, gdelt, ucdp

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "linking"
OLDER = SHARED / "ucdp" / "conflict_data_ukr_2014-2019_older_release.csv"
NEWER = SHARED / "ucdp" / "conflict_data_ukr_2014-2021.csv"

needs_slices = pytest.mark.skipif(not NEWER.exists(), reason="the slices of real datasets are not here")


def event(identifier: str, **changes: Any) -> dict[str, Any]:
    """Make a record of the common table: shelling of Druzhkivka on 14 June 2014, three dead."""
    return {
        "dataset": "claimgraph",
        "id": identifier,
        "start": date(2014, 6, 14),
        "end": date(2014, 6, 14),
        "date_code": "day",
        "latitude": 48.62,
        "longitude": 37.53,
        "radius": 5.0,
        "place": "Druzhkivka",
        "place_code": "place",
        "plover": "ASSAULT",
        "kind": "Shelling",
        "actors": "Government of Ukraine; DPR",
        "deaths_low": 3,
        "deaths": 3,
        "deaths_high": 3,
        "source": "Reuters",
        "headline": "Three killed in shelling of Druzhkivka",
        "clarity": "",
        "mention": False,
    } | changes


def ucdp_file(place: Path, *rows: dict[str, str], tags: bool = True) -> Path:
    """Write a file of UCDP GED in the layout of HDX."""
    usual = {
        "id": "1",
        "type_of_violence": "1",
        "side_a": "Government of Ukraine",
        "side_b": "DPR",
        "source_article": '"Reuters,2014-06-15,Three killed, says ""mayor"""',
        "source_office": "Reuters",
        "source_headline": "Three killed in shelling of Druzhkivka",
        "where_prec": "1",
        "where_coordinates": "Druzhkivka town",
        "where_description": "Дружківка",
        "adm_1": "Donetsk Oblast",
        "latitude": "48.621389",
        "longitude": "37.527778",
        "event_clarity": "1",
        "date_prec": "1",
        "date_start": "2014-06-14 00:00:00.000",
        "date_end": "2014-06-14 00:00:00.000",
        "best": "3",
        "high": "3",
        "low": "3",
    }
    tag = {"date_start": "#date+start", "date_end": "#date+end", "best": "#affected+killed"}
    return _written(place, ucdp.REQUIRED, [*([tag] if tags else []), *(usual | row for row in rows)])


def acled_file(place: Path, *rows: dict[str, str], separator: str = ",") -> Path:
    """Write a file as ACLED exports it."""
    usual = {
        "event_id_cnty": "UKR1",
        "event_date": "14 June 2014",
        "time_precision": "1",
        "event_type": "Explosions/Remote violence",
        "sub_event_type": "Shelling/artillery/missile attack",
        "actor1": "Military Forces of Ukraine (2014-2019)",
        "actor2": "",
        "admin1": "Donetsk",
        "location": "Druzhkivka",
        "latitude": "48.62",
        "longitude": "37.53",
        "geo_precision": "1",
        "source": "Reuters; Interfax",
        "notes": "On 14 June 2014, three people were killed in shelling of Druzhkivka.",
        "fatalities": "3",
    }
    return _written(place, acled.REQUIRED, [usual | row for row in rows], separator)


def _written(place: Path, columns: tuple[str, ...], rows: list[dict[str, str]], separator: str = ",") -> Path:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, delimiter=separator, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    place.write_text(stream.getvalue(), "utf-8")
    return place


def gdelt_file(place: Path, *rows: dict[str, str], columns: tuple[str, ...] = gdelt.EVENTS_2) -> Path:
    """Write a file of GDELT events: tabs, no header, no quotes."""
    usual = {
        "GLOBALEVENTID": "9",
        "SQLDATE": "20140614",
        "Actor1Name": "UKRAINE",
        "EventCode": "194",
        "EventRootCode": "19",
        "ActionGeo_Type": "4",
        "ActionGeo_FullName": "Druzhkivka, Donets'ka Oblast', \"Ukraine",
        "ActionGeo_Lat": "48.62",
        "ActionGeo_Long": "37.53",
        "SOURCEURL": "https://www.reuters.com/world/three-killed-in-shelling-of-druzhkivka-20140614.html",
    }
    lines = ["\t".join((usual | row).get(name, "") for name in columns) for row in rows]
    place.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return place


def article(day: str) -> bytes:
    """Make an article like the seed, in which the power fails in three towns on another day."""
    content = json.loads(ontology.read("seed/article.json"))
    content["article"]["id"] = "other"
    for time in content["times"]:
        if time["id"] == "ts_3oct_a":
            time.update(edtf=day, notBefore=day, notAfter=day)
    return json.dumps(content).encode()

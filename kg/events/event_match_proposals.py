"""Link proposals for the events of the graph: one for each dataset row that an event may be.

An event that a dataset does not cover has a single proposal with that verdict, and so has an event without a row
nearby: both are results.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from kg.events import plover_types, table_engines
from kg.events.event_file_reading import EventDataset, diagnosis
from kg.events.event_matching import SLACK_DAYS, WEIGHTS, candidates
from kg.events.event_schema import COLUMNS
from kg.events.match_acceptance_rules import ENOUGH, decided
from kg.events.table_engines import Backend
from kg.linking.link_proposal_types import LinkProposal, ProposalVerdict, ScoringFeature
from kg.reference.records import RecordKind

Row = Mapping[str, Any]

_CONDITIONS = {
    "only": "others are as good",
    "day": "not both are of one exact day",
    "near": "the place is not known well enough",
    "same_type": "the types differ or are unknown",
    "cited": "no headline is shared",
    "agreed": "sides and casualties do not both agree",
    "clear": "the row sums up several events",
}
"""Reasons why a row is left for review, by the condition of the acceptance rules that it does not meet."""

_MENTION = "A row of GDELT is a mention of such an event, not corroboration of it"


def proposals(connection: Backend, events: Iterable[Row], dataset: EventDataset) -> list[LinkProposal]:
    """Match events of the graph with a dataset that was opened with the same connection, and return the proposals.

    Each event (see :func:`kg.events.graph_events.graph_events`) has at least one, best first: accepted, for review, nil
    (no row is near), or outside.

    Raises:
        BadInput: the file is damaged.
    """
    by_event: dict[str, list[Row]] = defaultdict(list)
    for row in events:
        by_event[row["id"]].append(row)
    outside = {event: _outside(rows, dataset) for event, rows in by_event.items()}
    compared = [row for event, rows in by_event.items() if not outside[event] for row in rows]
    matched = _matched(connection, compared, dataset) if compared else {}
    return [
        proposal
        for event, rows in by_event.items()
        for proposal in _for_event(rows[0], outside[event], matched.get(event, []), dataset)
    ]


def _matched(connection: Backend, compared: list[Row], dataset: EventDataset) -> dict[str, list[Row]]:
    """Return the decided rows of each event, best first.

    Raises:
        BadInput: the file is damaged.
    """
    # Rows are filtered by the days of all events first, so that a long file costs little more than its reading.
    slack, rows = timedelta(days=SLACK_DAYS), dataset.events
    first, last = min(row["start"] for row in compared) - slack, max(row["end"] for row in compared) + slack
    rows = rows.filter(rows.end >= first, rows.start <= last)
    pairs = decided(candidates(table_engines.table(COLUMNS, compared), rows))
    try:
        listed = table_engines.rows(pairs, connection)
    except table_engines.EngineFailed as error:
        raise diagnosis(dataset.layout, str(error).splitlines()[0]) from None
    found: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(listed, key=lambda row: (row["q_id"], row["rank"])):
        found[row["q_id"]].append(row)
    return found


def _outside(rows: list[Row], dataset: EventDataset) -> str:
    """Return why a dataset cannot contain an event; empty if it can."""
    event, form, slack = rows[0], dataset.layout.form, timedelta(days=SLACK_DAYS)
    reason, beyond = "", "Outside this dataset’s coverage: "
    if event["start"] is None or event["end"] is None:
        reason = "No date is known, so no row can be compared."
    elif event["end"] < dataset.first - slack or event["start"] > dataset.last + slack:
        reason = f"{beyond}it runs from {dataset.first} to {dataset.last}."
    elif event["plover"] not in plover_types.covered(form):
        reason = f"{beyond}{form.upper()} does not record {event['plover'] or 'events without a PLOVER type'}."
    elif form == "ucdp" and event["deaths_high"] == 0:
        reason = f"{beyond}UCDP records only events with deaths."
    elif not any(row["place"] or row["latitude"] is not None for row in rows):
        reason = "No place is known, so no row can be compared."
    elif all(_off(row, dataset) for row in rows):
        reason = f"{beyond}no row lies in that part of the world."
    return reason


def _off(row: Row, dataset: EventDataset) -> bool:
    """Return whether a place lies outside the bounds of the dataset, with its radius added; an unknown one does not."""
    if row["latitude"] is None:
        return False
    # In degrees. A degree of longitude has over 60 km up to 57° of latitude; one degree more allows for the rest.
    reach = 1 + row["radius"] / 60
    return not (
        dataset.south - reach <= row["latitude"] <= dataset.north + reach
        and dataset.west - reach <= row["longitude"] <= dataset.east + reach
    )


def _for_event(event: Row, outside: str, rows: list[Row], dataset: EventDataset) -> Iterator[LinkProposal]:
    """Yield the proposals of one event: accepted rows, else rows for review, else the reason why there are none."""
    accepted = [row for row in rows if row["verdict"] == "accept"]
    listed = accepted or [row for row in rows if row["verdict"] == "review"]
    if listed:
        yield from (_proposal(event, row, dataset) for row in listed)
        return
    reason = outside or f"No row near in time and place has {ENOUGH:g} points or more."
    verdict = ProposalVerdict.outside if outside else ProposalVerdict.nil
    yield LinkProposal(
        subject=event["id"],
        name=_name(event),
        kind=RecordKind.other,
        dataset=dataset.layout.form.value,
        verdict=verdict,
        reason=reason,
        source=dataset.name,
    )


def _proposal(event: Row, row: Row, dataset: EventDataset) -> LinkProposal:
    return LinkProposal(
        subject=event["id"],
        name=_name(event),
        kind=RecordKind.other,
        dataset=row["r_dataset"],
        identifier=row["r_id"],
        label=_label(row),
        matched=_shortened(row["r_headline"] or row["r_place"]),
        score=row["score"],
        features=tuple(_features(row)),
        verdict=ProposalVerdict(row["verdict"]),
        reason=_reason(row),
        source=dataset.name,
    )


def _name(event: Row) -> str:
    return str(event["headline"]).split("; ")[0]


def _label(row: Row) -> str:
    """Return a label for a row: ``2014-06-14, Druzhkivka town: Government of Ukraine; DPR``."""
    places = str(row["r_place"]).split(";")
    return _shortened(f"{_days(row, 'r_')}, {places[0]}: {row['r_actors']}", 120)


def _reason(row: Row) -> str:
    if row["verdict"] == "accept":
        return "The only best row: same day, place within precision, same type, headline, sides and casualties."
    # “Others are as good” explains only the first row; for the rest, their rank does.
    missed = [text for name, text in _CONDITIONS.items() if not row[name] and (name != "only" or row["rank"] == 0)]
    if row["rank"] > 0:
        missed.insert(0, f"another row has more points (this one has rank {row['rank'] + 1})")
    if row["sure"] and row["claimed"] > 1:
        missed.insert(0, f"{row['claimed']} events of the graph match this row")
    if row["r_mention"]:
        missed.insert(0, _MENTION)
    text = "; ".join(missed)
    return f"A close match for review: {text[:1].lower() + text[1:] if not row['r_mention'] else text}."


def _features(row: Row) -> Iterator[ScoringFeature]:
    distance = "no known point; the names share words" if row["distance"] is None else f"{row['distance']:.1f} km apart"
    evidence = {
        "date": f"{_days(row, 'q_')} / {_days(row, 'r_')} (code {row['r_date_code']})",
        "place": f"{distance}, within {row['q_radius']:g} and {row['r_radius']:g} km (code {row['r_place_code']})",
        "type": f"{row['q_plover'] or '–'} / {row['r_plover'] or '–'} ({row['r_kind']})",
        "actors": f"{_shortened(row['q_actors'])} / {_shortened(row['r_actors'])}",
        "casualties": f"{_casualties(row, 'q_')} / {_casualties(row, 'r_')}",
        "source": f"{_shortened(row['q_headline'])} / {_shortened(row['r_headline'])}",
    }
    for name, weight in WEIGHTS.items():
        known = row[name] is not None
        yield ScoringFeature(
            name, round(row[name], 3) if known else 0.0, float(weight), evidence[name] if known else "unknown"
        )
    if row["r_mention"]:
        yield ScoringFeature("mention", 0.0, 0.0, f"{_MENTION}.")


def _days(row: Row, side: str) -> str:
    first, last = row[f"{side}start"], row[f"{side}end"]
    return f"{first}" if first == last else f"{first}–{last}"


def _casualties(row: Row, side: str) -> str:
    low, best, high = (row[f"{side}{name}"] for name in ("deaths_low", "deaths", "deaths_high"))
    if best is None:
        return f"at least {low} dead"
    return f"{best} dead" if low == best == high else f"{best} dead ({low}–{high})"


def _shortened(text: str, most: int = 80) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"

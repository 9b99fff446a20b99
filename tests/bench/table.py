"""Results of the serving benchmark as Markdown: tables with ratios, and each goal next to its measurement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from tests.bench.measure import CLIENTS, PATIENCE, QUESTION, Results

OURS = "claimgraph"
NATIVE = "oxigraph"
PYTHON = "rdflib-endpoint"
SCALE = ("small", "large")
LOADS = ("point, new", "point, repeated", "point, 304", "join, new", "quick questions", "aggregates", "export")
_STANDS_FOR = {"point, 304": "point, repeated"}
"""Substitutes for loads that a peer does not support."""


@dataclass(frozen=True)
class Goal:
    """A goal with its measurement: the number, the unit, and whether it is met."""

    text: str
    found: float | None
    met: bool
    unit: str = "×"

    def row(self) -> list[str]:
        """Return the cells of its row."""
        if self.found is None:
            return [self.text, "not measured", ""]
        return [self.text, f"{short(self.found)} {self.unit}", "met" if self.met else "missed"]


def comparison(results: Results) -> Iterator[str]:
    """Return the lines of all tables of a comparison."""
    yield from ("### Loads", "", "Answers a second (p50, p99 in milliseconds), and ratios of the first.", "")
    yield from _loads(results)
    yield from ("", "### Competency questions, one client", "", "Milliseconds, and ratios.", "")
    yield from _questions(results)
    yield from ("", "### A query that would never end", "")
    yield from _runaway(results)
    yield from ("", "### Start and memory", "", "MiB of all processes: resident (of that not shared).", "")
    yield from _memory(results)
    yield from ("", "### Goals", "")
    yield from lines(["goal", "measured", ""], [goal.row() for goal in goals(results)])
    differing = list(results.differing())
    queries = len({query for answers in results.answers.values() for query in answers})
    yield from ("", f"{queries} queries were compared; {len(differing)} answers differ.", "")
    yield from (f"- {note}" for note in [*differing, *results.notes])


def scale(results: Results) -> Iterator[str]:
    """Return the lines of the tables of a comparison of two sizes."""
    rows = []
    for clients in CLIENTS:
        for measure, unit in (("rate", "answers/s"), ("p50", "ms"), ("p99", "ms")):
            values = [results.get(name, f"point, new / {clients} / {measure}") for name in SCALE]
            rows.append([f"point, new, {clients} clients: {measure}, {unit}", *map(_cell, values), _ratio(*values)])
    for text, name in (
        ("start, ms", "start"),
        ("idle after the start, MiB", "idle / rss"),
        ("idle after the start, not shared, MiB", "idle / uss"),
        ("idle after the loads, MiB", "afterwards / rss"),
        ("idle after the loads, not shared, MiB", "afterwards / uss"),
    ):
        values = [results.get(size, name) for size in SCALE]
        rows.append([text, *map(_cell, values), _ratio(*values)])
    yield from lines(["", *SCALE, "ratio small / large"], rows)
    small, large = (results.get(name, "point, new / 1 / p50") for name in SCALE)
    memory = results.get("large", "idle / uss")
    slower = large / small if large and small else None
    found = [
        Goal("10 × the data: p50 of point lookups ≤ 1.5 ×", slower, slower is not None and slower <= 1.5),
        Goal(
            "idle memory after the start, not shared, ≤ 400 MB",
            memory,
            memory is not None and memory * 1.048576 <= 400,
            "MiB",
        ),
    ]
    yield ""
    yield from lines(["goal", "measured", ""], [goal.row() for goal in found])
    yield from (f"- {note}" for note in results.notes)


def goals(results: Results) -> list[Goal]:
    """Compare the numbers with the goals; of several numbers of one goal the worst counts."""
    rates = {load: _ratios(results, load, NATIVE, CLIENTS) for load in LOADS}
    python = _ratios(results, "point, new", PYTHON, CLIENTS)
    analytic = [rates[load][0] for load in ("aggregates", "export") if rates[load]]
    questions = [ours and theirs / ours for _, ours, theirs in _answered(results, NATIVE)]
    analytic += [median(questions)] if questions else []
    before, after = (results.get(OURS, f"{way} runaway / p99") for way in ("without", "with"))
    gone = results.get(OURS, "runaway gone late")
    slower = after / before if before and after else None
    return [
        _at_least(f"point lookups, new: ≥ 0.5 × {NATIVE}", rates["point, new"], 0.5),
        _at_least(f"point lookups, repeated: ≥ 1 × {NATIVE}", rates["point, repeated"], 1),
        _at_least(f"point lookups, 304: ≥ 1 × {NATIVE}", rates["point, 304"], 1),
        _at_least(f"point lookups, new: ≥ 30 × {PYTHON}", python, 30),
        _at_least(f"questions (median), aggregates, export: ≥ {1 / 1.1:.2f} × {NATIVE}", analytic, 1 / 1.1),
        Goal("p99 with a runaway query ≤ 2 × without", slower, slower is not None and slower <= 2),
        Goal("the runaway is gone ≤ 300 ms after its deadline", gone, gone is not None and gone <= 300, "ms"),
    ]


def _at_least(text: str, ratios: list[float], least: float) -> Goal:
    return Goal(text, min(ratios, default=None), bool(ratios) and min(ratios) >= least)


def _ratios(results: Results, load: str, peer: str, clients: Iterable[int]) -> list[float]:
    found = []
    for number in clients:
        ours, theirs = (_rate(results, name, load, number) for name in (OURS, peer))
        if ours and theirs:
            found.append(ours / theirs)
    return found


def _rate(results: Results, peer: str, load: str, clients: int) -> float | None:
    found = results.get(peer, f"{load} / {clients} / rate")
    if found is None and load in _STANDS_FOR:
        return results.get(peer, f"{_STANDS_FOR[load]} / {clients} / rate")
    return found


def _others(results: Results) -> list[str]:
    return [peer for peer in results.numbers if peer != OURS]


def _heading(results: Results, *first: str) -> list[str]:
    return [*first, OURS, *(cell for peer in _others(results) for cell in (peer, "ratio"))]


def _loads(results: Results) -> Iterator[str]:
    rows = []
    for load in LOADS:
        for clients in CLIENTS:
            row = [load, str(clients), _load(results, OURS, load, clients)]
            for peer in _others(results):
                row.append(_load(results, peer, load, clients))
                row.append(_ratio(*(_rate(results, name, load, clients) for name in (OURS, peer))))
            rows.append(row)
    return lines(_heading(results, "load", "clients"), rows)


def _load(results: Results, peer: str, load: str, clients: int) -> str:
    rate, p50, p99 = (results.get(peer, f"{load} / {clients} / {measure}") for measure in ("rate", "p50", "p99"))
    return "–" if rate is None else f"{_cell(rate)} ({_cell(p50)}, {_cell(p99)})"


def _answered(results: Results, peer: str) -> list[tuple[str, float, float]]:
    """Return the questions that both Claimgraph and a peer completed in time, with the times of both."""
    found = []
    for name in results.numbers[OURS]:
        ours, theirs = (results.get(one, name) for one in (OURS, peer))
        if name.startswith("Q") and ours and theirs and max(ours, theirs) < QUESTION * 1000:
            found.append((name, ours, theirs))
    return found


def _questions(results: Results) -> Iterator[str]:
    rows = []
    for name in (name for name in results.numbers[OURS] if name.startswith("Q")):
        ours = results.get(OURS, name)
        row = [name.partition(" ")[0], _time(ours, QUESTION)]
        for peer in _others(results):
            theirs = results.get(peer, name)
            row += [_time(theirs, QUESTION), _ratio(theirs, ours)]
        rows.append(row)
    median_row = ["median of those answered by both", ""]
    for peer in _others(results):
        ratios = [theirs / ours for _, ours, theirs in _answered(results, peer)]
        median_row += ["", f"{median(ratios):.2f}" if ratios else "–"]
    return lines(_heading(results, "question"), [*rows, median_row])


def _runaway(results: Results) -> Iterator[str]:
    rows = []
    for peer in results.numbers:
        row = [peer]
        before, after = (results.get(peer, f"{way} runaway / p99") for way in ("without", "with"))
        row += [_cell(before), _time(after, PATIENCE), _ratio(after, before)]
        row += [_cell(results.get(peer, f"runaway {what} late")) for what in ("answered", "gone")]
        rows.append(row)
    titles = ["", "p99 of others without it, ms", "with it, ms", "ratio"]
    return lines([*titles, "answered after its deadline, ms", "gone after its deadline, ms"], rows)


def _memory(results: Results) -> Iterator[str]:
    rows = []
    for peer in results.numbers:
        row = [peer, _cell(results.get(peer, "start"))]
        for when in ("idle", "peak", "idle afterwards"):
            rss, uss = (results.get(peer, f"{when} / {kind}") for kind in ("rss", "uss"))
            row.append(f"{_cell(rss)} ({_cell(uss)})")
        rows.append(row)
    return lines(["", "first answer after, ms", "idle", "peak", "idle afterwards"], rows)


def lines(titles: list[str], rows: list[list[str]]) -> Iterator[str]:
    """Return the lines of a table in Markdown."""
    yield "| " + " | ".join(titles) + " |"
    yield "| " + " | ".join("---" for _ in titles) + " |"
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def _ratio(one: float | None, other: float | None) -> str:
    return f"{one / other:.2f}" if one is not None and other else "–"


def _time(milliseconds: float | None, most: float) -> str:
    if milliseconds is not None and milliseconds >= most * 1000:
        return f"> {most * 1000:,.0f}"
    return _cell(milliseconds)


def _cell(value: float | None) -> str:
    return "–" if value is None else short(value)


def short(value: float) -> str:
    """Return a number with three digits, or without decimals from 100 on."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def ranged(values: Sequence[float]) -> str:
    """Return the median of the rounds with its range."""
    if not values:
        return "–"
    return f"{short(median(values))} ({short(min(values))} to {short(max(values))})"


def ranged_ratio(ones: Sequence[float], others: Sequence[float]) -> str:
    """Return the ratio of two medians, with the range of the ratios within the rounds."""
    if not ones or not all(others):
        return "–"
    within = [one / other for one, other in zip(ones, others, strict=True)]
    return f"{median(ones) / median(others):.2f} ({min(within):.2f} to {max(within):.2f})"

"""Report of the benchmark of forms as Markdown: tables with ranges, and each goal next to its measurement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from tests.bench import table
from tests.bench.client import percentile
from tests.bench.lookup_forms import LookupForm
from tests.bench.measure import Results
from tests.bench.table import NATIVE, OURS, Goal

CLIENTS = (1, 8, 32)
DIRECT = "direct"
ONE = "one web process"
PAGES = ("pages", "reconciliation")
WRITES = 120
"""Number of writes in all rounds."""
Plan = Sequence[tuple[str, LookupForm, int]]


def report(results: Results, plan: Plan) -> Iterator[str]:
    """Return the lines of all tables."""
    yield from ("", "### New lookups: answers a second, processor time of our processes in µs a request", "")
    yield from _lookups(results, plan)
    yield from ("", "### Repeated queries, 304, and aggregates right after `kg load`, 8 clients: answers a second", "")
    yield from _others(results)
    yield from ("", "### Pages and reconciliation, 8 clients: requests a second", "")
    yield from _pages(results)
    yield from ("", "### Beside a query that never ends, and until a write is visible: milliseconds", "")
    yield from _times(results)
    yield from ("", "### Goals", "", "The worst of the medians counts; 8 and 32 clients.", "")
    yield from table.lines(["goal", "measured", ""], [goal.row() for goal in goals(results, plan)])
    notes = [*results.differing(), *dict.fromkeys(results.notes)]
    yield from ("", *(f"- {note}" for note in notes or ["No request failed, and all compared answers were the same."]))


def _lookups(results: Results, plan: Plan) -> Iterator[str]:
    rows = []
    for way, form, clients in plan:
        ours, theirs = _rates(results, way, form, clients)
        cpu = results.numbers[OURS][f"{way} / {form} / {clients} / cpu"]
        cells = [table.ranged(ours), table.ranged(theirs), table.ranged_ratio(ours, theirs), table.ranged(cpu)]
        rows.append([way, *str(form).split(" / "), str(clients), *cells])
    return table.lines(["way", "text", "method", "token", "clients", OURS, NATIVE, "ratio", "CPU"], rows)


def _rates(results: Results, way: str, form: LookupForm, clients: int) -> tuple[list[float], list[float]]:
    ours = results.numbers[OURS][f"{way} / {form} / {clients} / rate"]
    return ours, results.numbers[NATIVE][f"{way} / {form.without_token} / {clients} / rate"]


def _others(results: Results) -> Iterator[str]:
    rows = []
    for way, load in ((DIRECT, "repeated"), (DIRECT, "304"), ("nginx", "repeated"), ("nginx", "304"), ("", "")):
        name = f"{way} / {load} / 8" if way else "aggregates / 8"
        ours, theirs = _other_rates(results, name)
        cells = [table.ranged(ours), table.ranged(theirs), table.ranged_ratio(ours, theirs)]
        rows.append([way or DIRECT, load or "aggregates", *cells])
    return table.lines(["way", "load", OURS, NATIVE, "ratio"], rows)


def _other_rates(results: Results, name: str) -> tuple[list[float], list[float]]:
    """Return the rates of a load; the native server has no ETags, so that its repeated queries stand for 304."""
    theirs = results.numbers[NATIVE][f"{name.replace('304', 'repeated')} / rate"]
    return results.numbers[OURS][f"{name} / rate"], theirs


def _pages(results: Results) -> Iterator[str]:
    rows = []
    for name in PAGES:
        one, default = (results.numbers[side][f"{name} / rate"] for side in (ONE, OURS))
        rows.append([name, table.ranged(one), table.ranged(default), table.ranged_ratio(default, one)])
    return table.lines(["", ONE, "as many as processors", "ratio"], rows)


def _times(results: Results) -> Iterator[str]:
    ours = results.numbers[OURS]
    rows = [
        ["p99 of lookups without it", table.ranged(ours["without runaway / p99"])],
        ["p99 of lookups beside it", table.ranged(ours["with runaway / p99"])],
        ["answered after its deadline", table.ranged(ours["runaway answered late"])],
        ["its process gone after its deadline", table.ranged(ours["runaway gone late"])],
    ]
    for name, title in (("acknowledged", "write acknowledged"), ("visible", "and visible in every web process")):
        values = ours[name]
        cuts = [median(values), percentile(values, 95), max(values)] if values else []
        rows.append([f"{title}: median, p95, maximum of {len(values)}", ", ".join(map(table.short, cuts))])
    rows.append(["web processes that answered without an acknowledged write", f"{sum(ours['stale']):.0f}"])
    rows.append(["`kg load` of the corpus, s", table.ranged(ours["load"])])
    return table.lines(["", OURS], rows)


def goals(results: Results, plan: Plan) -> list[Goal]:
    """Compare the numbers with the goals."""
    many = [one for one in plan if one[2] > 1]
    ours = results.numbers[OURS]
    repeated = [
        _other_rates(results, f"{way} / {load} / 8") for way in (DIRECT, "nginx") for load in ("repeated", "304")
    ]
    ratios = {
        way: _lowest([_rates(results, *one) for one in many if one[0] == way])
        for way in dict.fromkeys(p[0] for p in plan)
    }
    cpu = max((median(found) for one in many if (found := ours["{} / {} / {} / cpu".format(*one)])), default=None)
    pages = _lowest([(ours[f"{name} / rate"], results.numbers[ONE][f"{name} / rate"]) for name in PAGES])
    before, after = (results.get(OURS, f"{way} runaway / p99") for way in ("without", "with"))
    return [
        *(_at_least(f"new lookups, {way}: ≥ .35 × {NATIVE} in every form", low, 0.35) for way, low in ratios.items()),
        _at_most("processor time of a new lookup ≤ 330 µs in every form", cpu, 330, "µs"),
        _at_least(f"repeated and 304: ≥ 1 × {NATIVE}", _lowest(repeated), 1),
        _at_least(
            f"aggregates after a bulk load: ≥ .95 × {NATIVE}", _lowest([_other_rates(results, "aggregates / 8")]), 0.95
        ),
        _at_least("pages and reconciliation: ≥ 1.6 × one web process", pages, 1.6),
        _at_most(
            "p99 beside a query that never ends ≤ 2 × without", after / before if before and after else None, 2, "×"
        ),
        _at_most("that query gone ≤ 300 ms after its deadline", results.get(OURS, "runaway gone late"), 300, "ms"),
        _at_most("write visible everywhere, median ≤ 50 ms", results.get(OURS, "visible"), 50, "ms"),
    ]


def _lowest(pairs: Sequence[tuple[list[float], list[float]]]) -> float | None:
    """Return the lowest ratio of medians, if all were measured."""
    return min((median(one) / median(other) for one, other in pairs if one and other), default=None)


def _at_least(text: str, found: float | None, least: float) -> Goal:
    return Goal(text, found, found is not None and found >= least)


def _at_most(text: str, found: float | None, most: float, unit: str) -> Goal:
    return Goal(text, found, found is not None and found <= most, unit)

"""Metrics of the server, in the text format of Prometheus.

Requests are counted in plain integers, because this happens for each of them. Everything else is read from its source
when the metrics are requested.
"""

from __future__ import annotations

import os
import platform
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

import kg
from api.edge.metrics_board import MetricsBoard, MetricsState, Requests
from api.http.request_log_record import RequestLogRecord

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""Media type of Prometheus's text format."""

KINDS: Final = {
    "": "page",
    "docs": "page",
    "guide": "page",
    "questions": "page",
    "openapi.json": "page",
    "ontology": "page",
    "shapes": "page",
    "context.jsonld": "page",
    "schema": "page",
    "static": "static",
    "sparql": "query",
    "update": "update",
    "validate": "validate",
    "reconcile": "reconcile",
    "healthz": "operations",
    "readyz": "operations",
    "metrics": "operations",
}
"""Class of a route by the first segment of its path; every other path names a single resource and is a ``point``.

A write to a resource counts as ``update``, and a response from the cache as ``cached``, whatever its path.
"""

BOUNDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the latency classes, in seconds."""

KILLS: Final = ("deadline", "memory", "disconnect", "crash", "share")
"""Reasons why a reader is killed; each is reported from the start, as 0."""

CACHE: Final = ("hit", "miss", "not-modified")
"""Outcomes of a look-up in the response cache; each is reported from the start, as 0."""


class MetricsSource(Protocol):
    """State of the query service, as metrics report it."""

    @property
    def number(self) -> int:
        """Number of the current snapshot."""

    @property
    def published_at(self) -> float:
        """Time of its publication, in seconds of the Unix epoch."""

    @property
    def readers_ready(self) -> int:
        """Number of idle readers."""

    @property
    def readers_busy(self) -> int:
        """Number of readers that run a query."""

    def processes(self, web: str) -> dict[str, int]:
        """Return the process ids of all readers and their launchers by name; ``web`` is the number of this process."""

    @property
    def waiting(self) -> int:
        """Number of queries in the queue."""

    @property
    def kills(self) -> Mapping[str, int]:
        """Number of readers killed so far, by reason (:data:`KILLS`)."""

    async def probe(self) -> bool:
        """Return whether a reader responds, or has responded recently."""


class LatencyHistogram:
    """Number of requests in each latency class, and the sum of all latencies in seconds."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0


class ServerMetrics:
    """Counters of one web process, reported with those of the others. Not thread-safe: used on the event loop only.

    Attributes:
        endpoint: state of the query service; ``None`` until there is one.
        newest_article: date of the newest article, in seconds of the Unix epoch; ``None`` without articles.
        in_flight: number of requests in progress.
        refused: connections and requests that the server's protocol refused, by reason; the protocol counts here.
        dropped: number of log lines that were lost because they were not read.
        cache: number of look-ups in the response cache, by outcome.
        requests: latencies by class of the route and first digit of the status.
    """

    def __init__(self, endpoint: MetricsSource | None = None, board: MetricsBoard | None = None, slot: int = 0) -> None:
        """Count for one process; ``board`` has the counts of others, and of its own predecessor in ``slot``."""
        self.endpoint = endpoint
        self._board = board
        self._slot = slot
        self._carried = board.read(slot) if board else MetricsState()
        self.newest_article: float | None = None
        self.in_flight = 0
        self.refused: Counter[str] = Counter()
        self.dropped = 0
        self.cache: Counter[str] = Counter(dict.fromkeys(CACHE, 0))
        self.requests: dict[tuple[str, int], LatencyHistogram] = {}
        self._registry = CollectorRegistry()
        self._registry.register(_MetricsCollector(self))

    def observe(self, exchange: RequestLogRecord, seconds: float) -> None:
        """Count one request that took ``seconds``."""
        cache = exchange.cache
        kind = exchange.kind
        if cache:
            self.cache[cache] += 1
            if cache != "miss":
                kind = "cached"
        key = (kind, exchange.status // 100)
        histogram = self.requests.get(key)
        if histogram is None:
            histogram = self.requests[key] = LatencyHistogram()
        # A bound belongs to its class: 0.001 s is counted in the second class, 0.0011 s in the third.
        histogram.counts[bisect_left(BOUNDS, seconds)] += 1
        histogram.total += seconds

    def text(self) -> bytes:
        """Return all metrics in Prometheus's text format."""
        return generate_latest(self._registry)

    def publish(self) -> None:
        """Show the state of this process to the others."""
        if self._board:
            self._board.write(self._slot, self.state())

    def state(self) -> MetricsState:
        """Return the state of this process, with the counts of those that it has replaced."""
        endpoint = self.endpoint
        found = MetricsState(
            in_flight=self.in_flight,
            dropped=self.dropped,
            refused=self.refused.copy(),
            cache=self.cache.copy(),
            kills=Counter(endpoint.kills if endpoint else {}),
            requests={key: (row.counts.copy(), row.total) for key, row in self.requests.items()},
            ready=endpoint.readers_ready if endpoint else 0,
            busy=endpoint.readers_busy if endpoint else 0,
            waiting=endpoint.waiting if endpoint else 0,
            processes=endpoint.processes(str(self._slot + 1) if self._board else "") if endpoint else {},
        )
        found.processes[f"web-{self._slot + 1}" if self._board else "main"] = os.getpid()
        found.add_counters(self._carried)
        return found

    def total(self) -> MetricsState:
        """Return the sums over all web processes, with the processes that serve them."""
        found = self.state()
        if self._board:
            found.processes["main"] = os.getppid()
            for other in self._board.others(self._slot):
                found.add(other)
        return found


class _MetricsCollector(Collector):
    """Collector that reads the counters when the metrics are requested."""

    def __init__(self, metrics: ServerMetrics) -> None:
        self._metrics = metrics

    def describe(self) -> Iterator[Metric]:
        """Return nothing, so that registration does not read the counters."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        metrics, found = self._metrics, self._metrics.total()
        yield _latency(found.requests)
        yield _gauge("http_requests_in_flight", "Requests in progress.", found.in_flight)
        yield _counts(
            "http_refused",
            "Connections and requests refused before they reached the application.",
            "reason",
            found.refused,
        )
        yield _counts("cache_answers", "Look-ups in the response cache, by outcome.", "outcome", found.cache)
        yield _counts(
            "log_lines_dropped", "Log lines lost because they were not read in time.", "", {"": found.dropped}
        )
        if metrics.newest_article is not None:
            about = "Date of the newest article, in seconds of the Unix epoch."
            yield _gauge("newest_article_timestamp_seconds", about, metrics.newest_article)
        if metrics.endpoint is not None:
            yield from _of_endpoint(metrics.endpoint, found)
        yield _memory(found.processes)
        build = {"version": kg.__version__, "python": platform.python_version(), "engine": version("pyoxigraph")}
        yield InfoMetricFamily("claimgraph_build", "Versions of the running software.", build)


def _of_endpoint(endpoint: MetricsSource, total: MetricsState) -> Iterator[Metric]:
    """Yield the metrics of the query service, and of the readers of all processes."""
    yield _gauge("snapshot_number", "Number of the current snapshot.", endpoint.number)
    yield _gauge(
        "snapshot_published_timestamp_seconds",
        "Time of publication of the current snapshot, in seconds of the Unix epoch.",
        endpoint.published_at,
    )
    age = max(0.0, time.time() - endpoint.published_at)
    yield _gauge("snapshot_age_seconds", "Seconds since publication of the current snapshot.", age)
    yield _gauge("query_queue_length", "Queries that wait for a reader.", total.waiting)
    readers = GaugeMetricFamily("claimgraph_readers", "Reader processes, by state.", labels=["state"])
    readers.add_metric(["idle"], total.ready)
    readers.add_metric(["busy"], total.busy)
    yield readers
    kills = dict.fromkeys(KILLS, 0) | dict(total.kills)
    yield _counts("reader_kills", "Readers killed or crashed before they had sent a result.", "reason", kills)


def _latency(requests: Requests) -> Metric:
    """Return the histogram of latencies."""
    family = HistogramMetricFamily(
        "claimgraph_http_request_duration_seconds",
        "Time from the head of a request to the end of its response.",
        labels=["class", "status"],
    )
    for (kind, status), (counts, total) in sorted(requests.items()):
        family.add_metric([kind, f"{status}xx"], _buckets(counts), total)
    return family


def _buckets(counts: Sequence[int]) -> list[tuple[str, float]]:
    """Return upper bounds with cumulative counts, as Prometheus expects them: counts 2, 1, 0 become 2, 3, 3."""
    found, sum_so_far = [], 0
    for bound, count in zip((*map(str, BOUNDS), "+Inf"), counts, strict=True):
        sum_so_far += count
        found.append((bound, float(sum_so_far)))
    return found


def _gauge(name: str, about: str, value: float) -> Metric:
    """Return a gauge with a single value."""
    return GaugeMetricFamily(f"claimgraph_{name}", about, value)


def _counts(name: str, about: str, label: str, counts: Mapping[str, int]) -> Metric:
    """Return a counter by the values of one label; an empty label name means a single count."""
    family = CounterMetricFamily(f"claimgraph_{name}", about, labels=[label] if label else [])
    for value, count in sorted(counts.items()):
        family.add_metric([value] if label else [], count)
    return family


def _memory(processes: Mapping[str, int]) -> Metric:
    """Return the resident memory of each process in bytes."""
    family = GaugeMetricFamily(
        "claimgraph_resident_memory_bytes", "Resident memory of each process.", labels=["process"]
    )
    for name, pid in processes.items():
        with suppress(OSError):  # no /proc on this system, or the reader has just ended
            # The second field of statm is the resident memory in pages.
            pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
            family.add_metric([name], pages * os.sysconf("SC_PAGE_SIZE"))
    return family

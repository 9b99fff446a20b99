"""Queue of a reader pool: limits, a fair share of readers for each client, and the choice of the next query.

One reader is for clients that have used little lately, so that nobody with long queries, from any number of addresses,
holds up the lookups of others. Where a client that was new a moment ago occupies that reader, too, its query goes back
into the queue as soon as another client waits.

Example with 3 readers: of the queue A A A B, the third query of A is skipped and B runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from kg import errors
from kg.config import QuerySettings
from kg.processes.client_usage import ClientUsage
from kg.processes.readers.reader_connection import QueryJob

_MADE_WAY = 5.0
"""Seconds of use that count for a client whose query made way: else it would soon do so again."""

_KILLED = 1.0
"""Seconds of use that a query counts at least whose reader was killed: else short time limits would make it cheap."""

_OVERLOADED = 0.2
"""Seconds that a client without long queries waits at most while the oldest is served first.

Beyond that the newest is: whoever sends long queries from ever new addresses then delays the others of them, and not
those who come later with a lookup.
"""


class QueryScheduler:
    """Queries of one pool, in the queue or running.

    Attributes:
        queue: waiting queries, the oldest first.
        asking: number of queries in the queue or running, by client.
    """

    def __init__(self, settings: QuerySettings, size: int) -> None:
        """Schedule queries for ``size`` readers, within the limits of the settings."""
        self.queue: list[QueryJob] = []
        self.asking: Counter[str] = Counter()
        self._settings = settings
        self._size = size
        self._running: list[QueryJob] = []
        self._usage = ClientUsage()

    def admit(self, client: str) -> QueryJob | None:
        """Check whether a client may send one more query; return the one to refuse in its place, if there is one.

        If all places are taken, it is the newest waiting one of the client that has most of them, and at least two
        more than this client.

        Raises:
            TooManyRequests: the client has too many queries.
            Busy: all clients together have too many.
        """
        if self.asking[client] >= self._settings.max_queries_per_client:
            raise errors.TooManyRequests(
                f"You have {self.asking[client]} queries in progress, which is the limit for one client.",
                remedy="Wait for a response before you send another, or raise KG_MAX_QUERIES_PER_CLIENT.",
            )
        if self.asking.total() < self._settings.max_queries:
            return None
        waiting = Counter(job.client for job in self.queue)
        if waiting:
            other, number = waiting.most_common(1)[0]
            if number > self.asking[client] + 1:
                return next(job for job in reversed(self.queue) if job.client == other)
        raise errors.Busy(
            "The server has reached its limit of queries in progress.",
            remedy="Retry in a moment, or raise KG_MAX_QUERIES.",
        )

    def add(self, job: QueryJob) -> None:
        """Append a query to the queue."""
        self.asking[job.client] += 1
        self.queue.append(job)

    def forget(self, job: QueryJob) -> None:
        """Count a query no longer as one in progress."""
        self.asking[job.client] -= 1
        if not self.asking[job.client]:
            del self.asking[job.client]

    def next(self, now: float) -> QueryJob | None:
        """Remove the query that a free reader is to run from the queue, and return it; ``None`` if none may run."""
        full = set[tuple[str, int]]()  # clients that occupy their share already
        for job in self._in_order(now) if len(self.queue) > 1 else self.queue:
            if (job.client, job.reserve) in full:
                continue
            if self._may_run(job, now):
                self.queue.remove(job)
                return job
            full.add((job.client, job.reserve))
        return None

    def _in_order(self, now: float) -> list[QueryJob]:
        """Return the waiting queries, those of clients that have used little first.

        Among them the oldest is first, or the newest if the oldest has waited long.
        """
        heavy = {client for client in {job.client for job in self.queue} if self._is_heavy(client, now)}
        light = [job for job in self.queue if job.client not in heavy]
        if light and now - light[0].arrived > _OVERLOADED:
            light.reverse()
        return light + [job for job in self.queue if job.client in heavy]

    def began(self, job: QueryJob, now: float) -> None:
        """Record that a reader runs a query."""
        job.started = now
        self._running.append(job)

    def ended(self, job: QueryJob, now: float, *, killed: bool = False) -> None:
        """Record that a reader runs a query no longer, because it was killed or because it has answered."""
        self._usage.add(job.client, max(job.used(now), _KILLED if killed else 0.0), now)
        self._running.remove(job)

    def in_the_way(self, now: float) -> QueryJob | None:
        """Return the running query that is to go back into the queue, if there is one.

        It is the newest, if all that run are of heavy clients and keep one of a light client waiting.
        """
        if self._size == 1:
            return None
        for job in self.queue:
            alike = [other for other in self._running if other.reserve >= job.reserve]
            if len(alike) < self._size - job.reserve or self._is_heavy(job.client, now):
                continue
            if all(self._is_heavy(other.client, now) for other in alike):
                return max(alike, key=lambda other: other.started)
        return None

    def put_back(self, job: QueryJob, now: float) -> None:
        """Return a running query to the queue, before the others."""
        self.ended(job, now)
        self._usage.add(job.client, _MADE_WAY, now)
        job.started, job.reader = 0.0, 0
        self.queue.insert(0, job)

    def _is_heavy(self, client: str, now: float) -> bool:
        """Return whether a client has used much lately; what it runs counts as used."""
        running = sum(job.used(now) for job in self._running if job.client == client)
        return self._usage.is_heavy(client, running, now)

    def _may_run(self, job: QueryJob, now: float) -> bool:
        """Return whether a reader remains for other clients, and as many as it reserves, if this one starts.

        Of 3 readers, jobs that reserve one may occupy two, and those of one client, or of all heavy ones, one of these.
        """
        if self._size == 1 or not self._running:
            return True
        share = max(1, self._size - 1 - job.reserve)
        reserving = _count(other.reserve >= job.reserve for other in self._running)
        if job.reserve and reserving >= self._size - job.reserve:
            return False
        if _count(other.client == job.client for other in self._running) >= share:
            return False
        if len(self._running) < share or not self._is_heavy(job.client, now):
            return True
        return _count(self._is_heavy(other.client, now) for other in self._running) < share

    def in_progress(self) -> list[QueryJob]:
        """Return the queries in progress, running ones first."""
        return [*self._running, *self.queue]


def _count(conditions: Iterable[bool]) -> int:
    return sum(conditions)

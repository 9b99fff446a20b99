"""Log of decisions about links: proposals, acceptances, rejections and undos, with user, time and reason.

The log is append-only. The current state follows from it: for each pair of an entity and a record, the newest entry
that was not undone. It is stored as a managed graph (:mod:`kg.links.decision_log_and_link_graphs`), so that a
decision and the resulting links are written in one transaction, and a backup always contains both.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple

from kg.errors import BadInput, NotFound
from kg.linking.link_proposal_types import LinkProposal, ProposalVerdict, ScoringFeature
from kg.reference.records import RecordKind


class Judgement(StrEnum):
    """Judgement on a proposal."""

    positive = "positive"
    negative = "negative"
    """Rejected: the entity is another thing; the record will not be proposed again."""
    unsure = "unsure"
    """A reviewer could not decide."""
    none = "none"
    """Not decided yet."""


HELD = (Judgement.positive, Judgement.negative)
"""Judgements that are published."""


class Relation(StrEnum):
    """Relation of entity and record (SKOS)."""

    exact = "exactMatch"
    close = "closeMatch"


class LinkKey(NamedTuple):
    """Subject of a decision: an entity (IRI) and a record (dataset and identifier)."""

    subject: str
    dataset: str
    identifier: str


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry of the log.

    Attributes:
        number: position in the log, from 1.
        time: time of the entry (ISO 8601, UTC).
        user: its author.
        automatic: whether the linker made it.
        judgement: see :class:`Judgement`; ``none`` for an undo.
        reason: reason in the words of the author; may be empty.
        proposal: the proposal as it was then.
        tool: version of the linker that made the proposal; empty if a reviewer made it.
        relation: relation of entity and record.
        identifiers: identifiers of the record in other datasets, by dataset.
        undoes: number of the entry that this one undoes.
    """

    number: int
    time: str
    user: str
    automatic: bool
    judgement: Judgement
    reason: str
    proposal: LinkProposal
    tool: str = ""
    relation: Relation = Relation.exact
    identifiers: Mapping[str, str] = field(default_factory=dict)
    undoes: int | None = None

    @property
    def key(self) -> LinkKey:
        """Pair of entity and record that the entry is about."""
        return key(self.proposal)

    def to_json(self) -> dict[str, Any]:
        """Return the entry as plain values, without empty ones."""
        row = {name: value for name, value in asdict(self).items() if value not in ("", None, {})}
        return row | {"proposal": proposal_to_json(self.proposal)}


def key(proposal: LinkProposal) -> LinkKey:
    """Return the pair of entity and record that a proposal is about."""
    return LinkKey(proposal.subject, proposal.dataset, proposal.identifier)


def proposal_to_json(proposal: LinkProposal) -> dict[str, Any]:
    """Return a proposal as plain values."""
    return {**asdict(proposal), "features": [asdict(feature) for feature in proposal.features]}


def proposal_from_json(row: Mapping[str, Any]) -> LinkProposal:
    """Parse the result of :func:`proposal_to_json`.

    Raises:
        ValueError, KeyError, TypeError: it is not a proposal.
    """
    features = tuple(ScoringFeature(**feature) for feature in row["features"])
    kinds = {"kind": RecordKind(row["kind"]), "verdict": ProposalVerdict(row["verdict"]), "features": features}
    return LinkProposal(**{**row, **kinds})


def read(text: str) -> LogEntry:
    """Parse an entry in JSON.

    Raises:
        ValueError, KeyError, TypeError: it is not an entry.
    """
    row: dict[str, Any] = {"reason": "", **json.loads(text)}
    kinds = {"judgement": Judgement(row["judgement"]), "relation": Relation(row["relation"])}
    return LogEntry(**{**row, **kinds, "proposal": proposal_from_json(row["proposal"])})


@dataclass(frozen=True, slots=True)
class LinkConflict:
    """Accepted links that contradict each other, with the contradiction in words."""

    what: str
    keys: tuple[LinkKey, ...]


class DecisionLog:
    """All entries in order, and the state that follows from them.

    Copying is cheap: values of the dictionaries are immutable or replaced as a whole, so a copy shares them.

    Attributes:
        entries: all entries by number.
    """

    def __init__(self, entries: Iterable[LogEntry] = ()) -> None:
        """Add entries in the order of their numbers."""
        self.entries: dict[int, LogEntry] = {}
        self._history: dict[LinkKey, tuple[LogEntry, ...]] = {}
        self._records: dict[tuple[str, str], tuple[LinkKey, ...]] = {}  # by entity and dataset
        self._undone: dict[int, LogEntry] = {}  # the undo of each entry that was undone
        self._links: dict[str, Mapping[LinkKey, LogEntry]] = {}  # accepted, by entity
        self._holders: dict[tuple[str, str], frozenset[str]] = {}  # entities linked to each record
        self._datasets: set[str] = set()
        for entry in entries:
            self.add(entry)

    def copy(self) -> DecisionLog:
        """Return a copy to which entries can be added while others read this log."""
        made = DecisionLog()
        for name, held in vars(self).items():
            setattr(made, name, held.copy())
        return made

    @property
    def next(self) -> int:
        """Number of the next entry."""
        return next(reversed(self.entries), 0) + 1

    def add(self, entry: LogEntry) -> None:
        """Add an entry and update the state; entries have to come in the order of their numbers."""
        self.entries[entry.number] = entry
        place = entry.key
        if entry.undoes is None:
            if place not in self._history:
                self._records[place[:2]] = (*self._records.get(place[:2], ()), place)
            self._history[place] = (*self._history.get(place, ()), entry)
            self._datasets.add(place.dataset)
        else:
            self._undone[entry.undoes] = entry
        record = (place.dataset, place.identifier)
        found, links = self.standing(place), dict(self._links.get(place.subject, {}))
        if found and found.judgement is Judgement.positive:
            links[place] = found
            self._holders[record] = self._holders.get(record, frozenset()) | {place.subject}
        elif links.pop(place, None):
            self._holders[record] -= {place.subject}
        self._links[place.subject] = links

    def standing(self, place: LinkKey) -> LogEntry | None:
        """Return the entry that is in force for a pair; ``None`` without one."""
        return next((e for e in reversed(self._history.get(place, ())) if e.number not in self._undone), None)

    def links(self, dataset: str | None = None) -> Iterator[LogEntry]:
        """Yield the entries of accepted links, of one dataset or of all."""
        for found in self._links.values():
            yield from (entry for place, entry in found.items() if dataset in (None, place.dataset))

    def links_of(self, subject: str) -> dict[LinkKey, LogEntry]:
        """Return the accepted links of one entity."""
        return dict(self._links.get(subject, {}))

    def rejected(self, dataset: str) -> Iterator[LogEntry]:
        """Yield the entries of rejections in force, of one dataset."""
        yield from (entry for entry in self.held(dataset).values() if entry.judgement is Judgement.negative)

    def held(self, dataset: str) -> dict[LinkKey, LogEntry]:
        """Return the acceptances and rejections in force, of one dataset."""
        standing = {place: self.standing(place) for place in self._history if place.dataset == dataset}
        return {place: entry for place, entry in standing.items() if entry and entry.judgement in HELD}

    def rejections(self) -> dict[str, set[str]]:
        """Return the rejected records (``dataset:identifier``) of each entity, as the linker needs them."""
        found: dict[str, set[str]] = defaultdict(set)
        for dataset in self.datasets():
            for entry in self.rejected(dataset):
                found[entry.key.subject].add(entry.proposal.record)
        return found

    def about(self, subject: str, dataset: str) -> list[LogEntry]:
        """Return the entries in force for an entity and the records of one dataset."""
        found = (self.standing(place) for place in self._records.get((subject, dataset), ()))
        return [entry for entry in found if entry]

    def queue(self) -> list[LogEntry]:
        """Return the entries that wait for a reviewer, grouped by entity and dataset, best first.

        An entity that is linked to another record of the dataset does not wait; it waits again once that link is
        undone.
        """
        waiting = []
        for place in self._history:
            found = self.standing(place)
            proposed = found and found.judgement is Judgement.none and found.proposal.verdict is ProposalVerdict.review
            settled = any(other.dataset == place.dataset for other in self._links.get(place.subject, ()))
            if found and (proposed or found.judgement is Judgement.unsure) and not settled:
                waiting.append(found)
        return sorted(waiting, key=lambda e: (e.key.subject, e.key.dataset, -e.proposal.score, e.key.identifier))

    def datasets(self) -> set[str]:
        """Return the names of all datasets in the log."""
        return set(self._datasets)

    def taken_back(self, place: LinkKey) -> LogEntry | None:
        """Return the last entry by which a reviewer undid an automatic link of a pair; ``None`` without one."""
        undone = (self._undone.get(entry.number) for entry in self._history.get(place, ()) if entry.automatic)
        return next((entry for entry in reversed([*undone]) if entry and not entry.automatic), None)

    def undoable(self, number: int) -> LogEntry:
        """Return an entry that can be undone.

        Raises:
            NotFound: no entry has that number.
            BadInput: it is not a decision, or was already undone.
        """
        entry = self.entries.get(number)
        if entry is None:
            raise NotFound(
                f"There is no decision {number}.", remedy="See the numbers in `kg review --list` or at /review."
            )
        if entry.undoes is not None or entry.judgement is Judgement.none:
            raise BadInput(
                f"Entry {number} is not a decision that can be undone.",
                remedy="Make a new decision about the link instead.",
            )
        if before := self._undone.get(number):
            raise BadInput(
                f"Decision {number} was already undone by {before.user} at {before.time} (entry {before.number}).",
                remedy="Make a new decision about the link instead.",
            )
        return entry

    # ---- contradictions

    def against(self, entry: LogEntry) -> Iterator[tuple[str, LogEntry]]:
        """Yield the accepted links that a link contradicts, each with the contradiction in words.

        Kinds of contradiction: two records of one dataset for one entity; a record that states another identifier than
        that of a linked record; two entities for one record.
        """
        subject, dataset, identifier = entry.key
        for place, other in self._links.get(subject, {}).items():
            if place == entry.key:
                continue
            if place.dataset == dataset:
                yield f"it is linked to two records of {dataset}, {place.identifier} and {identifier}", other
            for one, two in ((entry, other), (other, entry)):
                named = one.identifiers.get(two.key.dataset, two.key.identifier)
                if named != two.key.identifier and one.key.dataset != two.key.dataset:
                    yield f"{one.proposal.record} is {two.key.dataset}:{named}, not {two.proposal.record}", other
        for holder in sorted(self._holders.get((dataset, identifier), frozenset()) - {subject}):
            yield (
                f"two entities are linked to {dataset}:{identifier}",
                self._links[holder][LinkKey(holder, dataset, identifier)],
            )

    def conflicts(self, among: Iterable[LogEntry] | None = None) -> list[LinkConflict]:
        """Return the contradictions of accepted links, each pair once.

        Args:
            among: links to check against all; without it, all links.
        """
        found: dict[tuple[LinkKey, ...], str] = {}
        for entry in self.links() if among is None else among:
            for what, other in self.against(entry):
                found.setdefault(tuple(sorted((entry.key, other.key))), what)
        return [LinkConflict(what, keys) for keys, what in sorted(found.items())]


def demoted(proposal: LinkProposal, why: str) -> LinkProposal:
    """Return a proposal with the verdict changed to review, for the reason ``why``."""
    return replace(proposal, verdict=ProposalVerdict.review, reason=why)

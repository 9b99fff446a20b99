"""Decisions about links: what was proposed, accepted, rejected and taken back, by whom, when and why.

The log only grows. What holds now follows from it: of each pair of an entity and a record, the newest entry that
nobody has taken back. It is kept as a managed graph of the store (see :mod:`kg.links.link_review`), so that a decision
and the links that follow from it are written in one transaction, and no backup can hold one without the other.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple

from kg.errors import BadInput, NotFound
from kg.linking.link_proposals import LinkProposal, ProposalVerdict, ScoringFeature
from kg.reference.records import RecordKind


class Judgement(StrEnum):
    """What is held of a proposal."""

    positive = "positive"
    negative = "negative"
    """It is another; it will not be proposed again."""
    unsure = "unsure"
    """Somebody has looked at it and could not tell."""
    none = "none"
    """Nobody has decided yet."""


HELD = (Judgement.positive, Judgement.negative)
"""What is published."""


class Relation(StrEnum):
    """How near the two are that a link joins (SKOS)."""

    exact = "exactMatch"
    close = "closeMatch"


class LinkKey(NamedTuple):
    """What is decided about: whether an entity is a record."""

    subject: str
    dataset: str
    identifier: str


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of the log.

    Attributes:
        number: its place in the log, from 1.
        time: when it was made (ISO 8601, UTC).
        user: who made it.
        automatic: whether the linker made it on its own.
        judgement: see :class:`Judgement`; of an undoing, ``none``.
        reason: why, in the words of who made it; may be empty.
        proposal: all that was known of the two then.
        tool: version of the linker that made the proposal; empty where a person made it.
        relation: how near the two are.
        identifiers: what other datasets call the record, by their names.
        undoes: the number of the entry that this one takes back.
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
        """What it decides about."""
        return key(self.proposal)

    def to_json(self) -> dict[str, Any]:
        """Write it as plain values, the empty ones left out."""
        row = {name: value for name, value in asdict(self).items() if value not in ("", None, {})}
        return row | {"proposal": proposal_to_json(self.proposal)}


def key(proposal: LinkProposal) -> LinkKey:
    """Tell what a proposal is about."""
    return LinkKey(proposal.subject, proposal.dataset, proposal.identifier)


def proposal_to_json(proposal: LinkProposal) -> dict[str, Any]:
    """Write a proposal as plain values."""
    return {**asdict(proposal), "features": [asdict(feature) for feature in proposal.features]}


def proposal_from_json(row: Mapping[str, Any]) -> LinkProposal:
    """Read it back.

    Raises:
        ValueError, KeyError, TypeError: it is something else.
    """
    features = tuple(ScoringFeature(**feature) for feature in row["features"])
    kinds = {"kind": RecordKind(row["kind"]), "verdict": ProposalVerdict(row["verdict"]), "features": features}
    return LinkProposal(**{**row, **kinds})


def read(text: str) -> LogEntry:
    """Read an entry that was written as JSON.

    Raises:
        ValueError, KeyError, TypeError: it is something else.
    """
    row: dict[str, Any] = {"reason": "", **json.loads(text)}
    kinds = {"judgement": Judgement(row["judgement"]), "relation": Relation(row["relation"])}
    return LogEntry(**{**row, **kinds, "proposal": proposal_from_json(row["proposal"])})


@dataclass(frozen=True, slots=True)
class LinkConflict:
    """Accepted links of which not all can be right, and why."""

    what: str
    keys: tuple[LinkKey, ...]


class DecisionLog:
    """The entries in order, and what follows from them.

    A copy costs little: what the dictionaries hold is replaced, never changed.

    Attributes:
        entries: all, by their numbers.
    """

    def __init__(self, entries: Iterable[LogEntry] = ()) -> None:
        """Take entries over, in the order of their numbers."""
        self.entries: dict[int, LogEntry] = {}
        self._history: dict[LinkKey, tuple[LogEntry, ...]] = {}
        self._records: dict[tuple[str, str], tuple[LinkKey, ...]] = {}
        self._undone: dict[int, LogEntry] = {}
        self._links: dict[str, Mapping[LinkKey, LogEntry]] = {}
        self._holders: dict[tuple[str, str], frozenset[str]] = {}
        self._datasets: set[str] = set()
        for entry in entries:
            self.take(entry)

    def copy(self) -> DecisionLog:
        """Give a log of the same entries, which can take up more while others read this one."""
        made = DecisionLog()
        for name, held in vars(self).items():
            setattr(made, name, held.copy())
        return made

    @property
    def next(self) -> int:
        """The number that the next entry gets."""
        return next(reversed(self.entries), 0) + 1

    def take(self, entry: LogEntry) -> None:
        """Take an entry up."""
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
        """Give the entry that holds of a pair now."""
        return next((e for e in reversed(self._history.get(place, ())) if e.number not in self._undone), None)

    def links(self, dataset: str | None = None) -> Iterator[LogEntry]:
        """Walk what is accepted now, of one dataset or of all."""
        for found in self._links.values():
            yield from (entry for place, entry in found.items() if dataset in (None, place.dataset))

    def links_of(self, subject: str) -> dict[LinkKey, LogEntry]:
        """Give the accepted links of one entity."""
        return dict(self._links.get(subject, {}))

    def rejected(self, dataset: str) -> Iterator[LogEntry]:
        """Walk what is rejected now, of one dataset."""
        yield from (entry for entry in self.held(dataset).values() if entry.judgement is Judgement.negative)

    def held(self, dataset: str) -> dict[LinkKey, LogEntry]:
        """Give what is accepted or rejected now, of one dataset."""
        standing = {place: self.standing(place) for place in self._history if place.dataset == dataset}
        return {place: entry for place, entry in standing.items() if entry and entry.judgement in HELD}

    def rejections(self) -> dict[str, set[str]]:
        """Give, by entity, the records that it is not, as a linker wants to know."""
        found: dict[str, set[str]] = defaultdict(set)
        for dataset in self.datasets():
            for entry in self.rejected(dataset):
                found[entry.key.subject].add(entry.proposal.record)
        return found

    def about(self, subject: str, dataset: str) -> list[LogEntry]:
        """Give what holds now of an entity and the records of one dataset."""
        found = (self.standing(place) for place in self._records.get((subject, dataset), ()))
        return [entry for entry in found if entry]

    def queue(self) -> list[LogEntry]:
        """List what waits for a person: the alternatives for an entity side by side, the best first.

        What is in question no longer, as the entity is linked to another record of that dataset, does not wait; it
        does again once that link is taken back.
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
        """Name every dataset that the log speaks of."""
        return set(self._datasets)

    def taken_back(self, place: LinkKey) -> LogEntry | None:
        """Give the last entry by which a person took a link back that the linker had made."""
        undone = (self._undone.get(entry.number) for entry in self._history.get(place, ()) if entry.automatic)
        return next((entry for entry in reversed([*undone]) if entry and not entry.automatic), None)

    def undoable(self, number: int) -> LogEntry:
        """Give an entry that can be taken back.

        Raises:
            NotFound: there is none of that number.
            BadInput: it decides nothing, or was taken back already.
        """
        entry = self.entries.get(number)
        if entry is None:
            raise NotFound(f"There is no decision {number}.", remedy="`kg review --list` and /review number them.")
        if entry.undoes is not None or entry.judgement is Judgement.none:
            raise BadInput(
                f"Entry {number} decides nothing that could be undone.", remedy="Decide about the link anew instead."
            )
        if before := self._undone.get(number):
            raise BadInput(
                f"Decision {number} was undone already, by {before.user} at {before.time} (entry {before.number}).",
                remedy="Decide about the link anew instead.",
            )
        return entry

    # ---- contradictions

    def against(self, entry: LogEntry) -> Iterator[tuple[str, LogEntry]]:
        """Tell which accepted links a link would contradict, and how."""
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
        """List the accepted links that contradict each other, of all or of those ``among`` them, each pair once."""
        found: dict[tuple[LinkKey, ...], str] = {}
        for entry in self.links() if among is None else among:
            for what, other in self.against(entry):
                found.setdefault(tuple(sorted((entry.key, other.key))), what)
        return [LinkConflict(what, keys) for keys, what in sorted(found.items())]


def demoted(proposal: LinkProposal, why: str) -> LinkProposal:
    """Leave to a person what the linker would have accepted."""
    return replace(proposal, verdict=ProposalVerdict.review, reason=why)

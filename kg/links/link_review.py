"""Proposals in, decisions about them, links out: each step is one transaction of the store, or did not happen.

What is decided goes into the log; what follows from it is the business of :mod:`kg.links.links_repository`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby

from rdflib import RDF, RDFS, Namespace

from kg import __version__
from kg.errors import BadInput, NotFound
from kg.iris import CG, PROV
from kg.linking.link_proposals import LinkProposal, ProposalVerdict
from kg.links import linksets, outside_datasets
from kg.links.decision_log import DecisionLog, Judgement, LinkConflict, LinkKey, LogEntry, Relation, demoted, key
from kg.links.links_repository import LinksRepository
from kg.rdf import oxigraph, rdflib_conversion
from kg.reference.records import Lookup, Record, RecordKind, unknown
from kg.store.store import Store
from kg.store.store_protocols import Reads

LINKER = "linker"
"""Who makes what nobody decides."""

_LONGEST_REASON = 2000
_prov = Namespace(PROV)
_TYPE = oxigraph.NamedNode(str(RDF.type))
_VALUE = oxigraph.NamedNode(str(RDF.value))
_LABEL = oxigraph.NamedNode(str(RDFS.label))

_SENTENCES = f"""
PREFIX cg: <{CG}>
SELECT DISTINCT ?entity ?article ?from ?words ?exact WHERE {{
  ?mention cg:denotes ?entity ; cg:inArticle ?article ; cg:start ?start ; cg:end ?end ; cg:exact ?exact .
  ?segment a cg:Segment ; cg:inArticle ?article ; cg:start ?from ; cg:end ?to ; cg:exact ?words .
  FILTER(?from <= ?start && ?end <= ?to)
}} ORDER BY ?article ?from LIMIT 20"""


@dataclass(frozen=True, slots=True)
class ProposalOutcome:
    """What became of a proposal: its final verdict and reason, and what was done about it."""

    proposal: LinkProposal
    done: str


@dataclass(frozen=True, slots=True)
class ReviewDecision:
    """What a person says of a link; a ``reason`` may be empty."""

    subject: str
    dataset: str
    identifier: str
    judgement: Judgement
    reason: str = ""
    relation: Relation = Relation.exact


@dataclass(frozen=True, slots=True)
class MentionSentence:
    """A sentence in which an entity is mentioned, by the words ``exact``."""

    article: str
    text: str
    exact: str


class LinkReview:
    """The links of one store. May be used from any thread."""

    def __init__(self, store: Store, ledger: LinksRepository, lookup: Lookup = unknown) -> None:
        """Decide about the links of ``store``, which ``ledger`` logs, with what ``lookup`` knows of records."""
        self.store = store
        self.names = store.names
        self._ledger = ledger
        self._lookup = lookup

    def log(self) -> DecisionLog:
        """Give the log as it is now; it is others', too.

        Raises:
            StoreUnavailable: an entry of it is damaged.
        """
        return self._ledger.log()

    # ---- what the linker says

    def propose(
        self, proposals: Iterable[LinkProposal], *, only: Iterable[str] = (), dry_run: bool = False
    ) -> list[ProposalOutcome]:
        """Link what may be linked at once, queue what a person has to decide, and publish all links.

        What a person has decided stays; what the linker did before follows what it says now.

        Args:
            proposals: those for one entity and dataset side by side.
            only: the datasets to heed; none stands for all.
            dry_run: write nothing.

        Raises:
            BadInput, NotFound: a proposal is malformed, or of a dataset that is not known; nothing is written.
            Rejected: a link breaks a constraint; nothing is written.
        """
        heeded = set(only)
        wanted = [proposal for proposal in proposals if not heeded or proposal.dataset in heeded]
        with self.store.exclusive():
            log = self.log().copy()
            first = log.next
            outcomes: list[ProposalOutcome] = []
            for _, group in groupby(wanted, lambda proposal: (proposal.subject, proposal.dataset)):
                outcomes += self._settle(log, [*group])
            if not dry_run:
                made = [entry for number, entry in log.entries.items() if number >= first]
                self._ledger.write(log, made, log.datasets())
        return outcomes

    def _settle(self, log: DecisionLog, group: list[LinkProposal]) -> Iterator[ProposalOutcome]:
        """Settle the proposals for one entity and one dataset."""
        named = {key(proposal) for proposal in group if proposal.identifier}
        for before in log.about(group[0].subject, group[0].dataset):
            live = before.judgement is Judgement.positive or before.proposal.verdict is ProposalVerdict.review
            if before.automatic and live and before.key not in named:
                gone = replace(
                    before.proposal, verdict=ProposalVerdict.nil, reason="The linker does not propose it any more."
                )
                log.take(self._automatic(log, gone, Judgement.none))
        for proposal in sorted(group, key=lambda proposal: proposal.verdict is not ProposalVerdict.accept):
            if proposal.verdict in (ProposalVerdict.nil, ProposalVerdict.outside) or not proposal.identifier:
                yield ProposalOutcome(proposal, "nothing")
            else:
                yield self._take(log, proposal)

    def _take(self, log: DecisionLog, proposal: LinkProposal) -> ProposalOutcome:
        known = outside_datasets.find(proposal.dataset, self.names, (proposal.dataset,))
        outside_datasets.check(known, proposal.identifier)
        standing = log.standing(key(proposal))
        if standing and not standing.automatic:
            return ProposalOutcome(replace(proposal, reason=f"{standing.user} decided: {standing.judgement}."), "kept")
        entry = self._automatic(log, proposal, Judgement.positive)
        if proposal.verdict is ProposalVerdict.accept:
            entry = self._cautious(log, entry)
        if entry.proposal.verdict is not ProposalVerdict.accept:
            entry = replace(entry, judgement=Judgement.none)
        done = "linked" if entry.judgement is Judgement.positive else "queued"
        same = standing and (standing.judgement, standing.proposal) == (entry.judgement, entry.proposal)
        if not (same and standing and standing.tool == entry.tool and standing.identifiers == entry.identifiers):
            log.take(entry)
        return ProposalOutcome(entry.proposal, done)

    def _cautious(self, log: DecisionLog, entry: LogEntry) -> LogEntry:
        """Leave to a person what would contradict another link, or what a person took back."""
        if before := log.taken_back(entry.key):
            return replace(entry, proposal=demoted(entry.proposal, f"{before.user} took this link back."))
        if against := next(log.against(entry), None):
            what = against[0]
            return replace(entry, proposal=demoted(entry.proposal, f"It contradicts a link: {what}."))
        return entry

    def _automatic(self, log: DecisionLog, proposal: LinkProposal, judgement: Judgement) -> LogEntry:
        elsewhere = self._elsewhere(proposal.dataset, proposal.identifier)
        return LogEntry(log.next, _now(), LINKER, True, judgement, "", proposal, __version__, identifiers=elsewhere)

    def _elsewhere(self, dataset: str, identifier: str) -> Mapping[str, str]:
        record = self._lookup(dataset, identifier)
        return dict(record.identifiers) if record else {}

    # ---- what people say

    def decide(self, decision: ReviewDecision, user: str) -> tuple[LogEntry, list[LinkConflict]]:
        """Note a decision and publish what follows; give it, and the contradictions that the entity now has.

        Raises:
            NotFound: there is no such entity, or no such dataset.
            BadInput: the dataset has no such identifiers, or the reason cannot be kept.
        """
        return self.decide_all([decision], user)[0]

    def decide_all(self, decisions: Iterable[ReviewDecision], user: str) -> list[tuple[LogEntry, list[LinkConflict]]]:
        """Note several decisions, or none of them; see :meth:`decide`."""
        with self.store.exclusive():
            log, made = self.log().copy(), []
            for decision in decisions:
                entry = self._decided(log, decision, user)
                log.take(entry)
                made.append(entry)
            self._ledger.write(log, made, {entry.key.dataset for entry in made})
        links = [found for entry in made if (found := log.links_of(entry.key.subject).get(entry.key))]
        conflicts = log.conflicts(links)
        return [(entry, [found for found in conflicts if entry.key in found.keys]) for entry in made]

    def _decided(self, log: DecisionLog, decision: ReviewDecision, user: str) -> LogEntry:
        subject = self.entity(decision.subject)
        record = self._lookup(decision.dataset, decision.identifier)
        others = log.datasets() | ({decision.dataset} if record else set())
        known = outside_datasets.find(decision.dataset, self.names, others)
        place = LinkKey(subject, decision.dataset, outside_datasets.check(known, decision.identifier))
        before = log.standing(place)
        if before:
            proposal, tool, elsewhere = before.proposal, before.tool, before.identifiers
        else:
            proposal = self._by_hand(place, record)
            tool, elsewhere = "", dict(record.identifiers) if record else {}
        return LogEntry(
            number=log.next,
            time=_now(),
            user=user,
            automatic=False,
            judgement=decision.judgement,
            reason=_checked(decision.reason),
            proposal=replace(proposal, verdict=ProposalVerdict.review),
            tool=tool,
            relation=decision.relation,
            identifiers=elsewhere,
        )

    def _by_hand(self, place: LinkKey, record: Record | None) -> LinkProposal:
        """Describe a link that nobody proposed."""
        return LinkProposal(
            subject=place.subject,
            name=self.label(place.subject),
            kind=record.kind if record else RecordKind.other,
            dataset=place.dataset,
            identifier=place.identifier,
            label=record.label() if record else "",
            matched="",
            score=0.0,
            features=(),
            verdict=ProposalVerdict.review,
            reason="",
            source="",
        )

    def links(self, dataset: str, *, rejected: bool = False) -> list[linksets.PublishedLink]:
        """List what is linked to one dataset now, or what is rejected."""
        log = self.log()
        known = outside_datasets.find(dataset, self.names, log.datasets())
        return linksets.links(log, self.names, known, self.present, rejected=rejected)

    def undo(self, number: int, user: str, reason: str = "") -> LogEntry:
        """Take a decision back; what held before it holds again.

        Raises:
            NotFound: there is no entry of that number.
            BadInput: it decides nothing, or was taken back already.
        """
        with self.store.exclusive():
            log = self.log().copy()
            undone = log.undoable(number)
            entry = replace(
                undone,
                number=log.next,
                time=_now(),
                user=user,
                automatic=False,
                judgement=Judgement.none,
                reason=_checked(reason),
                undoes=number,
            )
            log.take(entry)
            self._ledger.write(log, [entry], {entry.key.dataset})
        return entry

    # ---- what the graph says

    def entity(self, name: str) -> str:
        """Give the IRI of an entity of some article, which may be named without the base (``entity/putin``).

        Raises:
            NotFound: no article speaks of it.
        """
        iri = self.names.base + name if name.startswith("entity/") else name
        if not oxigraph.is_iri(iri) or not self.present(iri):
            shown = name[:200].encode("utf-8", "backslashreplace").decode()
            raise NotFound(f"There is no entity “{shown}”.", remedy="Give the IRI of an entity that an article names.")
        return iri

    def present(self, iri: str) -> bool:
        """Tell whether some article speaks of an entity."""
        return self._ledger.present(iri)

    def label(self, iri: str) -> str:
        """Give a label of an entity: the English one, else any."""
        found = [
            rdflib_conversion.to_rdflib(quad.object) for quad in self.store.match(oxigraph.NamedNode(iri), _LABEL, None)
        ]
        texts = sorted(found, key=lambda text: (getattr(text, "language", None) != "en", str(text)))
        return str(texts[0]) if texts else iri.removeprefix(self.names.base)


def sentences(store: Reads, subject: str) -> list[MentionSentence]:
    """List sentences in which an entity is mentioned, the first twenty."""
    rows = store.rows(_SENTENCES, {"entity": oxigraph.NamedNode(subject)})
    found = [
        MentionSentence(*(str(rdflib_conversion.to_rdflib(row[name])) for name in ("article", "words", "exact")))
        for row in rows
    ]
    return [*{(sentence.article, sentence.text): sentence for sentence in reversed(found)}.values()][::-1]


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _checked(reason: str) -> str:
    """Give a reason back if it can be kept.

    Raises:
        BadInput: it is too long, or no text.
    """
    if len(reason) > _LONGEST_REASON:
        raise BadInput(
            f"The reason has {len(reason)} characters; {_LONGEST_REASON} are kept.", remedy="Say it in fewer words."
        )
    try:
        reason.encode()
    except UnicodeEncodeError:
        raise BadInput("The reason holds half a character.", remedy="Send UTF-8.") from None
    return reason.strip()

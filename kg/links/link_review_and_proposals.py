"""Review of links: proposals, decisions and undos, each in one transaction of the store.

Decisions are appended to the log; :mod:`kg.links.decision_log_and_link_graphs` writes the log and the link graphs.
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
from kg.linking.link_proposal_types import LinkProposal, ProposalVerdict
from kg.links import links_as_rdf, outside_datasets
from kg.links.decision_log_and_link_graphs import DecisionLogAndLinkGraphs
from kg.links.decision_log_state import DecisionLog, Judgement, LinkConflict, LinkKey, LogEntry, Relation, demoted, key
from kg.rdf import oxigraph, rdflib_conversion
from kg.rdf.xml_output_checks import UNREPRESENTABLE
from kg.reference.identifier_pattern_checks import check as check_identifier
from kg.reference.records import Lookup, Record, RecordKind, unknown
from kg.store.store_protocols import Dataset, Reads

LINKER = "linker"
"""User of automatic entries."""

_LONGEST_REASON = 2000  # characters
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
    """Outcome of a proposal.

    Attributes:
        proposal: the proposal with its final verdict and reason.
        done: ``linked``, ``queued`` for review, ``kept`` as a reviewer decided, or ``nothing``.
    """

    proposal: LinkProposal
    done: str


@dataclass(frozen=True, slots=True)
class ReviewDecision:
    """Decision of a reviewer about a link.

    Attributes:
        subject: the entity: its IRI, or the part after the base (``entity/putin``).
        dataset, identifier: the record.
        judgement: the judgement.
        reason: its reason; may be empty.
        relation: relation of entity and record.
    """

    subject: str
    dataset: str
    identifier: str
    judgement: Judgement
    reason: str = ""
    relation: Relation = Relation.exact


@dataclass(frozen=True, slots=True)
class MentionSentence:
    """A sentence that mentions an entity.

    Attributes:
        article: IRI of the article.
        text: words of the sentence.
        exact: words in it that denote the entity.
    """

    article: str
    text: str
    exact: str


class LinkReview:
    """Review of the links of one store. Thread-safe."""

    def __init__(self, store: Dataset, repository: DecisionLogAndLinkGraphs, lookup: Lookup = unknown) -> None:
        """Review the links of a store.

        Args:
            store: the store.
            repository: its log and link graphs.
            lookup: lookup of reference records.
        """
        self.store = store
        self.names = store.names
        self._repository = repository
        self._lookup = lookup

    def log(self) -> DecisionLog:
        """Return the current log. It is shared: do not change it.

        Raises:
            StoreUnavailable: an entry is damaged.
        """
        return self._repository.log()

    # ---- proposals of the linker

    def propose(
        self, proposals: Iterable[LinkProposal], *, only: Iterable[str] = (), dry_run: bool = False
    ) -> list[ProposalOutcome]:
        """Link accepted proposals, queue those for review, and publish all links; ``only`` selects datasets by name.

        Proposals are sorted by entity and dataset. Decisions of reviewers stay; automatic entries are replaced.

        Raises:
            BadInput, NotFound, Rejected: a proposal is malformed, its dataset unknown, or a link breaks a constraint.
        """
        selected = set(only)
        wanted = [proposal for proposal in proposals if not selected or proposal.dataset in selected]
        with self.store.exclusive():
            log = self.log().copy()
            first = log.next
            outcomes: list[ProposalOutcome] = []
            for _, group in groupby(wanted, lambda proposal: (proposal.subject, proposal.dataset)):
                outcomes += self._settle(log, [*group])
            if not dry_run:
                made = [entry for number, entry in log.entries.items() if number >= first]
                self._repository.write(log, made, log.datasets())
        return outcomes

    def _settle(self, log: DecisionLog, group: list[LinkProposal]) -> Iterator[ProposalOutcome]:
        """Add entries for the proposals for one entity and one dataset, and yield their outcomes.

        Automatic entries whose record is no longer proposed are withdrawn. Accepted proposals come first, so that
        others are checked against them.
        """
        # Withdraw first, so that a link that the linker replaces does not contradict the new one.
        named = {key(proposal) for proposal in group if proposal.identifier}
        for before in log.about(group[0].subject, group[0].dataset):
            live = before.judgement is Judgement.positive or before.proposal.verdict is ProposalVerdict.review
            if before.automatic and live and before.key not in named:
                withdrawn = replace(
                    before.proposal, verdict=ProposalVerdict.nil, reason="The linker no longer proposes it."
                )
                log.add(self._automatic(log, withdrawn, Judgement.none))
        for proposal in sorted(group, key=lambda proposal: proposal.verdict is not ProposalVerdict.accept):
            if proposal.verdict in (ProposalVerdict.nil, ProposalVerdict.outside) or not proposal.identifier:
                yield ProposalOutcome(proposal, "nothing")
            else:
                yield self._process(log, proposal)

    def _process(self, log: DecisionLog, proposal: LinkProposal) -> ProposalOutcome:
        """Add an entry for a proposal, unless a reviewer decided or an equal entry is in force."""
        outside_datasets.find(proposal.dataset, self.names, (proposal.dataset,))
        check_identifier(proposal.dataset, proposal.identifier)
        standing = log.standing(key(proposal))
        if standing and not standing.automatic:
            return ProposalOutcome(replace(proposal, reason=f"{standing.user} decided: {standing.judgement}."), "kept")
        entry = self._automatic(log, proposal, Judgement.positive)
        if proposal.verdict is ProposalVerdict.accept:
            entry = self._demoted_if_disputed(log, entry)
        if entry.proposal.verdict is not ProposalVerdict.accept:
            entry = replace(entry, judgement=Judgement.none)
        done = "linked" if entry.judgement is Judgement.positive else "queued"
        # An equal entry is not repeated, so that linking again without changes leaves the log as it is.
        same = standing and (standing.judgement, standing.proposal) == (entry.judgement, entry.proposal)
        if not (same and standing and standing.tool == entry.tool and standing.identifiers == entry.identifiers):
            log.add(entry)
        return ProposalOutcome(entry.proposal, done)

    def _demoted_if_disputed(self, log: DecisionLog, entry: LogEntry) -> LogEntry:
        """Leave a link to a reviewer if it contradicts another link, or if a reviewer undid it before."""
        if before := log.taken_back(entry.key):
            return replace(entry, proposal=demoted(entry.proposal, f"{before.user} undid this link."))
        if against := next(log.against(entry), None):
            contradiction = against[0]
            return replace(
                entry, proposal=demoted(entry.proposal, f"It contradicts an accepted link: {contradiction}.")
            )
        return entry

    def _automatic(self, log: DecisionLog, proposal: LinkProposal, judgement: Judgement) -> LogEntry:
        """Return a new entry of the linker."""
        identifiers = self._other_identifiers(proposal.dataset, proposal.identifier)
        return LogEntry(log.next, _now(), LINKER, True, judgement, "", proposal, __version__, identifiers=identifiers)

    def _other_identifiers(self, dataset: str, identifier: str) -> Mapping[str, str]:
        """Return the identifiers in other datasets that a record states."""
        record = self._lookup(dataset, identifier)
        return dict(record.identifiers) if record else {}

    # ---- decisions of reviewers

    def decide(self, decision: ReviewDecision, user: str) -> tuple[LogEntry, list[LinkConflict]]:
        """Log a decision and publish the result; return the entry and the contradictions of the link.

        Raises:
            NotFound: the entity or the dataset does not exist.
            BadInput: the identifier does not have the form of the dataset, or the reason cannot be stored.
        """
        return self.decide_all([decision], user)[0]

    def decide_all(self, decisions: Iterable[ReviewDecision], user: str) -> list[tuple[LogEntry, list[LinkConflict]]]:
        """Log several decisions in one transaction; see :meth:`decide`."""
        with self.store.exclusive():
            log, made = self.log().copy(), []
            for decision in decisions:
                entry = self._decided(log, decision, user)
                log.add(entry)
                made.append(entry)
            self._repository.write(log, made, {entry.key.dataset for entry in made})
        links = [found for entry in made if (found := log.links_of(entry.key.subject).get(entry.key))]
        conflicts = log.conflicts(links)
        return [(entry, [found for found in conflicts if entry.key in found.keys]) for entry in made]

    def _decided(self, log: DecisionLog, decision: ReviewDecision, user: str) -> LogEntry:
        """Return a new entry for a decision, with the last proposal of the pair if there is one."""
        subject = self.entity(decision.subject)
        record = self._lookup(decision.dataset, decision.identifier)
        others = log.datasets() | ({decision.dataset} if record else set())
        known = outside_datasets.find(decision.dataset, self.names, others)
        _representable(f"{decision.identifier} {record.label() if record else ''}", "identifier or name")
        place = LinkKey(subject, decision.dataset, check_identifier(known.name, decision.identifier))
        before = log.standing(place)
        if before:
            proposal, tool, identifiers = before.proposal, before.tool, before.identifiers
        else:
            proposal = self._by_hand(place, record)
            tool, identifiers = "", dict(record.identifiers) if record else {}
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
            identifiers=identifiers,
        )

    def _by_hand(self, place: LinkKey, record: Record | None) -> LinkProposal:
        """Return a proposal for a link that the linker did not propose."""
        return LinkProposal(
            subject=place.subject,
            name=self.label(place.subject),
            kind=record.kind if record else RecordKind.other,
            dataset=place.dataset,
            identifier=place.identifier,
            label=record.label() if record else "",
            verdict=ProposalVerdict.review,
            reason="",
            source="",
        )

    def links(self, dataset: str, *, rejected: bool = False) -> list[links_as_rdf.PublishedLink]:
        """Return the published links to one dataset, or the rejected ones.

        Raises:
            NotFound: the dataset is unknown.
        """
        log = self.log()
        known = outside_datasets.find(dataset, self.names, log.datasets())
        return links_as_rdf.links(log, self.names, known, self.present, rejected=rejected)

    def undo(self, number: int, user: str, reason: str = "") -> LogEntry:
        """Undo a decision, so that the previous one is in force again; return the new entry.

        Raises:
            NotFound, BadInput: see :meth:`kg.links.decision_log_state.DecisionLog.undoable`.
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
            log.add(entry)
            self._repository.write(log, [entry], {entry.key.dataset})
        return entry

    # ---- entities of the graph

    def entity(self, name: str) -> str:
        """Return the IRI of an entity from its IRI or the part after the base (``entity/putin``).

        Raises:
            NotFound: no article mentions it.
        """
        iri = self.names.base + name if name.startswith("entity/") else name
        if not oxigraph.is_iri(iri) or not self.present(iri):
            shown = name[:200].encode("utf-8", "backslashreplace").decode()
            raise NotFound(
                f"There is no entity “{shown}”.", remedy="Use the IRI of an entity that an article mentions."
            )
        return iri

    def present(self, iri: str) -> bool:
        """Return whether any article mentions an entity."""
        return self._repository.present(iri)

    def label(self, iri: str) -> str:
        """Return a label of an entity: the English one, else any; without labels, the IRI after the base."""
        found = [
            rdflib_conversion.to_rdflib(quad.object) for quad in self.store.match(oxigraph.NamedNode(iri), _LABEL, None)
        ]
        texts = sorted(found, key=lambda text: (getattr(text, "language", None) != "en", str(text)))
        return str(texts[0]) if texts else iri.removeprefix(self.names.base)


def sentences(store: Reads, subject: str) -> list[MentionSentence]:
    """Return up to twenty sentences that mention an entity, in the order of the articles."""
    rows = store.rows(_SENTENCES, {"entity": oxigraph.NamedNode(subject)})
    found = [
        MentionSentence(*(str(rdflib_conversion.to_rdflib(row[name])) for name in ("article", "words", "exact")))
        for row in rows
    ]
    # Of several mentions in one sentence the first remains, because it is assigned last.
    return [*{(sentence.article, sentence.text): sentence for sentence in reversed(found)}.values()][::-1]


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _checked(reason: str) -> str:
    """Return a reason without surrounding spaces.

    Raises:
        BadInput: it is too long, or has a lone surrogate or a control character.
    """
    if len(reason) > _LONGEST_REASON:
        raise BadInput(
            f"The reason has {len(reason)} characters; the limit is {_LONGEST_REASON}.", remedy="Shorten it."
        )
    try:
        reason.encode()
    except UnicodeEncodeError:
        raise BadInput("The reason contains half a character (a lone surrogate).", remedy="Send UTF-8.") from None
    return _representable(reason, "reason").strip()


def _representable(text: str, what: str) -> str:
    """Return a text without characters that exports of the links cannot represent.

    Raises:
        BadInput: it has one.
    """
    if found := UNREPRESENTABLE.search(text):
        code = f"U+{ord(found.group()):04X}"
        raise BadInput(f"The {what} contains the character {code} at {found.start()}.", remedy="Remove it.")
    return text

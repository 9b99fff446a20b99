"""Consistency of the links of one entity to several datasets."""

from __future__ import annotations

from dataclasses import replace

from kg.linking.link_proposal_types import LinkProposal, ProposalVerdict
from kg.linking.linker import Linker
from kg.reference.records import Record, RecordKind
from tests.linked import DENMARK, KRAMATORSK, UKRAINE, entity, reference


def proposed(
    *records: Record, label: str, kind: tuple[RecordKind, ...] = (), rejected: tuple[str, ...] = ()
) -> dict[str, LinkProposal]:
    linker = Linker(reference(*records), rejected={"urn:e": rejected})
    found: list[LinkProposal] = linker.propose(entity(label, *kind))
    return {proposal.record: proposal for proposal in found if proposal.identifier}


WIKIDATA = replace(KRAMATORSK, dataset="wikidata", identifier="Q33613", within="", identifiers={"geonames": "704508"})


def test_identifiers_of_an_accepted_record_are_links_too() -> None:
    found = proposed(UKRAINE, label="Україна", kind=(RecordKind.country,))
    assert {record: p.verdict for record, p in found.items()} == dict.fromkeys(
        ("iso3166:UA", "wikidata:Q212", "geonames:690791"), ProposalVerdict.accept
    )
    assert found["wikidata:Q212"].features[0].evidence == "iso3166:UA states that it is wikidata:Q212"


def test_a_record_that_says_it_is_the_accepted_one_is_linked_though_it_is_named_otherwise() -> None:
    latin = replace(WIKIDATA, names=(replace(WIKIDATA.names[0], text="Kramatorsk City"),))
    found = proposed(KRAMATORSK, latin, label="Краматорськ")
    assert found["wikidata:Q33613"].verdict is ProposalVerdict.accept


def test_homonyms_are_told_apart_by_what_another_dataset_says() -> None:
    namesake = replace(WIKIDATA, identifier="Q1", identifiers={}, prominence=10**6)
    found = proposed(KRAMATORSK, WIKIDATA, namesake, label="Краматорськ")
    assert found["wikidata:Q33613"].verdict is ProposalVerdict.accept
    assert "wikidata:Q1" not in found


def test_packs_that_disagree_leave_it_to_a_person() -> None:
    one = replace(KRAMATORSK, point=None, identifiers={"wikidata": "Q33613"})
    other = replace(one, dataset="dr5hn", identifier="7", within="", identifiers={"wikidata": "Q9"})
    found = proposed(one, other, label="Краматорськ")
    every = ("geonames:704508", "dr5hn:7", "wikidata:Q33613", "wikidata:Q9")
    assert {record: p.verdict for record, p in found.items()} == dict.fromkeys(every, ProposalVerdict.review)
    assert found["dr5hn:7"].reason == "The packs disagree on its record in wikidata: Q33613, Q9."


def test_a_trap_is_no_identifier() -> None:
    wrong = replace(DENMARK, identifiers={"wikidata": "Q756617"})
    assert set(proposed(wrong, label="Данія", kind=(RecordKind.country,))) == {"iso3166:DK"}


def test_flagged_records_bring_nothing_but_a_suggestion() -> None:
    flagged = replace(KRAMATORSK, dataset="dr5hn", within="", identifiers={"wikidata": "Q33613"}, flags=("x",))
    found = proposed(flagged, label="Краматорськ")
    assert {p.verdict for p in found.values()} == {ProposalVerdict.review}
    assert found["wikidata:Q33613"].reason.startswith("dr5hn:704508, which is also in review")


def test_what_a_person_rejected_is_not_brought_again() -> None:
    found = proposed(UKRAINE, label="Україна", kind=(RecordKind.country,), rejected=("wikidata:Q212",))
    assert set(found) == {"iso3166:UA", "geonames:690791"}
    namesake = proposed(UKRAINE, label="Україна", kind=(RecordKind.country,), rejected=("wikidata:Q1",))
    assert namesake["wikidata:Q212"].verdict is ProposalVerdict.review
    assert namesake["iso3166:UA"].verdict is ProposalVerdict.accept


def test_what_contradicts_the_graph_is_not_confirmed() -> None:
    far = replace(WIKIDATA, point=(46.0, 30.0), countries=("MD",))
    linker = Linker(reference(UKRAINE, KRAMATORSK, far))
    named = entity("Краматорськ", within=("urn:ua",))
    found = linker.link([entity("Україна", RecordKind.country, iri="urn:ua"), named])
    verdicts = {p.record: p.verdict for p in found if p.subject == "urn:e" and p.identifier}
    assert verdicts == {"geonames:704508": ProposalVerdict.accept, "wikidata:Q33613": ProposalVerdict.review}

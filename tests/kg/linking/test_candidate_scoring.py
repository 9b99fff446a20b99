"""Scoring features: evidence for and against a record."""

from __future__ import annotations

from kg.linking.candidate_scoring import ScoredCandidate, scored, total
from kg.linking.candidates import Candidate, NameSpelling
from kg.linking.entity_profiles import EntityProfile, Office
from kg.linking.geographic_context import GeographicContext
from kg.reference.records import Record, RecordKind, RecordName, RecordRole
from tests.linked import KOSTIANTYNIVKA, KRAMATORSK, OBLAST, RUSSIA, UKRAINE, entity, person, reference

REFERENCE = reference(*KOSTIANTYNIVKA, KRAMATORSK, OBLAST)
RIGHT, OTHER = KOSTIANTYNIVKA


def weighed(of: EntityProfile, record: Record, known: GeographicContext, *, exact: bool = True) -> ScoredCandidate:
    spelling = NameSpelling(of.label, of.label, "alias", 0)
    candidate = Candidate(record, "test@1", record.names[0], spelling, 1.0 if exact else 0.8, exact)
    return scored(of, candidate, known, REFERENCE)


def test_a_name_and_a_kind_are_all_there_is_without_context() -> None:
    found = weighed(entity("Костянтинівка"), RIGHT, GeographicContext())
    assert {feature.name for feature in found.features} == {"alias", "kind", "prominence"}
    assert found.score > 95
    assert not found.contradicted
    assert "67,350 inhabitants" in [feature.evidence for feature in found.features]


def test_likeness_counts_as_much_as_it_is() -> None:
    found = weighed(entity("Костянтинівка"), RIGHT, GeographicContext(), exact=False)
    assert found.value("similarity") == 0.8
    assert found.value("alias") is None
    assert found.score < 85


def test_the_region_that_the_graph_states() -> None:
    known = GeographicContext()
    known.put("urn:d", [OBLAST])
    place = entity("Костянтинівка", within=("urn:d",))
    right, wrong = (weighed(place, record, known) for record in (RIGHT, OTHER))
    assert right.value("within") == 1
    assert wrong.value("within") is None  # the region that it lies in is not held, so that nothing is known
    larger = reference(OBLAST, Record("geonames", "687699", RecordKind.region, (RecordName("Запорізька"),)))
    candidate = Candidate(OTHER, "", OTHER.names[0], NameSpelling("К", "К", "alias", 0), 1.0, exact=True)
    assert scored(place, candidate, known, larger).value("within") == 0
    assert scored(place, candidate, known, larger).contradicted


def test_the_country_that_the_graph_states() -> None:
    known = GeographicContext()
    known.put("urn:ua", [UKRAINE])
    place = entity("Костянтинівка", within=("urn:ua",))
    assert weighed(place, RIGHT, known).value("country") == 1
    abroad = Record("geonames", "1", RecordKind.settlement, (RecordName("Костянтинівка"),), ("MD",))
    assert weighed(place, abroad, known).contradicted


def test_the_distance_to_places_beside_it() -> None:
    known = GeographicContext()
    known.put("urn:k", [KRAMATORSK])
    place = entity("Костянтинівка", near=("urn:k",))
    near, far = (weighed(place, record, known) for record in (RIGHT, OTHER))
    assert (near.value("distance") or 0) > 0.9 > 0.5 > (far.value("distance") or 0) > 0
    assert "24 km from Краматорськ" in [feature.evidence for feature in near.features]


def test_where_it_is_by_another_dataset_contradicts_what_is_elsewhere() -> None:
    known = GeographicContext()
    known.put("urn:e", [Record("dr5hn", "1", RecordKind.settlement, (RecordName("К"),), ("UA",), (48.53, 37.71))])
    assert weighed(entity("Костянтинівка"), RIGHT, known).value("distance") == 1
    assert weighed(entity("Костянтинівка"), OTHER, known).contradicted


def test_an_office_is_compared_in_title_and_time() -> None:
    known = GeographicContext()
    known.put("urn:ru", [RUSSIA])
    president = person("Q7747", "Путін", roles=(RecordRole("President of Russia", "2012-05-07"),))
    father = person("Q1", "Путін", about="father of Vladimir Putin (1911-1999)")
    of = (Office("президент", "urn:ru"),)
    in_2025 = entity("Путін", RecordKind.person, offices=of, dates=("2025-01-01", "2025-01-01"))
    in_2010 = entity("Путін", RecordKind.person, offices=of, dates=("2010-01-01", "2010-01-01"))
    assert weighed(in_2025, president, known).value("role") == 1
    assert weighed(in_2010, president, known).value("role") == 0.2
    assert weighed(in_2025, father, known).value("role") == 0.2
    former = entity("Путін", RecordKind.person, offices=(Office("президент", former=True),), dates=("2010-01-01",) * 2)
    assert weighed(former, president, known).value("role") == 1


def test_a_country_beside_it_speaks_for_it_a_little() -> None:
    known = GeographicContext()
    known.put("urn:ua", [UKRAINE])
    place = entity("Костянтинівка", near=("urn:ua",))
    assert weighed(place, RIGHT, known).value("co-mention") == 1
    assert weighed(place, RIGHT, known).value("country") is None


def test_no_features_make_no_score() -> None:
    assert total(()) == 0

"""Twenty further questions, phrased as a newcomer would: by labels, by vocabulary names, by standard vocabularies."""

from __future__ import annotations

from collections.abc import Callable

Ask = Callable[[str], list[tuple[str, ...]]]

PREFIXES = """
PREFIX cg: <https://w3id.org/claimgraph/ns#>
PREFIX code: <https://w3id.org/claimgraph/code/>
PREFIX foaf: <http://xmlns.com/foaf/0.1/>
PREFIX prov: <http://www.w3.org/ns/prov#>
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
PREFIX schema: <https://schema.org/>
PREFIX sem: <http://semanticweb.cs.vu.nl/2009/11/sem/>
PREFIX xsd: <http://www.w3.org/2001/XMLSchema#>
"""


def english(*variables: str) -> str:
    return "".join(f'FILTER(LANG(?{variable}) = "en")' for variable in variables)


def test_people_and_how_often_they_are_mentioned(ask: Ask) -> None:
    query = f"""{PREFIXES}
    SELECT ?who (COUNT(?mention) AS ?times) {{
      ?person a cg:Person ; rdfs:label ?who .
      ?mention cg:denotes ?person . {english("who")}
    }} GROUP BY ?who ORDER BY DESC(?times) ?who"""
    assert ask(query) == [
        ("Bashar al-Assad", "15"),
        ("Vladimir Putin", "8"),
        ("Kamel Saqr", "5"),
        ("Asma al-Assad", "2"),
        ("Antoni Lallican", "1"),
        ("Heorhii Ivanchenkov", "1"),
        ("President of Ukraine", "1"),
    ]


def test_what_putin_is_called(ask: Ask) -> None:
    query = f"""{PREFIXES}
    SELECT ?words {{
      ?mention cg:denotes/rdfs:label "Володимир Путін"@uk ; cg:exact ?words ; cg:start ?start .
      FILTER(STRLEN(?words) > 8)
    }} ORDER BY ?start"""
    assert ask(query) == [
        ("президент РФ Володимир Путін",),
        ("російський диктатор",),
        ("російський диктатор Володимир Путін",),
    ]


def test_when_the_offensive_began(ask: Ask) -> None:
    query = f"""{PREFIXES}
    SELECT ?from ?to ?precision ?year_from ?who {{
      ?offensive a cg:Offensive , cg:ReportedFact ; cg:startTime ?start ; cg:actor/rdfs:label ?who .
      ?start cg:notBefore ?from ; cg:notAfter ?to ; cg:precision/rdfs:label ?precision ;
        cg:yearSource/rdfs:label ?year_from . {english("precision", "year_from", "who")}
    }}"""
    assert ask(query) == [("2024-11-21", "2024-11-30", "third of a month", "stated", "Syrian rebels")]


def test_what_putin_did(ask: Ask) -> None:
    query = f"""{PREFIXES}
    SELECT DISTINCT ?what ?expression {{
      ?event a cg:ReportedFact ; cg:actor/rdfs:label "Vladimir Putin"@en ; rdfs:label ?what ;
        cg:affirmedBy/cg:expression/rdfs:label ?expression . {english("what", "expression")}
    }} ORDER BY ?what"""
    assert ask(query) == [
        ("Putin ignored Assad’s appeals", "stated"),
        ("Putin received Assad", "stated"),
        ("Putin showed that he wanted to distance himself", "stated"),
        ("Putin stopped answering Assad’s calls", "stated"),
        ("Putin’s address", "stated"),
        ("Russia/Putin refused Assad", "presupposed"),
    ]


def test_what_is_denied_and_by_whom(ask: Ask) -> None:
    query = f"""{PREFIXES}
    SELECT ?what ?whose ?source ?certainty {{
      ?claim cg:denies ?situation ; cg:attributedTo/rdfs:label ?source ; cg:certainty/rdfs:label ?certainty .
      ?situation rdfs:label ?what ; cg:actor/rdfs:label ?whose . {english("what", "whose", "source", "certainty")}
      FILTER NOT EXISTS {{ ?situation a cg:ReportedFact }}
    }} ORDER BY ?what"""
    assert ask(query) == [
        ("Putin’s public statement about the meeting", "Vladimir Putin", "Kamel Saqr", "certain"),
        ("help from Russia to Assad", "Russia", "Bashar al-Assad", "probable"),
    ]


def test_claims_by_source(ask: Ask) -> None:
    query = f"""{PREFIXES}
    SELECT ?who (COUNT(?claim) AS ?claims) {{
      ?claim a schema:Claim ; prov:wasAttributedTo/rdfs:label ?who . {english("who")}
    }} GROUP BY ?who ORDER BY DESC(?claims) ?who"""
    assert ask(query) == [
        ("publisher of the article", "37"),
        ("Kamel Saqr", "19"),
        ("Bashar al-Assad", "1"),
        ("Vladimir Putin", "1"),
        ("doctors", "1"),
    ]


def test_claims_that_came_through_bild(ask: Ask) -> None:
    query = f"""{PREFIXES}
    SELECT ?origin (COUNT(?claim) AS ?claims) {{
      ?claim cg:passedThrough/rdfs:label "BILD"@en ; cg:attributedTo/rdfs:label ?origin . {english("origin")}
    }} GROUP BY ?origin ORDER BY DESC(?claims) ?origin"""
    assert ask(query) == [("Kamel Saqr", "19"), ("Bashar al-Assad", "1"), ("Vladimir Putin", "1")]


def test_the_chain_behind_a_nested_claim(ask: Ask) -> None:
    query = f"""{PREFIXES}
    SELECT ?who ?act {{
      ?claim cg:hasContent ?desire ; cg:originatesIn ?origin .
      ?desire a cg:Desire .
      ?origin cg:relayedBy* ?hop .
      ?hop cg:reporter/rdfs:label ?who ; rdfs:label ?act . {english("who", "act")}
      {{ SELECT ?hop (COUNT(?inner) AS ?depth) {{ ?hop cg:relays+ ?inner }} GROUP BY ?hop }}
      UNION {{ ?hop a cg:SourceAct . FILTER NOT EXISTS {{ ?hop cg:relays ?inner }} BIND(0 AS ?depth) }}
    }} ORDER BY ?depth"""
    assert ask(query) == [
        ("Vladimir Putin", "Putin showed that he wanted to distance himself"),
        ("Kamel Saqr", "Saqr’s interview to the Mazeej podcast"),
        ("BILD", "BILD report"),
        ("publisher of the article", "the seed article"),
    ]


def test_the_fifty_per_cent(ask: Ask) -> None:
    query = f"""{PREFIXES}
    SELECT ?what ?probability ?source ?certainty ?words {{
      ?claim cg:affirms/rdfs:label ?what ; cg:probability ?probability ; cg:attributedTo/rdfs:label ?source ;
        cg:certainty/rdfs:label ?certainty ; cg:quotedIn/cg:exact ?words . {english("what", "source", "certainty")}
    }}"""
    assert ask(query) == [("Asma survives", "0.5", "doctors", "possible", "лікарі дають їй 50% шансів на виживання")]


def test_what_is_not_presented_as_actual(ask: Ask) -> None:
    query = f"""{PREFIXES}
    SELECT ?modality ?what {{
      ?situation cg:modality ?code ; rdfs:label ?what .
      ?code rdfs:label ?modality . {english("modality", "what")}
      FILTER(?code != code:actual)
    }} ORDER BY ?modality ?what"""
    assert ask(query) == [
        ("attempted", "relatives’ attempt to leave the Middle Eastern country"),
        ("expected", "help from Russia to Assad"),
        ("intended", "Assad’s intended plea for Putin’s military support"),
        ("possible", "Asma survives"),
    ]


def test_whom_assad_asked_and_what_came_back(ask: Ask) -> None:
    query = f"""{PREFIXES}
    SELECT ?asked ?response {{
      ?request a cg:Request , cg:ReportedFact ; cg:actor/rdfs:label "Bashar al-Assad"@en ;
        cg:recipient/rdfs:label ?asked .
      OPTIONAL {{ ?request cg:hasResponse/rdfs:label ?response {english("response")} }} {english("asked")}
    }} ORDER BY ?asked ?response"""
    assert ask(query) == [
        ("Iran", "Iran refused Assad support"),
        ("Vladimir Putin", "Putin ignored Assad’s appeals"),
        ("Vladimir Putin", "Russia/Putin refused Assad"),
    ]


def test_causes_and_effects(ask: Ask) -> None:
    query = f"""{PREFIXES}
    SELECT ?cause ?effect ?words {{
      ?event cg:causedBy ?origin ; rdfs:label ?effect .
      ?origin rdfs:label ?cause . {english("cause", "effect")}
      ?cue cg:relationType code:causedBy ; cg:relationFrom ?event ; cg:quotedIn/cg:exact ?words .
    }} ORDER BY ?cause"""
    assert ask(query) == [
        ("Russian shelling", "power outage", "через російські обстріли"),
        ("attack by a Russian FPV drone", "death of Antoni Lallican", "внаслідок атаки російського FPV-дрона"),
    ]


def test_what_happened_during_something_else(ask: Ask) -> None:
    query = f"""{PREFIXES}
    SELECT ?what ?frame {{
      ?event a sem:Event ; cg:during/rdfs:label ?frame ; rdfs:label ?what . {english("what", "frame")}
    }} ORDER BY ?what"""
    assert ask(query) == [
        ("Assad’s appeals to Putin for help", "rebel offensive in Syria"),
        ("Putin ignored Assad’s appeals", "rebel offensive in Syria"),
        ("detention of Assad’s relatives", "relatives’ attempt to leave the Middle Eastern country"),
    ]


def test_what_followed_the_meeting_and_what_did_not(ask: Ask) -> None:
    query = f"""{PREFIXES}
    SELECT ?what ?polarity {{
      ?meeting a cg:Meeting .
      ?event cg:after ?meeting ; rdfs:label ?what . {english("what")}
      ?claim ?property ?event .
      ?property rdfs:subPropertyOf cg:hasContent ; rdfs:label ?polarity . {english("polarity")}
    }} ORDER BY ?what"""
    assert ask(query) == [
        ("Putin showed that he wanted to distance himself", "affirms"),
        ("Putin’s public statement about the meeting", "denies"),
    ]


def test_what_happened_in_russia(ask: Ask) -> None:
    query = f"""{PREFIXES}
    SELECT DISTINCT ?what {{
      ?event a cg:ReportedFact ; rdfs:label ?what .
      {{ ?event cg:occurredWithin ?country }} UNION {{ ?event cg:destination/cg:within* ?country }}
      ?country rdfs:label "Russia"@en . {english("what")}
    }} ORDER BY ?what"""
    assert ask(query) == [
        ("Assad arrived in the Russian capital",),
        ("Assad flew to Russia",),
        ("Assad waited two days for a meeting with Putin",),
        ("Assad was granted asylum in Russia",),
        ("Putin’s address",),
        ("Ukrainian drone attack on Sochi",),
        ("plenary session of the Valdai Forum",),
    ]


def test_states_offices_and_ties_of_people(ask: Ask) -> None:
    query = f"""{PREFIXES}
    SELECT ?who ?kind ?role ?whose ?former {{
      VALUES ?class {{ cg:OfficeHolding cg:Affiliation cg:Nationality cg:Marriage }}
      ?state a ?class , cg:ReportedFact ; cg:subject ?person ; cg:object/rdfs:label ?whose .
      ?person a foaf:Person ; rdfs:label ?who .
      ?class rdfs:label ?kind . {english("who", "kind", "whose")}
      OPTIONAL {{ ?state cg:roleName ?role }}
      OPTIONAL {{ ?state cg:former ?former }}
    }} ORDER BY ?who ?kind"""
    assert ask(query) == [
        ("Antoni Lallican", "Nationality", "журналіст", "France", ""),
        ("Asma al-Assad", "Marriage", "", "Bashar al-Assad", ""),
        ("Bashar al-Assad", "Holding of office", "президент", "Syria", "true"),
        ("Heorhii Ivanchenkov", "Affiliation", "журналіст", "Kyiv Independent", ""),
        ("Kamel Saqr", "Affiliation", "речник", "press service of Assad", "true"),
        ("Vladimir Putin", "Holding of office", "президент", "Russia", ""),
    ]


def test_who_is_involved_with_assad(ask: Ask) -> None:
    query = f"""{PREFIXES}
    SELECT DISTINCT ?who {{
      ?assad rdfs:label "Bashar al-Assad"@en .
      ?situation a cg:ReportedFact ; cg:participant|cg:object ?assad , ?other .
      ?other a cg:Agent ; rdfs:label ?who . {english("who")}
      FILTER(?other != ?assad)
    }} ORDER BY ?who"""
    assert ask(query) == [
        ("Asma al-Assad",),
        ("Iran",),
        ("Russia",),
        ("Syria",),
        ("Vladimir Putin",),
        ("relatives of Bashar al-Assad",),
        ("unidentified perpetrator of the attempt on Assad",),
    ]


def test_countries_never_called_by_their_names(ask: Ask) -> None:
    query = f"""{PREFIXES}
    SELECT ?country (MIN(?words) AS ?only) {{
      ?entity a cg:Country ; rdfs:label ?country . {english("country")}
      ?mention cg:denotes ?entity ; cg:exact ?words .
      FILTER NOT EXISTS {{
        ?name cg:denotes ?entity ; cg:exact ?text .
        FILTER(UCASE(SUBSTR(?text, 1, 1)) = SUBSTR(?text, 1, 1))
      }}
    }} GROUP BY ?country ORDER BY ?country"""
    assert ask(query) == [
        ("Denmark", "данські"),
        ("France", "французький"),
        ("Lebanon", "ліванські"),
        ("Saudi Arabia", "саудівському"),
        ("“the Middle Eastern country”", "близькосхідну країну"),
    ]


def test_what_is_missing_people_and_numbers(ask: Ask) -> None:
    query = f"""{PREFIXES}
    SELECT ?who ?missing {{
      {{ ?agent cg:sizeUnstated true BIND("number" AS ?missing) }}
      UNION
      {{ ?agent a cg:Agent FILTER NOT EXISTS {{ ?mention cg:denotes ?agent }} BIND("mention" AS ?missing) }}
      ?agent rdfs:label ?who . {english("who")}
    }} ORDER BY ?missing ?who"""
    assert ask(query) == [
        ("publisher of the article", "mention"),
        ("unidentified perpetrator of the attempt on Assad", "mention"),
        ("Syrian rebels", "number"),
        ("doctors", "number"),
        ("relatives of Bashar al-Assad", "number"),
        ("unidentified perpetrator of the attempt on Assad", "number"),
    ]


def test_how_the_years_are_known(ask: Ask) -> None:
    query = f"""{PREFIXES}
    SELECT ?words ?edtf ?precision ?year_from ?anchor {{
      ?time a cg:TimeSpan ; cg:quotedIn ?passage ; cg:edtf ?edtf ; cg:precision/rdfs:label ?precision ;
        cg:yearSource/rdfs:label ?year_from .
      ?passage cg:exact ?words ; cg:start ?start . {english("precision", "year_from")}
      OPTIONAL {{ ?time cg:relativeTo/cg:quotedIn/cg:exact ?anchor }}
    }} ORDER BY ?start"""
    october_2 = "Пізно ввечері у четвер, 2 жовтня"
    arrival = "коли у кінці листопада 2024 року повстанці почали наступ"
    assert ask(query) == [
        (arrival, "[2024-11-21..2024-12-07]", "vague", "stated", ""),
        ("у кінці листопада 2024 року", "[2024-11-21..2024-11-30]", "third of a month", "stated", ""),
        ("8 грудня", "2024-12-08", "day", "narrative anchor", ""),
        ("за кілька днів до цього", "[2024-12-01..2024-12-06]", "vague", "narrative anchor", "8 грудня"),
        (october_2, "2025-10-02", "part of a day", "weekday", ""),
        ("незадовго до початку нальоту", "2025-10-02", "vague", "weekday", october_2),
        ("3 жовтня", "2025-10-03", "day", "adjacency", ""),
        ("3 жовтня", "2025-10-03", "day", "adjacency", ""),
    ]

"""Competency questions as shipped: each returns the complete correct result over the seed article, in order."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from kg.articles.competency_question_files import Question, all_questions, find
from kg.knowledge_graph import KnowledgeGraph
from kg.rdf.query_request_and_result import ResultFormats
from tests.cases.documents import Content
from tests.configs import configured

Ask = Callable[[str], list[tuple[str, ...]]]
Row = tuple[str, ...]

PREFIXES = "PREFIX cg: <https://w3id.org/claimgraph/ns#> PREFIX code: <https://w3id.org/claimgraph/code/> "
PUBLIC = (
    "https://w3id.org/claimgraph/ns#",
    "https://w3id.org/claimgraph/code/",
    "http://www.w3.org/",
    "http://purl.org/",
)

# Situations and the words of claims, by their ids in the inventory of the article.
IGNORE = ("Putin ignored Assad’s appeals", "Путін проігнорував заклики Асада")
REQUEST_RU = ("Assad’s appeals to Putin for help", "заклики Асада до Путіна про допомогу")
REQUEST_IR = ("Assad asked Iran for help", "Асад просив Іран про допомогу")
REQUEST_PLAN = (
    "Assad’s intended plea for Putin’s military support",
    "заплановане прохання Асада про військову підтримку з боку Путіна",
)
OFFENSIVE = ("rebel offensive in Syria", "наступ повстанців у Сирії")
PUB_BILD = ("BILD report", "публікація BILD")
OFFICE_PUTIN = ("Putin is president of the Russian Federation", "Путін – президент РФ")
OFFICE_SAQR = ("Saqr is a former spokesman of Assad’s press service", "Сакр – колишній речник пресслужби Асада")
INTERVIEW = ("Saqr’s interview to the Mazeej podcast", "інтерв’ю Сакра подкасту Mazeej")
MAZEEJ_SAUDI = ("Mazeej is a Saudi podcast", "Mazeej – саудівський подкаст")
LEAVE = ("Assad left Syria for good", "Асад остаточно покинув Сирію")
ARRIVE = ("Assad flew to Russia", "Асад прилетів до Росії")
ARRIVE_MSK = ("Assad arrived in the Russian capital", "Асад прибув до російської столиці")
WAIT = ("Assad waited two days for a meeting with Putin", "Асад два дні чекав зустрічі з Путіним")
MEETING = ("Putin received Assad", "Путін прийняв Асада")
SIGNAL = ("Putin showed that he wanted to distance himself", "Путін демонстрував, що хоче дистанціюватись")
STOPCALLS = ("Putin stopped answering Assad’s calls", "Путін припинив відповідати на дзвінки Асада")
CALLS = ("Assad’s phone calls to Putin", "дзвінки Асада до Путіна")
REALISE = (
    "Assad realised no help from Russia should be expected",
    "Асад зрозумів, що допомоги від Росії не варто чекати",
)
ALLY_RU = ("Russia/Putin is an ally of Assad", "Росія/Путін – союзник Асада")
ALLY_IR = ("Iran is an ally of Assad", "Іран – союзник Асада")
REFUSAL_RU = ("Russia/Putin refused Assad", "відмова Асаду з боку Росії/Путіна")
REFUSAL_IR = ("Iran refused Assad support", "Іран відмовив Асаду в підтримці")
OUTAGE = ("power outage", "припинення електропостачання")
SHELLING = ("Russian shelling", "російські обстріли")
SOCHI = ("Ukrainian drone attack on Sochi", "атака українських безпілотників на Сочі")
FPV = ("attack by a Russian FPV drone", "атака російського FPV-дрона")
ATTEMPT = ("attempt on Assad’s life", "замах на Асада")

PUTIN = ("Vladimir Putin", "Володимир Путін")
DRUZHKIVKA = ("Druzhkivka", "Дружківка")
KOSTIANTYNIVKA = ("Kostiantynivka", "Костянтинівка")
DISTRICTS = ("some districts of Kramatorsk", "деякі райони Краматорська")
UNKNOWN_ATTACKERS = "unidentified perpetrator of the attempt on Assad"
OUTLET = "publisher of the article"
SAQR = "Kamel Saqr"
ARTICLE = "the seed article"

C01 = "Путін ігнорував прохання Асада про допомогу"
C05 = "президент РФ Володимир Путін проігнорував заклики Башара Асада про військову підтримку"
C06 = "заклики Башара Асада про військову підтримку"
C11 = "у кінці листопада 2024 року повстанці почали наступ"
C21 = "8 грудня Асад остаточно покинув Сирію"
C22 = "за кілька днів до цього Путін припинив відповідати на дзвінки Асада"
C24 = "лише після цього сирійський диктатор зрозумів, що допомоги від Росії не варто чекати"
C31 = "На колишнього президента Сирії Башара Асада, який після краху режиму отримав притулок в Росії, скоїли замах"
C39 = "Родичів поваленого президента Сирії Башара Асада затримали ліванські служби безпеки"
C42 = "вдалося врятувати 22 українських дітей та підлітків із тимчасово окупованих територій"
C52 = "без електропостачання залишилися Дружківка, Костянтинівка та деякі райони Краматорська на Донеччині"
C57 = "отримав поранення журналіст Kyiv Independent Георгій Іванченков"

OCT_2 = ("2025-10-02", "2025-10-02", "weekday")
OCT_3 = ("2025-10-03", "2025-10-03", "adjacency")
NO_DATE = ("", "", "")
LATE_NOVEMBER = ("2024-11-21", "2024-11-30", "stated")
ARRIVAL = ("2024-11-21", "2024-12-07", "stated")
AFTER_START = ("2024-11-21", "", "")

ANSWERS: dict[int, list[Row]] = {
    2: [("Kamel Saqr", "Камель Сакр", "Interview", "Mazeej podcast", "Saudi Arabia", OFFICE_SAQR[0], "19")],
    4: [(LEAVE[0], "2024-12-08", "2024-12-08", "8 грудня", "narrative anchor", C21, OUTLET)],
    6: [
        (
            "22",
            "22 Ukrainian children and teenagers",
            "22 українських дітей та підлітків",
            "temporarily occupied territories",
            "Bring Kids Back UA",
            "Bring Kids Back UA is an initiative of the President of Ukraine",
            C42,
        )
    ],
    8: [
        (*place, "2025-10-03", "adjacency", SHELLING[0], "Russia", "presupposed", C52)
        for place in (DRUZHKIVKA, KOSTIANTYNIVKA, DISTRICTS)
    ],
    10: [(*WAIT, "P2D", "два дні", SAQR), (*MEETING, "PT1H", "лише годину", SAQR)],
    12: [
        (
            "Lebanese security services",
            "ліванські служби безпеки",
            "relatives of Bashar al-Assad",
            "relatives’ attempt to leave the Middle Eastern country",
            "attempted",
            C39,
        )
    ],
    14: [
        ("Non-response", *PUTIN, REQUEST_RU[0], "stated", "2", C01),
        ("Non-response", *PUTIN, CALLS[0], "stated", "1", C22),
        ("Refusal", "Iran", "Іран", REQUEST_IR[0], "stated", "1", "він відмовив йому у підтримці"),
        ("Refusal", *PUTIN, REQUEST_RU[0], "presupposed", "1", "й він відмовив"),
    ],
    16: [
        (*IGNORE, "actual", "stated", C05),
        (*REQUEST_RU, "actual", "presupposed", C06),
        (*OFFENSIVE, "actual", "stated", C11),
        (*ARRIVE, "actual", "stated", "Асад прилетів до Росії"),
        (*REQUEST_PLAN, "intended", "stated", "щоб просити про військову підтримку Путіна"),
        (*ARRIVE_MSK, "actual", "stated", "прибувши до російської столиці"),
        (*WAIT, "actual", "stated", "Асаду довелось два дні чекати зустрічі з Путіним"),
        (*MEETING, "actual", "stated", "російський диктатор прийняв Асада"),
        (*MEETING, "actual", "stated", "зустріч тривала лише годину"),
        (*SIGNAL, "actual", "stated", "демонстрував, що хоче дистанціюватись від подій у Сирії"),
        (*STOPCALLS, "actual", "stated", C22),
        (*CALLS, "actual", "presupposed", "дзвінки Асада"),
        (*REALISE, "actual", "stated", C24),
        (*REQUEST_IR, "actual", "stated", "Асад просив про допомогу у ще одного свого союзника – Ірану"),
        (*ALLY_RU, "actual", "presupposed", "ще одного свого союзника"),
        (*ALLY_IR, "actual", "presupposed", "ще одного свого союзника – Ірану"),
        (*REFUSAL_RU, "actual", "presupposed", "й він відмовив"),
        (*REFUSAL_IR, "actual", "stated", "він відмовив йому у підтримці"),
    ],
    18: [
        ("headline", *OFFENSIVE, "presupposed", "наступу повстанців у Сирії"),
        ("headline", *IGNORE, "stated", C01),
        ("headline", *REQUEST_RU, "presupposed", "прохання Асада про допомогу"),
        ("source line", *PUB_BILD, "stated", "Джерело: BILD"),
        ("lead", *OFFICE_PUTIN, "presupposed", "президент РФ Володимир Путін"),
        ("body", *INTERVIEW, "stated", "Про це в інтерв’ю саудівському подкасту Mazeej розповів Камель Сакр"),
        ("body", *MAZEEJ_SAUDI, "presupposed", "саудівському подкасту Mazeej"),
        ("body", *OFFICE_SAQR, "stated", "Камель Сакр – колишній речник пресслужби Асада"),
        ("body", *LEAVE, "stated", C21),
    ],
    20: [
        (*OFFENSIVE, *LATE_NOVEMBER, "begins", ""),
        (*ARRIVE_MSK, *ARRIVAL, "happens", ""),
        (*ARRIVE, *ARRIVAL, "happens", ""),
        (*REQUEST_RU, *AFTER_START, f"during: {OFFENSIVE[0]}", ""),
        (*IGNORE, *AFTER_START, f"during: {OFFENSIVE[0]}", ""),
        (*WAIT, *AFTER_START, f"after: {ARRIVE_MSK[0]}", "P2D"),
        (*MEETING, *AFTER_START, f"after: {WAIT[0]}", "PT1H"),
        (*SIGNAL, *AFTER_START, f"after: {MEETING[0]}", ""),
        (*STOPCALLS, "2024-12-01", "2024-12-06", "narrative anchor", "happens", ""),
        (*REALISE, "2024-12-01", "", "", f"after: {STOPCALLS[0]}", ""),
        (*LEAVE, "2024-12-08", "2024-12-08", "narrative anchor", "happens", ""),
        (*REQUEST_IR, *NO_DATE, "not placed in time", ""),
        (*CALLS, *NO_DATE, "not placed in time", ""),
        (*REFUSAL_IR, *NO_DATE, "not placed in time", ""),
        (*REFUSAL_RU, *NO_DATE, "not placed in time", ""),
    ],
    22: [(*OUTAGE, "3", *OCT_3, "stated", C52)],
    24: [
        (*SHELLING, "Shelling", "Russia", "", "", *NO_DATE, "presupposed"),
        (*SOCHI, "Drone attack", "", "Ukrainian drones", "Sochi", *OCT_2, "stated"),
        (*FPV, "Drone attack", "Russia", "Russian FPV drone", "", *OCT_3, "presupposed"),
        (*ATTEMPT, "Assassination attempt", UNKNOWN_ATTACKERS, "", "", *NO_DATE, "stated"),
    ],
    26: [
        ("Iran", "Іран", "presupposed", SAQR, "ще одного свого союзника – Ірану", "true"),
        ("Russia", "Росія", "presupposed", SAQR, "ще одного свого союзника", "false"),
    ],
    28: [
        (
            "Death",
            "1",
            "Antoni Lallican",
            "Антоні Лаллікан",
            "журналіст",
            *OCT_3,
            FPV[0],
            "загинув французький журналіст Антоні Лаллікан",
        ),
        ("Injury", "1", "Heorhii Ivanchenkov", "Георгій Іванченков", "журналіст", *NO_DATE, "", C57),
    ],
    30: [
        (ARTICLE, "all claims", "all", "усі", "59"),
        (ARTICLE, "attribution mode", "outlet’s own voice", "від імені медіа", "37"),
        (ARTICLE, "attribution mode", "explicit", "явна", "15"),
        (ARTICLE, "attribution mode", "inherited", "успадкована", "7"),
        (ARTICLE, "expression", "stated", "сказано прямо", "38"),
        (ARTICLE, "expression", "presupposed", "подано як відоме", "21"),
    ],
    32: [
        (*SHELLING, *NO_DATE, "російські обстріли"),
        (*FPV, *OCT_3, "атаки російського FPV-дрона"),
        (*ATTEMPT, *NO_DATE, C31),
    ],
    34: [
        (ARTICLE, "publisher", OUTLET, "false", ""),
        (ARTICLE, "date of the interview", "", "false", ""),
        (ARTICLE, "date of publication", "", "false", "2025-10-03"),
    ],
    36: [
        ("marked as conflicting", IGNORE[0], SAQR, C05, MEETING[0], SAQR, "російський диктатор прийняв Асада"),
        ("marked as conflicting", IGNORE[0], SAQR, C05, REFUSAL_RU[0], SAQR, "й він відмовив"),
        *(
            ("same content, own voice and attributed", what[0], OUTLET, own, what[0], SAQR, attributed)
            for what, own, attributed in (
                (OFFENSIVE, "наступу повстанців у Сирії", C11),
                (IGNORE, C01, C05),
                (REQUEST_RU, "прохання Асада про допомогу", C06),
            )
        ),
    ],
    38: [
        ("Russia", "Росія", PUTIN[0], failure[0], kind, how, "Assad was granted asylum in Russia", "Russia", "true")
        for failure, kind, how in (
            (IGNORE, "Non-response", "stated"),
            (STOPCALLS, "Non-response", "stated"),
            (REFUSAL_RU, "Refusal", "presupposed"),
        )
    ],
}


def undated(code: str, fit: str, *events: str, place: str = "") -> list[Row]:
    return [("CAMEO", code, fit, event, *NO_DATE, place, "") for event in events]


def shelling(database: str, code: str, fit: str) -> list[Row]:
    """List the shelling with the date and the places of the outage that it caused."""
    places = (DRUZHKIVKA, KOSTIANTYNIVKA, DISTRICTS)
    return [(database, code, fit, SHELLING[0], *OCT_3, place[0], OUTAGE[0]) for place in places]


def drones(database: str, code: str, fit: str) -> list[Row]:
    return [
        (database, code, fit, SOCHI[0], *OCT_2, "Sochi", SOCHI[0]),
        (database, code, fit, FPV[0], *OCT_3, "", FPV[0]),
    ]


REMOTE = "Explosions/Remote violence – "
REQUESTS = (REQUEST_IR[0], REQUEST_RU[0])
REFUSALS = (REFUSAL_IR[0], REFUSAL_RU[0])
PROVOCATIONS = (
    "aimed weapons at Danish vessels",
    "disabled navigation systems",
    "repeated provocations by Russian warships",
    "took collision courses",
)
ANSWERS[40] = [
    *drones("ACLED", f"{REMOTE}Air/drone strike", "loose"),
    *shelling("ACLED", f"{REMOTE}Shelling/artillery/missile attack", "exact"),
    *undated("023", "loose", *REQUESTS),
    *undated("0232", "loose", *REQUESTS),
    *undated("041", "close", CALLS[0]),
    *undated("042", "loose", MEETING[0]),
    *undated("043", "loose", MEETING[0]),
    *undated("075", "exact", "Assad was granted asylum in Russia", place="Russia"),
    *undated("1032", "loose", *REQUESTS),
    *undated("122", "loose", *REFUSALS),
    *undated("1222", "loose", *REFUSALS),
    *undated("125", "loose", *REFUSALS),
    *undated("150", "loose", *PROVOCATIONS, place="Danish straits"),
    *undated("173", "close", "detention of Assad’s relatives"),
    *undated("185", "exact", ATTEMPT[0]),
    ("CAMEO", "190", "loose", OFFENSIVE[0], *LATE_NOVEMBER, "Syria", OFFENSIVE[0]),
    *shelling("CAMEO", "194", "close"),
    *drones("CAMEO", "195", "loose"),
    ("UCDP GED", "", "", FPV[0], *OCT_3, "", FPV[0]),
]

QUESTIONS = all_questions()
by_number = pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: f"{question.number:02}")


def test_the_even_questions_of_the_design_are_there() -> None:
    assert [question.number for question in QUESTIONS] == list(ANSWERS) == list(range(2, 41, 2))
    assert [find(question.name) for question in QUESTIONS] == QUESTIONS


@by_number
def test_the_answer_is_right(question: Question, ask: Ask) -> None:
    assert ask(question.text) == ANSWERS[question.number]


@by_number
def test_a_question_is_described_in_both_languages(question: Question) -> None:
    for texts in (question.title, question.explanation):
        assert set(texts) == {"en", "uk"}
        assert re.search("[а-яіїєґ]", texts["uk"])
        assert not re.search("[а-яіїєґ]", texts["en"])
    assert all(title.endswith("?") for title in question.title.values())


@by_number
def test_the_columns_are_the_variables(question: Question, graph: KnowledgeGraph) -> None:
    answer = json.loads(graph.store.query(question.text, ResultFormats()).content)
    assert answer["head"]["vars"] == list(question.columns)


@by_number
def test_a_question_needs_nothing_but_public_names(question: Question) -> None:
    query = "\n".join(line for line in question.text.splitlines() if not line.lstrip().startswith("#"))
    iris = re.findall(r"<([^\s<>]*)>", query)
    assert iris
    assert [iri for iri in iris if not iri.startswith(PUBLIC)] == []
    assert sorted(re.findall(r"PREFIX (\w+):", query)) == sorted(set(re.findall(r"(?<![\w?$\"])([a-z]+):\w", query)))
    assert not re.search(r"\b(BASE|SERVICE|GRAPH|FROM)\b", query)


@pytest.mark.parametrize(
    ("pattern", "count"),
    [
        ("?x a cg:Claim", 59),
        ("?x cg:affirms ?situation", 57),
        ("?x cg:denies ?situation", 2),
        ("?x a cg:Situation", 57),
        ("?x a ?class VALUES ?class { cg:Agent cg:Place cg:Artefact }", 47),
        ("?x a cg:Mention", 91),
        ("?x a cg:TimeSpan", 8),
        ("?x a cg:Segment", 20),
        ("?x a cg:RelationCue", 28),
        ("?x a cg:Quantity", 15),
        ("?x cg:attributionMode code:outletVoice", 37),
        ("?x cg:attributionMode code:explicit", 15),
        ("?x cg:attributionMode code:inherited", 7),
        ("?x cg:expression code:stated", 38),
        ("?x cg:expression code:presupposed", 21),
    ],
)
def test_the_graph_holds_the_whole_inventory(pattern: str, count: int, ask: Ask) -> None:
    assert ask(f"{PREFIXES} SELECT (COUNT(DISTINCT ?x) AS ?n) {{ {pattern} }}") == [(str(count),)]


def test_a_silence_without_a_request_or_a_ukrainian_name_is_answered() -> None:
    """“Velmar did not respond to questions”: the text names no request, and the article is in English."""
    content = Content()
    content["stopcalls"].pop("respondsTo")
    content["stopcalls"]["topicText"] = "questions"
    content["putin"]["label"] = {"en": "Velmar"}
    graph = KnowledgeGraph.open(configured(), in_memory=True, seed=False)
    graph.articles.add(json.dumps(content.data).encode())
    answer = json.loads(graph.store.query(find("14").text, ResultFormats()).content)
    rows = [{name: term["value"] for name, term in row.items()} for row in answer["results"]["bindings"]]
    assert ("Velmar", "questions") in {(row["who"], row["to_what"]) for row in rows}
    assert all("who_uk" not in row for row in rows if row["who"] == "Velmar")

"""Transliteration of names to Latin letters."""

from __future__ import annotations

import pytest

from kg.reference.transliteration_to_latin import latin


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Краматорськ", "kramatorsk"),
        ("Kramators'k", "kramatorsk"),
        ("Згурівка", "zghurivka"),
        ("Єнакієве", "yenakiieve"),
        ("Їжакевич", "yizhakevych"),
        ("Ёлкин", "elkin"),
        ("Đà Nẵng", "da nang"),
        ("Βλαντίμιρ Πούτιν", "vlantimir poutin"),
        ("Μπάιντεν", "bainten"),
        ("Ευάγγελος", "evangelos"),
        ("ვლადიმერ პუტინი", "vladimer putini"),
        ("Վլադիմիր Պուտին", "vladimir putin"),
        ("بشار الأسد", "bshar al asd"),
        ("فلاديمير بوتين", "fladimir butin"),
        ("ولید", "vlid"),
        ("ולדימיר פוטין", "vldimir putin"),
        ("東京", "東京"),
    ],
)
def test_latin(name: str, expected: str) -> None:
    assert latin(name) == expected

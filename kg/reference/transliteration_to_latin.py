"""Transliteration of names in Cyrillic, Greek, Georgian, Armenian, Arabic and Hebrew to Latin letters, for lookup only.

Ukrainian follows resolution no. 55 (2010) of the Cabinet of Ministers of Ukraine, Russian the usage of passports and
news agencies, Greek ELOT 743, Georgian the national system of 2002, Armenian that of BGN/PCGN without its apostrophes.
Arabic (with the letters of Persian) and Hebrew do not write short vowels, so their names only become similar to Latin
spellings: «بوتين» is ``butin``, «ולדימיר» ``vldimir``.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from kg.reference.name_keys_and_trigrams import key

_SCRIPTS = re.compile("[\u0370-\u03ff\u0530-\u058f\u0590-\u05ff\u0600-\u06ff\u10a0-\u10ff\u1f00-\u1fff]")
_ACCENTS = re.compile("[\u0300-\u036f]")
_IS_GREEK = re.compile("[\u0370-\u03ff\u1f00-\u1fff]")


def _letters(scripts: str) -> dict[str, str]:
    """Parse pairs of a letter and its Latin letters (``α=a``); a letter without any is silent."""
    return dict(pair.split("=") for pair in scripts.split())


_GREEK_DIGRAPHS = (
    (re.compile(r"\bμπ"), "b"),
    (re.compile(r"\bντ"), "d"),
    (re.compile(r"\bγκ"), "g"),
    (re.compile("γ(?=[γξχ])"), "n"),
    (re.compile("(?<=[αεη])υ(?=[αεηιουβγδζλμνρ])"), "v"),
    (re.compile("(?<=[αεη])υ"), "f"),
    (re.compile("(?<=ο)υ"), "u"),
)
_LETTERS = str.maketrans(
    _letters("α=a β=v γ=g δ=d ε=e ζ=z η=i θ=th ι=i κ=k λ=l μ=m ν=n ξ=x ο=o π=p ρ=r σ=s ς=s τ=t υ=y φ=f χ=ch ψ=ps ω=o")
    | _letters("ა=a ბ=b გ=g დ=d ე=e ვ=v ზ=z თ=t ი=i კ=k ლ=l მ=m ნ=n ო=o პ=p ჟ=zh რ=r ს=s ტ=t უ=u ფ=p ქ=k ღ=gh ყ=q")
    | _letters("შ=sh ჩ=ch ც=ts ძ=dz წ=ts ჭ=ch ხ=kh ჯ=j ჰ=h")
    | _letters("ա=a բ=b գ=g դ=d ե=e զ=z է=e ը=y թ=t ժ=zh ի=i լ=l խ=kh ծ=ts կ=k հ=h ձ=dz ղ=gh ճ=ch մ=m յ=y ն=n շ=sh")
    | _letters("ո=o չ=ch պ=p ջ=j ռ=r ս=s վ=v տ=t ր=r ց=ts ւ=v փ=p ք=k օ=o ֆ=f")
    | _letters("ا=a أ=a إ=i آ=a ٱ=a ب=b پ=p ت=t ث=th ج=j چ=ch ح=h خ=kh د=d ذ=dh ر=r ز=z ژ=zh س=s ش=sh ص=s ض=d ط=t ظ=z")
    | _letters("ع= غ=gh ف=f ق=q ك=k ک=k گ=g ل=l م=m ن=n ه=h ة=a و=u ؤ=u ي=i ی=i ئ=i ى=a ء=")
    | _letters("א=a ב=b ג=g ד=d ה=h ו=u ז=z ח=h ט=t י=i כ=k ך=k ל=l מ=m ם=m נ=n ן=n ס=s ע= פ=p ף=p צ=ts ץ=ts ק=k ר=r")
    | _letters("ש=sh ת=t")
)
# Before the letters: Armenian “u” has two letters, the Arabic article is a word, and a semivowel that begins a word or
# is doubled is a consonant.
_PAIRS = (
    (re.compile("ու"), "u"),
    (re.compile(r"\bال(?=\w{2})"), "al "),
    (re.compile(r"\bو|\bו|וו"), "v"),
    (re.compile(r"\bي|\bی|\bי"), "y"),
)
_BASIC = re.compile(r"[a-z0-9 ]*")

# Letters on which Ukrainian and Russian agree, then letters of Belarusian, Serbian and Macedonian.
_CYRILLIC = str.maketrans(
    dict(zip("абвдезклмнопрстуф", "abvdezklmnoprstuf", strict=True))
    | {"ж": "zh", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ь": "", "ъ": "", "ґ": "g", "і": "i"}
    | {"ы": "y", "э": "e", "ў": "u", "ђ": "dj", "ј": "j", "љ": "lj", "њ": "nj", "ћ": "c", "џ": "dz", "ѕ": "dz"}
)
_UKRAINIAN = str.maketrans({"г": "h", "и": "y", "ё": "io", "є": "ie", "ї": "i", "й": "i", "ю": "iu", "я": "ia"})
_RUSSIAN = str.maketrans({"г": "g", "и": "i", "ё": "e", "є": "e", "ї": "i", "й": "y", "ю": "yu", "я": "ya"})

# Ukrainian writes these letters otherwise at the beginning of a word: «Юлія» is Yuliia.
_INITIAL = re.compile(r"\b[єїйюя]")
_INITIALS = {"є": "ye", "ї": "yi", "й": "y", "ю": "yu", "я": "ya"}
_IS_RUSSIAN = re.compile("[ыэъё]")
_OTHERS = str.maketrans({"ø": "o", "đ": "d", "ð": "d", "ł": "l", "æ": "ae", "œ": "oe", "þ": "th", "ı": "i", "ħ": "h"})


@lru_cache(maxsize=4096)
def latin(text: str) -> str:
    """Return the key of a name in Latin letters: transliterated, accents removed, other scripts unchanged.

    A Cyrillic name counts as Russian if it has a letter that Ukrainian lacks (ы, э, ъ, ё).

    Examples: «Юлія Їжакевич» becomes ``yuliia yizhakevych``; «Быков Сергей» becomes ``bykov sergey``.
    ``latin(key(text)) == latin(text)``.
    """
    found = key(text)
    if _BASIC.fullmatch(found):
        return found
    found = _without_other_scripts(found)
    if _IS_RUSSIAN.search(found):
        found = found.translate(_RUSSIAN)
    else:
        found = _INITIAL.sub(lambda match: _INITIALS[match[0]], found.replace("зг", "zgh")).translate(_UKRAINIAN)
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", found.translate(_CYRILLIC).translate(_OTHERS)))
    return unicodedata.normalize("NFC", plain)


def _without_other_scripts(text: str) -> str:
    """Return a folded text with the letters of Greek, Georgian, Armenian, Arabic and Hebrew in Latin; others stay.

    Examples: ``πούτιν`` becomes ``poutin``, ``პუტინი`` ``putini``, ``بشار الأسد`` ``bshar al asd``.
    """
    if not _SCRIPTS.search(text):
        return text
    if _IS_GREEK.search(text):
        text = unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", text)))
        for pattern, letters in _GREEK_DIGRAPHS:
            text = pattern.sub(letters, text)
    for pattern, letters in _PAIRS:
        text = pattern.sub(letters, text)
    return text.translate(_LETTERS)

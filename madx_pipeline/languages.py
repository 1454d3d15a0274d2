"""Language codes: what is a language, what it is called, and which others are near it.

A recipe uses one BCP 47 code for a language everywhere; what a data set calls it is the business of
that data set's card. So every language has exactly one code here: the shortest that there is, without the script that
is usual for it (`sw` and never `swa`; `zh` and `zh-Hant`, and never `zh-Hans`). The constructed languages of the
miniature world have private-use codes (`qaa` to `qtz`, ISO 639-3), so they can never be mistaken for a real one.

Surprising: the usual tables of replacements merge what nobody wants merged (`tl` into `fil`, `sh` into `sr-Latn`, `quz`
into `qu`). They are not used to change a code, only to say which codes are near.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from madx_pipeline.errors import Problem
from madx_pipeline.miniature import LANGUAGES as MINIATURE_LANGUAGES

_CLOSE = 10
"""Distance of languages by CLDR's table; below it a reader of one mostly reads the other."""
_USUAL_SCRIPT = {"azb": "Arab", "cdo": "Latn", "crh": "Latn", "hak": "Latn", "nan": "Latn"}
"""Where neither CLDR's table of likely scripts nor the language's group says what the data sets of the cards do."""
_EITHER_SCRIPT = "Hani"
"""Han characters, simplified or traditional: says no more than no script at all."""


@cache
def language_name(code: str) -> str:
    """English name of a language (`"sw"` gives `"Swahili"`); the code itself when it has none."""
    if code in MINIATURE_LANGUAGES:
        return MINIATURE_LANGUAGES[code].name
    name = _parsed(canonical(code)).display_name("en")
    return code if name.startswith("Unknown language") else str(name)


@cache
def own_name(code: str) -> str:
    """The name of a language in that language (`"sw"` gives `"Kiswahili"`); the English one where none is known."""
    return language_name(code) if code in MINIATURE_LANGUAGES else str(_parsed(canonical(code)).autonym())


@cache
def is_language(code: str) -> bool:
    """Whether `code` is a valid BCP 47 tag of a language in use, or a miniature language."""
    import langcodes

    if code in MINIATURE_LANGUAGES:
        return True
    if not code or not code.replace("-", "").isalnum() or not code.isascii():
        return False
    if not langcodes.tag_is_valid(code):
        return False
    return not langcodes.Language.get(code).display_name("en").startswith("Unknown language")


@cache
def canonical(code: str) -> str:
    """The one code of a language: `sw` for `swa`, `zh` for `zh-Hans`; what is already that comes back as it is.

    Args:
        code: A language, in the sense of `is_language`.
    """
    if code in MINIATURE_LANGUAGES:
        return code
    tag = _parsed(code)
    shortest = _two_letters().get(tag.language, tag.language)
    usual = tag.script in (script_of(shortest) or "Latn", _EITHER_SCRIPT)
    parts = {"language": shortest, "script": None if usual else tag.script}
    return str(tag.make(**{**tag.to_dict(), **parts}).to_tag())


@cache
def script_of(code: str) -> str | None:
    """ISO 15924 code of the script that a code stands for (`Latn`); None where it is not known."""
    if code in MINIATURE_LANGUAGES:
        return "Latn"
    from langcodes.data_dicts import LIKELY_SUBTAGS

    tag, group = _parsed(code), group_of(code)
    if tag.script is not None or tag.language in _USUAL_SCRIPT:
        return tag.script or _USUAL_SCRIPT[tag.language]
    likely = LIKELY_SUBTAGS.get(tag.language) or LIKELY_SUBTAGS.get(group)
    return _parsed(likely).script if likely is not None else None


def language_problem(value: object, where: str) -> Problem | None:
    """What is wrong with a language code found at `where`, or None.

    A bare `no` in YAML is the boolean false: Norwegian users meet that on their first day.
    """
    if value is False:
        return Problem(
            f'{where} is false. YAML reads a bare no as false: write "no" in quotes.',
            "Quote language codes: they are text.",
        )
    if not isinstance(value, str):
        return Problem(f"{where} is {value!r}, which is not text.", 'Write a language code in quotes, such as "sw".')
    if not is_language(value):
        return Problem(f'{where} is "{value}", which is not a language code.', _code_hint(value))
    code = canonical(value)
    if code == value:
        return None
    return Problem(
        f'{where} is "{value}"; the code of {language_name(code)} is "{code}".',
        f'Write "{code}", here and everywhere: what a data set calls it is in its card.',
    )


def near_codes(language: str, codes: Iterable[str]) -> list[str]:
    """Those of `codes` that are the language in another script, its group or a member of it, or close to it.

    They are near and not the same: none of them is ever taken for the language without the recipe saying so.

    Args:
        language: A language.
        codes: Codes to choose from.

    Returns:
        The nearest first.
    """
    found = {code: _nearness(language, code) for code in codes}
    near = {code: rank for code, rank in found.items() if rank is not None}
    return sorted(near, key=lambda code: (near[code], code))


def group_of(code: str) -> str | None:
    """The group of languages (macrolanguage of ISO 639-3) that a language belongs to: `qu` for `quy`, or None."""
    from langcodes.data_dicts import MACROLANGUAGES

    group = MACROLANGUAGES.get(_parsed(code).language)
    return _two_letters().get(group, group) if group is not None else None


@cache
def _nearness(language: str, other: str) -> int | None:
    """How near another code is: 0 to 4, or None if it is not."""
    import langcodes

    if language in MINIATURE_LANGUAGES or other in MINIATURE_LANGUAGES or language == other:
        return None
    if _parsed(language).language == _parsed(other).language:
        return 0
    groups = (group_of(language), group_of(other))
    if _parsed(other).language == groups[0] or _parsed(language).language == groups[1]:
        return 1
    if langcodes.tag_distance(language, other) < _CLOSE:
        return 2
    return 3 if groups[0] is not None and groups[0] == groups[1] else None


def _code_hint(value: str) -> str:
    """Names the code when the user wrote a name of the language, or what some data set calls it."""
    code = _code_within(value)
    if code is None:
        miniature = ", ".join(MINIATURE_LANGUAGES)
        return f'Codes are BCP 47, such as "sw" or "zh-Hant"; of the miniature world: {miniature}.'
    if value.isalpha():
        return f'The code of {language_name(code)} is "{code}".'
    group = canonical(_parsed(code).prefer_macrolanguage().to_tag())
    if len(code.partition("-")[0]) == 3 and group != code:  # its main member, which data sets take for the group
        more = f', or "{code}" ({language_name(code)}) to tell it from the rest of that group'
        return f'Write "{group}" ({language_name(group)}){more}.'
    return f'Write "{code}" ({language_name(code)}): what a data set calls it is in its card.'


def _code_within(value: str) -> str | None:
    """The language that a name stands for: `Swahili`, `swh_Latn`, `20231101.sw`, `UD_English-EWT`, `en_ewt`."""
    names = re.findall(r"[A-Za-z]+", value)
    for index, name in enumerate(names):
        script = next((part for part in names[index + 1 : index + 2] if len(part) == 4 and part.istitle()), None)
        tag = f"{name}-{script}" if script else name
        if len(name) in (2, 3) and name.islower() and is_language(tag):
            return canonical(tag)
    return _code_of_name(" ".join(names[1:-1] if names[:1] == ["UD"] else names))


def _code_of_name(name: str) -> str | None:
    """The language of that English or own name; of several words, as many of the first as make one."""
    import langcodes

    words = name.split()
    for count in range(len(words), 0, -1):
        try:
            return canonical(langcodes.find(" ".join(words[:count])).to_tag())
        except LookupError:
            continue
    return None


def _parsed(code: str) -> Any:
    """The parts of a tag, none of them replaced."""
    import langcodes

    return langcodes.Language.get(code, normalize=False)


@cache
def _two_letters() -> dict[str, str]:
    """Codes of three letters, and withdrawn ones of two, to the code of two letters of the same language."""
    from langcodes.data_dicts import LANGUAGE_ALPHA3, LANGUAGE_ALPHA3_BIBLIOGRAPHIC, LANGUAGE_REPLACEMENTS

    tables = (LANGUAGE_ALPHA3_BIBLIOGRAPHIC, LANGUAGE_ALPHA3)
    shorter = {long: short for table in tables for short, long in table.items()}
    withdrawn = {code: LANGUAGE_REPLACEMENTS[code] for code in ("in", "iw", "ji", "jw", "mo")}
    return {**shorter, **withdrawn, "hbs": "sh"}

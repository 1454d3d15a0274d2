"""Language codes: what is a language, what it is called, and which others are near it.

A recipe uses one BCP 47 code for a language everywhere; what a data set calls it is the business of
that data set's card. So every language has exactly one code here: the shortest that there is, without the script that
is usual for it (`sw` and never `swa`; `zh` and `zh-Hant`, and never `zh-Hans` or `zh-TW`; `yue` and never `zh-yue`). A
region makes a code of its own (`pt-BR`), but for Chinese, where it says the script. The constructed languages of the
miniature world have private-use codes (`qaa` to `qtz`, ISO 639-3), so they can never be mistaken for a real one.

Surprising: the usual tables of replacements merge what nobody wants merged (`tl` into `fil`, `sh` into `sr-Latn`, `quz`
into `qu`). They are not used to change a code, only to say which codes are near.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

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
    name = parsed(canonical(code)).display_name("en")
    return code if name.startswith("Unknown language") else str(name)


@cache
def own_name(code: str) -> str:
    """The name of a language in that language (`"sw"` gives `"Kiswahili"`); the English one where none is known."""
    return language_name(code) if code in MINIATURE_LANGUAGES else str(parsed(canonical(code)).autonym())


@cache
def is_language(code: str) -> bool:
    """Whether `code` is a valid BCP 47 tag of a language in use, or a miniature language."""
    import langcodes

    if code in MINIATURE_LANGUAGES:
        return True
    if not code or not code.replace("-", "").isalnum() or not code.isascii():
        return False
    if not langcodes.tag_is_valid(code) or not _extends_its_group(code):
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
    from madx_pipeline.cards import called_by_data_sets

    tag = parsed(code)
    if tag.private is not None and (known := called_by_data_sets(code)) is not None:
        return known
    language = (tag.extlangs or [tag.language])[0]
    shortest = _two_letters().get(language, language)
    script, territory = tag.script, tag.territory
    if shortest == "zh" and territory is not None:
        script, territory = script or _script_there(shortest, territory), None
    usual = script in (script_of(shortest) or "Latn", _EITHER_SCRIPT)
    parts = {"language": shortest, "extlangs": None, "script": None if usual else script, "territory": territory}
    return str(tag.make(**{**tag.to_dict(), **parts}).to_tag())


@cache
def script_of(code: str) -> str | None:
    """ISO 15924 code of the script that a code stands for (`Latn`); None where it is not known."""
    if code in MINIATURE_LANGUAGES:
        return "Latn"
    from langcodes.data_dicts import LIKELY_SUBTAGS

    tag, group = parsed(code), group_of(code)
    if tag.script is not None or tag.language in _USUAL_SCRIPT:
        return tag.script or _USUAL_SCRIPT[tag.language]
    likely = LIKELY_SUBTAGS.get(tag.language) or LIKELY_SUBTAGS.get(group)
    return parsed(likely).script if likely is not None else None


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
    script = script_of(canonical(language))
    return sorted(near, key=lambda code: (near[code], script_of(code) != script, code))


def group_of(code: str) -> str | None:
    """The group of languages (macrolanguage of ISO 639-3) that a language belongs to: `qu` for `quy`, or None."""
    from langcodes.data_dicts import MACROLANGUAGES

    group = MACROLANGUAGES.get(parsed(code).language)
    return _two_letters().get(group, group) if group is not None else None


@cache
def _nearness(language: str, other: str) -> int | None:
    """How near another code is: 0 to 4, or None if it is not."""
    import langcodes

    if language in MINIATURE_LANGUAGES or other in MINIATURE_LANGUAGES or language == other:
        return None
    if parsed(language).language == parsed(other).language:
        return 0
    groups = (group_of(language), group_of(other))
    if parsed(other).language == groups[0] or parsed(language).language == groups[1]:
        return 1
    if langcodes.tag_distance(language, other) < _CLOSE:
        return 2
    return 3 if groups[0] is not None and groups[0] == groups[1] else None


def _script_there(language: str, territory: str) -> str:
    """The script in which a language is written in a region."""
    from langcodes.data_dicts import LIKELY_SUBTAGS

    likely = LIKELY_SUBTAGS.get(f"{language}-{territory}")
    return str(parsed(likely or LIKELY_SUBTAGS[language]).script)


def _extends_its_group(code: str) -> bool:
    """Whether a second language in a tag belongs to the first, as in `zh-yue`; Wikipedia's `bat-smg` is no such tag."""
    tag = parsed(code)
    return all(group_of(extension) == tag.language for extension in tag.extlangs or ())


def parsed(code: str) -> Any:
    """The parts of a tag, none of them replaced; of one that was registered whole (`zh-min-nan`), those of today."""
    import langcodes

    tag = langcodes.Language.get(code, normalize=False)
    return langcodes.Language.get(code) if "-" in (tag.language or "") else tag


@cache
def _two_letters() -> dict[str, str]:
    """Codes of three letters, and withdrawn ones of two, to the code of two letters of the same language."""
    from langcodes.data_dicts import LANGUAGE_ALPHA3, LANGUAGE_ALPHA3_BIBLIOGRAPHIC, LANGUAGE_REPLACEMENTS

    tables = (LANGUAGE_ALPHA3_BIBLIOGRAPHIC, LANGUAGE_ALPHA3)
    shorter = {long: short for table in tables for short, long in table.items()}
    withdrawn = {code: LANGUAGE_REPLACEMENTS[code] for code in ("in", "iw", "ji", "jw", "mo")}
    return {**shorter, **withdrawn, "hbs": "sh"}

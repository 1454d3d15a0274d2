"""Language codes: what is a language, and what it is called.

A recipe uses one BCP 47 code for a language everywhere; what a data set calls it is the business of
that data set's card. The constructed languages of the miniature world have private-use codes
(`qaa` to `qtz`, ISO 639-3), so they can never be mistaken for a real one.
"""

from __future__ import annotations

from functools import cache

from madx_pipeline.errors import Problem
from madx_pipeline.miniature import LANGUAGES as MINIATURE_LANGUAGES


@cache
def language_name(code: str) -> str:
    """English name of a language (`"sw"` gives `"Swahili"`); the code itself when it has none."""
    import langcodes

    if code in MINIATURE_LANGUAGES:
        return MINIATURE_LANGUAGES[code].name
    name = langcodes.Language.get(code).display_name("en")
    return code if name.startswith("Unknown language") else str(name)


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
    if is_language(value):
        return None
    return Problem(f'{where} is "{value}", which is not a language code.', _code_hint(value))


def _code_hint(value: str) -> str:
    """Names the code when the user wrote the language's name; else tells what a code looks like."""
    import langcodes

    try:
        found = langcodes.find(value)
    except LookupError:
        miniature = ", ".join(MINIATURE_LANGUAGES)
        return f'Codes are BCP 47, such as "sw" or "zh-Hant"; of the miniature world: {miniature}.'
    return f'The code of {found.display_name("en")} is "{found}".'

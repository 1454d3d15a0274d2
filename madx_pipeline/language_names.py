"""What people and data sets write for a language, answered with its one code (`languages.py`).

Nothing is taken for anything else here: a recipe that writes another name is told the code, and stops.

Surprising: names of data sets are looked up in the cards first. Read as codes, `zh-classical` and `no_nynorsk` would be
Chinese and Norwegian, and `cbk-zam` a language of Mexico.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import pairwise

from madx_pipeline.errors import Problem
from madx_pipeline.languages import canonical, is_language, language_name, parsed
from madx_pipeline.miniature import LANGUAGES as MINIATURE_LANGUAGES

_TREEBANKS = {
    "no-bokmaal": "nb", "no-nynorsk": "nn", "no-nynorsklia": "nn", "zh-gsd": "zh-Hant", "zh-hk": "zh-Hant",
    "zh-pud": "zh-Hant", "zh-tw": "zh-Hant", "zh-mo": "zh-Hant", "pt-br": "pt-BR", "es-419": "es-419",
}  # fmt: skip
"""Names of treebanks and the like whose second part says what their first part leaves open."""


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


def _code_hint(value: str) -> str:
    """Names the code when the user wrote a name of the language, or what some data set calls it."""
    code = _code_within(value)
    if code is None:
        miniature = ", ".join(MINIATURE_LANGUAGES)
        return f'Codes are BCP 47, such as "sw" or "zh-Hant"; of the miniature world: {miniature}.'
    if value.isalpha() or _named_so(value) is not None:
        return f'The code of {language_name(code)} is "{code}".'
    group = canonical(parsed(code).prefer_macrolanguage().to_tag())
    if len(code.partition("-")[0]) == 3 and group != code:  # its main member, which data sets take for the group
        more = f', or "{code}" ({language_name(code)}) to tell it from the rest of that group'
        return f'Write "{group}" ({language_name(group)}){more}.'
    return f'Write "{code}" ({language_name(code)}): what a data set calls it is in its card.'


def _code_within(value: str) -> str | None:
    """The language that a name stands for: `Swahili`, `swh_Latn`, `20231101.sw`, `UD_English-EWT`, `en_ewt`."""
    known = _of_data_sets(value.lstrip("0123456789."))
    if known is not None:
        return known
    names = _words(value)
    if names[:1] == ["UD"]:
        code = _code_of_name(names[1:-1])
        return code and (_of_data_sets(f"{code}-{names[-1]}") or code)
    if (code := _named_so(value)) is not None:
        return code
    for name, after in pairwise([*names, ""]):
        if len(name) in (2, 3) and name.islower() and is_language(name):
            return canonical(_with_script(name, after))
    return _code_of_name(names)


def _with_script(name: str, after: str) -> str:
    """A language with the script or region that stands behind it, if it is one: `zh-Hant` of `zh_hant`."""
    tag = f"{name}-{after.title() if len(after) == 4 else after}"
    told = len(after) == 4 or (len(after) == 2 and after.isupper())
    return tag if told and is_language(tag) else name


def _of_data_sets(called: str) -> str | None:
    """The code of what some data set calls a language in more than a bare code: `lzh` of `zh-classical`."""
    from madx_pipeline.cards import called_by_data_sets

    return called_by_data_sets(called) or _TREEBANKS.get(called.lower().replace("_", "-"))


def _words(value: str) -> list[str]:
    """Runs of letters with their marks, without which `हिन्दी` would be three words."""
    return "".join(character if unicodedata.category(character)[0] in "LM" else " " for character in value).split()


def _named_so(value: str) -> str | None:
    """The language of exactly that name, in English or in itself. What may be a code is none: `so` is Somali."""
    import langcodes

    words = _words(value)
    if len(words) == 1 and words[0].isascii() and len(words[0]) in (2, 3):
        return None
    code = _like(words)
    if code is None:
        return None
    language = langcodes.get(code)
    names = (language.display_name("en"), language.autonym())
    return code if [word.casefold() for word in words] in [_words(name.casefold()) for name in names] else None


def _code_of_name(words: Sequence[str]) -> str | None:
    """The language of a name like these words: of as many of the first as make one."""
    counts = range(len(words), 0, -1)
    return next((code for count in counts if (code := _like(words[:count])) is not None), None)


def _like(words: Sequence[str]) -> str | None:
    """The language that some language calls so, or nearly so."""
    import langcodes

    try:
        return canonical(langcodes.find(" ".join(words)).to_tag())
    except LookupError:
        return None

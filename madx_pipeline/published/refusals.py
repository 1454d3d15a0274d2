"""What is said when an id of a published adapter cannot be taken: one line on why, one on what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from madx_pipeline.errors import Problem, nearest
from madx_pipeline.languages import language_name, near_codes
from madx_pipeline.published.catalogue import LanguageAdapter, TaskAdapter, catalogue_of, catalogues

Entry = LanguageAdapter | TaskAdapter


@dataclass(frozen=True)
class Found:
    """An entry, and the base model it was trained for."""

    base_model: str
    entry: Entry


def no_catalogue(base_model: str) -> Problem:
    """Nothing is known to be published for a base model."""
    known = [catalogue.base_model for catalogue in catalogues()]
    close = nearest(base_model, [*known, *(name.rpartition("/")[2] for name in known)])
    return Problem(
        f"there is no catalogue of published adapters for {base_model}. There is one for: {', '.join(known)}.",
        f'Nearest: "{close}".' if close else "Train the language adapters, or give each as {path: ...}.",
    )


def unknown(written: str, name: str, base_model: str, kind: type[Entry]) -> Problem:
    """An id that nothing has, as it was written and without its revision."""
    if written.startswith((".", "/", "~", "\\")):
        hint = "In a recipe, a folder is given as {path: ...}."
        return Problem(f'"{written}" is not the id of a published adapter.', hint)
    catalogue = catalogue_of(base_model)
    possible = [
        known
        for page in ([catalogue] if catalogue else catalogues())
        for adapter in page.adapters
        if isinstance(adapter, kind)
        for known in adapter.ids
    ]
    close = _nearest_id(written, possible) or _nearest_id(name, possible)
    listed = "madx adapters list" + (f" --base {base_model}" if catalogue else "")
    return Problem(
        f'no published {_called(kind)} is called "{written}".' + (f' Nearest: "{close}".' if close else ""),
        f"All: {listed}. A repository that is not listed needs its commit: owner/name@<40 hex digits>.",
    )


def ambiguous(written: str, candidates: Sequence[Found]) -> Problem:
    """An id that several adapters have."""
    one_base = len({found.base_model for found in candidates}) == 1
    said = ", ".join(f"{found.entry.unique_id} ({_distinction(found, one_base)})" for found in candidates)
    return Problem(
        f'"{written}" means {len(candidates)} published adapters: {said}.',
        f'Write which one, such as "{candidates[0].entry.unique_id}", and one variant for all languages.',
    )


def other_base_model(written: str, named: Sequence[Found], base_model: str, asked: str) -> Problem:
    """An adapter of another base model; `asked` introduces the name of the one that it is wanted for."""
    trained_for = ", ".join(dict.fromkeys(found.base_model for found in named))
    entry = named[0].entry
    hint = "Choose another adapter, or train one."
    if isinstance(entry, LanguageAdapter):
        hint = f"Choose another adapter for {entry.language}, or train one. {_for_language(entry.language, base_model)}"
    return Problem(f"{written} was trained for {trained_for}; {asked} {base_model}.", hint)


def other_language(written: str, entry: LanguageAdapter, language: str, base_model: str) -> Problem:
    """A language adapter of another language than it is wanted for."""
    message = f"{written} is for {_shown(entry.language)}, not for {_shown(language)}."
    hint = _for_language(language, base_model)
    if near_codes(language, [entry.language]):
        hint += f' To take it all the same, say so: {{id: {written}, language: "{entry.language}"}}.'
    return Problem(message, hint)


def other_kind(written: str, wanted: type[Entry]) -> Problem:
    """A task adapter where a language adapter belongs, or the other way round."""
    found = TaskAdapter if wanted is LanguageAdapter else LanguageAdapter
    return Problem(
        f'"{written}" is a {_called(found)}, not a {_called(wanted)}.',
        "Language adapters go under language_adapters, task adapters under tasks: {name: {adapter: ...}}.",
    )


def no_revision(written: str) -> Problem:
    """An @ with nothing after it that could be a revision."""
    return Problem(f'"{written}" has no revision after the @.', "Write owner/name@ and a commit, tag or branch.")


def not_covered(
    languages: Iterable[str], base_model: str, variants: Mapping[str, Mapping[str, LanguageAdapter]]
) -> list[Problem]:
    """Languages that no variant has, one by one; and for the others, what each variant lacks."""
    wanted = list(dict.fromkeys(languages))
    rest = [code for code in wanted if any(code in adapters for adapters in variants.values())]
    problems = [
        Problem(
            f"no language adapter of {_shown(code)} is published for {base_model}.",
            f'Train one: language_adapters: {{"{code}": train}}.',
        )
        for code in wanted
        if code not in rest
    ]
    lacking = {name: [code for code in rest if code not in adapters] for name, adapters in variants.items()}
    if rest and all(lacking.values()):
        said = "; ".join(f"{name} lacks {', '.join(codes)}" for name, codes in lacking.items())
        problems.append(
            Problem(
                f"no variant of the adapters published for {base_model} has all of {', '.join(rest)}: {said}.",
                "Train what is lacking, or name adapters by id: a mix of variants is possible, and reported.",
            )
        )
    return problems


def _nearest_id(written: str, possible: Iterable[str]) -> str | None:
    """The closest id; capitals do not make a difference."""
    names = {name.lower(): name for name in possible}
    close = nearest(written.lower(), names)
    return names[close] if close is not None else None


def _for_language(language: str, base_model: str) -> str:
    catalogue = catalogue_of(base_model)
    if catalogue is None:
        return f"Published for {base_model}: nothing that we know."
    right = [adapter for adapter in catalogue.language_adapters if adapter.language == language]
    if not right:
        return f'None is published for "{language}" and {base_model}.'
    return f'For "{language}" and {base_model}: {", ".join(map(catalogue.shortest_id, right))}.'


def _distinction(found: Found, one_base: bool) -> str:
    variant = found.entry.variant if isinstance(found.entry, LanguageAdapter) else found.entry.task
    return variant if one_base else f"{variant}, {found.base_model}"


def _shown(language: str) -> str:
    return f'"{language}" ({language_name(language)})'


def _called(kind: type[Entry]) -> str:
    return "language adapter" if kind is LanguageAdapter else "task adapter"

"""What a recipe's choice of text means for one language: the plain data that enters a job's fingerprint.

A choice picks a card or brings a file. Nothing here reads text, so planning stays quick; files are only hashed.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from madx_pipeline.cards import corpus_card
from madx_pipeline.data.card_models import CorpusCard, CorpusChoice, HubSource, MiniatureText
from madx_pipeline.data.choice_checks import (
    absolute,
    file_problem,
    language_problems,
    pinned_revision,
    revision_problems,
)
from madx_pipeline.data.sources import CorpusSource
from madx_pipeline.errors import InputError
from madx_pipeline.material import ContentHash, Material

_TABLES = (".parquet", ".jsonl", ".json")


def corpus_material(choice: CorpusChoice, language: str, folder: Path, content_hash: ContentHash) -> Material:
    """What a recipe's choice of text means for one language.

    Args:
        choice: What the recipe says.
        language: BCP 47 code.
        folder: Folder that relative paths start from (the recipe's).
        content_hash: sha256 (hex) of a file's content.

    Returns:
        `source` as `data.sources.CorpusSource`; `locations` has `path` where there is a file.

    Raises:
        InputError: Unknown card, a language it does not have, a file that is not there.
    """
    card = corpus_card(choice.card) if choice.card is not None else None
    if card is not None and (problems := revision_problems(card, choice.revision)):
        raise InputError(problems)
    if choice.path is not None:
        return _text_file(choice, choice.path, card, folder, content_hash)
    assert card is not None
    if card.source == "files":
        raise InputError(
            f'{card.name} reads files, and "{language}" has none.', "Say which: {card: " + card.name + ", path: ...}."
        )
    problems = language_problems(card, language, partial(_take_text, card.name, language), choice.language)
    if problems:
        raise InputError(problems)
    called = card.call(choice.language or language)
    hub = None
    if isinstance(card.source, HubSource):
        hub = card.source.table(called, ("train",), pinned_revision(card, card.source, choice.revision))
    source = CorpusSource(
        card=card.name,
        hub=hub,
        miniature=card.source.miniature if isinstance(card.source, MiniatureText) else None,
        language=called if isinstance(card.source, MiniatureText) else None,
        max_lines=choice.max_lines,
    )
    return Material(source.as_json(), {})


def _text_file(
    choice: CorpusChoice, written: str, card: CorpusCard | None, folder: Path, content_hash: ContentHash
) -> Material:
    """A file: text, or, in the place of a card's own source, a table of its release."""
    problem = file_problem(written, folder)
    if problem is not None:
        raise InputError(problem)
    path = absolute(written, folder)
    column = None
    if card is not None and isinstance(card.source, HubSource) and set(path.suffixes) & set(_TABLES):
        column = (card.source.columns or {})["text"]
    source = CorpusSource(
        card=card.name if card is not None and card.source != "files" else None,
        text=content_hash(path),
        column=column,
        max_lines=choice.max_lines,
    )
    return Material(source.as_json(), {"path": str(path)})


def _take_text(card: str, language: str, taken: str) -> str:
    """How a recipe says that text in another language is taken for that of one."""
    return f'corpora: {{"{language}": {{card: {card}, language: "{taken}"}}}}'

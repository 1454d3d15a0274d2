"""A few lines of a corpus as the model reads them: words cut into the pieces of its tokenizer."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from madx_pipeline.report.pages.lookup import Lookup

Word = list[tuple[str, bool]]
"""The pieces of a word, each with whether it is the unknown token."""

_SHOWN = {"train.arrow": 5, "heldout.arrow": 3}
"""File of a corpus to how many of its first lines are shown."""

_LOG = logging.getLogger(__name__)


def read_tokenizer(lookup: Lookup, home: Path) -> Any:
    """The base model's tokenizer, or None where its folder has none that can be read without the model library."""
    from tokenizers import Tokenizer

    folder = lookup.folder(lookup.results.base_model.fingerprint)
    path = home / (folder or "") / "model" / "tokenizer.json"
    if folder is None or not path.is_file():
        return None
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing more special
        _LOG.warning("no lines of the corpora on the pages: %s", error)
        return None


def read_corpus_lines(lookup: Lookup, home: Path, language: str, tokenizer: Any) -> list[list[Word]]:
    """The first lines of the text to train on and of the held-out text.

    Args:
        lookup: The run.
        home: Where its store is.
        language: Code of the language.
        tokenizer: A `tokenizers.Tokenizer`, or None.

    Returns:
        Words as their pieces; shape (lines, words, pieces).
    """
    corpus = lookup.results.languages[language].corpus
    folder = lookup.folder(corpus.fingerprint) if corpus else None
    if tokenizer is None or folder is None:
        return []
    rows = [ids for name, count in _SHOWN.items() for ids in _rows(home / folder / name, count)]
    return [_words(ids, tokenizer) for ids in rows]


def _rows(path: Path, count: int) -> list[list[int]]:
    """The first rows of a file of token ids."""
    import pyarrow as pa

    try:
        with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as stream:
            rows: list[list[int]] = stream.read_next_batch().slice(0, count).column(0).to_pylist()
            return rows
    except FileNotFoundError:
        return []
    except (OSError, StopIteration, pa.ArrowInvalid) as error:
        _LOG.warning("no lines of %s/%s on the page: %s", path.parent.name, path.name, error)
        return []


def _words(ids: list[int], tokenizer: Any) -> list[Word]:
    """Token ids as words, cut into pieces; how a vocabulary marks where a word begins depends on its kind."""
    unknown = tokenizer.token_to_id(getattr(tokenizer.model, "unk_token", None) or "<unk>")
    decoder = type(tokenizer.decoder).__name__
    words: list[Word] = []
    for token in ids:
        piece = tokenizer.decode([token]) if decoder == "ByteLevel" else tokenizer.id_to_token(token) or ""
        text = piece.removeprefix("##") if decoder == "WordPiece" else piece.lstrip("▁ ")
        begins = piece == text if decoder == "WordPiece" else piece != text
        if begins or not words:
            words.append([])
        if text:
            words[-1].append((text, token == unknown))
    return [word for word in words if word]

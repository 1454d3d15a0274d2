"""How labelled files are laid out: the `read` part of a task card, which a recipe may override.

Three layouts cover what the field publishes: CoNLL-U, token columns, and tables. The values are in
the cards; here is only what they mean. Nothing in this module reads a file.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Auto = Literal["auto"]


class Format(BaseModel):
    """Base of the layouts: immutable, no unknown keys, and no defaults (the card has the values)."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ConlluFormat(Format):
    """CoNLL-U (universaldependencies.org/format.html): ten columns, ranges and empty nodes are no words."""

    format: Literal["conllu"]
    label: Literal["upos", "xpos"]
    """Column that holds the label of a word."""


class ColumnsFormat(Format):
    """One token a line, a blank line between sentences (CoNLL-2002, CoNLL-2003, MasakhaNER, UniversalNER).

    `auto` is decided by the first lines that are not blank: where most have a tab, columns are separated by
    tabs; five columns that start with a number are UniversalNER's (word second, label third, comments);
    otherwise the word is first and the label last, and `#` is a token like any other.
    """

    format: Literal["columns"]
    separator: Auto | Literal["tab", "space"]
    """What is between two columns; `space` is any run of spaces and tabs."""
    word: Auto | Annotated[int, Field(ge=1)]
    """Column of the word, counted from 1."""
    label: Auto | Annotated[int, Field(ge=1)]
    """Column of the label, counted from 1."""
    comments: Auto | bool
    """Whether a line that starts with `#` is a comment."""
    language_prefix: bool
    """Whether a word starts with its language and a colon (`en:Paris`), as in the original WikiANN release."""


class TableFormat(Format):
    """One example a row: TSV, CSV or JSON lines."""

    format: Literal["table"]
    separator: Auto | Literal["tab", "comma", "jsonl"]
    """What is between two columns; `auto` goes by the file's name (.tsv, .csv, .jsonl, each also with .gz)."""
    header: bool
    """Whether the first row holds the names of the columns (without meaning for JSON lines)."""
    quoting: bool
    """Whether a cell may be in double quotes, a quote inside it doubled (without meaning for JSON lines)."""
    text: str | Annotated[int, Field(ge=1)]
    """Column of the text: its name, or its number counted from 1."""
    label: str | Annotated[int, Field(ge=1)]
    """Column of the label: its name, or its number counted from 1."""


ReadOptions = Annotated[ConlluFormat | ColumnsFormat | TableFormat, Field(discriminator="format")]

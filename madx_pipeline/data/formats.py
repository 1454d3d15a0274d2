"""How labelled files are laid out: the `read` part of a task card, which a recipe may override.

CoNLL-U, token columns and tables cover most of what the field publishes. The values are in
the cards; here is only what they mean. Nothing in this module reads a file.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from madx_pipeline.data.examples import choice_names

Auto = Literal["auto"]


class Format(BaseModel):
    """Base of the layouts: immutable, no unknown keys; the card has the values, but for what few tables have."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ConlluFormat(Format):
    """CoNLL-U (universaldependencies.org/format.html): ten columns, ranges and empty nodes are no words."""

    format: Literal["conllu"]
    label: Literal["upos", "xpos"]
    """Column that holds the label of a word."""


class TreesFormat(Format):
    """CoNLL-U again, read for the dependency tree: the columns HEAD and DEPREL."""

    format: Literal["conllu_trees"]
    subtypes: bool
    """Whether a relation keeps its subtype (`nmod:poss`), of which most belong to a few languages."""


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


Column = str | Annotated[int, Field(ge=1)]
"""A column: its name, or its number counted from 1."""


class RowsFormat(Format):
    """One example a row: TSV, CSV or JSON lines; what the columns are is said by the formats that follow."""

    separator: Auto | Literal["tab", "comma", "jsonl"]
    """What is between two columns; `auto` goes by the file's name (.tsv, .csv, .jsonl, each also with .gz)."""
    header: bool
    """Whether the first row holds the names of the columns (without meaning for JSON lines)."""
    quoting: bool
    """Whether a cell may be in double quotes, a quote inside it doubled (without meaning for JSON lines)."""
    label: Column
    """Column of the label."""
    line_ends: bool | None = None
    """Whether a cell of a TSV in quotes may go on on the next line, as one of a CSV always may; no if left out."""
    only: dict[str, str] | None = None
    """Column to what it must say for a row to be read, `{language}` standing for what the data set calls it."""


class TableFormat(RowsFormat):
    """One labelled text a row, or a pair of texts."""

    format: Literal["table"]
    text: Column
    """Column of the text, or of the first of two."""
    text_pair: Column | None = None
    """Column of the second text (the hypothesis); leave it out where a label belongs to a single text."""


class ChoicesFormat(RowsFormat):
    """A premise, a question and possible answers a row, of which the label says the right one."""

    format: Literal["choices"]
    premise: Column
    """Column of what is known."""
    question: Column
    """Column of what is asked."""
    choices: Annotated[tuple[Column, ...], Field(min_length=2, strict=False)]
    """Columns of the possible answers, in the order in which the label counts them."""


class CopaXmlFormat(Format):
    """The original release of COPA: `<item asks-for= most-plausible-alternative=>` with `p`, `a1` and `a2`."""

    format: Literal["copa_xml"]


class SquadFormat(Format):
    """Questions on paragraphs in one JSON document, as SQuAD 1.1, XQuAD, MLQA and TyDi QA's gold passages have them."""

    format: Literal["squad"]
    ids: str | None = None
    """Beginning of the ids that are read, `{language}` standing for what the data set calls it; left out, all are."""


_LAYOUT = ("format", "separator", "header", "quoting", "label", "line_ends", "choices", "only")


def columns_of(read: RowsFormat) -> dict[str, str | int]:
    """Our name of each column that a format reads, to the file's own name or number of it."""
    named = {ours: theirs for ours, theirs in read if ours not in _LAYOUT and theirs is not None}
    if isinstance(read, ChoicesFormat):
        named |= dict(zip(choice_names(len(read.choices)), read.choices, strict=True))
    return {**named, "label": read.label}


def for_language(read: ReadOptions, language: str) -> ReadOptions:
    """The format for one language of a file that holds several.

    Args:
        read: As the card and the recipe have it.
        language: What the data set calls the language.
    """
    if isinstance(read, SquadFormat) and read.ids is not None:
        return read.model_copy(update={"ids": read.ids.replace("{language}", language)})
    if isinstance(read, RowsFormat) and read.only is not None:
        only = {column: value.replace("{language}", language) for column, value in read.only.items()}
        return read.model_copy(update={"only": only})
    return read


ReadOptions = Annotated[
    ConlluFormat | TreesFormat | ColumnsFormat | TableFormat | ChoicesFormat | CopaXmlFormat | SquadFormat,
    Field(discriminator="format"),
]

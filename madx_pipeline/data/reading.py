"""Which reader a labelled file needs, and which example a row of named columns makes.

A row has our names of columns (`text`, `text_pair`, `label`, `words`, ...); what a file or a parquet table calls
them is in its card. The columns that are there decide what the row is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from madx_pipeline.data.examples import Choice, Example, Pair, Parsed, Tagged, Text, choice_names
from madx_pipeline.data.formats import (
    ColumnsFormat,
    ConlluFormat,
    CopaXmlFormat,
    ReadOptions,
    SquadFormat,
    TreesFormat,
)
from madx_pipeline.data.questions import Question
from madx_pipeline.errors import JobError
from madx_pipeline.records import Json

Questions = Mapping[str, str]
"""What data says for a kind of question (`cause`) to the question in words."""


def example_of(row: Mapping[str, Json], questions: Questions | None = None, where: str = "the data") -> Example:
    """The example that a row of our columns is.

    Args:
        row: The row.
        questions: Kinds of questions to questions in words; None where questions are in words already.
        where: Where it comes from, for messages.

    Raises:
        JobError: If it asks what `questions` does not have, or a text or place of an answer is none.
    """
    if "heads" in row:
        return Parsed(row["words"], row["labels"], row["heads"])
    if "words" in row:
        return Tagged(row["words"], row["labels"])
    if "context" in row:
        return Question.of_row(row, where)
    if "premise" in row:
        choices = [row[name] for name in choice_names(len(row)) if name in row]
        return Choice(row["premise"], _in_words(row, questions, where), choices, row["label"])
    if "text_pair" in row:
        return Pair(row["text"], row["text_pair"], row["label"])
    return Text(row["text"], row["label"])


def _in_words(row: Mapping[str, Json], questions: Questions | None, where: str) -> str:
    """What is asked; where a card names kinds of questions, one of these or already in its words."""
    asked: str = row["question"].strip()
    if questions is None or asked in questions.values():
        return asked
    if asked not in questions:
        kinds = ", ".join(questions)
        raise JobError(
            f'{where}: the question is "{asked}"; possible: {kinds} ("{row["premise"][:40]}").',
            "Spell it so in the file, or take a card whose questions are in words.",
        )
    return questions[asked]


def read_file(path: Path, read: ReadOptions, questions: Questions | None = None) -> Iterator[Example]:
    """The examples of a labelled file, in its order.

    Args:
        path: The file.
        read: How it is laid out.
        questions: Kinds of questions to questions in words; None where questions are in words already.

    Raises:
        JobError: If the file is not laid out as `read` says, with the line, or asks what `questions` does not have.
    """
    if isinstance(read, ConlluFormat | TreesFormat):
        from madx_pipeline.data.conllu_reader import read_conllu

        return read_conllu(path, read)
    if isinstance(read, ColumnsFormat):
        from madx_pipeline.data.columns import read_columns

        return read_columns(path, read)
    return (example_of(row, questions, str(path)) for row in _rows(path, read))


def _rows(path: Path, read: ReadOptions) -> Iterator[dict[str, Json]]:
    """The rows of a file, under our names of the columns."""
    if isinstance(read, SquadFormat):
        from madx_pipeline.data.squad import read_squad

        return read_squad(path, read)
    if isinstance(read, CopaXmlFormat):
        from madx_pipeline.data.copa_xml import read_copa_xml

        return read_copa_xml(path)
    from madx_pipeline.data.table import read_table

    assert not isinstance(read, ConlluFormat | TreesFormat | ColumnsFormat)
    return read_table(path, read)

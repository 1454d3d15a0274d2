"""An example as the readers hand it on, whatever the format: strings, and the label of each.

A tagged sentence has its words and a label each; a classified text is one string with one label. So
mapping and checking labels is written once.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from madx_pipeline.data.formats import ColumnsFormat, ConlluFormat, ReadOptions


class Example(NamedTuple):
    """Strings and their labels, of the same length (1 for a classified text)."""

    strings: list[str]
    labels: list[str]


def read_file(path: Path, read: ReadOptions) -> Iterator[Example]:
    """The examples of a labelled file, in its order.

    Raises:
        JobError: If the file is not laid out as `read` says, with the line.
    """
    if isinstance(read, ConlluFormat):
        from madx_pipeline.data.conllu_reader import read_conllu

        return read_conllu(path, read)
    if isinstance(read, ColumnsFormat):
        from madx_pipeline.data.columns import read_columns

        return read_columns(path, read)
    from madx_pipeline.data.table import read_table

    return read_table(path, read)

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models

from madx_pipeline.data.token_rows import TokenRows
from madx_pipeline.report.pages.corpus_lines import read_corpus_lines, read_tokenizer
from madx_pipeline.report.pages.language_page import language_page
from madx_pipeline.report.pages.lookup import Lookup
from tests.report.pages.made_up import World
from tests.report.pages.parsed import Parsed

VOCABULARY = ["[UNK]", "▁<", "script", ">", "alert", "(1)</script>", "▁unbe", "liev", "able"]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, languages=("en", "ht"), tasks=("pos",), seeds=(1,), examples=0)


def _store(world: World, rows: list[list[int]], decoder: Any, vocabulary: list[str] = VOCABULARY) -> Lookup:
    """A store with a tokenizer of that vocabulary and a corpus of these token ids."""
    tokenizer = Tokenizer(models.WordPiece({piece: place for place, piece in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.decoder = decoder
    model = world.home / "store/prepare_base_model/base/model"
    model.mkdir(parents=True)
    tokenizer.save(str(model / "tokenizer.json"))
    corpus = world.home / "store/prepare_corpus/corpus-ht"
    corpus.mkdir(parents=True)
    with TokenRows(corpus / "train.arrow") as file:
        for row in rows:
            file.add(np.array(row, dtype=np.int32))
    return Lookup(world.results())


def test_a_corpus_line_that_spells_a_script_appears_as_text(world: World) -> None:
    lookup = _store(world, [[1, 2, 3, 4, 5]], decoders.Metaspace())

    html = language_page(lookup, world.home, "ht", read_tokenizer(lookup, world.home), 1)
    page = Parsed(html)

    assert page.one("p", class_="pieces").text == "<script>alert(1)</script>"
    assert "<script>alert" not in html
    assert len(page.all("script")) == 1


def test_words_are_shown_with_their_pieces_and_unknown_ones_are_marked(world: World) -> None:
    lookup = _store(world, [[6, 7, 8, 0]], decoders.Metaspace())

    lines = read_corpus_lines(lookup, world.home, "ht", read_tokenizer(lookup, world.home))

    assert lines == [[[("unbe", False), ("liev", False), ("able", False), ("[UNK]", True)]]]


def test_pieces_of_a_wordpiece_vocabulary_lose_their_marks(world: World) -> None:
    lookup = _store(world, [[1, 2, 1]], decoders.WordPiece(), ["[UNK]", "play", "##ing"])

    lines = read_corpus_lines(lookup, world.home, "ht", read_tokenizer(lookup, world.home))

    assert lines == [[[("play", False), ("ing", False)], [("play", False)]]]


def test_only_the_first_lines_are_shown(world: World) -> None:
    lookup = _store(world, [[6, 7, 8]] * 50, decoders.Metaspace())

    assert len(read_corpus_lines(lookup, world.home, "ht", read_tokenizer(lookup, world.home))) == 5


def test_without_a_tokenizer_or_a_corpus_nothing_is_shown(world: World, caplog: pytest.LogCaptureFixture) -> None:
    lookup = _store(world, [[6]], decoders.Metaspace())
    tokenizer = read_tokenizer(lookup, world.home)
    (world.home / "store/prepare_base_model/base/model/tokenizer.json").write_text("{}", encoding="utf-8")

    assert read_corpus_lines(lookup, world.home, "en", tokenizer) == []
    assert read_tokenizer(lookup, world.home) is None
    assert "no lines of the corpora on the pages" in caplog.text

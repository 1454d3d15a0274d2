"""One way to load a tokenizer: quietly, from its folder, without changing what it does."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast, RobertaTokenizerFast

from madx_pipeline.tasks.batches import text_pieces
from madx_pipeline.tokenizer import load_tokenizer, without_special

WORDS = 100_001
"""More pieces than transformers 4.57 lets pass without a second look."""


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A base model's folder with a large vocabulary, as transformers 4.57.6 saves it."""
    vocabulary = {"<unk>": 0} | {f"w{number}": number for number in range(1, WORDS + 1)}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit()])
    PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>").save_pretrained(tmp_path)
    config = {"model_type": "xlm-roberta", "transformers_version": "4.57.6"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    return tmp_path


@pytest.fixture
def transformers_says(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What transformers logs; its loggers do not hand on what they are told, so we listen at theirs."""
    heard: list[str] = []
    listener = logging.Handler()
    monkeypatch.setattr(listener, "emit", lambda record: heard.append(record.getMessage()))
    logger = logging.getLogger("transformers")
    monkeypatch.setattr(logger, "handlers", [*logger.handlers, listener])
    return heard


def test_a_large_vocabulary_gives_no_false_alarm_and_the_same_ids(large: Path, transformers_says: list[str]) -> None:
    quiet = load_tokenizer(large)
    assert transformers_says == []
    plain = AutoTokenizer.from_pretrained(large)
    assert "incorrect regex pattern" in transformers_says[0]
    text = "w1 w99999 w100001 w100002 it's"
    assert quiet(text)["input_ids"] == plain(text)["input_ids"] == [1, 99999, 100001, 0, 0]
    assert quiet.backend_tokenizer.to_str() == plain.backend_tokenizer.to_str()


def test_nothing_of_how_it_was_loaded_is_saved_with_it(large: Path, tmp_path: Path) -> None:
    load_tokenizer(large).save_pretrained(tmp_path / "saved")
    assert "mistral" not in (tmp_path / "saved" / "tokenizer_config.json").read_text()


@pytest.mark.parametrize("form", ["tokenizer.json", "vocab.json and merges.txt"])
def test_words_of_a_cut_sentence_are_the_pieces_of_the_written_one_in_a_byte_level_vocabulary(
    tmp_path: Path, form: str
) -> None:
    save_byte_level(tmp_path)
    if form != "tokenizer.json":
        (tmp_path / "tokenizer.json").unlink()
    tokenizer = load_tokenizer(tmp_path)
    cut = text_pieces(["abab", "ba", "ab"], tokenizer)
    assert tokenizer.convert_ids_to_tokens(cut["input_ids"]) == ["Ġab", "ab", "Ġ", "b", "a", "Ġab"]
    assert cut.word_ids() == [0, 0, 1, 1, 1, 2]
    assert cut["input_ids"] == text_pieces("abab ba ab", tokenizer)["input_ids"]
    tokenizer.save_pretrained(tmp_path / "saved")
    assert text_pieces(["ab"], load_tokenizer(tmp_path / "saved"))["input_ids"] == cut["input_ids"][-1:]


def save_byte_level(folder: Path) -> None:
    """A tokenizer as RoBERTa's, which knows one word and the letters of others."""
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    vocabulary = {piece: number for number, piece in enumerate([*special, "a", "b", "Ġ", "ab", "Ġab"])}
    (folder / "config.json").write_text(json.dumps({"model_type": "roberta"}))
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\na b\nĠ ab\n", encoding="utf-8")
    RobertaTokenizerFast(str(folder / "vocab.json"), str(folder / "merges.txt")).save_pretrained(folder)


def test_special_tokens_among_pieces_become_the_unknown_one() -> None:
    assert without_special([7, 1, 8, 2, 3], {0, 1, 2, 3}, 3) == [7, 3, 8, 3, 3]

"""What all task types share: the tokenizer, the length of rows."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from madx_pipeline.errors import JobError
from madx_pipeline.tasks.batches import row_length
from madx_pipeline.tokenizer import load_tokenizer
from tests.tasks.artifacts import artifact
from tests.tasks.letters import letter_tokenizer


def test_a_saved_fast_tokenizer_is_loaded_from_its_folder(tmp_path: Path) -> None:
    letter_tokenizer().save_pretrained(tmp_path)
    assert load_tokenizer(tmp_path)("ab")["input_ids"] == letter_tokenizer()("ab")["input_ids"]


def test_a_tokenizer_without_unknown_token_is_refused(tmp_path: Path) -> None:
    PreTrainedTokenizerFast(tokenizer_object=letter_tokenizer().backend_tokenizer).save_pretrained(tmp_path)
    with pytest.raises(JobError, match="PreTrainedTokenizerFast has no unknown token"):
        load_tokenizer(tmp_path)


def test_a_row_is_never_longer_than_the_base_model_takes(tmp_path: Path) -> None:
    base = artifact(tmp_path, {"max_length": 64})
    assert (row_length(128, base), row_length(32, base)) == (64, 32)

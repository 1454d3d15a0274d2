from __future__ import annotations

import pytest

from madx_pipeline.base_models import canonical_name, is_known, languages_seen, shape_of


def test_the_old_and_the_new_name_of_a_model_mean_the_same() -> None:
    assert canonical_name("xlm-roberta-base") == canonical_name("FacebookAI/xlm-roberta-base")
    assert canonical_name("bert-base-multilingual-cased") != canonical_name("xlm-roberta-base")


def test_an_unknown_name_stays_as_it_is() -> None:
    assert canonical_name("me/my-model") == "me/my-model"
    assert not is_known("me/my-model")
    assert languages_seen("me/my-model") is None


def test_models_of_a_type_that_is_not_supported_are_not_offered_by_name() -> None:
    assert not is_known("roberta-base")
    assert not is_known("FacebookAI/roberta-large")


def test_xlmr_has_seen_100_languages_and_mbert_104() -> None:
    xlmr, mbert = languages_seen("xlm-roberta-base"), languages_seen("google-bert/bert-base-multilingual-cased")
    assert xlmr is not None
    assert mbert is not None
    assert (len(set(xlmr)), len(set(mbert))) == (100, 104)
    assert "no" in xlmr  # a bare no in YAML is false
    assert ("ht" in xlmr, "ht" in mbert, "sw" in xlmr, "qu" in xlmr) == (False, True, True, False)


def test_the_shape_of_a_known_model_is_there_under_all_its_names_and_needs_no_download() -> None:
    large = shape_of("xlm-roberta-large")
    assert large is not None
    assert large == shape_of("FacebookAI/xlm-roberta-large")
    assert (large["model_type"], large["hidden_size"], large["num_hidden_layers"]) == ("xlm-roberta", 1024, 24)
    assert shape_of("me/my-model") is None


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("xlm-roberta-base", 278_043_648),
        ("xlm-roberta-large", 559_890_432),
        ("bert-base-multilingual-cased", 177_853_440),
        ("bert-base-cased", 108_310_272),
        ("bert-base-uncased", 109_482_240),
    ],
)
def test_a_shape_adds_up_to_the_published_number_of_parameters(name: str, parameters: int) -> None:
    shape = shape_of(name)
    assert shape is not None
    hidden, inner = shape["hidden_size"], shape["intermediate_size"]
    rows = shape["vocab_size"] + shape["max_position_embeddings"] + shape["type_vocab_size"]
    embeddings = rows * hidden + 2 * hidden
    layer = 4 * (hidden * hidden + hidden) + 2 * hidden * inner + inner + hidden + 4 * hidden
    pooler = hidden * hidden + hidden
    assert embeddings + shape["num_hidden_layers"] * layer + pooler == parameters
    assert hidden % shape["num_attention_heads"] == 0

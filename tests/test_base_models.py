from __future__ import annotations

from madx_pipeline.base_models import canonical_name, is_known, languages_seen


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

"""F1 and exact match of answers, case by case as the official scripts compute them."""

from __future__ import annotations

import pytest

from madx_pipeline.tasks.metrics.answers import answer_scores, normalised, rightness


def f1(language: str, predicted: str, *answers: str) -> float:
    return rightness({"answers": list(answers), "language": language}, predicted).f1 / 1_000_000


def exact(language: str, predicted: str, *answers: str) -> bool:
    return rightness({"answers": list(answers), "language": language}, predicted).exact


def test_case_punctuation_articles_and_spaces_do_not_count_in_english() -> None:
    assert normalised(" The  Broncos, a team! ", "en") == "broncos team"
    assert exact("en", "the 308.", "308")
    assert normalised("“308”", "en") == "“308”"  # SQuAD's script knows the punctuation of ASCII alone
    assert normalised("theatre", "en") == "theatre"


def test_f1_is_that_of_the_words_both_have() -> None:
    assert f1("en", "two New York", "New York City") == pytest.approx(2 / 3, abs=1e-6)
    assert f1("en", "York York", "York") == pytest.approx(2 / 3, abs=1e-6)
    assert f1("en", "Boston", "New York") == 0.0


def test_the_best_of_several_answers_counts() -> None:
    assert f1("en", "New York", "Boston", "New York City", "York") == pytest.approx(0.8)
    assert exact("en", "york", "Boston", "York")


def test_an_empty_answer_matches_only_nothing() -> None:
    assert (f1("en", "", "a"), exact("en", "", "the")) == (0.0, True)
    assert not exact("en", "", "York")


def test_a_chinese_character_is_a_word() -> None:
    assert normalised("北京，2008年", "zh") == "北 京 2008 年"
    assert f1("zh", "北京市", "北京") == pytest.approx(0.8)
    assert f1("zh-Hant", "北京市", "北京") == pytest.approx(0.8)
    assert exact("zh", "《北京》", "北京")


def test_arabic_loses_its_article_wherever_its_letters_stand() -> None:
    assert normalised("الكتاب الجديد،", "ar") == "كتاب جديد"
    assert exact("ar", "كتاب", "الكتاب")


@pytest.mark.parametrize(
    ("language", "answer", "left"),
    [
        ("de", "Die Stadt des Kaisers", "stadt kaisers"),
        ("es", "«Las torres» de la ciudad", "torres de ciudad"),
        ("vi", "những cái của nhà", "nhà"),
        ("hi", "एक घर।", "एक घर"),
        ("de", "a Stadt", "a stadt"),
    ],
)
def test_each_language_of_mlqa_has_its_own_articles(language: str, answer: str, left: str) -> None:
    assert normalised(answer, language) == left


def test_other_languages_are_compared_as_squad_s_script_compares_everything() -> None:
    assert normalised("A ev, the.", "tr") == "ev"


def test_scores_are_means_over_questions() -> None:
    gold = [{"answers": ["New York"], "language": "en"}, {"answers": ["Boston"], "language": "en"}]
    scores = answer_scores(gold, ["York", "boston"])
    assert scores == {"answer_f1": pytest.approx((2 / 3 + 1) / 2, abs=1e-6), "exact_match": 0.5}

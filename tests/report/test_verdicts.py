"""The answer per language: from numbers to plain words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from madx_pipeline.report.collect import collect
from madx_pipeline.report.results import Results, Verdict
from madx_pipeline.report.wording import tally, verdict_sentences
from tests.report.builders import make_run, usual_score


def _results(home: Path, madx: dict[int, float] | None = None, **changes: Any) -> Results:
    """A run whose target `qad` scores what is given by seed (others: 0.52 at best; the source: 0.9)."""
    scores = madx or {1: 0.72}

    def score_of(task: str, method: str, language: str, seed: int) -> float:
        if language == "qaa":
            return 0.9
        if method == "madx":
            return scores[seed]
        return 0.52 if method == "madx_source_kept" else 0.5

    settings = {"target_languages": ["qad"], "seeds": list(scores), **changes}
    run = make_run(home, score_of, **settings).finish_all()
    return collect(run.plan, run.store)


def _verdict(results: Results, language: str = "qad") -> Verdict:
    return next(verdict for verdict in results.verdicts if verdict.language == language)


def _sentences(results: Results, language: str = "qad") -> str:
    return verdict_sentences(results, _verdict(results, language), 1)


def test_a_clear_gain_is_said_to_help_with_its_size_and_the_gap_it_closes(tmp_path: Path) -> None:
    results = _results(tmp_path)
    verdict = _verdict(results)
    assert (verdict.outcome, verdict.falls_short) == ("helps", False)
    assert verdict.margin == pytest.approx(0.2)
    assert verdict.gap_closed == pytest.approx(0.2 / 0.38)
    assert verdict.p_holm == verdict.p
    assert verdict.low is not None
    assert verdict.high is not None
    assert _sentences(results).startswith(
        "MAD-X helps here. It gains 20.0 points over the better of task_adapter_only and madx_source_kept, "
        "averaged over ner and pos, and closes 53% of the transfer gap left there. 95% interval over test examples: "
        f"+{100 * verdict.low:.1f} to +{100 * verdict.high:.1f}; p below 0.001."
    )
    half = 1.96 * (2 * 0.25 / 1000 / 2) ** 0.5
    assert verdict.high - 0.2 == pytest.approx(half, rel=0.15)


def test_the_better_of_the_two_rivals_is_what_madx_has_to_beat(tmp_path: Path) -> None:
    (comparison, _) = _verdict(_results(tmp_path)).comparisons
    assert comparison.rival == "madx_source_kept"
    assert comparison.rival_mean == pytest.approx(0.52)
    assert comparison.margin == pytest.approx(comparison.madx - comparison.rival_mean)


def test_a_gain_that_may_be_chance_is_no_evidence_and_what_could_have_been_shown_is_said(tmp_path: Path) -> None:
    results = _results(tmp_path, {1: 0.53})
    verdict = _verdict(results)
    assert (verdict.outcome, verdict.falls_short) == ("no evidence", False)
    assert verdict.low is not None
    assert verdict.low < 0
    assert verdict.detectable is not None
    assert verdict.detectable == pytest.approx(2.8 * (2 * 0.25 / 1000 / 2) ** 0.5, rel=0.2)
    assert _sentences(results).startswith("No evidence of an effect here. MAD-X gains 1.0 points over")
    assert f"could have been shown is about {100 * verdict.detectable:.1f} points." in _sentences(results)


def test_a_loss_is_said_plainly(tmp_path: Path) -> None:
    results = _results(tmp_path, {1: 0.4})
    assert _verdict(results).outcome == "hurts"
    assert _sentences(results).startswith("MAD-X hurts here. It loses 12.0 points against")


def test_a_loss_against_the_better_of_two_rivals_is_counted_twice(tmp_path: Path) -> None:
    both = _verdict(_results(tmp_path / "both", {1: 0.5}))
    one = _verdict(_results(tmp_path / "one", {1: 0.5}, methods=["madx", "madx_source_kept"]))
    assert both.margin == one.margin == pytest.approx(-0.02)
    assert both.p is not None
    assert one.p is not None
    assert both.p == pytest.approx(2 * one.p)


def test_a_gain_that_leaves_most_of_the_transfer_gap_helps_too_little(tmp_path: Path) -> None:
    results = _results(tmp_path, {1: 0.6})
    assert (_verdict(results).outcome, _verdict(results).falls_short) == ("helps", True)
    assert _sentences(results).startswith("MAD-X helps too little here. It gains 8.0 points over")
    assert "but closes only 21% of the transfer gap" in _sentences(results)


def test_a_certain_gain_of_a_point_or_two_helps_too_little(tmp_path: Path) -> None:
    results = _results(tmp_path, stages={"report": {"smallest_gain_points": 25.0}})
    assert _sentences(results).startswith("MAD-X helps too little here. It gains 20.0 points over")
    assert "less than the 25 points that count as a help." in _sentences(results)


def test_a_gain_that_ends_below_the_majority_class_helps_too_little_and_says_so(tmp_path: Path) -> None:
    def results(madx: float) -> Results:
        def score_of(task: str, method: str, language: str, seed: int) -> float:
            return 0.3 if language == "qaa" else madx if method == "madx" else 0.1

        run = make_run(tmp_path / str(madx), score_of, target_languages=["qad"]).finish_all()
        return collect(run.plan, run.store)

    below, above = results(0.24), results(0.26)  # the majority class scores 0.25
    assert (_verdict(below).outcome, _verdict(below).falls_short) == ("helps", True)
    assert _sentences(below).startswith(
        "MAD-X helps too little here. It gains 14.0 points over the better of task_adapter_only and madx_source_kept, "
        "averaged over ner and pos, and closes 70% of the transfer gap left there. "
        "Its score on ner and pos is not above the majority class, so worth nothing. 95% interval"
    )
    assert (_verdict(above).outcome, _verdict(above).falls_short) == ("helps", False)
    assert "majority class" not in _sentences(above)


def test_one_seed_says_that_seeds_were_not_varied(tmp_path: Path) -> None:
    results = _results(tmp_path)
    assert _verdict(results).interval == "examples"
    assert "One seed: seeds were not varied, and another may change this." in _sentences(results)


def test_several_seeds_are_counted_in_the_interval(tmp_path: Path) -> None:
    results = _results(tmp_path, {1: 0.70, 2: 0.72, 3: 0.74})
    verdict, alone = _verdict(results), _verdict(_results(tmp_path / "one"))
    assert verdict.low is not None
    assert alone.low is not None
    assert (verdict.outcome, verdict.interval) == ("helps", "examples and seeds")
    assert verdict.low < alone.low
    assert "95% interval over test examples and 3 seeds: +" in _sentences(results)
    assert "seeds were not varied" not in _sentences(results)


def test_seeds_that_contradict_each_other_are_no_evidence(tmp_path: Path) -> None:
    results = _results(tmp_path, {1: 0.45, 2: 0.95})
    assert _verdict(results).outcome == "no evidence"
    assert _sentences(results).startswith("No evidence of an effect here. MAD-X gains 18.0 points over")


def test_p_values_are_corrected_for_the_number_of_target_languages(tmp_path: Path) -> None:
    targets = ["qad", "qae", "qag"]
    gain = {"qad": 0.2, "qae": 0.05, "qag": 0.0}

    def score_of(task: str, method: str, language: str, seed: int) -> float:
        return 0.9 if language == "qaa" else 0.5 + (gain[language] if method == "madx" else 0.0)

    results = collect((run := make_run(tmp_path, score_of, target_languages=targets).finish_all()).plan, run.store)
    found = sorted((_verdict(results, language) for language in targets), key=lambda verdict: verdict.p or 0.0)
    for verdict, times in zip(found, (3, 2, 1), strict=True):
        assert verdict.p is not None
        assert verdict.p_holm is not None
        assert verdict.p_holm >= min(1.0, times * verdict.p)
    assert found[0].p_holm == pytest.approx(3 * (found[0].p or 0.0))
    assert "after Holm's correction over 3 languages" in _sentences(results)
    assert _verdict(results, "qaa").p_holm is None


def test_predictions_that_cannot_be_read_leave_the_answer_open(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = make_run(tmp_path, target_languages=["qad"]).finish_all()
    job = run.job("evaluate_zero_shot/ner/qad/madx/1")
    (run.store.path(job) / "examples.jsonl").write_text("{}\n", encoding="utf-8")
    results = collect(run.plan, run.store)
    assert (_verdict(results).outcome, _verdict(results).low) == ("unknown", None)
    assert _sentences(results).startswith("Not known. MAD-X gains ")
    assert "so nothing says whether that is more than chance." in _sentences(results)
    assert "evaluate_zero_shot/ner/qad/madx/1: no interval" in caplog.text


def test_thresholds_come_from_the_recipe(tmp_path: Path) -> None:
    lenient = _results(tmp_path, {1: 0.6}, stages={"report": {"smallest_gain_points": 0.5, "smallest_gap_closed": 0}})
    assert (_verdict(lenient).outcome, _verdict(lenient).falls_short) == ("helps", False)


def test_the_source_language_is_compared_with_the_task_adapter_alone(tmp_path: Path) -> None:
    results = _results(tmp_path)
    verdict = _verdict(results, "qaa")
    assert verdict.outcome == "source"
    assert {rival for comparison in verdict.comparisons for rival in comparison.rivals} == {"task_adapter_only"}
    assert "MAD-X scores the same as task_adapter_only" in _sentences(results, "qaa")


def test_a_rival_that_was_not_run_is_named_as_a_caveat(tmp_path: Path) -> None:
    results = _results(tmp_path, methods=["madx", "task_adapter_only"])
    assert "It gains 22.0 points over task_adapter_only" in _sentences(results)
    assert "madx_source_kept was not part of the run: the gain may look larger than it is." in _sentences(results)


def test_full_finetuning_that_scores_higher_is_not_passed_over(tmp_path: Path) -> None:
    def score_of(task: str, method: str, language: str, seed: int) -> float:
        return 0.9 if (task, method) == ("pos", "full_finetuning") else usual_score(task, method, language, seed)

    run = make_run(tmp_path, score_of, methods=["madx", "madx_source_kept", "task_adapter_only", "full_finetuning"])
    results = collect(run.finish_all().plan, run.store)
    assert "full_finetuning scores higher than MAD-X on pos." in _sentences(results)


def test_without_rivals_nothing_is_claimed(tmp_path: Path) -> None:
    results = _results(tmp_path, methods=["madx"])
    assert _verdict(results).outcome == "unknown"
    assert "There is nothing to compare with" in _sentences(results)


def test_without_madx_there_are_no_verdicts(tmp_path: Path) -> None:
    assert _results(tmp_path, methods=["task_adapter_only"]).verdicts == []


def test_a_task_without_scores_is_named_and_the_other_still_counts(tmp_path: Path) -> None:
    run = make_run(tmp_path, target_languages=["qad"]).finish_all(but=["prepare_task_data/ner/qad"])
    results = collect(run.plan, run.store)
    assert _verdict(results).missing_tasks == ["ner"]
    assert _verdict(results).outcome == "helps"
    assert "on pos" in _sentences(results)
    assert "Not compared, for scores are missing: ner." in _sentences(results)


def test_tasks_with_different_seeds_say_how_many(tmp_path: Path) -> None:
    run = make_run(tmp_path, usual_score, target_languages=["qad"], seeds=[1, 2, 3])
    run.finish_all(but=["evaluate_zero_shot/ner/qad/madx/2"])
    results = collect(run.plan, run.store)
    assert _verdict(results).seeds == 2
    assert "95% interval over test examples and 2 to 3 seeds: " in _sentences(results)


def test_languages_are_counted_by_their_answer(tmp_path: Path) -> None:
    score = {"qad": 0.72, "qae": 0.6, "qag": 0.5, "sw": 0.3}

    def score_of(task: str, method: str, language: str, seed: int) -> float:
        return score[language] if language in score and method == "madx" else 0.9 if language == "qaa" else 0.5

    run = make_run(tmp_path, score_of, target_languages=list(score)).finish_all()
    assert tally(collect(run.plan, run.store)) == (
        "Of 4 target languages, it helps in 2 (too little in 1 of them), there is no evidence in 1 and it hurts in 1."
    )

"""The answer per language: from numbers to plain words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from madx_pipeline.report.collect import collect
from madx_pipeline.report.results import Results, Verdict
from madx_pipeline.report.wording import verdict_sentences
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
    assert _verdict(results).outcome == "helps"
    assert _verdict(results).margin == pytest.approx(0.2)
    assert _verdict(results).gap_closed == pytest.approx(0.2 / 0.38)
    assert _sentences(results).startswith(
        "MAD-X helps here. It gains 20.0 points over the better of task_adapter_only and madx_source_kept, "
        "averaged over ner and pos, and closes 53% of the transfer gap left there."
    )


def test_the_better_of_the_two_rivals_is_what_madx_has_to_beat(tmp_path: Path) -> None:
    (comparison, _) = _verdict(_results(tmp_path)).comparisons
    assert comparison.rival == "madx_source_kept"
    assert comparison.rival_mean == pytest.approx(0.52)
    assert comparison.margin == pytest.approx(comparison.madx - comparison.rival_mean)


def test_no_gain_is_said_plainly(tmp_path: Path) -> None:
    results = _results(tmp_path, {1: 0.53})
    assert _verdict(results).outcome == "does not help"
    assert _sentences(results).startswith("MAD-X does not help here. It gains 1.0 points over")


def test_a_loss_is_said_plainly(tmp_path: Path) -> None:
    results = _results(tmp_path, {1: 0.4})
    assert _verdict(results).outcome == "hurts"
    assert _sentences(results).startswith("MAD-X hurts here. It loses 12.0 points against")


def test_a_gain_that_leaves_most_of_the_transfer_gap_is_said_not_to_work(tmp_path: Path) -> None:
    results = _results(tmp_path, {1: 0.56})
    assert _verdict(results).outcome == "falls short"
    assert _sentences(results).startswith("MAD-X does not work here. It gains 4.0 points over")
    assert "but closes only 11% of the transfer gap" in _sentences(results)


def test_one_seed_says_that_the_spread_is_unknown(tmp_path: Path) -> None:
    results = _results(tmp_path)
    assert _verdict(results).low is None
    assert "One seed: the spread between seeds is unknown." in _sentences(results)


def test_several_seeds_give_an_interval_of_the_margin(tmp_path: Path) -> None:
    results = _results(tmp_path, {1: 0.71, 2: 0.72, 3: 0.73})
    verdict = _verdict(results)
    half = 4.302653 * 0.01 / 3**0.5
    assert verdict.outcome == "helps"
    assert verdict.low == pytest.approx(0.2 - half, abs=1e-6)
    assert "95% interval over 3 seeds: +17.5 to +22.5." in _sentences(results)


def test_a_gain_whose_interval_has_zero_in_it_is_unclear(tmp_path: Path) -> None:
    results = _results(tmp_path, {1: 0.45, 2: 0.95})
    assert _verdict(results).outcome == "unclear"
    assert _sentences(results).startswith("No clear effect here. MAD-X gains 18.0 points over")
    assert "has zero in it" in _sentences(results)


def test_thresholds_come_from_the_recipe(tmp_path: Path) -> None:
    lenient = _results(tmp_path, {1: 0.53}, stages={"report": {"smallest_gain_points": 0.5, "smallest_gap_closed": 0}})
    assert _verdict(lenient).outcome == "helps"


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


def test_tasks_with_different_seeds_get_no_interval(tmp_path: Path) -> None:
    run = make_run(tmp_path, usual_score, target_languages=["qad"], seeds=[1, 2, 3])
    run.finish_all(but=["evaluate_zero_shot/ner/qad/madx/2"])
    results = collect(run.plan, run.store)
    assert _verdict(results).seeds == 2
    assert _verdict(results).low is None
    assert "Tasks have different seeds: there is no interval." in _sentences(results)

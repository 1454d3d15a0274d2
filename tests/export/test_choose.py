"""Which adapter is exported: found, chosen by source validation data alone, or refused in words."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from madx_pipeline.errors import InputError, JobError, MadxError
from madx_pipeline.export.choose import Asked, choose
from tests.export.made_up import HUB, MINIATURE, PUBLISHED, MadeUp


def refusal(run: MadeUp, asked: Asked, kind: type[MadxError] = InputError) -> str:
    """Problem and hint, in one text."""
    with pytest.raises(kind) as refused:
        choose(run.shelf, asked)
    return " ".join(f"{problem.message} {problem.hint}" for problem in refused.value.problems)


def test_a_language_adapter_is_found_through_the_plan(finished: MadeUp) -> None:
    found = choose(finished.shelf, Asked(language="qad"))
    assert found.job.name == "train_language_adapter/qad"
    assert found.adapter.record.fingerprint == found.job.fingerprint


def test_of_several_seeds_the_best_on_source_validation_data_is_taken_and_the_reason_said(finished: MadeUp) -> None:
    found = choose(finished.shelf, Asked(task="pos"))
    assert found.job.key == {"task": "pos", "language": "qaa", "seed": 2, "on": "qaa"}
    assert found.why == (
        'Seed 2 has the best accuracy on the validation data of the source language "qaa" '
        "(seed 1: 0.5000, seed 2: 0.7500, seed 3: 0.6250)."
    )


def test_scores_on_test_data_take_no_part_in_the_choice(made_up: Callable[..., MadeUp]) -> None:
    run = made_up(MINIATURE)
    for job in run.plan.jobs.values():
        if job.stage == "evaluate_zero_shot":
            run.facts[job.name] = {"values": {"accuracy": 1.0 if job.key["seed"] == 3 else 0.0}}
    assert choose(run.finish().shelf, Asked(task="pos")).job.key["seed"] == 2


def test_of_equally_good_seeds_the_first_is_taken(made_up: Callable[..., MadeUp]) -> None:
    run = made_up(MINIATURE)
    for seed in (1, 2, 3):
        run.facts[f"train_task_adapter/pos/qaa/{seed}/qaa"] = {"dev": {"accuracy": 0.5}}
    assert choose(run.finish().shelf, Asked(task="pos")).job.key["seed"] == 1


def test_a_seed_that_is_asked_for_is_taken(finished: MadeUp) -> None:
    found = choose(finished.shelf, Asked(task="pos", seed=3))
    assert (found.job.key["seed"], found.why) == (3, "Seed 3 was asked for.")


def test_seeds_that_are_not_finished_are_named_and_not_compared(made_up: Callable[..., MadeUp]) -> None:
    run = made_up(MINIATURE).finish(but=["train_task_adapter/pos/qaa/2/qaa"])
    found = choose(run.shelf, Asked(task="pos"))
    assert found.job.key["seed"] == 3
    assert found.why.endswith("Not finished, so not compared: seed 2.")


@pytest.mark.parametrize(
    ("method", "on"), [(None, "qaa"), ("madx", "qaa"), ("madx_source_kept", "qaa"), ("task_adapter_only", "none")]
)
def test_the_method_says_which_task_adapter(finished: MadeUp, method: str | None, on: str) -> None:
    assert choose(finished.shelf, Asked(task="pos", method=method)).job.key["on"] == on


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Asked(), "exactly one of --language and --task"),
        (Asked(language="qaa", task="pos"), "exactly one of --language and --task"),
        (Asked(language="qaa", seed=1), "--method and --seed go with --task"),
        (Asked(language="qaa", method="madx"), "--method and --seed go with --task"),
        (Asked(language="qax"), '--language "qax" is not in the recipe. Nearest: "qad".'),
        (Asked(task="pose"), '--task "pose" is not in the recipe. Nearest: "pos".'),
        (Asked(task="pos", method="madxx"), '--method "madxx" is no method. Nearest: "madx".'),
        (Asked(task="pos", method="full_finetuning"), "trains the whole base model: there is no adapter"),
        (Asked(task="pos", method="lora"), "lora trains LoRA, which is not exported"),
        (Asked(task="pos", method="mlm_target"), "mlm_target trains the whole base model: there is no adapter"),
        (Asked(task="pos", method="majority_class"), "majority_class trains nothing"),
        (Asked(task="pos", seed=7), "--seed 7 is not in the recipe. Possible: 1, 2, 3."),
    ],
)
def test_what_cannot_be_meant_is_said_in_words(finished: MadeUp, asked: Asked, said: str) -> None:
    assert said in refusal(finished, asked)


def test_a_method_that_the_recipe_does_not_run_is_refused_with_those_it_runs(made_up: Callable[..., MadeUp]) -> None:
    run = made_up(MINIATURE, methods=["task_adapter_only"])
    said = refusal(run, Asked(task="pos"))
    assert "as madx does" in said
    assert "Of the recipe's methods these train one: task_adapter_only." in said


def test_what_is_not_finished_is_refused_with_the_command_that_makes_it(made_up: Callable[..., MadeUp]) -> None:
    run = made_up(MINIATURE)
    said = refusal(run, Asked(language="qad"))
    assert "train_language_adapter/qad is not in the store" in said
    assert f"Make it: madx run {run.file} --until train_language_adapter --home {run.home}." in said
    assert "--until train_task_adapter" in refusal(run, Asked(task="pos"))


def test_an_attempt_that_failed_says_why(made_up: Callable[..., MadeUp]) -> None:
    run = made_up(MINIATURE)
    job = next(job for job in run.plan.jobs.values() if job.name == "train_language_adapter/qad")
    run.shelf.store.open_for_writing()
    run.shelf.store.fail(job, "train_language_adapter/qad failed: there was no light.", "")
    assert "Its last attempt failed: train_language_adapter/qad failed: there was no light." in refusal(
        run, Asked(language="qad")
    )


def test_a_damaged_adapter_is_not_exported(run: MadeUp) -> None:
    weights = next((run.home / "store/train_language_adapter").glob("qad-*/adapter/adapter.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    said = refusal(run, Asked(language="qad"), JobError)
    assert "adapter/adapter.safetensors: does not match its checksum." in said


def test_a_language_without_an_adapter_is_refused(made_up: Callable[..., MadeUp]) -> None:
    run = made_up(MINIATURE, language_adapters={"default": "train", "qad": "none"})
    assert 'the recipe has no language adapter for "qad"' in refusal(run, Asked(language="qad"))


def test_an_adapter_of_somebody_else_is_not_published_again(made_up: Callable[..., MadeUp]) -> None:
    run = made_up(HUB, language_adapters={"default": "train", "en": PUBLISHED})
    said = refusal(run, Asked(language="en"))
    assert f"is published already: {PUBLISHED['id']} at {PUBLISHED['revision']}." in said
    assert "Point to that repository" in said


def test_a_ready_task_adapter_hides_nothing_that_was_trained_beside_it(
    made_up: Callable[..., MadeUp], tiny_adapters: object
) -> None:
    ready = {"card": "miniature_pos", "adapter": {"path": f"{tiny_adapters}/task"}}
    run = made_up(MINIATURE, tasks={"pos": ready}, methods=["madx", "task_adapter_only"]).finish()
    assert "was brought along as a folder" in refusal(run, Asked(task="pos"))
    found = choose(run.shelf, Asked(task="pos", method="task_adapter_only"))
    assert found.job.stage == "train_task_adapter"


def test_an_adapter_from_a_folder_is_not_published_as_ours(
    made_up: Callable[..., MadeUp], tiny_adapters: object
) -> None:
    run = made_up(MINIATURE, language_adapters={"default": "train", "qad": {"path": str(tiny_adapters) + "/language"}})
    assert "was brought along as a folder (language), not trained here." in refusal(run, Asked(language="qad"))

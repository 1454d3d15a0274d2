"""What methods cost: counted where it belongs, so that adapters of languages and tasks add up and models multiply."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from madx_pipeline.jobs import Job, Plan
from madx_pipeline.material import Material
from madx_pipeline.materials import Materials
from madx_pipeline.methods import METHODS
from madx_pipeline.plan import make_plan
from madx_pipeline.recipe import Recipe
from madx_pipeline.report.costs import Efficiency, Storage
from madx_pipeline.report.efficiency import costs_of
from madx_pipeline.report.findings import Findings

TARGETS = ["sw", "fi", "yo", "qu"]
BASE, LANGUAGE, TASK, LORA, MODEL = 1000, 30, 4, 2, 1010

STORED = {
    "prepare_base_model": BASE,
    "train_language_adapter": LANGUAGE,
    "train_task_adapter": TASK,
    "train_lora": LORA,
    "finetune_base_model": MODEL,
    "continue_pretraining": BASE,
}
TRAINED = {
    "train_language_adapter": (7, 9000),
    "train_task_adapter": (5, 9005),
    "train_lora": (3, 9003),
    "finetune_base_model": (9005, 9005),
    "continue_pretraining": (9000, 9000),
}
"""Stage to the parameters that train and those of the whole model."""


def plan_of(without_text: Iterable[str] = (), **changes: Any) -> Plan:
    """Five languages and two tasks, but for what is given."""
    recipe = Recipe.model_validate(
        {
            "name": "trial",
            "base_model": {"builtin": "miniature"},
            "source_language": "en",
            "target_languages": TARGETS,
            "tasks": {"pos": {"card": "conllu"}, "ner": {"card": "conll"}},
            "methods": list(METHODS),
            "seeds": [1, 2],
            **changes,
        }
    )
    data = {(task, code): Material({"d": f"{task} {code}"}, {}) for task in recipe.tasks for code in recipe.languages}
    corpora = {
        language: Material({"text": language}, {}) for language in recipe.languages if language not in without_text
    }
    return make_plan(recipe, Materials(base_model=Material({"m": 0}, {}), corpora=corpora, task_data=data))


def measured(job: Job) -> dict[str, Any]:
    """What a job of this stage cost; the second seed takes twice as long, and its peak is higher."""
    if job.stage.startswith("evaluate_zero_shot"):
        return {"inference_seconds": 0.5, "inference_tokens": 250, "device": "cpu"}
    if job.stage not in TRAINED:
        return {}
    trained, parameters = TRAINED[job.stage]
    seed = int(job.key.get("seed", 1))
    cost = {"training_seconds": 10.0 * seed, "peak_memory_bytes": 100 + seed, "device": "cpu"}
    return {**cost, "trainable_parameters": trained, "parameters": parameters}


def costs(plan: Plan, but: Iterable[str] = ()) -> tuple[dict[str, Efficiency], dict[str, Storage]]:
    """Costs by method, of the task `ner`, when every job is there but some, by fingerprint or stage."""
    there = {key: job for key, job in plan.jobs.items() if not {key, job.stage} & set(but)}
    findings = Findings(
        facts={fingerprint: {} for fingerprint in there},
        measured={fingerprint: measured(job) for fingerprint, job in there.items()},
        stored={fingerprint: STORED[job.stage] for fingerprint, job in there.items() if job.stage in STORED},
    )
    efficiency, storage = costs_of(plan, findings)
    return {row.method: row for row in efficiency if row.task == "ner"}, {row.method: row for row in storage}


def test_adapters_of_five_languages_and_two_tasks_add_up_and_do_not_multiply() -> None:
    _, storage = costs(plan_of())
    assert storage["madx"].total_bytes == BASE + 5 * LANGUAGE + 2 * TASK
    assert storage["madx_source_kept"].total_bytes == BASE + LANGUAGE + 2 * TASK
    assert storage["task_adapter_only"].total_bytes == BASE + 2 * TASK
    assert storage["lora"].total_bytes == BASE + 2 * LORA
    assert storage["full_finetuning"].total_bytes == 2 * MODEL
    assert storage["mlm_target"].total_bytes == 5 * 2 * MODEL
    assert storage["majority_class"].total_bytes == 0


def test_a_further_language_adds_an_adapter_and_to_mlm_target_a_model_for_every_task() -> None:
    _, before = costs(plan_of())
    _, after = costs(plan_of(target_languages=[*TARGETS, "ht"]))
    added = {method: (after[method].total_bytes or 0) - (before[method].total_bytes or 0) for method in METHODS}
    assert added == {**dict.fromkeys(METHODS, 0), "madx": LANGUAGE, "mlm_target": 2 * MODEL}


def test_what_is_trained_on_the_task_stands_apart_from_what_is_trained_for_a_language() -> None:
    rows, _ = costs(plan_of())
    assert (rows["madx"].trainable_parameters, rows["madx"].language_parameters) == (5, 7)
    assert (rows["lora"].trainable_parameters, rows["lora"].language_parameters) == (3, None)
    assert (rows["mlm_target"].trainable_parameters, rows["mlm_target"].language_parameters) == (9005, 9000)
    assert rows["madx"].share == pytest.approx(5 / 9005)
    assert rows["full_finetuning"].share == 1.0


def test_seconds_are_a_mean_over_trainings_and_peaks_the_largest_of_them() -> None:
    rows, _ = costs(plan_of())
    for method in ("madx", "lora", "full_finetuning", "mlm_target"):
        assert (rows[method].training_seconds, rows[method].peak_memory_bytes) == (15.0, 102)
    assert rows["madx"].language_training_seconds == 10.0
    assert rows["madx"].device == "cpu"


def test_inference_is_per_thousand_tokens_of_all_test_sets() -> None:
    rows, _ = costs(plan_of())
    assert rows["madx"].inference_seconds_per_1000_tokens == pytest.approx(2.0)
    assert rows["majority_class"].inference_seconds_per_1000_tokens is None


def test_the_majority_class_costs_nothing_that_could_be_measured() -> None:
    rows, _ = costs(plan_of())
    row = rows["majority_class"]
    assert (row.trainable_parameters, row.share, row.bytes_per_task) == (0, 0.0, 0)
    assert (row.training_seconds, row.peak_memory_bytes) == (None, None)


def test_what_is_not_there_is_not_known_rather_than_nothing() -> None:
    rows, storage = costs(plan_of(), but=["train_lora", "train_language_adapter"])
    assert (rows["lora"].trainable_parameters, rows["lora"].training_seconds) == (None, None)
    assert (storage["lora"].total_bytes, storage["madx"].total_bytes) == (None, None)
    assert storage["task_adapter_only"].total_bytes == BASE + 2 * TASK


def test_a_language_without_adapter_and_text_is_not_counted_where_a_method_cannot_have_it() -> None:
    _, storage = costs(plan_of(["qu"], language_adapters={"qu": "none"}))
    assert storage["madx"].total_bytes == BASE + 4 * LANGUAGE + 2 * TASK
    assert storage["mlm_target"].total_bytes == 4 * 2 * MODEL
    counted = {row.languages for row in storage.values()}, {storage["madx"].languages, storage["mlm_target"].languages}
    assert counted == ({4, 5}, {4})


@pytest.mark.parametrize(
    ("stage", "method"),
    [
        ("train_language_adapter", "madx"),
        ("train_task_adapter", "task_adapter_only"),
        ("finetune_base_model", "mlm_target"),
        ("finetune_base_model", "full_finetuning"),
    ],
)
def test_one_failed_training_leaves_the_total_unknown(stage: str, method: str) -> None:
    plan = plan_of()
    failed = [job.fingerprint for job in plan.jobs.values() if job.stage == stage][-1:]
    failed += [job.fingerprint for job in plan.jobs.values() if job.stage == stage][:1]
    _, storage = costs(plan, but=failed)
    assert storage[method].total_bytes is None
    assert storage["lora"].total_bytes == BASE + 2 * LORA


def test_artifacts_that_were_made_before_anything_was_measured_have_their_bytes_alone() -> None:
    plan = plan_of(methods=["task_adapter_only"])
    stored = {fingerprint: STORED[job.stage] for fingerprint, job in plan.jobs.items() if job.stage in STORED}
    nothing: dict[str, dict[str, Any]] = {fingerprint: {} for fingerprint in plan.jobs}
    efficiency, storage = costs_of(plan, Findings(facts=nothing, measured=nothing, stored=stored))
    assert {row.training_seconds for row in efficiency} == {row.trainable_parameters for row in efficiency} == {None}
    assert storage[0].total_bytes == BASE + 2 * TASK

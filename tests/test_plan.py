"""The plan: which jobs a recipe has, what decides their fingerprints, what changes when something changes."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, replace
from typing import Any

import pytest

from madx_pipeline.errors import Problem
from madx_pipeline.jobs import Job, Plan, fingerprint_of
from madx_pipeline.material import Material
from madx_pipeline.materials import Materials
from madx_pipeline.methods import METHODS
from madx_pipeline.plan import make_plan
from madx_pipeline.recipe import Recipe

GOOD: dict[str, Any] = {
    "name": "trial",
    "base_model": {"builtin": "miniature"},
    "source_language": "en",
    "target_languages": ["sw", "fi"],
    "tasks": {"pos": {"card": "conllu"}, "ner": {"card": "conll"}},
    "methods": ["madx", "madx_source_kept", "task_adapter_only", "full_finetuning"],
    "seeds": [1, 2],
}
OPT_IN = ["lora", "mlm_target", "majority_class"]


def plan_of(**changes: Any) -> Plan:
    recipe = Recipe.model_validate({**GOOD, **changes})
    return make_plan(recipe, materials_of(recipe))


def materials_of(recipe: Recipe) -> Materials:
    return Materials(
        base_model=Material({"builtin": "miniature", "world_seed": 0}, {}),
        corpora={language: Material({"text": f"text of {language}"}, {}) for language in recipe.languages},
        task_data={
            (task, language): Material({"data": f"{task} in {language}"}, {})
            for task in recipe.tasks
            for language in recipe.languages
        },
    )


READY = Material({"id": "x/ner", "revision": "0" * 40, "labels": {}, "trained_on": "en", "leave_out": []}, {})


def plan_with_ready_adapter(material: Material = READY, **changes: Any) -> Plan:
    """A plan whose task `ner` takes a published task adapter."""
    tasks = {"pos": {"card": "conllu"}, "ner": {"card": "conll", "adapter": "x/ner"}}
    recipe = Recipe.model_validate({**GOOD, "tasks": tasks, **changes})
    return make_plan(recipe, replace(materials_of(recipe), task_adapters={"ner": material}))


def jobs_of(plan: Plan, stage: str) -> list[Job]:
    return [job for job in plan.jobs.values() if job.stage == stage]


def names(plan: Plan) -> dict[str, str]:
    return {job.name: job.fingerprint for job in plan.jobs.values()}


def rerun(before: Plan, after: Plan) -> set[str]:
    """Stages of jobs that `after` has and `before` has not."""
    return {job.stage for fingerprint, job in after.jobs.items() if fingerprint not in before.jobs}


def test_every_job_comes_after_what_it_needs() -> None:
    seen: set[str] = set()
    for job in plan_of().jobs.values():
        assert set(job.inputs.values()) <= seen
        seen.add(job.fingerprint)


def test_languages_and_tasks_cost_their_sum_not_their_product() -> None:
    plan = plan_of()
    assert len(jobs_of(plan, "train_language_adapter")) == 3
    assert len(jobs_of(plan, "train_task_adapter")) == 2 * 2 * 2  # tasks x seeds x (on the source adapter, alone)
    assert len(jobs_of(plan, "finetune_base_model")) == 2 * 2


def test_every_method_has_a_cell_for_every_language_task_and_seed() -> None:
    plan = plan_of()
    assert len(plan.cells) == 4 * 3 * 2 * 2
    assert {cell.fingerprint for cell in plan.cells} == {job.fingerprint for job in jobs_of(plan, "evaluate_zero_shot")}


def test_madx_swaps_the_language_adapter_and_source_kept_does_not() -> None:
    plan = plan_of()
    adapters = {job.fingerprint: job.key["language"] for job in jobs_of(plan, "train_language_adapter")}
    used = {
        (cell.method, cell.language): adapters.get(plan.jobs[cell.fingerprint].inputs.get("language_adapter", ""))
        for cell in plan.cells
    }
    assert used["madx", "sw"] == "sw"
    assert used["madx_source_kept", "sw"] == "en"
    assert used["task_adapter_only", "sw"] is None
    assert used["full_finetuning", "sw"] is None


def test_madx_and_source_kept_share_the_task_adapter_and_the_evaluation_on_the_source() -> None:
    plan = plan_of(methods=["madx", "madx_source_kept"])
    tuned = {
        plan.jobs[cell.fingerprint].inputs["tuned"] for cell in plan.cells if cell.task == "pos" and cell.seed == 1
    }
    assert len(tuned) == 1
    shared = {cell.fingerprint for cell in plan.cells if (cell.task, cell.language, cell.seed) == ("pos", "en", 1)}
    assert len(shared) == 1


def test_without_madx_no_target_adapter_is_trained() -> None:
    plan = plan_of(methods=["madx_source_kept", "task_adapter_only"])
    assert [job.key["language"] for job in jobs_of(plan, "train_language_adapter")] == ["en"]


def test_a_language_without_adapter_is_a_gap_for_madx_and_nothing_else() -> None:
    plan = plan_of(language_adapters={"default": "train", "fi": "none"})
    gaps = {(cell.method, cell.language) for cell in plan.cells}
    assert ("madx", "fi") not in gaps
    assert ("madx_source_kept", "fi") in gaps


def test_targets_are_read_against_the_labels_of_the_source() -> None:
    plan = plan_of()
    by_language = {job.key["language"]: job for job in jobs_of(plan, "prepare_task_data") if job.key["task"] == "pos"}
    assert by_language["sw"].inputs["source_data"] == by_language["en"].fingerprint
    assert "source_data" not in by_language["en"].inputs


def test_a_changed_parameter_reruns_only_what_follows() -> None:
    before, after = plan_of(), plan_of(stages={"train_language_adapter": {"max_steps": 7}})
    assert rerun(before, after) == {"train_language_adapter", "train_task_adapter", "evaluate_zero_shot"}
    kept = {job.name for job in after.jobs.values() if job.fingerprint in before.jobs}
    assert "train_task_adapter/pos/en/1/none" in kept
    assert "evaluate_zero_shot/pos/sw/full_finetuning/1" in kept


def test_adding_a_language_runs_only_its_jobs() -> None:
    before, after = plan_of(), plan_of(target_languages=["sw", "fi", "yo"])
    new = [job for fingerprint, job in after.jobs.items() if fingerprint not in before.jobs]
    assert {job.key["language"] for job in new} == {"yo"}


def test_removing_a_language_runs_nothing() -> None:
    assert rerun(plan_of(), plan_of(target_languages=["sw"])) == set()


def test_names_paths_and_resources_are_not_in_the_fingerprint() -> None:
    before = plan_of()
    after = plan_of(name="other", summary="words", resources={"train_language_adapter": {"threads": 8}})
    assert set(before.jobs) == set(after.jobs)
    assert next(iter(jobs_of(after, "train_language_adapter"))).resources["threads"] == 8


def test_a_seed_changes_only_what_is_seeded() -> None:
    assert rerun(plan_of(seeds=[1]), plan_of(seeds=[1, 9])) == {
        "train_task_adapter",
        "finetune_base_model",
        "evaluate_zero_shot",
    }


def test_a_job_survives_a_process_border_as_plain_data() -> None:
    for job in plan_of().jobs.values():
        assert Job(**json.loads(json.dumps(asdict(job)))) == job


def test_without_the_source_adapter_no_other_is_trained() -> None:
    plan = plan_of(language_adapters={"default": "train", "en": "none"})
    assert jobs_of(plan, "train_language_adapter") == []
    assert {cell.method for cell in plan.cells} == {"task_adapter_only", "full_finetuning"}


def test_the_fingerprint_of_given_content_never_changes() -> None:
    """Golden: a change of this value would orphan every store in the world."""
    content = {
        "stage": "prepare_corpus",
        "version": 1,
        "key": {"language": "yo"},
        "params": {"a": 1, "b": 0.5, "c": None, "d": "ẹ̀"},
        "inputs": {"base_model": "00"},
        "source": None,
    }
    assert fingerprint_of(content) == "3e4bf4cc656d738feb7b9693fdb120252d9dd7d40b7ae2d4ed52ba8609a6b7ee"
    assert fingerprint_of(dict(reversed(content.items()))) == fingerprint_of(content)


def test_a_number_that_is_none_has_no_fingerprint() -> None:
    with pytest.raises(ValueError, match="JSON"):
        fingerprint_of({"learning_rate": float("nan")})


def test_folders_are_named_by_key_and_fingerprint() -> None:
    for job in plan_of().jobs.values():
        assert job.folder == f"{job.stage}/{job.slug}-{job.fingerprint[:12]}"
        assert "/" not in job.slug


def with_opt_in(**changes: Any) -> Plan:
    """A plan of all methods."""
    return plan_of(methods=[*GOOD["methods"], *OPT_IN], **changes)


def test_all_methods_are_the_usual_ones_and_those_that_a_recipe_asks_for() -> None:
    assert [*GOOD["methods"], *OPT_IN] == list(METHODS)
    without = {key: value for key, value in GOOD.items() if key != "methods"}
    assert Recipe.model_validate(without).methods == ["madx", "madx_source_kept", "task_adapter_only"]


@pytest.mark.parametrize("method", OPT_IN)
def test_adding_a_method_reruns_nothing_that_is_there(method: str) -> None:
    before, after = plan_of(), plan_of(methods=[*GOOD["methods"], method])
    assert list(before.jobs) == [fingerprint for fingerprint in after.jobs if fingerprint in before.jobs]
    assert (
        rerun(before, after)
        == {
            "lora": {"train_lora", "evaluate_zero_shot"},
            "mlm_target": {"continue_pretraining", "finetune_base_model", "evaluate_zero_shot"},
            "majority_class": {"evaluate_majority_class"},
        }[method]
    )


def test_every_opt_in_method_has_its_cells_and_the_majority_class_one_a_language() -> None:
    counts = Counter(cell.method for cell in with_opt_in().cells)
    assert {method: counts[method] for method in OPT_IN} == {
        "lora": 3 * 2 * 2,
        "mlm_target": 3 * 2 * 2,
        "majority_class": 3 * 2,
    }


def test_lora_is_trained_on_nothing_and_evaluated_with_nothing() -> None:
    plan = with_opt_in()
    assert len(jobs_of(plan, "train_lora")) == 2 * 2
    for cell in plan.cells:
        if cell.method == "lora":
            job = plan.jobs[cell.fingerprint]
            assert plan.jobs[job.inputs["tuned"]].stage == "train_lora"
            assert "language_adapter" not in {*job.inputs, *plan.jobs[job.inputs["tuned"]].inputs}


def test_mlm_target_pretrains_once_a_language_and_fine_tunes_for_each_language_task_and_seed() -> None:
    plan = plan_of(methods=["mlm_target"])
    continued = {job.fingerprint: job.key["language"] for job in jobs_of(plan, "continue_pretraining")}
    assert sorted(map(str, continued.values())) == ["en", "fi", "sw"]
    assert len(jobs_of(plan, "finetune_base_model")) == 3 * 2 * 2
    assert len({job.name for job in plan.jobs.values()}) == len(plan.jobs)
    for cell in plan.cells:
        evaluation = plan.jobs[cell.fingerprint]
        tuned = plan.jobs[evaluation.inputs["tuned"]]
        assert continued[tuned.inputs["base_model"]] == continued[evaluation.inputs["base_model"]] == cell.language
        assert plan.jobs[tuned.inputs["task_data"]].key["language"] == "en"
    assert jobs_of(plan, "train_language_adapter") == []


def test_mlm_target_and_language_adapters_read_one_corpus() -> None:
    plan = with_opt_in()
    assert len(jobs_of(plan, "prepare_corpus")) == 3
    read = {
        job.inputs["corpus"]
        for stage in ("train_language_adapter", "continue_pretraining")
        for job in jobs_of(plan, stage)
    }
    assert read == {job.fingerprint for job in jobs_of(plan, "prepare_corpus")}


def test_a_language_without_text_is_a_gap_for_mlm_target_and_nothing_else() -> None:
    recipe = Recipe.model_validate({**GOOD, "methods": ["task_adapter_only", "mlm_target"]})
    materials = materials_of(recipe)
    del materials.corpora["fi"]
    plan = make_plan(recipe, materials)
    cells = {(cell.method, cell.language) for cell in plan.cells}
    assert ("mlm_target", "fi") not in cells
    assert {("mlm_target", "sw"), ("mlm_target", "en"), ("task_adapter_only", "fi")} <= cells


def test_the_majority_class_needs_no_model_and_no_seed() -> None:
    plan = plan_of(methods=["majority_class"], seeds=[4, 5])
    assert {job.stage for job in plan.jobs.values()} == {
        "prepare_base_model",
        "prepare_task_data",
        "evaluate_majority_class",
    }
    assert {cell.seed for cell in plan.cells} == {4}
    assert set(plan_of(methods=["majority_class"], seeds=[9]).jobs) == set(plan.jobs)


def test_a_ready_task_adapter_takes_the_place_of_training_where_it_stacks_on_a_language_adapter() -> None:
    plan = plan_with_ready_adapter()
    [fetched] = jobs_of(plan, "fetch_task_adapter")
    used = {
        (cell.task, cell.method, cell.seed, plan.jobs[plan.jobs[cell.fingerprint].inputs["tuned"]].stage)
        for cell in plan.cells
        if cell.language == "sw"
    }
    trained = [
        (task, method, seed, stage)
        for seed in (1, 2)
        for task, method, stage in (
            ("ner", "task_adapter_only", "train_task_adapter"),
            ("ner", "full_finetuning", "finetune_base_model"),
            ("pos", "madx", "train_task_adapter"),
            ("pos", "madx_source_kept", "train_task_adapter"),
            ("pos", "task_adapter_only", "train_task_adapter"),
            ("pos", "full_finetuning", "finetune_base_model"),
        )
    ]
    ready = [("ner", method, 1, "fetch_task_adapter") for method in ("madx", "madx_source_kept")]
    assert used == {*trained, *ready}
    assert plan.jobs[fetched.inputs["task_data"]].key == {"task": "ner", "language": "en"}
    assert "language_adapter" not in fetched.inputs


def test_a_ready_task_adapter_has_no_seed_so_other_seeds_rerun_nothing_of_it() -> None:
    before, after = plan_with_ready_adapter(seeds=[1, 2]), plan_with_ready_adapter(seeds=[7])
    kept = {job.name for fingerprint, job in after.jobs.items() if fingerprint in before.jobs}
    assert {"fetch_task_adapter/ner/en", "evaluate_zero_shot/ner/sw/madx"} <= kept
    assert [cell.seed for cell in after.cells if (cell.task, cell.method, cell.language) == ("ner", "madx", "sw")] == [
        7
    ]


def test_what_a_lock_file_expects_and_why_a_job_cannot_run_are_not_in_the_fingerprint() -> None:
    plain = plan_with_ready_adapter()
    other = plan_with_ready_adapter(
        Material(READY.source, {}, {"adapter_config.json": "0" * 64}, Problem("no hub", "wait"))
    )
    assert set(plain.jobs) == set(other.jobs)
    [job] = jobs_of(other, "fetch_task_adapter")
    assert job.expected == {"adapter_config.json": "0" * 64}
    assert (job.obstacle, job.obstacle_hint) == ("no hub", "wait")


def test_a_published_language_adapter_reruns_when_its_layers_are_left_out() -> None:
    recipe = Recipe.model_validate({**GOOD, "language_adapters": {"default": "train", "en": "x/en"}})
    changed = recipe.model_copy(update={"stages": {"fetch_language_adapter": {"leave_out": [11]}}})
    found = replace(materials_of(recipe), adapters={"en": Material({"id": "x/en", "revision": "0" * 40}, {})})
    before, after = make_plan(recipe, found), make_plan(changed, found)
    assert rerun(before, after) == {"fetch_language_adapter", "train_task_adapter", "evaluate_zero_shot"}
    assert len(jobs_of(after, "fetch_language_adapter")) == 1


SEQUENCE = {
    "siqa": {"card": "social_iqa", "target_languages": []},
    "copa": {"card": "xcopa", "continue_from": "siqa"},
}


def sequence(**changes: Any) -> Plan:
    return plan_of(
        **{"tasks": SEQUENCE, "methods": [*GOOD["methods"], "lora", "mlm_target"], "seeds": [1, 2], **changes}
    )


def test_every_method_goes_on_from_its_own_predecessor_of_the_same_seed_on_the_same_base() -> None:
    plan = sequence()
    tuned = [job for job in plan.jobs.values() if job.key.get("task") == "copa" and "task_data" in job.inputs]
    trained = [job for job in tuned if "train" in job.stage or "finetune" in job.stage]
    assert {job.stage for job in trained} == {"train_task_adapter", "train_lora", "finetune_base_model"}
    for job in trained:
        before = plan.jobs[job.inputs["continue_from"]]
        assert before.stage == job.stage
        assert {**before.key, "task": "copa"} == job.key
        assert before.inputs["base_model"] == job.inputs["base_model"]
        assert before.inputs.get("language_adapter") == job.inputs.get("language_adapter")
        assert "continue_from" not in before.inputs


def test_a_task_without_targets_is_learnt_and_evaluated_on_the_source_alone() -> None:
    plan = sequence()
    assert {cell.language for cell in plan.cells if cell.task == "siqa"} == {"en"}
    assert {cell.language for cell in plan.cells if cell.task == "copa"} == {"en", "sw", "fi"}
    data = [job.key for job in jobs_of(plan, "prepare_task_data") if job.key["task"] == "siqa"]
    assert [key["language"] for key in data] == ["en"]


def test_the_predecessor_s_jobs_are_what_they_are_without_a_successor() -> None:
    alone = sequence(tasks={"siqa": SEQUENCE["siqa"]})
    assert set(alone.jobs) < set(sequence().jobs)
    free = sequence(tasks={**SEQUENCE, "copa": {"card": "xcopa"}})
    assert set(alone.jobs) < set(free.jobs)
    assert rerun(free, sequence()) == {
        "train_task_adapter",
        "train_lora",
        "finetune_base_model",
        "evaluate_zero_shot",
    }


def test_the_order_of_tasks_in_the_recipe_does_not_matter_for_what_comes_first() -> None:
    plan = sequence(tasks=dict(reversed(SEQUENCE.items())))
    assert set(plan.jobs) == set(sequence().jobs)
    seen: set[str] = set()
    for job in plan.jobs.values():
        assert set(job.inputs.values()) <= seen
        seen.add(job.fingerprint)


def test_a_chain_of_three_goes_on_step_by_step() -> None:
    tasks = {**SEQUENCE, "again": {"card": "xcopa", "continue_from": "copa"}}
    plan = sequence(tasks=tasks, methods=["madx"], seeds=[1])
    [last] = [job for job in jobs_of(plan, "train_task_adapter") if job.key["task"] == "again"]
    middle = plan.jobs[last.inputs["continue_from"]]
    assert middle.key["task"] == "copa"
    assert plan.jobs[middle.inputs["continue_from"]].key["task"] == "siqa"


def test_a_ready_task_adapter_may_be_what_a_task_goes_on_from() -> None:
    tasks = {"ner": {"card": "conll", "adapter": "x/ner"}, "more": {"card": "conll", "continue_from": "ner"}}
    recipe = Recipe.model_validate({**GOOD, "tasks": tasks, "methods": ["madx", "task_adapter_only"]})
    plan = make_plan(recipe, replace(materials_of(recipe), task_adapters={"ner": READY}))
    before = {
        (job.key["on"], plan.jobs[job.inputs["continue_from"]].stage)
        for job in jobs_of(plan, "train_task_adapter")
        if job.key["task"] == "more"
    }
    assert before == {("en", "fetch_task_adapter"), ("none", "train_task_adapter")}

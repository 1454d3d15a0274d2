"""Every command and every recipe in the README works."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from madx_pipeline.cards import card_names, corpus_card, task_card
from madx_pipeline.recipe import Recipe
from madx_pipeline.recipe_file import find_recipe, recipe_names
from madx_pipeline.stage import STAGES, stage_page
from tests.conftest import REPOSITORY
from tests.end_to_end.story import madx
from tests.hub_cache import put_in_cache
from tests.published.adapter_builder import XLMR_BASE, AdapterShape, write_adapter
from tests.runners.slurm_cluster import cluster, why_not
from tests.runners.tiny import write_tiny

TEXT = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


def commands() -> list[str]:
    lines = [line.split("#")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    return [line for line in lines if line]


def recipes() -> list[dict[str, Any]]:
    return [content for content in map(yaml.safe_load, blocks("yaml")) if "name" in content]


def test_every_command_is_one_this_test_knows_how_to_run() -> None:
    assert commands()
    assert {shlex.split(command)[0] for command in commands()} <= {"make", "madx"}


@pytest.mark.parametrize("command", [command for command in commands() if command.startswith("make ")])
def test_make_knows_its_targets(command: str) -> None:
    done = subprocess.run(
        [*shlex.split(command), "--dry-run"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.xdist_group("quickstart")
def test_every_madx_command_works_after_the_quickstart(quickstart: Path) -> None:
    for recipe in recipes():
        if recipe["name"] != "quickstart":
            (quickstart / f"{recipe['name']}.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
        for path in files_of(recipe):
            (quickstart / path).parent.mkdir(exist_ok=True)
            (quickstart / path).write_text("some text\n", encoding="utf-8")
    fill_default_cache(quickstart)
    for command in commands():
        if "--runner" in command:  # after the quickstart there is nothing left to do for a runner
            continue
        program, *arguments = shlex.split(command)
        if program == "madx":
            madx(*arguments, folder=quickstart, HOME=str(quickstart))


RUNNERS = [command for command in commands() if command.startswith("madx run --runner")]


def test_every_runner_has_a_command() -> None:
    assert {shlex.split(command)[3] for command in RUNNERS} == {"serial", "local", "ray", "slurm"}


@pytest.mark.slow
@pytest.mark.parametrize("command", [command for command in RUNNERS if "slurm" not in command])
def test_every_command_with_a_runner_does_a_job(command: str, tmp_path: Path) -> None:
    if "ray" in command:
        pytest.importorskip("ray", reason="Ray is not installed: pip install madx-pipeline[ray]")
    write_tiny(tmp_path)
    done = madx(*shlex.split(command)[1:], "tiny.yaml", "--only", "prepare_base_model", folder=tmp_path)
    assert "ran prepare_base_model" in done.stdout


@pytest.mark.slow
@pytest.mark.slurm
@pytest.mark.skipif(bool(why_not()), reason=why_not())
@pytest.mark.parametrize("command", [command for command in RUNNERS if "slurm" in command])
def test_every_command_with_slurm_puts_a_job_into_the_queue(command: str, tmp_path: Path) -> None:
    pytest.importorskip("submitit", reason="submitit is not installed: pip install madx-pipeline[slurm]")
    write_tiny(tmp_path)
    (tmp_path / "slurm").mkdir()
    arguments = [*shlex.split(command)[1:], "tiny.yaml", "--only", "prepare_base_model"]
    with cluster(tmp_path / "slurm") as variables:
        done = madx(*arguments, folder=tmp_path, PATH=variables["PATH"], SLURM_CONF=variables["SLURM_CONF"])
        assert "1 queued" in done.stdout
        environment = {**os.environ, **variables}
        jobs = subprocess.run(["squeue", "--noheader"], env=environment, capture_output=True, check=True)
        assert len(jobs.stdout.splitlines()) == 1


def fill_default_cache(home: Path) -> None:
    """Puts the published adapter that the README speaks of where a download would have left it."""
    adapter = write_adapter(home / "sw", AdapterShape(base=XLMR_BASE, name="sw"))
    cache = home / ".cache" / "huggingface" / "hub"
    put_in_cache(cache, "AdapterHub/xlm-roberta-base-sw-wiki_pfeiffer", adapter)


def files_of(recipe: dict[str, Any]) -> list[str]:
    """Every file a recipe points at."""
    texts = [choice["path"] for choice in recipe.get("corpora", {}).values() if "path" in choice]
    labelled = [
        path
        for task in recipe["tasks"].values()
        for splits in task.get("files", {}).values()
        for path in splits.values()
    ]
    return texts + labelled


def test_the_quickstart_in_the_readme_is_the_shipped_one() -> None:
    shipped = yaml.safe_load(find_recipe("quickstart").read_text(encoding="utf-8"))
    [shown] = [recipe for recipe in recipes() if recipe["name"] == "quickstart"]
    assert shown == {key: value for key, value in shipped.items() if key in shown}
    assert set(shipped) - set(shown) <= {"summary", "stages", "resources"}


def test_every_recipe_in_the_readme_is_valid() -> None:
    for recipe in recipes():
        Recipe.model_validate(recipe)


def test_overrides_in_the_readme_name_parameters_that_exist() -> None:
    for content in map(yaml.safe_load, blocks("yaml")):
        for stage, values in content.get("stages", {}).items():
            assert set(values) <= set(stage_page(stage).params)


def test_every_stage_and_folder_is_in_the_readme() -> None:
    for stage in STAGES:
        assert f"| `{stage}` |" in TEXT
    [tree] = blocks("text")
    names = re.findall(r"([a-z_]+(?:\.py|/))(?=[\s;,]|$)", tree)
    assert len(names) > 15
    for name in names:
        assert (REPOSITORY / name).exists() or (REPOSITORY / "madx_pipeline" / name).exists(), name


METRIC = {"span_f1": "span F1", "accuracy": "accuracy", "macro_f1": "macro F1", "las": "LAS", "answer_f1": "answer F1"}


def test_every_task_card_is_in_the_table_with_its_type_languages_and_metric() -> None:
    rows = [line for line in TEXT.splitlines() if re.match(r"\| `[a-z_]+` \| (a|one) ", line)]
    for name in card_names("tasks"):
        card = task_card(name)
        if name.startswith("miniature"):
            continue
        count = f" ({len(card.languages)})" if card.languages != "any" and len(card.languages) > 1 else ""
        found = [row for row in rows if f"`{name}`{count}" in row]
        assert len(found) == 1, name
        assert found[0].startswith(f"| `{card.task_type}` |"), name
        assert METRIC.get(card.metric, card.metric) in found[0], name


def test_every_corpus_card_is_named_with_its_languages_and_every_starter_recipe() -> None:
    for name in card_names("corpora"):
        card = corpus_card(name)
        count = f" ({len(card.languages)})" if card.languages != "any" else ""
        assert name == "miniature" or f"`{name}`{count}" in TEXT, name
    for name in recipe_names():
        assert name in TEXT, name


def test_every_part_of_a_recipe_in_the_readme_is_valid_in_a_whole_one() -> None:
    whole = {
        "name": "whole",
        "base_model": {"id": "FacebookAI/xlm-roberta-base"},
        "source_language": "en",
        "target_languages": ["qu", "quy", "sw", "yo"],
        "tasks": {"topics": {"card": "sib200"}},
    }
    parts = [content for content in map(yaml.safe_load, blocks("yaml")) if "name" not in content]
    assert len(parts) >= 4
    for part in parts:
        Recipe.model_validate({**whole, **part})

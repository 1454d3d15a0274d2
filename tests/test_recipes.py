"""The shipped recipes: each can be planned without a network, and its plan says what it would fetch."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from madx_pipeline.cards import task_card
from madx_pipeline.cli import main
from madx_pipeline.commands.planning import plan_recipe
from madx_pipeline.data.github import github_path
from madx_pipeline.languages import canonical
from madx_pipeline.published.catalogue import catalogue_of
from madx_pipeline.recipe_file import find_recipe, read_recipe, recipe_names
from madx_pipeline.shipped import recipes_folder

STARTERS = [name for name in recipe_names() if name != "quickstart"]
PAPER = ["ja", "zh", "ar", "jv", "sw", "is", "my", "qu", "cdo", "ilo", "xmf", "mi", "mhr", "tk", "gn"]
"""Targets of the MAD-X paper from English (Pfeiffer et al. 2020, table 1)."""


@pytest.fixture
def forbidden(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[object]:
    """Attempts to connect to anything; each fails as without a network."""
    tried: list[object] = []

    def refuse(self: socket.socket, address: object) -> None:
        tried.append(address)
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *name, **more: refuse(None, name))  # type: ignore[arg-type]
    for setting in ("HF_HUB_CACHE", "HF_ASSETS_CACHE"):
        monkeypatch.setattr(constants, setting, str(tmp_path / setting))
    monkeypatch.chdir(tmp_path)
    return tried


def planned(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str) -> dict[str, Any]:
    monkeypatch.setattr("sys.argv", ["madx", "plan", name, "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    captured = capsys.readouterr()
    assert not ended.value.code, captured.err
    found: dict[str, Any] = json.loads(captured.out)
    return found


def test_the_starters_are_these() -> None:
    expected = ["americas_nli", "masakhaner", "sib200", "ud_parsing", "ud_pos", "wikiann_zero_shot", "xcopa", "xquad"]
    assert list(STARTERS) == expected


@pytest.mark.usefixtures("forbidden")
@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_is_planned_with_sockets_forbidden_and_names_what_it_would_fetch(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    found = planned(monkeypatch, capsys, name)
    recipe = read_recipe(find_recipe(name)).recipe
    assert recipe is not None
    assert {job["state"] for job in found["jobs"]} == {"to run"}
    if recipe.base_model.builtin is not None:
        assert found["fetches"] == []
        return
    kinds = {fetch["kind"] for fetch in found["fetches"]}
    assert {"model", "adapter", "data set"} <= kinds
    for fetch in found["fetches"]:
        assert fetch["files"]
        assert fetch["cached"] == 0
        assert fetch["where"] in ("Hugging Face Hub", "GitHub")
        assert re.fullmatch(r"[\w.-]+/[\w.-]+", fetch["repository"])
        assert fetch["kind"] == "adapter" or re.fullmatch(r"[0-9a-f]{40}", fetch["revision"])
    adapters = {fetch["repository"] for fetch in found["fetches"] if fetch["kind"] == "adapter"}
    fetched = [job for job in found["jobs"] if job["stage"] == "fetch_language_adapter"]
    assert len(adapters) == len(fetched)


@pytest.mark.parametrize("name", STARTERS)
def test_a_starter_says_what_it_is_where_its_settings_are_from_and_compares_at_full_size(name: str) -> None:
    text = (recipes_folder() / f"{name}.yaml").read_text(encoding="utf-8")
    recipe = read_recipe(find_recipe(name)).recipe
    assert recipe is not None
    assert "source" in text.lower()
    assert "Settings:" in text
    assert len(recipe.summary) > 20
    assert len(recipe.seeds) >= 3
    assert {"madx", "madx_source_kept", "task_adapter_only", "full_finetuning"} <= set(recipe.methods)
    assert "train_language_adapter" not in recipe.stages  # as many steps as the paper's
    assert [code for code in recipe.languages if canonical(code) != code] == []


def test_wikiann_has_the_languages_of_the_paper_all_with_published_adapters() -> None:
    recipe = read_recipe(find_recipe("wikiann_zero_shot")).recipe
    catalogue = catalogue_of("FacebookAI/xlm-roberta-base")
    assert recipe is not None
    assert catalogue is not None
    assert recipe.target_languages == PAPER
    assert set(recipe.languages) <= set(catalogue.of_variant("pfeiffer_relu"))


def test_xcopa_is_learnt_in_two_steps_and_english_is_evaluated_on_copa(tmp_path: Path) -> None:
    plan = plan_recipe("xcopa", tmp_path)
    copa = [job for job in plan.jobs.values() if job.stage == "train_task_adapter" and job.key["task"] == "copa"]
    assert copa
    assert all(plan.jobs[job.inputs["continue_from"]].key["task"] == "siqa" for job in copa)
    [english] = [
        job
        for job in plan.jobs.values()
        if job.stage == "prepare_task_data" and job.key == {"task": "copa", "language": "en"}
    ]
    assert (english.source or {})["card"] == "copa"
    assert {cell.language for cell in plan.cells if cell.task == "siqa"} == {"en"}


def test_files_that_are_in_the_cache_are_said_to_be_there(
    forbidden: list[object], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = task_card("americasnli").source
    path = github_path("abteen/americasnli", str(getattr(source, "commit", "")), "data/anli_final/test/gn.tsv")
    path.parent.mkdir(parents=True)
    path.write_text("x", encoding="utf-8")
    found = planned(monkeypatch, capsys, "americas_nli")
    [fetch] = [fetch for fetch in found["fetches"] if fetch["repository"] == "abteen/americasnli"]
    assert (fetch["cached"], len(fetch["files"])) == (1, 10)
    monkeypatch.setattr("sys.argv", ["madx", "plan", "americas_nli"])
    with pytest.raises(SystemExit):
        main()
    [line] = [line for line in capsys.readouterr().out.splitlines() if "abteen/americasnli" in line]
    assert line.endswith("and 7 more (1 of them in the cache)")
    assert "GitHub, data set abteen/americasnli, commit bebd02ca1e45: " in line

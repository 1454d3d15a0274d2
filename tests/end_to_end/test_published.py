"""Published adapters in a whole run: found in a cache, pinned, noted in a lock file, named in the report; offline.

The base model has XLM-R base's width and layers, and a vocabulary of a few words; its weights and those of the
adapters are random. What it scores means nothing, where it comes from does.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from madx_pipeline.durable import sha256_of
from tests.end_to_end.story import environment, madx_command, results_of, write_recipe
from tests.hub_cache import COMMIT, put_in_cache
from tests.model_builders import WORDS, save_tiny_base
from tests.published.adapter_builder import XLMR_BASE, AdapterShape, edit_tensors, write_adapter

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("published")]

REVISION = "e73636d4f797dec63c3081bb6ed5c7b0bb3f2089"
REPOSITORY = "AdapterHub/xlm-roberta-base-{}-wiki_pfeiffer"
CARD = "---\nlicense: apache-2.0\n---\n# A language adapter\n"
TAGS = ("NOUN", "VERB", "ADJ", "ADP")
METHODS = ("madx", "madx_source_kept", "task_adapter_only")
RECIPE: dict[str, Any] = {
    "name": "ready",
    "base_model": {"id": "FacebookAI/xlm-roberta-base"},
    "source_language": "en",
    "target_languages": ["sw", "qu"],
    "language_adapters": {"default": "published"},
    "seeds": [1],
    "stages": {
        "train_task_adapter": {
            "num_train_epochs": 3,
            "learning_rate": 0.002,
            "per_device_train_batch_size": 4,
            "max_length": 16,
        },
        "evaluate_zero_shot": {"max_length": 16},
    },
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a cache, labelled files, and a recipe that has been run."""
    folder = tmp_path_factory.mktemp("published")
    cache = folder / "huggingface" / "hub"
    sizes: dict[str, Any] = {
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 64,
    }
    save_tiny_base(folder / "base", **sizes, initializer_range=0.02)
    put_in_cache(cache, "FacebookAI/xlm-roberta-base", folder / "base", commit=REVISION)
    shutil.rmtree(folder / "base")
    for seed, code in enumerate(("en", "sw", "qu")):
        adapter = write_adapter(folder / code, AdapterShape(base=XLMR_BASE, name=code, seed=seed))
        edit_tensors(adapter, lambda tensors: [tensor.mul_(0.1) for tensor in tensors.values()])
        (adapter / "README.md").write_text(CARD, encoding="utf-8")
        put_in_cache(cache, REPOSITORY.format(code), adapter)
        shutil.rmtree(adapter)
    madx("run", write_recipe(folder, RECIPE, tasks=tasks(folder)), folder=folder)
    return folder


def tasks(folder: Path, *languages: str) -> dict[str, Any]:
    """Parts of speech, which follow from the first letter of a word, in files."""
    splits = {"en": {"train": 24, "validation": 8, "test": 8}}
    splits |= {code: {"test": 8} for code in (languages or ("sw", "qu"))}
    files = {
        code: {split: labelled(folder / f"{code}-{split}.conllu", number) for split, number in sizes.items()}
        for code, sizes in splits.items()
    }
    return {"pos": {"card": "conllu", "files": files}}


def labelled(path: Path, sentences: int) -> str:
    """Writes sentences of six words each; gives the name of the file."""
    chance = random.Random(path.name)
    lines = []
    for _ in range(sentences):
        for number, word in enumerate(chance.sample(WORDS, 6), start=1):
            tag = TAGS["abcdefgh".index(word[0]) // 2]
            lines.append(f"{number}\t{word}\t_\t{tag}\t_\t_\t_\t_\t_\t_")
        lines.append("")
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return path.name


def madx(*arguments: str | Path, folder: Path, expect: int = 0) -> subprocess.CompletedProcess[str]:
    """Runs `madx` with the cache of the folder and no way to the hub."""
    offline = {"HF_HOME": str(folder / "huggingface"), "HF_HUB_OFFLINE": "1"}
    serial = ("--runner", "serial") if arguments[0] == "run" else ()
    done = subprocess.run(
        madx_command(*arguments, *serial),
        cwd=folder,
        env={**environment(), **offline},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == expect, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def weights_of(folder: Path, code: str) -> Path:
    name = f"models--{REPOSITORY.format(code).replace('/', '--')}"
    return folder / "huggingface/hub" / name / "snapshots" / COMMIT / "pytorch_adapter.bin"


def test_a_recipe_with_published_adapters_runs_to_a_report_offline(folder: Path) -> None:
    results = results_of(folder, "ready")
    cells = {(score["method"], score["language"]) for score in results["scores"]}
    assert cells == {(method, language) for method in METHODS for language in ("en", "sw", "qu")}
    assert results["gaps"] == []
    assert {job["stage"] for job in results["jobs"]} == {
        "prepare_base_model",
        "fetch_language_adapter",
        "prepare_task_data",
        "train_task_adapter",
        "evaluate_zero_shot",
    }
    assert results["base_model"]["revision"] == REVISION
    assert all(check["passed"] for check in results["checks"])


@pytest.mark.parametrize("code", ["en", "sw", "qu"])
def test_the_report_names_repository_commit_hash_and_licence_of_each_language(folder: Path, code: str) -> None:
    expected = {
        "repository": REPOSITORY.format(code),
        "revision": COMMIT,
        "sha256": sha256_of(weights_of(folder, code)),
        "licence": "apache-2.0",
        "variant": "pfeiffer_relu",
    }
    adapter = results_of(folder, "ready")["languages"][code]["language_adapter"]
    assert {key: adapter[key] for key in expected} == expected
    markdown = (folder / "madx_runs/reports/ready/report.md").read_text(encoding="utf-8").replace("\\", "")
    [row] = [line for line in markdown.splitlines() if f"({code}) |" in line and COMMIT in line]
    for value in expected.values():
        assert value in row


def test_what_was_fetched_stands_in_a_lock_file_beside_the_recipe(folder: Path) -> None:
    lock = yaml.safe_load((folder / "ready.lock.yaml").read_text(encoding="utf-8"))
    assert [(row["repository"], row["revision"]) for row in lock["adapters"]] == [
        (REPOSITORY.format(code), COMMIT) for code in ("en", "qu", "sw")
    ]
    [swahili] = [row for row in lock["adapters"] if "-sw-" in row["repository"]]
    assert swahili["files"]["pytorch_adapter.bin"] == sha256_of(weights_of(folder, "sw"))
    assert set(swahili["files"]) == {"adapter_config.json", "pytorch_adapter.bin"}


def test_a_second_run_finds_everything_also_where_only_locked_adapters_are_taken(folder: Path) -> None:
    before = (folder / "ready.lock.yaml").read_bytes()
    for options in ((), ("--locked",)):
        done = madx("run", "ready.yaml", *options, folder=folder)
        assert "] ran " not in done.stdout
        assert "report (found)" in done.stdout
    assert (folder / "ready.lock.yaml").read_bytes() == before
    assert "0 to run" in madx("plan", "ready.yaml", folder=folder).stdout


def test_without_a_lock_file_locked_refuses_every_adapter_and_runs_nothing(folder: Path) -> None:
    write_recipe(folder, RECIPE, name="unlocked", tasks=tasks(folder))
    done = madx("run", "unlocked.yaml", "--locked", folder=folder, expect=2)
    for code in ("en", "sw", "qu"):
        where = f'unlocked.yaml: language_adapters."{code}": '
        assert f"{where}{REPOSITORY.format(code)} is not in unlocked.lock.yaml" in done.stderr
    assert not (folder / "madx_runs/reports/unlocked").exists()


def test_other_bytes_than_the_lock_file_says_stop_the_run_with_both_hashes(folder: Path) -> None:
    digest, wrong = sha256_of(weights_of(folder, "sw")), "f" * 64
    text = (folder / "ready.lock.yaml").read_text(encoding="utf-8")
    write_recipe(folder, RECIPE, name="tampered", tasks=tasks(folder))
    (folder / "tampered.lock.yaml").write_text(text.replace(digest, wrong), encoding="utf-8")
    stopped = madx("run", "tampered.yaml", folder=folder, expect=2)
    assert digest in stopped.stderr
    assert wrong in stopped.stderr
    assert not (folder / "madx_runs/reports/tampered").exists()
    assert wrong in (folder / "tampered.lock.yaml").read_text(encoding="utf-8")


def test_an_adapter_that_cannot_be_had_is_a_gap_and_the_other_languages_have_scores(folder: Path) -> None:
    write_recipe(folder, RECIPE, name="partly", target_languages=["sw", "tr"], tasks=tasks(folder, "sw", "tr"))
    rows = json.loads(madx("plan", "partly.yaml", "--json", folder=folder).stdout)["jobs"]
    [turkish] = [row for row in rows if row["name"] == "fetch_language_adapter/tr"]
    assert REPOSITORY.format("tr") in turkish["why"]
    madx("run", "partly.yaml", folder=folder, expect=1)
    results = results_of(folder, "partly")
    assert [(gap["language"], gap["method"]) for gap in results["gaps"]] == [("tr", "madx")]
    assert REPOSITORY.format("tr") in results["gaps"][0]["reason"]
    locked = yaml.safe_load((folder / "partly.lock.yaml").read_text(encoding="utf-8"))["adapters"]
    assert [row["repository"] for row in locked] == [REPOSITORY.format(code) for code in ("en", "sw")]


def test_a_task_adapter_trained_here_and_brought_back_as_a_ready_one_gives_the_same_scores(folder: Path) -> None:
    [trained] = (folder / "madx_runs/store/train_task_adapter").glob("pos-en-1-en-*/adapter")
    shutil.copytree(trained, folder / "mine")
    [pos] = tasks(folder).values()
    write_recipe(
        folder,
        RECIPE,
        name="brought",
        methods=["madx"],
        seeds=[1, 2],
        tasks={"pos": {**pos, "adapter": {"path": "mine"}}},
    )
    madx("run", "brought.yaml", folder=folder)
    ready, brought = (
        {
            (score["language"], score["metric"], score["value"])
            for score in results_of(folder, name)["scores"]
            if score["method"] == "madx"
        }
        for name in ("ready", "brought")
    )
    assert brought == ready
    assert results_of(folder, "brought")["gaps"] == []
    markdown = (folder / "madx_runs/reports/brought/report.md").read_text(encoding="utf-8")
    assert "The task adapter of pos is published (mine) and was not trained here: for madx the seed was not" in markdown

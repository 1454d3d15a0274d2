"""An export, loaded by the code in its own card with nothing but the `adapters` library, gives the run's scores."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from madx_pipeline.commands.planning import plan_recipe
from madx_pipeline.store import Store
from tests.end_to_end.story import SMALL, begin_with, environment, madx, write_recipe

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("export")]

TINY: dict[str, Any] = {
    **SMALL,
    "name": "tiny",
    "methods": ["madx", "task_adapter_only"],
    "seeds": [1, 2],
    "stages": {**SMALL["stages"], "prepare_task_data": {"max_examples": 200}},
}

_QUIET = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
"""A process that shares its machine: idle threads of torch would take the cores from the others."""

FRESH = """
import json, sys
import torch
from transformers import AutoTokenizer

class NotUs:
    def find_spec(self, name, path=None, target=None):
        assert not name.startswith("madx_pipeline"), "the export must load without this package"

sys.meta_path.insert(0, NotUs())
code, base, examples = (open(sys.argv[1]).read(), sys.argv[2], [json.loads(line) for line in open(sys.argv[3])])
loaded = {}
exec(code, loaded)
model, tokenizer = loaded["model"], AutoTokenizer.from_pretrained(base)
names = model.get_labels_dict()
for example in examples:
    row = tokenizer(example["words"], is_split_into_words=True, return_tensors="pt")
    with torch.no_grad():
        best = model(**row).logits[0].argmax(dim=-1)
    words = row.word_ids()
    firsts = [words.index(word) for word in range(len(example["words"]))]
    print(json.dumps([names[int(best[position])] for position in firsts]))
assert not [name for name in sys.modules if name.startswith("madx_pipeline")]
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, pretrained: Path) -> Path:
    """A finished run and, beside each other, base model and exports under the names that the cards use."""
    folder = tmp_path_factory.mktemp("exported")
    begin_with(pretrained, folder)
    recipe = write_recipe(folder, TINY)
    madx("run", recipe, folder=folder)
    for language in ("qaa", "qad"):
        madx("export", recipe, "--language", language, "--to", f"miniature-language-{language}", folder=folder)
    madx("export", recipe, "--task", "pos", "--to", "madx", folder=folder)
    madx("export", recipe, "--task", "pos", "--method", "task_adapter_only", "--to", "alone", "--bin", folder=folder)
    base = next((folder / "madx_runs/store/prepare_base_model").glob("*/model"))
    (folder / "miniature").symlink_to(base)
    return folder


def code_in_card(folder: Path) -> str:
    """The Python block of a model card."""
    card = (folder / "README.md").read_text(encoding="utf-8")
    [code] = re.findall("```python\n(.*?)```", card, re.DOTALL)
    return str(code)


def artifact(folder: Path, stage: str, **key: str | int) -> Path:
    """The folder of a job's artifact."""
    plan = plan_recipe(str(folder / "tiny.yaml"), folder / "madx_runs")
    [job] = [job for job in plan.jobs.values() if job.stage == stage and job.key == key]
    return Store(folder / "madx_runs").path(job)


@cache
def predictions(folder: Path, code: str, language: str) -> list[list[str]]:
    """What the model that the code loads predicts on the test set, in a process that cannot import this package."""
    (folder / "code.py").write_text(code, encoding="utf-8")
    data = artifact(folder, "prepare_task_data", task="pos", language=language) / "test.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", FRESH, "code.py", "miniature", str(data)],
        cwd=folder,
        env=_QUIET | environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def in_the_run(folder: Path, **key: str | int) -> tuple[list[list[str]], list[list[str]], float]:
    """Gold and predicted labels of an evaluation, and its accuracy."""
    found = artifact(folder, "evaluate_zero_shot", task="pos", **key)
    rows = [json.loads(line) for line in (found / "examples.jsonl").read_text(encoding="utf-8").splitlines()]
    accuracy = json.loads((found / "scores.json").read_text(encoding="utf-8"))["accuracy"]
    return [row["gold"] for row in rows], [row["predicted"] for row in rows], accuracy


def accuracy_of(gold: list[list[str]], predicted: list[list[str]]) -> float:
    pairs = [pair for truth, answer in zip(gold, predicted, strict=True) for pair in zip(truth, answer, strict=True)]
    return sum(truth == answer for truth, answer in pairs) / len(pairs)


def seed_of(folder: Path) -> int:
    """The seed that an export was made of."""
    job = json.loads((folder / "export.json").read_text(encoding="utf-8"))["job"]
    return int(job.split("/")[3])


@pytest.mark.parametrize("language", ["qaa", "qad"])
def test_the_stack_of_two_exports_gives_the_scores_of_the_run(exported: Path, language: str) -> None:
    code = code_in_card(exported / "madx")
    assert "miniature-language-qaa" in code
    code = code.replace("miniature-language-qaa", f"miniature-language-{language}")
    found = predictions(exported, code, language)
    seed = seed_of(exported / "madx")
    gold, predicted, accuracy = in_the_run(exported, language=language, seed=seed, on="qaa", **{"with": language})
    assert found == predicted
    assert accuracy_of(gold, found) == pytest.approx(accuracy, abs=1e-12)
    assert f"| {100 * accuracy:.1f} |" in (exported / "madx/README.md").read_text(encoding="utf-8")


def test_the_language_adapter_makes_the_difference(exported: Path) -> None:
    """Otherwise equal predictions would say nothing about it."""
    code = code_in_card(exported / "madx")
    right = predictions(exported, code.replace("language-qaa", "language-qad"), "qad")
    assert right != predictions(exported, code, "qad")


def test_a_task_adapter_that_was_trained_alone_gives_the_scores_of_the_run_also_to_old_readers(exported: Path) -> None:
    code = code_in_card(exported / "alone")
    seed = seed_of(exported / "alone")
    _, predicted, _ = in_the_run(exported, language="qad", seed=seed, on="none", **{"with": "none"})
    assert predictions(exported, code, "qad") == predicted
    assert predictions(exported, code.replace(", use_safetensors=True", ""), "qad") == predicted


def test_a_language_adapter_is_loaded_by_the_code_in_its_card(exported: Path) -> None:
    code = code_in_card(exported / "miniature-language-qad") + "\nprint(adapter, model.active_adapters)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=exported,
        env=_QUIET | environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split()[0] == "language_qad"
    assert "language_qad" in done.stdout.split(maxsplit=1)[1]


def test_the_seed_with_the_better_source_validation_score_was_exported(exported: Path) -> None:
    dev = {}
    for seed in (1, 2):
        record = artifact(exported, "train_task_adapter", task="pos", language="qaa", seed=seed, on="qaa")
        dev[seed] = json.loads((record / "artifact.json").read_text(encoding="utf-8"))["facts"]["dev"]["accuracy"]
    assert seed_of(exported / "madx") == max(dev, key=lambda seed: dev[seed])

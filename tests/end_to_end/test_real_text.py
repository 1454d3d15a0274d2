"""Real text, real labels, a tokenizer of real words: parts of speech from English to eight languages."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.real_text import TREEBANKS
from tests.end_to_end.small_base import small_base
from tests.end_to_end.story import madx, results_of, write_recipe

pytestmark = pytest.mark.slow


def test_pos_from_english_to_eight_languages_runs_to_a_report(shared: Path, tmp_path: Path) -> None:
    model = small_base(shared, ("en", *TREEBANKS), tmp_path / "base")
    ud = shared / "data/ud"
    english = {
        "train": str(ud / "en_ewt-train.conllu"),
        "validation": str(ud / "en_ewt-dev.conllu"),
        "test": str(ud / "en_ewt-test.conllu"),
    }
    targets = {language: {"test": str(ud / f"{name}-test.conllu")} for language, name in TREEBANKS.items()}
    recipe = write_recipe(
        tmp_path,
        {
            "name": "real",
            "base_model": {"path": str(model)},
            "source_language": "en",
            "target_languages": list(TREEBANKS),
            "corpora": {
                code: {"path": str(shared / f"data/text/{code}.txt.gz"), "max_lines": 2000}
                for code in ("en", *TREEBANKS)
            },
            "tasks": {"pos": {"card": "conllu", "files": {"en": english, **targets}}},
            "methods": ["madx", "madx_source_kept", "task_adapter_only"],
            "seeds": [1],
            "stages": {
                "train_language_adapter": {
                    "max_steps": 24,  # slowly: languages that the base model knows well have little to gain
                    "eval_steps": 8,
                    "max_length": 64,
                    "learning_rate": 0.0001,
                    "per_device_train_batch_size": 16,
                    "gradient_accumulation_steps": 1,
                    "packing": "lines",
                },
                "train_task_adapter": {"num_train_epochs": 2, "learning_rate": 0.002},
            },
        },
    )
    madx("run", recipe, folder=tmp_path)
    results = results_of(tmp_path, "real")
    cells = {(score["method"], score["language"]) for score in results["scores"]}
    assert cells == {
        (method, language)
        for method in ("madx", "madx_source_kept", "task_adapter_only")
        for language in ("en", *TREEBANKS)
    }
    words = {"ht": 144, "tl": 128, "ceb": 198, "yo": 317}
    examples = {score["language"]: score["examples"] for score in results["scores"]}
    assert {language: examples[language] for language in words} == words

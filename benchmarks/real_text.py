"""Parts of speech, or trees, from English to eight languages on real text: what MAD-X is worth there, with intervals.

    python -m benchmarks.real_text --data FOLDER --model FOLDER --home /somewhere/with/space [--task parsing]

FOLDER of the data has `text/<code>.txt.gz` and `ud/<treebank>-{train,dev,test}.conllu`; the model is any small
multilingual base model. Steps and learning rate of the language adapters were chosen by their held-out loss on
English and Yoruba text, the learning rate of the task adapter for trees on English validation data; nothing by a
test set. Prints the table of the report, in points.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

TREEBANKS = {
    "de": "de_gsd",
    "fi": "fi_tdt",
    "fr": "fr_sequoia",
    "vi": "vi_vtb",
    "tl": "tl_trg",
    "ceb": "ceb_gja",
    "ht": "ht_autogramm",
    "yo": "yo_ytb",
}
TASKS: dict[str, dict[str, Any]] = {
    "pos": {"card": "conllu"},
    # Relations that the English training data does not have stay in the test sets, and count as wrong.
    "parsing": {"card": "ud_parsing", "labels": {name: name for name in ("clf", "dislocated", "orphan")}},
}
LEARNING_RATES = {"pos": 0.001, "parsing": 0.0003}
"""Of task adapters."""
METHODS = ("madx", "madx_source_kept", "task_adapter_only", "full_finetuning", "majority_class")


def main() -> None:
    """Runs the recipe, what is missing of it, and prints its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--home", type=Path, default=Path("madx_runs/real_text"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--task", choices=TASKS, default="pos")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    arguments = parser.parse_args()
    arguments.home.mkdir(parents=True, exist_ok=True)
    wanted = recipe(arguments.data.resolve(), arguments.model.resolve(), arguments.task, arguments.seeds)
    path = arguments.home / f"{wanted['name']}.yaml"
    path.write_text(yaml.safe_dump(wanted), encoding="utf-8")
    command = [sys.executable, "-m", "madx_pipeline", "run", str(path), "--home", str(arguments.home)]
    subprocess.run([*command, "--workers", str(arguments.workers)], check=True)
    show(json.loads((arguments.home / "reports" / wanted["name"] / "results.json").read_text(encoding="utf-8")))


def recipe(data: Path, model: Path, task: str, seeds: list[int]) -> dict[str, Any]:
    """The experiment: nine languages, five methods."""
    english = {
        split: str(data / f"ud/en_ewt-{name}.conllu")
        for split, name in (("train", "train"), ("validation", "dev"), ("test", "test"))
    }
    targets = {code: {"test": str(data / f"ud/{name}-test.conllu")} for code, name in TREEBANKS.items()}
    return {
        "name": f"real_text_{task}",
        "base_model": {"path": str(model)},
        "source_language": "en",
        "target_languages": list(TREEBANKS),
        "corpora": {code: {"path": str(data / f"text/{code}.txt.gz")} for code in ("en", *TREEBANKS)},
        "tasks": {task: {**TASKS[task], "files": {"en": english, **targets}}},
        "methods": list(METHODS),
        "seeds": seeds,
        "stages": {
            "train_language_adapter": {
                "max_steps": 160,
                "eval_steps": 80,
                "max_length": 96,
                "per_device_train_batch_size": 32,
                "gradient_accumulation_steps": 1,
                "max_eval_samples": 300,
                "learning_rate": 0.003,
                "warmup_ratio": 0.06,
            },
            "train_task_adapter": {
                "num_train_epochs": 4,
                "learning_rate": LEARNING_RATES[task],
                "max_length": 96,
            },
            "finetune_base_model": {"num_train_epochs": 4, "learning_rate": 0.0003, "max_length": 96},
            "evaluate_zero_shot": {"max_length": 96},
        },
    }


def show(results: dict[str, Any]) -> None:
    """Prints mean and interval by language and method, and what the report says of each language."""
    primary = {score["metric"] for score in results["scores"] if score["primary"]}
    rows = [row for row in results["summary"] if row["metric"] in primary]
    cells = {(row["language"], row["method"]): row for row in rows}
    verdicts = {verdict["language"]: verdict for verdict in results["verdicts"]}
    print(f"| language | {' | '.join(METHODS)} | MAD-X helps |\n|---|{'---|' * (len(METHODS) + 1)}")
    for language in ("en", *TREEBANKS):
        shown = [points(cells[language, method], "mean") for method in METHODS]
        verdict = verdicts.get(language)
        answer = f"{verdict['outcome']}: {points(verdict, 'margin')}" if verdict else ""
        print(f"| {language} | {' | '.join(shown)} | {answer} |")


def points(numbers: dict[str, float], value: str) -> str:
    """A value with its interval, in points."""
    return f"{100 * numbers[value]:.1f} ({100 * numbers['low']:.1f} to {100 * numbers['high']:.1f})"


if __name__ == "__main__":
    main()

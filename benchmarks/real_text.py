"""From English to other languages on real text: what MAD-X is worth there, task by task, with intervals.

    python -m benchmarks.real_text --data FOLDER --model FOLDER --home /somewhere/with/space [--task parsing]

FOLDER of the data has `text/<code>.txt.gz`, `ud/<treebank>-{train,dev,test}.conllu`, `sib200/<code>/<split>.tsv` and
`xcopa/<code>/<split>.jsonl`; the model is any small multilingual base model. Languages whose text is missing stay in
the recipe without a language adapter; the text for Southern Quechua is of another Quechua. Steps and learning rate of
the language adapters were chosen by their held-out loss on English and Yoruba text, epochs and learning rate of the
task adapters on English validation data; nothing by a test set. Prints the table of the report, in points, and why
scores are missing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from madx_pipeline.errors import JobError

METHODS = ("madx", "madx_source_kept", "task_adapter_only", "full_finetuning", "majority_class")
ENGLISH = {"train": "train", "validation": "dev", "test": "test"}
"""Split to what the files call it."""


@dataclass(frozen=True)
class RealTask:
    """What is asked, of whom.

    Attributes:
        files: Path of a split below the data folder; `{code}` is what the data set calls the language.
        targets: Language to what the data set calls it.
        source: What the data set calls English.
        splits: Split of the source to what the files call it.
        options: Options of the task in the recipe, its card among them.
        epochs: Passes over the English training data.
        learning_rate: Of the task adapter.
    """

    files: str
    targets: dict[str, str]
    source: str
    options: dict[str, Any]
    splits: dict[str, str] = field(default_factory=lambda: ENGLISH)
    epochs: int = 4
    learning_rate: float = 0.001

    def splits_by_language(self, data: Path) -> dict[str, dict[str, str]]:
        """Files of each language: all splits of the source, the test set of the others."""
        found = {"en": {split: self._path(data, self.source, name) for split, name in self.splits.items()}}
        return found | {language: {"test": self._path(data, code, "test")} for language, code in self.targets.items()}

    def _path(self, data: Path, code: str, split: str) -> str:
        return str(data / self.files.format(code=code, split=split))


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
SIB200 = {
    "am": "amh_Ethi",
    "de": "deu_Latn",
    "es": "spa_Latn",
    "fi": "fin_Latn",
    "ht": "hat_Latn",
    "ko": "kor_Hang",
    "quy": "quy_Latn",
    "sw": "swh_Latn",
    "tl": "tgl_Latn",
    "tr": "tur_Latn",
    "ug": "uig_Arab",
    "yo": "yor_Latn",
}
XCOPA = {code: code for code in ("et", "ht", "id", "it", "qu", "sw", "ta", "th", "tr", "vi", "zh")}
TREES = "ud/{code}-{split}.conllu"

TASKS = {
    "pos": RealTask(TREES, TREEBANKS, "en_ewt", {"card": "conllu"}),
    "parsing": RealTask(
        TREES,
        TREEBANKS,
        "en_ewt",
        # Relations that the English training data does not have stay in the test sets, and count as wrong.
        {"card": "ud_parsing", "labels": {name: name for name in ("clf", "dislocated", "orphan")}},
        learning_rate=0.0003,
    ),
    "topics": RealTask("sib200/{code}/{split}.tsv", SIB200, "eng_Latn", {"card": "sib200"}, epochs=20),
    "choices": RealTask(
        "xcopa/{code}/{split}.jsonl",
        XCOPA,
        "en",
        {"card": "xcopa"},
        # There is no English test set: the score on English is on what chose the epoch.
        splits={"train": "train", "validation": "val", "test": "val"},
        epochs=20,
    ),
}
TEXTS = {"quy": "qu"}
"""Languages whose text is in a file of another name."""


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
    report = arguments.home / "reports" / wanted["name"] / "results.json"
    report.unlink(missing_ok=True)
    status = subprocess.run([*command, "--workers", str(arguments.workers)], check=False).returncode
    if status not in (0, JobError.exit_code) or not report.is_file():
        sys.exit(status)
    show(wanted["target_languages"], json.loads(report.read_text(encoding="utf-8")))


def recipe(data: Path, model: Path, name: str, seeds: list[int]) -> dict[str, Any]:
    """The experiment: English and all targets of the task, five methods."""
    task = TASKS[name]
    texts = {code: data / f"text/{TEXTS.get(code, code)}.txt.gz" for code in ("en", *task.targets)}
    return {
        "name": f"real_text_{name}",
        "base_model": {"path": str(model)},
        "source_language": "en",
        "target_languages": list(task.targets),
        "corpora": {code: {"path": str(path)} for code, path in texts.items() if path.is_file()},
        "language_adapters": {code: "none" for code, path in texts.items() if not path.is_file()},
        "tasks": {name: {**task.options, "files": task.splits_by_language(data)}},
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
                "num_train_epochs": task.epochs,
                "learning_rate": task.learning_rate,
                "max_length": 96,
            },
            "finetune_base_model": {"num_train_epochs": task.epochs, "learning_rate": 0.0003, "max_length": 96},
            "evaluate_zero_shot": {"max_length": 96},
        },
    }


def show(targets: list[str], results: dict[str, Any]) -> None:
    """Prints mean and interval by language and method, and what the report says of each language."""
    primary = {score["metric"] for score in results["scores"] if score["primary"]}
    rows = [row for row in results["summary"] if row["metric"] in primary]
    cells = {(row["language"], row["method"]): row for row in rows}
    verdicts = {verdict["language"]: verdict for verdict in results["verdicts"]}
    print(f"| language | {' | '.join(METHODS)} | MAD-X helps |\n|---|{'---|' * (len(METHODS) + 1)}")
    for language in ("en", *targets):
        shown = [points(cells.get((language, method)), "mean") for method in METHODS]
        verdict = verdicts.get(language)
        answer = f"{verdict['outcome']}: {points(verdict, 'margin')}" if verdict else ""
        print(f"| {language} | {' | '.join(shown)} | {answer} |")
    for reason in dict.fromkeys(gap["reason"] for gap in results["gaps"]):
        print(f"Missing: {reason}")


def points(numbers: dict[str, float] | None, value: str) -> str:
    """A value with its interval, in points."""
    if numbers is None or numbers[value] is None:
        return "-"
    return f"{100 * numbers[value]:.1f} ({100 * numbers['low']:.1f} to {100 * numbers['high']:.1f})"


if __name__ == "__main__":
    main()

"""A made-up run for pages: results of any size, and the few files of a store that pages read.

The numbers are invented, but hang together: predictions are wrong more often where a score is lower.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from madx_pipeline.report.results import FORMAT, Results
from tests.report.pages.made_up_store import LABELS, MadeUpStore, kind_of

METHODS = ("madx", "madx_source_kept", "task_adapter_only", "full_finetuning")

NAMES = {
    "en": "English",
    "ar": "العربية",  # as a user may call it: the pages must show it as it is
    "zh": "Chinese",
    "am": "Amharic",
    "yo": "Yoruba",
    "ht": "Haitian Creole",
}

_METRICS = {"ner": "span_f1", "pos": "accuracy", "topics": "accuracy", "parsing": "las"}


@dataclass
class World:
    """What is made up.

    Attributes:
        home: Where the store goes.
        languages: Codes; the first is the source.
        tasks: Names, each a kind of `LABELS`, with anything after a dash.
        methods: Methods.
        seeds: Seeds.
        names: Code to name.
        examples: Test examples that are written; 0 writes no store.
        lost: Languages of which one job failed, so that they have no scores of MAD-X.
        first_line: What the first test example of every tagging task begins with.
    """

    home: Path
    languages: Sequence[str] = ("en", "ar", "zh", "am", "ht")
    tasks: Sequence[str] = ("ner", "pos", "topics")
    methods: Sequence[str] = METHODS
    seeds: Sequence[int] = (1, 2, 3)
    names: dict[str, str] = field(default_factory=lambda: dict(NAMES))
    examples: int = 30
    lost: Sequence[str] = ()
    first_line: Sequence[str] = ()

    def results(self) -> Results:
        """The results; writes what they refer to."""
        self._store = MadeUpStore(self.home, self.examples, self.first_line)
        parts: dict[str, list[Any]] = {name: [] for name in ("scores", "summary", "comparisons", "transfer", "gaps")}
        parts["efficiency"] = [_efficiency(task, method) for task in self.tasks for method in self.methods]
        parts["storage"] = [_storage(method, len(self.languages), len(self.tasks)) for method in self.methods]
        self._jobs: list[dict[str, Any]] = [_job("prepare_base_model", "base", "prepare_base_model")]
        self._jobs += [_job("prepare_corpus", f"corpus-{code}", f"prepare_corpus/{code}") for code in self.languages]
        for task in self.tasks:
            for language in self.languages:
                data = _job("prepare_task_data", f"data-{task}-{language}", f"prepare_task_data/{task}/{language}")
                self._jobs.append(data)
                self._store.test_set(data["folder"], task, language)
                for method in self.methods:
                    self._cell(parts, task, language, method)
                self._compare(parts, task, language)
        verdicts = [self._verdict(parts, language) for language in [*self.languages[1:], self.languages[0]]]
        return Results.model_validate(
            {
                "format": FORMAT,
                "recipe": "made-up",
                "description": "A run that never was.",
                "base_model": {"name": "FacebookAI/xlm-roberta-base", "fingerprint": "base", "layers": 12},
                "source_language": self.languages[0],
                "target_languages": list(self.languages[1:]),
                "methods": list(self.methods),
                "seeds": list(self.seeds),
                "confidence": 0.95,
                "verdicts": verdicts,
                **parts,
                "checks": [_check(job["name"]) for job in self._jobs[:40]],
                "languages": {language: self._facts(language) for language in self.languages},
                "tasks": {task: self._task(task) for task in self.tasks},
                "jobs": self._jobs,
                "parameters": {"report": {"digits": 1, "smallest_gain_points": 2.0, "smallest_gap_closed": 0.25}},
                "libraries": {"torch": ["2.13.0", "2.14.0"], "adapters": ["1.3.0"]},
                "configuration": {"stages": {"train_language_adapter": {"max_steps": 800}}},
            }
        )

    def mean(self, task: str, language: str, method: str) -> float:
        """The made-up score of a cell, as a fraction."""
        place = self.languages.index(language)
        if not place:
            return 0.9
        gain = {"madx": 0.24 - 0.08 * (place % 5), "madx_source_kept": 0.02, "full_finetuning": -0.02}
        return round(0.5 + 0.02 * (place % 7) + gain.get(method, 0.0), 6)

    def _cell(self, parts: dict[str, list[Any]], task: str, language: str, method: str) -> None:
        cell = {"task": task, "language": language, "method": method, "metric": _metric(task)}
        if language in self.lost and method == "madx":
            reason = f"train_language_adapter/{language} failed after 312 steps: the loss is not a number."
            lost = {"job": f"train_language_adapter/{language}", "reason": reason, "hint": "Lower the learning rate."}
            parts["gaps"] += [
                {"task": task, "language": language, "method": method, "seed": seed, "log": "store/x/log.txt", **lost}
                for seed in self.seeds
            ]
            return
        mean = self.mean(task, language, method)
        for seed in self.seeds:
            name = f"evaluate_zero_shot/{task}/{language}/{method}/{seed}"
            job = _job("evaluate_zero_shot", name.replace("/", "-"), name)
            self._jobs.append(job)
            data = f"store/prepare_task_data/data-{task}-{language}"
            self._store.predictions(job["folder"], data, task, mean)
            parts["scores"].append(
                cell
                | {"source_language": self.languages[0], "seed": seed, "primary": True, "value": mean}
                | {"majority": 0.2, "examples": 300, "language_adapter": None, "job": name}
                | {"by_label": {}, "warnings": [], "folder": job["folder"]}
            )
        common = {"seeds": list(self.seeds), "std": 0.011}
        parts["summary"].append(
            cell
            | common
            | {"primary": True, "mean": mean, "low": mean - 0.03, "high": mean + 0.03}
            | {"interval": "examples and seeds", "majority": 0.2, "examples": 300}
        )
        if language != self.languages[0]:
            parts["transfer"].append(cell | common | {"gap": 0.9 - mean})

    def _compare(self, parts: dict[str, list[Any]], task: str, language: str) -> None:
        there = {row["method"] for row in parts["summary"] if (row["task"], row["language"]) == (task, language)}
        for baseline in ("task_adapter_only", "madx_source_kept"):
            for method in self.methods:
                if method == baseline or not {method, baseline} <= there:
                    continue
                difference = self.mean(task, language, method) - self.mean(task, language, baseline)
                clear = abs(difference) > 0.03
                parts["comparisons"].append(
                    {"task": task, "language": language, "metric": _metric(task), "method": method}
                    | {"baseline": baseline, "difference": difference, "low": difference - 0.03}
                    | {"high": difference + 0.03, "interval": "examples and seeds", "p": 0.0002 if clear else 0.4}
                    | {"p_holm": 0.0008 if clear else 0.9, "detectable": 0.041, "seeds": list(self.seeds)}
                    | {"examples": 300, "answer": _answer(difference) if clear else "no evidence"}
                )

    def _verdict(self, parts: dict[str, list[Any]], language: str) -> dict[str, Any]:
        margins = {
            row["task"]: row["difference"]
            for row in parts["comparisons"]
            if (row["language"], row["method"], row["baseline"]) == (language, "madx", "madx_source_kept")
        }
        margin = sum(margins.values()) / len(margins) if margins else None
        source = language == self.languages[0]
        outcome = "unknown" if margin is None else "source" if source else _answer(margin)
        if margin is not None and abs(margin) <= 0.03 and not source:
            outcome = "no evidence"
        bounds = dict.fromkeys(("low", "high")) if margin is None else {"low": margin - 0.03, "high": margin + 0.03}
        return {
            "language": language,
            "outcome": outcome,
            "falls_short": outcome == "helps" and margin is not None and margin < 0.1,
            "margin": margin,
            **bounds,
            "interval": None if margin is None else "examples and seeds",
            "p": None if margin is None else 0.001,
            "p_holm": None if margin is None or source else 0.004,
            "detectable": None if margin is None else 0.03,
            "gap_closed": None if margin is None or source else max(0.0, margin) / 0.4,
            "seeds": len(self.seeds) if margins else 0,
            "comparisons": [
                {"task": task, "metric": _metric(task), "madx": 0.5 + part, "rival": "madx_source_kept"}
                | {"rival_mean": 0.5, "rivals": ["task_adapter_only", "madx_source_kept"], "margin": part}
                | {"rival_gap": None if source else 0.4, "seeds": list(self.seeds)}
                for task, part in margins.items()
            ],
            "missing_tasks": [task for task in self.tasks if task not in margins],
        }

    def _facts(self, language: str) -> dict[str, Any]:
        place = self.languages.index(language)
        corpus = {
            "fingerprint": f"corpus-{language}",
            "lines_read": 1000,
            "lines_kept": 985,
            "dropped": {"empty": 0, "duplicate": 12, "too_long": 3},
            "tokens": 20000 * (place + 1) ** 2,
            "words": 12500,
            "tokens_per_word": 1.2 + 0.11 * (place % 9),
            "unknown_share": 0.001 * (place % 4),
            "scripts": {"Arabic": 0.97, "Latin": 0.03} if language == "ar" else {"Latin": 1.0},
            "licence": "CC0-1.0",
            "origin": f"corpora/{language}.txt",
        }
        trained: dict[str, Any] = {"origin": "trained", "steps": 400, "best_step": 400, "heldout_loss_before": 5.2}
        trained |= {"heldout_loss_after": 2.1, "heldout_perplexity_before": 181.3, "heldout_perplexity_after": 8.2}
        trained["curve"] = [{"step": 100 * step, "loss": 3.4 - 0.325 * step} for step in (1, 2, 3, 4)]
        published: dict[str, Any] = {
            "origin": "published",
            "repository": "AdapterHub/xlm-roberta-base-en-wiki_pfeiffer",
        }
        published |= {"revision": "0123456789abcdef" * 2 + "01234567", "sha256": "f" * 64, "licence": None}
        adapter = {"fingerprint": f"adapter-{language}", **(trained if place else published)}
        return {
            "name": self.names.get(language, language),
            "role": "target" if place else "source",
            "seen": place % 2 == 0,
            "corpus": corpus if place else None,
            "language_adapter": None if language in self.lost else adapter,
            "licences": {"corpus": "CC0-1.0"},
        }

    def _task(self, task: str) -> dict[str, Any]:
        data = {
            language: {
                "fingerprint": f"data-{task}-{language}",
                "splits": {"test": {"examples": 300}},
                "licence": "CC BY 4.0",
                "origin": "made up",
            }
            for language in self.languages
        }
        kind = {"topics": "classification", "parsing": "dependency_parsing"}.get(kind_of(task), "tagging")
        return {"task_type": kind, "metric": _metric(task), "labels": LABELS[kind_of(task)], "data": data}


def _efficiency(task: str, method: str) -> dict[str, Any]:
    full = method == "full_finetuning"
    shared = 29_551_104 if method.startswith("madx") else None
    return {
        "task": task,
        "method": method,
        "trainable_parameters": 278_000_000 if full else 894_528,
        "share": 1.0 if full else 0.0032,
        "peak_memory_bytes": 6_100_000_000 if full else 2_900_000_000,
        "device": "cpu",
        "training_seconds": 812.25,
        "language_parameters": 7_387_776 if shared else None,
        "language_share": 0.026 if shared else None,
        "language_peak_memory_bytes": 3_400_000_000 if shared else None,
        "language_training_seconds": 3600.0 if shared else None,
        "inference_seconds_per_1000_tokens": 0.0421,
        "bytes_per_language": shared if method == "madx" else 0,
        "bytes_per_task": 1_112_000_000 if full else 3_600_000,
        "bytes_per_language_and_task": 0,
    }


def _storage(method: str, languages: int, tasks: int) -> dict[str, Any]:
    row = _efficiency("", method)
    parts = {name: row[name] for name in ("bytes_per_language", "bytes_per_task", "bytes_per_language_and_task")}
    once = 0 if method == "full_finetuning" else 1_112_000_000
    total = once + languages * parts["bytes_per_language"] + tasks * parts["bytes_per_task"]
    return {"method": method, "languages": languages, "tasks": tasks, "bytes_once": once, **parts, "total_bytes": total}


def _job(stage: str, fingerprint: str, name: str) -> dict[str, Any]:
    facts = {"state": "found", "seconds": 1.5, "reason": "", "hint": "", "log": None}
    return {"name": name, "stage": stage, "fingerprint": fingerprint, "folder": f"store/{stage}/{fingerprint}", **facts}


def _check(job: str) -> dict[str, Any]:
    return {"name": "made_up", "job": job, "passed": True, "value": 1, "detail": "It is made up.", "hard": True}


def _metric(task: str) -> str:
    return _METRICS[kind_of(task)]


def _answer(difference: float) -> str:
    return "helps" if difference > 0 else "hurts"

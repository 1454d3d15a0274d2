"""A made-up run of any size: 200 languages x 5 tasks x 5 seeds x 4 methods, 1,000 test examples each, if asked.

Records are written directly, not through the store, which would sync each of 27,000 folders to the disk. What
the predictions of a cell are follows from task, method, seed and a tenth of the languages, so that the files
can be links to some thousand different ones; whoever reads them reads every path all the same.
"""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

from madx_pipeline.cards import corpus_card
from madx_pipeline.integrity import RECORD, checksum_of
from madx_pipeline.jobs import Job
from madx_pipeline.records import ArtifactRecord, Check, FileRecord
from madx_pipeline.report.outcomes import measure_of
from tests.report.builders import MadeUp, make_run
from tests.report.invented import FACTS

METHODS = ("madx", "madx_source_kept", "task_adapter_only", "full_finetuning")
GROUPS = 10
"""Languages whose numbers come in this many kinds."""

TAGS = ("B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "O", "O", "O", "O", "O", "O")
TOPICS = ("health", "politics", "science", "sports", "travel")


def large_run(home: Path, languages: int = 200, tasks: int = 5, seeds: int = 5, examples: int = 1000) -> MadeUp:
    """A whole run of that many target languages, every evaluation with its `examples.jsonl`.

    Args:
        home: Folder of the store.
        languages: Target languages: the first so many of Wikipedia, after the source.
        tasks: Of three tasks one is span F1, one accuracy by word, one accuracy by text.
        seeds: Seeds.
        examples: Test examples of each evaluation.
    """
    source, *targets = list(corpus_card("wikipedia").languages)[: languages + 1]
    names = [f"{('ner', 'pos', 'topics')[index % 3]}{index}" for index in range(tasks)]
    run = make_run(
        home,
        source_language=source,
        target_languages=targets,
        tasks={name: {"card": "miniature_ner"} for name in names},
        methods=list(METHODS),
        seeds=list(range(1, seeds + 1)),
    )
    pool = _Pool(home / "pool", examples)
    for job in run.plan.jobs.values():
        _finish(run, job, pool)
    return run


class _Pool:
    """Files of predictions, each made once."""

    def __init__(self, folder: Path, examples: int) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self.examples = examples
        self._made: dict[tuple[str, str, int, int], tuple[Path, float]] = {}

    def predictions(self, task: str, method: str, group: int, seed: int) -> tuple[Path, float]:
        """A file, and the score that is in it."""
        key = (task, method, group, seed)
        if key not in self._made:
            path = self._folder / "-".join(map(str, key))
            self._made[key] = (path, self._write(path, key))
        return self._made[key]

    def _write(self, path: Path, key: tuple[str, str, int, int]) -> float:
        task, method, group, _ = key
        gain = group / 40 if method == "madx" else 0.0
        draw, truth = random.Random(str(key)), random.Random(f"{task}/{group}")
        share = 0.5 + gain + draw.gauss(0, 0.01)
        lines = [_line(task, share, draw, truth) for _ in range(self.examples)]
        path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
        return _score(task, lines)


def _line(task: str, share: float, draw: random.Random, truth: random.Random) -> dict[str, str | list[str]]:
    """An example of which each label is right with probability `share`."""
    if task.startswith("topics"):
        gold = truth.choice(TOPICS)
        return {"gold": gold, "predicted": gold if draw.random() < share else draw.choice(TOPICS)}
    labels = [truth.choice(TAGS) for _ in range(truth.randint(4, 16))]
    return {"gold": labels, "predicted": [tag if draw.random() < share else draw.choice(TAGS) for tag in labels]}


def _score(task: str, lines: list[dict[str, str | list[str]]]) -> float:
    measure = measure_of("span_f1" if task.startswith("ner") else "accuracy")
    counts = measure.counts([line["gold"] for line in lines], [line["predicted"] for line in lines])
    return float(measure.score(counts.sum(axis=0)))


def _finish(run: MadeUp, job: Job, pool: _Pool) -> None:
    """Writes the record of a job, and of an evaluation its predictions."""
    folder = run.store.path(job)
    folder.mkdir(parents=True)
    facts = FACTS[job.stage](run, job)
    files = {}
    if job.stage == "evaluate_zero_shot":
        cell = run.cell(job)
        group = int.from_bytes(cell.language.encode("utf-8"), "big") % GROUPS
        path, value = pool.predictions(cell.task, cell.method, group, cell.seed)
        os.link(path, folder / "examples.jsonl")
        files["examples.jsonl"] = FileRecord(bytes=path.stat().st_size, sha256="0" * 64)
        metric = "span_f1" if cell.task.startswith("ner") else "accuracy"
        facts |= {"metric": metric, "values": {metric: value}, "examples": pool.examples}
    record = ArtifactRecord(
        format=1,
        **{name: getattr(job, name) for name in ("stage", "version", "kind", "name", "key", "fingerprint", "params")},
        source=None,
        inputs=job.inputs,
        facts=facts,
        checks=[Check(name="made_up_check", passed=True, value=1, detail="it is made up")],
        seconds=1.0,
        libraries={"torch": "2.13.0"},
        files=files,
        checksum="",
    )
    record = record.model_copy(update={"checksum": checksum_of(record)})
    (folder / RECORD).write_text(record.model_dump_json(indent=1), encoding="utf-8")

"""What a training costs: measured over all sittings, written beside the artifact and never into its files."""

from __future__ import annotations

import json
import os
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch

from madx_pipeline.stage import Workspace
from madx_pipeline.training import cost, train
from madx_pipeline.training.cost import Cost, forget_peak, peak_memory
from tests.model_builders import workspace
from tests.tasks.tiny_world import interrupt_at
from tests.training_runs import PARAMS, language_training, new_language_model, new_task_model


def trained(folder: Path, base: Path) -> Workspace:
    """A language adapter trained in `folder`, from its last checkpoint if there is one."""
    out = workspace(folder)
    train(new_language_model(base), language_training(), PARAMS, 7, out)
    return out


def test_a_training_measures_parameters_seconds_and_memory(tmp_path: Path) -> None:
    measured = trained(tmp_path / "out", tmp_path / "base").measured
    model = new_language_model(tmp_path / "base")
    assert measured["trainable_parameters"] == sum(one.numel() for one in model.parameters() if one.requires_grad)
    assert measured["parameters"] == sum(one.numel() for one in model.parameters())
    assert 0 < measured["trainable_parameters"] < measured["parameters"]
    assert measured["training_seconds"] > 0
    assert measured["device"] == ("cuda" if torch.cuda.is_available() else "cpu")
    json.dumps(measured)


def test_full_fine_tuning_trains_all_there_is(tmp_path: Path) -> None:
    model = new_task_model(tmp_path / "base")
    numbers = Cost(tmp_path).numbers(model)
    assert numbers["trainable_parameters"] == numbers["parameters"]


def test_the_seconds_of_an_interrupted_training_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = interrupted(tmp_path, monkeypatch)
    remember(tmp_path, seconds=1000 + first["seconds"])  # as if it had lasted so long
    os.utime(tmp_path / "out/checkpoints/checkpoint-8", (1, 1))  # a copy to another disk does that
    measured = trained(tmp_path / "out", tmp_path / "base").measured
    assert 1000 + first["seconds"] < measured["training_seconds"] < 1000 + 600


def test_the_peak_of_a_killed_sitting_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (interrupted(tmp_path, monkeypatch)["peak"] is not None) == forget_peak()
    remember(tmp_path, peak=10**15)
    assert trained(tmp_path / "out", tmp_path / "base").measured["peak_memory_bytes"] == 10**15


def interrupted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What is remembered of a training that was broken off after its second checkpoint."""
    with monkeypatch.context() as patch:
        patch.setattr(Workspace, "progress", interrupt_at(10))
        with pytest.raises(KeyboardInterrupt):
            trained(folder / "out", folder / "base")
    note: dict[str, Any] = json.loads((folder / "out/checkpoints/cost.json").read_text(encoding="utf-8"))
    return note


def remember(folder: Path, **changes: float) -> None:
    """Changes what is remembered."""
    file = folder / "out/checkpoints/cost.json"
    file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def test_a_training_that_had_ended_keeps_its_seconds_and_its_peak(tmp_path: Path) -> None:
    first = trained(tmp_path / "out", tmp_path / "base").measured
    again = trained(tmp_path / "out", tmp_path / "base").measured  # a kill after the last step, before the artifact
    assert again["peak_memory_bytes"] == first["peak_memory_bytes"]
    assert 0 < again["training_seconds"] <= first["training_seconds"]
    assert again == first


def test_a_note_that_cannot_be_read_costs_nothing_but_what_it_knew(tmp_path: Path) -> None:
    (tmp_path / "cost.json").write_text("{", encoding="utf-8")
    assert Cost.of_earlier_sittings(tmp_path) == Cost(tmp_path)


def test_garbage_of_earlier_jobs_is_gone_before_a_peak_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    class Model:
        def __init__(self) -> None:
            self.trainer = self

    left, seen = weakref.ref(Model()), []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: seen.append(left()))
    assert forget_peak()
    assert seen == [None]


def test_memory_that_cannot_be_had_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "_FORGET", tmp_path / "no" / "such" / "file")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert not forget_peak()
    here = Cost(tmp_path)
    with here.sitting():
        pass
    assert here.peak is None


@pytest.mark.skipif(torch.cuda.is_available(), reason="measures main memory")
def test_the_peak_of_a_job_is_not_that_of_the_one_before_it() -> None:
    if not forget_peak():
        pytest.skip("this system does not forget a peak")
    big = bytearray(200_000_000)
    big[::4096] = b"1" * len(big[::4096])
    with_it = peak_memory()
    del big
    assert forget_peak()
    without = peak_memory()
    assert with_it is not None
    assert without is not None
    assert with_it - without > 100_000_000

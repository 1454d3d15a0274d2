"""Each damaged or mismatched folder: the check says why, and loading leaves the model in memory as it was."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from madx_pipeline.adapter_files import head_check, problems_of, read_adapter
from madx_pipeline.adapter_model import (
    AdapterShape,
    active_stack,
    adapter_checks,
    add_adapter,
    base_config,
    head_hash,
    load_language_adapter,
    load_model,
    load_task_adapter,
    set_stack,
    weights_hash,
)
from madx_pipeline.commands.adapters_check import check_adapter
from madx_pipeline.errors import JobError
from tests.model_builders import save_tiny_base
from tests.published import damages
from tests.published.adapter_builder import write_adapter

WHERE = "AdapterHub/x"


class Standing:
    """A model in memory that has a language adapter, a task adapter and a head already."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.facts = save_tiny_base(folder)
        self.config = base_config(json.loads((folder / "config.json").read_text()))
        self.model = load_model(folder, self.facts["name"])
        language = AdapterShape("seq_bn", 2, inv_adapter="nice", inv_adapter_reduction_factor=2)
        add_adapter(self.model, "language_en", language, seed=1)
        add_adapter(self.model, "task_pos", AdapterShape("seq_bn", 2), seed=2)
        self.model.add_tagging_head("task_pos", num_labels=3)
        set_stack(self.model, ["language_en", "task_pos"])

    def state(self) -> dict[str, Any]:
        """Everything about it that loading an adapter could change."""
        adapters = self.model.adapters_config
        return {
            "base model": weights_hash(self.model),
            "adapters": {name: weights_hash(self.model, name) for name in adapters},
            "configs": {name: dict(adapters.get(name)) for name in adapters},
            "heads": {name: copy.deepcopy(head.config) for name, head in self.model.heads.items()},
            "head weights": head_hash(self.model),
            "tensors": sorted(self.model.state_dict()),
            "stack": active_stack(self.model),
            "head": self.model.active_head,
        }


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Standing:
    return Standing(tmp_path_factory.mktemp("base"))


def built(case: damages.Damaged, folder: Path) -> Path:
    write_adapter(folder, case.shape)
    case.damage(folder)
    return folder


def said(messages: list[str], patterns: tuple[str, ...]) -> bool:
    """Whether there is exactly one message for each pattern, in order."""
    bare = [message.removeprefix(f"{WHERE}: ") for message in messages]
    return len(bare) == len(patterns) and all(map(re.match, patterns, bare))


def test_there_are_at_least_thirty_of_them() -> None:
    assert len(damages.ALL) >= 30


@pytest.mark.parametrize("name", damages.ALL)
def test_it_is_refused_for_the_right_reason_and_leaves_no_trace(name: str, standing: Standing, tmp_path: Path) -> None:
    case = damages.ALL[name]
    folder = built(case, tmp_path / "adapter")
    before = standing.state()
    load = load_task_adapter if case.as_task else load_language_adapter
    with pytest.raises(JobError) as raised:
        load(standing.model, folder, "new", standing.facts | case.facts, WHERE)
    messages = [problem.message for problem in raised.value.problems]
    assert said(messages, case.said), messages
    assert standing.state() == before
    assert not (folder / "was-here").exists()
    if case.as_task:
        shown = head_check(folder, WHERE, of_language_adapter=False).problems
        about_its_config = [one for one in messages if "head_config.json has" in one or "its head is" in one]
        assert [problem.message for problem in shown] == about_its_config
    else:
        assert refusals(folder, standing, case.facts) == messages


def refusals(folder: Path, standing: Standing, facts: dict[str, Any]) -> list[str]:
    """What the checks say by themselves, of which every one is a row that can be shown."""
    checks = adapter_checks(read_adapter(folder, WHERE), standing.config, standing.facts | facts)
    rows = [check.row() for check in checks]
    json.dumps(rows)
    assert len({row["name"] for row in rows}) == len(rows)
    problems = problems_of(checks)
    assert " ".join(row["detail"] for row in rows if not row["passed"]) == " ".join(one.message for one in problems)
    return [problem.message for problem in problems]


@pytest.mark.parametrize("name", ["tensors: no inverse", "files: NaN", "head: a head on the pooler"])
def test_the_command_says_no_and_ends_with_1(
    name: str, standing: Standing, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = damages.ALL[name]
    folder = built(case, tmp_path / "adapter")
    assert check_adapter(str(folder), str(standing.folder), as_json=True) == 1
    report = json.loads(capsys.readouterr().out)
    (no,) = (row for row in report["checks"] if not row["passed"])
    assert re.match(case.said[0], no["detail"].removeprefix(f"{folder}: "))

"""What a cluster is asked for: the user's own file, the recipe over it, and nothing that could do harm in a script."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from madx_pipeline.errors import InputError
from madx_pipeline.slurm.config import Cluster, cluster_of


@pytest.fixture
def own_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "madx").mkdir()
    return tmp_path / "madx" / "cluster.yaml"


def test_without_any_nothing_is_asked_for(own_file: Path) -> None:
    assert cluster_of(None) == Cluster()


def test_a_recipe_counts_more_than_the_users_file_and_a_stage_more_than_all(own_file: Path) -> None:
    stages = "stages: {train_language_adapter: {partition: gpu, qos: long}}"
    own_file.write_text(f'account: nlp\npartition: cpu\ntime: "1:00:00"\n{stages}\n', encoding="utf-8")
    long = {"train_language_adapter": {"time": "2-00:00:00"}}
    cluster = cluster_of(Cluster.model_validate({"partition": "fast", "stages": long}))
    common, training = cluster.limits("prepare_corpus"), cluster.limits("train_language_adapter")
    assert (common.account, common.partition, common.time, common.qos) == ("nlp", "fast", "1:00:00", None)
    assert (training.account, training.partition, training.time, training.qos) == ("nlp", "gpu", "2-00:00:00", "long")


def test_mistakes_in_the_users_file_are_named_with_their_place(own_file: Path) -> None:
    own_file.write_text("partitions: gpu\nat_once: 0\n", encoding="utf-8")
    with pytest.raises(InputError) as refused:
        cluster_of(None)
    messages = sorted(problem.message for problem in refused.value.problems)
    assert messages[0].startswith(f"{own_file}: at_once is 0: ")
    assert messages[1] == f"{own_file}: partitions is not a known key."


@pytest.mark.parametrize(
    "wrong",
    [
        {"partition": "main\n#SBATCH --uid=0"},
        {"account": "$(reboot)"},
        {"qos": "a b"},
        {"constraint": "-x"},
        {"time": "12"},
        {"time": 43200},
        {"time": "forever"},
        {"stages": {"train_language_adaptor": {}}},
        {"setup": ["rm -rf /"]},
    ],
)
def test_what_slurm_or_a_shell_could_take_for_something_else_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Cluster.model_validate(wrong)


@pytest.mark.parametrize("time", ["00:30:00", "12:00", "2-00", "1-12:00:00"])
def test_times_are_written_as_slurm_writes_them(time: str) -> None:
    assert Cluster.model_validate({"time": time}).time == time

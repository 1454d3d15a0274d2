"""The pages of the three task stages and their parameter models say the same."""

from __future__ import annotations

import pytest

from madx_pipeline.stage import stage_module, stage_page


@pytest.mark.parametrize("stage", ["train_task_adapter", "finetune_base_model", "evaluate_zero_shot"])
def test_a_page_and_its_parameters_agree_key_by_key(stage: str) -> None:
    module = stage_module(stage)
    assert set(stage_page(stage).params) == set(module.Params.model_fields)
    module.Params.model_validate(stage_page(stage).params)


def test_both_trainings_see_the_same_rows() -> None:
    adapter, full = (stage_page(stage).params for stage in ("train_task_adapter", "finetune_base_model"))
    for name in ("max_length", "num_train_epochs", "per_device_train_batch_size"):
        assert adapter[name] == full[name]

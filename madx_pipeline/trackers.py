"""Who may be told of trainings (`report_to` of a recipe): TensorBoard, or another of transformers' integrations.

Only names and packages are here, so that a recipe is read without transformers; `training/logs.py` tells them.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from typing import Literal

from madx_pipeline.errors import Problem

Tracker = Literal[
    "tensorboard",
    "wandb",
    "mlflow",
    "comet_ml",
    "trackio",
    "neptune",
    "clearml",
    "dagshub",
    "dvclive",
    "swanlab",
    "codecarbon",
    "azure_ml",
    "flyte",
]

PACKAGES: dict[Tracker, dict[str, str]] = {
    "tensorboard": {"tensorboard": "tensorboard"},
    "wandb": {"wandb": "wandb"},
    "mlflow": {"mlflow": "mlflow"},
    "comet_ml": {"comet_ml": "comet-ml"},
    "trackio": {"trackio": "trackio"},
    "neptune": {"neptune": "neptune"},
    "clearml": {"clearml": "clearml"},
    "dagshub": {"dagshub": "dagshub", "mlflow": "mlflow"},
    "dvclive": {"dvclive": "dvclive"},
    "swanlab": {"swanlab": "swanlab"},
    "codecarbon": {"codecarbon": "codecarbon"},
    "azure_ml": {"azureml": "azureml-sdk"},
    "flyte": {"flytekit": "flytekit"},
}
"""Module that has to be there to the package that brings it."""


def missing_packages(report_to: Iterable[Tracker], file: str) -> list[Problem]:
    """One problem for each name in `report_to` of the recipe `file` whose package is not installed."""
    problems = []
    for index, name in enumerate(report_to):
        missing = [package for module, package in PACKAGES[name].items() if importlib.util.find_spec(module) is None]
        if missing:
            what = f'{file}: report_to[{index}] is "{name}", which is not installed here.'
            problems.append(Problem(what, f"pip install {' '.join(missing)}, or leave it out: nothing is made again."))
    return problems

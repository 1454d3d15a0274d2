"""Environment variables of every process of ours: set before torch is imported, inherited by those it starts."""

from __future__ import annotations

import os

_VARIABLES = {
    "OMP_WAIT_POLICY": "PASSIVE",  # several threads on busy cores spin at barriers otherwise, up to 20 times slower
    "TOKENIZERS_PARALLELISM": "false",  # we run jobs side by side instead
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}


def set_environment() -> None:
    """Sets what the user has not set."""
    for name, value in _VARIABLES.items():
        os.environ.setdefault(name, value)

"""Whatever happens inside, the random states of Python, numpy and torch outside stay as they were."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from madx_pipeline.adapter_model import own_random_state


@contextmanager
def own_randomness() -> Iterator[None]:
    """For code of others: it may seed or draw, also from the global generators."""
    python, numeric = random.getstate(), np.random.get_state()
    with own_random_state():
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numeric)

"""Where jobs run: in this process, in local worker processes, later on existing engines."""

from __future__ import annotations

import os
from pathlib import Path

from madx_pipeline.errors import InputError, suggestion
from madx_pipeline.runner import Runner

RUNNERS = ("serial", "local")


def make_runner(name: str | None, workers: int | None, home: Path) -> Runner:
    """The runner asked for; without a name, `local` where there are two cores, else `serial`.

    Raises:
        InputError: If there is no such runner.
    """
    from madx_pipeline.runners.local import LocalRunner
    from madx_pipeline.runners.serial import SerialRunner

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    if name is None:
        name = "local" if (workers or cores) > 1 else "serial"
    if name == "serial":
        return SerialRunner(home)
    if name == "local":
        return LocalRunner(home, workers or cores)
    raise InputError(f"there is no runner {name!r}. Possible: {', '.join(RUNNERS)}.", suggestion(name, RUNNERS))

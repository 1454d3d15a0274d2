"""A job for Slurm that does nothing until it is interrupted, and prints what becomes of it: what `madx run-job` does
without a training, which takes long to start."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import typer

from madx_pipeline.slurm.sitting import Interrupted, go_on_later, signals
from madx_pipeline.store import Store
from tests.builders import make_job


def main(home: Path) -> None:
    """Waits for a signal."""
    began = time.time()
    with signals():
        try:
            typer.echo("begun")
            time.sleep(600)
        except Interrupted as interruption:
            outcome = go_on_later(make_job("job"), Store(home), interruption, began)
            typer.echo("goes on later" if outcome is None else outcome.problem)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

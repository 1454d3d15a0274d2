"""Several processes that share a training, each with a part of every step's examples (DistributedDataParallel).

Started by `launch.py`, one a GPU, or some on the CPU. What is called here does nothing in a training of one process.
All of them hold the whole model and do everything a stage does; files are written by the first alone, but for the state
of each one's random numbers, which goes into the same checkpoint.
"""

from __future__ import annotations

import os

import torch
from torch import distributed

from madx_pipeline.errors import JobError
from madx_pipeline.training_params import uneven


def join() -> None:
    """Makes this process, started by torchrun, one of those that share a training; on a GPU of its own if there are."""
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")


def count() -> int:
    """How many processes share the training."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def is_first() -> bool:
    """Whether this is the process that writes."""
    return not distributed.is_initialized() or distributed.get_rank() == 0


def wait_for_all() -> None:
    """Goes on when every process is here."""
    if distributed.is_initialized():
        distributed.barrier()


def as_the_first(numbers: dict[str, float]) -> dict[str, float]:
    """The numbers that the first process measured: on some hardware the last bit differs, and all must decide alike."""
    if not distributed.is_initialized():
        return numbers
    values = torch.tensor(list(numbers.values()), dtype=torch.float64)
    values = values.cuda() if distributed.get_backend() == "nccl" else values
    distributed.broadcast(values, src=0)
    return dict(zip(numbers, values.tolist(), strict=True))


def is_of_another(error: Exception) -> bool:
    """Whether an error only says that another process is gone, which is not why the training failed."""
    return isinstance(error, distributed.DistError) or any(name in str(error) for name in ("gloo/transport", "NCCL"))


def share_of(batch: int, passes: int, processes: int) -> tuple[int, int]:
    """How one of several processes does its part of a step, so that the step sees what it sees with one process.

    Args:
        batch: Examples of a forward pass.
        passes: Forward passes of a step.
        processes: How many share the step.

    Returns:
        Examples of a pass, at most `batch`, and passes of a step, for each process.

    Raises:
        JobError: If the examples of a step cannot be shared evenly.
    """
    examples, left = divmod(batch * passes, processes)
    if left:
        raise JobError(uneven(batch * passes, processes), "Choose processes or gpus by which they can be divided.")
    largest = max(size for size in range(1, batch + 1) if examples % size == 0)
    return largest, examples // largest

"""What a training tells while it runs: TensorBoard beside the artifact, other trackers by their own settings.

Called by `run.py`. No log may touch a training: one that fails is left out with a warning, and what it draws
from the random streams is put back. TensorBoard's own callback in transformers would do neither, and
it knows nothing of resuming.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.integrations import get_reporting_integration_callbacks

from madx_pipeline.stage import Workspace
from madx_pipeline.training.randomness import own_randomness

_TAGS = {"loss": "train/loss", "learning_rate": "train/learning_rate", "grad_norm": "train/grad_norm"}
_LEAVES_ITS_RUN_OPEN = ("wandb", "swanlab")
"""Their callbacks would take the next training of this process for more of this one."""


class EventLog(TrainerCallback):  # type: ignore[misc]  # transformers carries no types
    """Writes TensorBoard event files: training loss, learning rate, gradient norm and evaluations at their steps."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: Any = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **unused: Any
    ) -> None:
        """Goes on after the checkpoint: what an earlier sitting wrote of later steps no longer counts."""
        from torch.utils.tensorboard import SummaryWriter

        if state.is_world_process_zero:
            self._writer = SummaryWriter(str(self._folder), purge_step=state.global_step + 1)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float],
        **unused: Any,
    ) -> None:
        """Brings the numbers to the file at once: a killed training has them up to its checkpoint."""
        if self._writer is None:
            return
        for name, value in logs.items():
            tag = f"eval/{name.removeprefix('eval_')}" if name.startswith("eval_") else _TAGS.get(name)
            if tag is not None:
                self._writer.add_scalar(tag, value, state.global_step)
        self._writer.flush()

    def close(self) -> None:
        """Ends the file."""
        if self._writer is not None:
            self._writer.close()


class Logs:
    """All logs of one training as a single callback of its Trainer.

    Not a `TrainerCallback`: whichever event the Trainer calls, it goes through `__getattr__` to those
    logs that do something there.
    """

    def __init__(self, out: Workspace) -> None:
        self._out = out
        self._logs: dict[str, Any] = {}

    def open(self) -> None:
        """Makes the logs that the workspace asks for."""
        for name in self._out.report_to:
            self._try(name, self._open, name)

    def close(self) -> None:
        """Ends every log, also after a training that failed."""
        for name in list(self._logs):
            self._try(name, _close, name, self._logs.pop(name))

    def __getattr__(self, event: str) -> Callable[..., None]:
        stock = getattr(TrainerCallback, event)  # AttributeError for what is no event

        def tell(*arguments: Any, **named: Any) -> None:
            for name, log in list(self._logs.items()):
                if getattr(type(log), event) is not stock:
                    self._try(name, getattr(log, event), *arguments, **named)

        return tell

    def _open(self, name: str) -> None:
        self._logs[name] = _log(name, self._out)

    def _try(self, tracker: str, do: Callable[..., object], *arguments: Any, **named: Any) -> None:
        try:
            with own_randomness():
                do(*arguments, **named)
        except Exception as error:  # whatever a tracker or the disk does, the training goes on
            cause = " ".join(f"{type(error).__name__}: {error}".split())
            self._out.warn(f"{tracker} was told nothing of this training from here on ({cause})")
            failed = self._logs.pop(tracker, None)
            if failed is not None:
                with suppress(Exception), own_randomness():
                    _close(tracker, failed)


@contextmanager
def logs_of(out: Workspace) -> Iterator[Logs]:
    """The logs of a training, closed at its end whatever that is."""
    logs = Logs(out)
    logs.open()
    try:
        yield logs
    finally:
        logs.close()


def _log(name: str, out: Workspace) -> Any:
    if name == "tensorboard":
        return EventLog(out.logs) if out.logs is not None else TrainerCallback()
    return get_reporting_integration_callbacks([name])[0]()


def _close(name: str, log: Any) -> None:
    if isinstance(log, EventLog):
        log.close()
    elif name in _LEAVES_ITS_RUN_OPEN:
        importlib.import_module(name).finish()

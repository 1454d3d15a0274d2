"""torchrun, with a note of what signals ended its processes: `python -m madx_pipeline.launcher NOTE ARGUMENTS...`.

`launch.py` starts it. A process that a signal ends says nothing itself, and of one that failed torchrun says no more.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

from madx_pipeline.durable import write_whole


def main(note: Path, arguments: list[str]) -> None:
    """Starts the processes and waits for them.

    Raises:
        ChildFailedError: If one of them failed; torchrun's, so that its report is in the log.
    """
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import main as torchrun

    try:
        torchrun(arguments)
    except ChildFailedError as error:
        codes = [failure.exitcode for failure in error.failures.values()]
        signals = [signal.Signals(-code).name for code in codes if code < 0]
        write_whole(note, json.dumps([name for name in signals if name != "SIGTERM"]))  # by that torchrun ends the rest
        raise


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])

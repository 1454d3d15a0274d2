"""Hands arrays to Slurm through submitit, which writes the batch script and calls sbatch.

submitit would have Slurm run a pickled function; here it runs `madx run-job`, so nothing of submitit is needed on the
nodes, and nothing is pickled.
"""

from __future__ import annotations

import math
import re
import secrets
import shlex
import subprocess
import sys
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any

from submitit.core.utils import FailedJobError, FailedSubmissionError
from submitit.slurm.slurm import SlurmExecutor

from madx_pipeline.durable import write_whole
from madx_pipeline.errors import InputError
from madx_pipeline.job_file import forget_outcome, write_job
from madx_pipeline.jobs import Job
from madx_pipeline.machine import threads_of
from madx_pipeline.slurm.arrays import Array
from madx_pipeline.slurm.config import Cluster
from madx_pipeline.slurm.queue import Place, cancel, folder_of, note_array

_WARN_SECONDS = 120
"""Slurm looks at time limits once in half a minute, and a step of a large model takes a while."""
_USUAL_ARRAY = 1001
"""Slurm's own default of MaxArraySize."""


class _Executor(SlurmExecutor):
    """Submits a command that is no pickled function."""

    def hand_over(self, command: str, count: int) -> str:
        """Slurm's number of an array whose tasks run this command."""
        self.parameters["map_count"] = count
        with redirect_stderr(StringIO()):  # submitit prints what sbatch says before it raises it
            return str(self._submit_command(command).job_id)


def longest_array() -> int:
    """How many jobs this cluster lets an array have."""
    done = subprocess.run(["scontrol", "show", "config"], check=False, capture_output=True, text=True, timeout=60)
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", done.stdout, flags=re.MULTILINE)
    return max(1, int(found.group(1)) if found else _USUAL_ARRAY)


def submit(arrays: list[Array], queued: dict[str, Place], home: Path, cluster: Cluster) -> dict[str, Place]:
    """Hands all arrays over, or none of them.

    Args:
        arrays: Each after those it waits for.
        queued: Jobs that are in the queue already, which some of these may need.
        home: Folder of the store; every node sees it under this path.
        cluster: What is asked for.

    Returns:
        The place of each job, by fingerprint.

    Raises:
        InputError: If Slurm refuses one of them.
    """
    numbers: list[str] = []
    places: dict[str, Place] = {}
    try:
        for array in arrays:
            waits_for = {numbers[other] for other in array.after}
            waits_for |= {queued[need].array for job in array.jobs for need in job.inputs.values() if need in queued}
            name = f"madx-{array.jobs[0].stage}-{secrets.token_hex(4)}"
            numbers.append(_submit(array.jobs, name, sorted(waits_for), home, cluster))
            places |= note_array(home, numbers[-1], name, array.jobs)
    except BaseException as error:
        cancel(numbers)
        if isinstance(error, FailedJobError | FailedSubmissionError):
            raise InputError(_refusal(array.jobs[0].stage, error), _WHAT_TO_CHANGE) from error
        raise
    return places


def _submit(jobs: list[Job], name: str, waits_for: list[str], home: Path, cluster: Cluster) -> str:
    for job in jobs:
        write_job(job, home)
        forget_outcome(job, home)
    listed = folder_of(home) / f"{name}.txt"
    listed.parent.mkdir(parents=True, exist_ok=True)
    write_whole(listed, "".join(f"{job.folder}\n" for job in jobs))
    executor = _Executor(folder_of(home))
    executor.update_parameters(**_parameters(jobs[0], name, waits_for, cluster))
    where = ["--from-list", str(listed), "--home", str(home.resolve())]
    command = shlex.join([sys.executable, "-m", "madx_pipeline", "run-job", *where])
    return executor.hand_over(command, len(jobs))


def _parameters(job: Job, name: str, waits_for: list[str], cluster: Cluster) -> dict[str, Any]:
    """As sbatch calls them; all jobs of an array ask for the same."""
    limits = cluster.limits(job.stage)
    asked: dict[str, Any] = limits.model_dump(exclude_none=True, exclude={"at_once"})
    asked |= {"job_name": name, "cpus_per_task": threads_of(job), "wckey": "madx", "stderr_to_stdout": True}
    asked |= {"mem": f"{math.ceil(job.resources['memory_gib'] * 1024)}MB"}
    asked |= {"signal_delay_s": cluster.warn_seconds or _WARN_SECONDS, "array_parallelism": limits.at_once or 10**6}
    if job.resources["gpus"]:
        asked["gpus_per_node"] = job.resources["gpus"]
    if waits_for:
        asked["dependency"] = "afterany:" + ":".join(waits_for)
    asked["time"] = limits.time  # None is the partition's own: without it submitit would say 5 minutes
    asked["srun_args"] = [f"--cpus-per-task={threads_of(job)}"]  # srun does not take it over since Slurm 22.05
    asked["additional_parameters"] = {"requeue": True}
    return asked


_WHAT_TO_CHANGE = "Nothing was handed over. Change `cluster:` or `resources:` of the recipe; sinfo says what there is."


def _refusal(stage: str, error: Exception) -> str:
    said = [line for line in str(error).splitlines() if line.startswith("sbatch: error:")]
    words = " ".join(line.removeprefix("sbatch: error:").strip().rstrip(".") + "." for line in said) or str(error)
    return f"Slurm refuses {stage}: {words}"

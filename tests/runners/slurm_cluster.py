"""A real Slurm on this machine for as long as tests need it: munged, slurmctld and slurmd with ports and folders of
their own, all on loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel", "sinfo")

CREDENTIAL_SECONDS = 10
"""How long Slurm holds back a job that goes back into the queue; its own default is two minutes."""


def why_not() -> str:
    """Why there can be no Slurm here, or nothing."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]
    if missing:
        return f"Slurm is not installed ({', '.join(missing)} missing): apt-get install slurm-wlm munge"
    return "" if os.geteuid() == 0 else "slurmd has to be started by root"


@contextmanager
def cluster(folder: Path) -> Iterator[dict[str, str]]:
    """Starts it; gives the environment variables with which Slurm's commands find it."""
    for name in ("state", "spool", "munge"):
        (folder / name).mkdir(mode=0o700, parents=True)
    key = folder / "munge/key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    (folder / "slurm.conf").write_text(_configuration(folder), encoding="utf-8")
    variables = {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": _path()}
    running: list[subprocess.Popen[bytes]] = []
    try:
        for command in _daemons(folder):
            running.append(_start(command, folder, variables))
        _wait_until_idle(folder, variables)
        yield variables
    finally:
        _cancel_everything(variables)
        for process in reversed(running):
            process.terminate()
            process.wait(timeout=300)


def _daemons(folder: Path) -> list[list[str]]:
    munge, configuration = folder / "munge", str(folder / "slurm.conf")
    files = {"socket": "socket", "key-file": "key", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    options = [f"--{option}={munge / name}" for option, name in files.items()]
    return [
        ["munged", "--force", "--foreground", *options],
        ["slurmctld", "-D", "-c", "-f", configuration],
        ["slurmd", "-D", "-c", "-f", configuration],
    ]


def _start(command: list[str], folder: Path, variables: dict[str, str]) -> subprocess.Popen[bytes]:
    with (folder / f"{command[0]}.out").open("wb") as out:
        process = subprocess.Popen(command, env={**os.environ, **variables}, stdout=out, stderr=out, cwd=folder)
    if command[0] == "munged":
        _wait_for_file(folder / "munge/socket")
    return process


def _configuration(folder: Path) -> str:
    host = socket.gethostname().partition(".")[0]
    lines = {
        "ClusterName": "madx",
        "SlurmctldHost": f"{host}(127.0.0.1)",
        "SlurmctldPort": str(_free_port()),
        "SlurmdPort": str(_free_port()),
        "SlurmUser": "root",
        "AuthType": "auth/munge",
        "AuthInfo": f"socket={folder}/munge/socket,cred_expire={CREDENTIAL_SECONDS}",
        "StateSaveLocation": f"{folder}/state",
        "SlurmdSpoolDir": f"{folder}/spool",
        "SlurmctldPidFile": f"{folder}/slurmctld.pid",
        "SlurmdPidFile": f"{folder}/slurmd.pid",
        "SlurmctldLogFile": f"{folder}/slurmctld.log",
        "SlurmdLogFile": f"{folder}/slurmd.log",
        "ProctrackType": "proctrack/linuxproc",  # cgroups are not to be had in a container
        "TaskPlugin": "task/none",
        "JobAcctGatherType": "jobacct_gather/none",
        "AccountingStorageType": "accounting_storage/none",
        "JobCompType": "jobcomp/filetxt",
        "JobCompLoc": f"{folder}/jobs.txt",
        "SchedulerParameters": "sched_interval=2,bf_interval=2,batch_sched_delay=0",
        "SelectType": "select/cons_tres",
        "SelectTypeParameters": "CR_Core_Memory",
        "ReturnToService": "2",
        "MpiDefault": "none",
        "KillWait": "20",
        "MaxArraySize": "100",
        "PreemptType": "preempt/partition_prio",
        "PreemptMode": "CANCEL",  # the harder one: what is preempted is gone unless it puts itself back
    }
    node = f"NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=3000 State=UNKNOWN"
    usual = f"PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP PriorityTier=1"
    urgent = f"PartitionName=urgent Nodes={host} MaxTime=INFINITE State=UP PriorityTier=2"
    return "\n".join([*(f"{name}={value}" for name, value in lines.items()), node, usual, urgent]) + "\n"


def _wait_until_idle(folder: Path, variables: dict[str, str]) -> None:
    for _ in range(150):
        done = subprocess.run(
            ["sinfo", "--noheader", "--format=%T"],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.stdout.strip() == "idle":
            return
        time.sleep(0.2)
    logs = "".join((folder / name).read_text(errors="replace") for name in ("slurmctld.out", "slurmd.out"))
    raise RuntimeError(f"Slurm does not come up: {done.stdout}{done.stderr}{logs[-3000:]}")


def _cancel_everything(variables: dict[str, str]) -> None:
    environment = {**os.environ, **variables}
    subprocess.run(["scancel", "--me"], env=environment, check=False, capture_output=True)
    for _ in range(50):
        left = subprocess.run(["squeue", "--noheader"], env=environment, check=False, capture_output=True)
        if not left.stdout.strip():
            return
        time.sleep(0.2)


def _wait_for_file(path: Path) -> None:
    for _ in range(100):
        if path.exists():
            return
        time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _path() -> str:
    """Debian puts daemons where the PATH of a user does not lead."""
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"

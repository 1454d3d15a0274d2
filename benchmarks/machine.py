"""The machine that a benchmark runs on, as results name it."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

import torch

PEAK_BF16 = {"H100": 989e12, "H200": 989e12, "A100": 312e12, "L40S": 362e12, "A10": 125e12, "T4": 65e12}
"""Dense bfloat16 operations a second (float16 for the T4), by the vendor's data sheets; the first name that fits."""


def has_gpu() -> bool:
    """Whether benchmarks run on a GPU."""
    return torch.cuda.is_available()


def machine_name() -> str:
    """What tells this kind of machine from others, fit for the name of a file."""
    if has_gpu():
        return torch.cuda.get_device_name().replace(" ", "-").lower()
    return f"{platform.machine()}-{os.cpu_count()}-cores"


def described() -> str:
    """The machine in words, for the line under a table."""
    if has_gpu():
        return f"{torch.cuda.get_device_name()}, bfloat16"
    return f"{platform.machine()}, {os.cpu_count()} cores of which one is used, {platform.system()}, float32"


def commit() -> str | None:
    """The commit of what is measured, `-dirty` behind it if files differ from it; None where there is no repository."""
    asked = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        found = subprocess.run(asked, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return found.stdout.strip() or None


def share_of_peak(operations: float, seconds: float) -> float:
    """Operations a second as a share of what the chip could do; 0 where that is not known."""
    name = torch.cuda.get_device_name()
    best = next((peak for chip, peak in PEAK_BF16.items() if chip in name), None)
    return round(operations / seconds / best, 3) if best else 0.0

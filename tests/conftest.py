"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# As the command line does: before torch is imported anywhere.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# One thread here and in every process that a test starts: with another number sums round otherwise, and the tests run
# side by side.
os.environ["OMP_NUM_THREADS"] = "1"
# No test needs a hub; one that reaches for it anyway should fail at once, not after a time-out.
os.environ["HF_HUB_OFFLINE"] = "1"

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the repository; tests that need it are skipped where it is missing."""
    folder = REPOSITORY.parent / "shared"
    if not (folder / "data" / "manifest.json").is_file():
        pytest.skip("the folder of real data (../shared) is not here")
    return folder


@pytest.fixture(scope="session")
def tiny_serial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the tiny recipe was run serially: what every other way to run it has to give as well."""
    from tests.end_to_end.story import madx
    from tests.runners.tiny import write_tiny

    folder = tmp_path_factory.mktemp("serial")
    write_tiny(folder)
    madx("run", "tiny.yaml", "--runner", "serial", folder=folder)
    return folder


def pytest_collection_finish(session: pytest.Session) -> None:
    """Some versions of pytest and xdist ignore groups together, and every expensive fixture is made twice, unseen."""
    grouped = [item for item in session.items if item.get_closest_marker("xdist_group")]
    if getattr(session.config.option, "loadgroup", False) and any("@" not in item.nodeid for item in grouped):
        raise pytest.UsageError("xdist does not honour groups here: install the versions in constraints.txt.")

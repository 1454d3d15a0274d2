"""The quickstart, run once for all the tests that look at what it gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.story import madx


@pytest.fixture(scope="session")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `madx run` has been run as a newcomer would: nothing set, no hub to be reached."""
    folder = tmp_path_factory.mktemp("quickstart")
    madx("run", folder=folder)
    return folder

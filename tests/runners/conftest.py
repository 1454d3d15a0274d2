"""The tiny recipe run in one process: what every other runner has to give as well."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.story import madx
from tests.runners.tiny import write_tiny


@pytest.fixture(scope="session")
def tiny_serial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the tiny recipe was run serially."""
    folder = tmp_path_factory.mktemp("serial")
    write_tiny(folder)
    madx("run", "tiny.yaml", "--runner", "serial", folder=folder)
    return folder

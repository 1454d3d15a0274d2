"""What takes long and is looked at by many tests: the quickstart's run, and the base model of the small recipe."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.story import madx, write_recipe


@pytest.fixture(scope="session")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `madx run` has been run as a newcomer would: nothing set, no hub to be reached."""
    folder = tmp_path_factory.mktemp("quickstart")
    madx("run", folder=folder)
    return folder


@pytest.fixture(scope="session")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the small recipe's base model has been made, and nothing else; for `begin_with`."""
    folder = tmp_path_factory.mktemp("pretrained")
    madx("run", write_recipe(folder), "--until", "prepare_base_model", folder=folder)
    return folder

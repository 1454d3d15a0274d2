"""A finished run that every test of the export may read, and copies of it to change."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.export.made_up import HUB, MINIATURE, MadeUp, adapters


@pytest.fixture(scope="session")
def tiny_adapters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny language adapter and a tiny task adapter, as the stages save them."""
    return adapters(tmp_path_factory.mktemp("adapters"))


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_adapters: Path) -> MadeUp:
    """The miniature recipe, finished; not to be changed."""
    return MadeUp(tmp_path_factory.mktemp("finished"), MINIATURE, tiny_adapters).finish()


@pytest.fixture(scope="session")
def from_hub(tmp_path_factory: pytest.TempPathFactory, tiny_adapters: Path) -> MadeUp:
    """A finished run whose base model, text and labels are the hub's; not to be changed."""
    return MadeUp(tmp_path_factory.mktemp("from_hub"), {**HUB, "seeds": [1, 2]}, tiny_adapters).finish()


@pytest.fixture
def run(finished: MadeUp, tmp_path: Path) -> MadeUp:
    """The finished run, to change."""
    shutil.copytree(finished.home, tmp_path / "madx_runs")
    return MadeUp(tmp_path, MINIATURE, finished.adapters)


@pytest.fixture
def made_up(tmp_path: Path, tiny_adapters: Path) -> Callable[..., MadeUp]:
    """Makes a run of a recipe with changes, nothing finished."""

    def make(recipe: dict[str, Any], **changes: Any) -> MadeUp:
        return MadeUp(tmp_path, {**recipe, **changes}, tiny_adapters)

    return make

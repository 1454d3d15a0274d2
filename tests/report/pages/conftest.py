"""One made-up run and its pages, written once: drawing figures is what takes the time."""

from __future__ import annotations

from pathlib import Path

import pytest

from madx_pipeline.report.pages import write_pages
from madx_pipeline.report.results import Results
from tests.report.pages.made_up import NAMES, World

ATTACK = "<script>alert(1)</script>"


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Four targets in four scripts; one has lost its language adapter, and the data want to run a script."""
    names = {**NAMES, "ht": f"Haitian {ATTACK}"}
    return World(tmp_path_factory.mktemp("home"), names=names, lost=["am"], first_line=[ATTACK], examples=12)


@pytest.fixture(scope="session")
def results(world: World) -> Results:
    return world.results()


@pytest.fixture(scope="session")
def folder(world: World, results: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the pages."""
    path = tmp_path_factory.mktemp("report")
    write_pages(results, world.home, path, 1)
    return path

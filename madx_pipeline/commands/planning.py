"""From the name of a recipe to its plan: the first lines of every command that works on a recipe."""

from __future__ import annotations

from pathlib import Path

from madx_pipeline.content import ContentHashes
from madx_pipeline.jobs import Plan
from madx_pipeline.materials import find_materials
from madx_pipeline.plan import make_plan
from madx_pipeline.published.lock import lock_path, read_lock
from madx_pipeline.published.pin import Pinning
from madx_pipeline.recipe_file import find_recipe, read_recipe


def plan_recipe(name: str, home: Path, *, locked_only: bool = False) -> Plan:
    """The plan of a recipe file or shipped recipe.

    Args:
        name: Path or name of the recipe.
        home: Folder of the store and the reports.
        locked_only: Whether adapters that the recipe's lock file does not hold are a problem.

    Raises:
        InputError: With every problem of the recipe at once.
    """
    hashes = ContentHashes(home)
    file = find_recipe(name)
    pinning = Pinning(read_lock(lock_path(file, home)), locked_only)
    recipe, materials = find_materials(read_recipe(file), hashes, pinning)
    hashes.save()
    return make_plan(recipe, materials)

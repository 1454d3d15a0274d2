"""From the name of a recipe to its plan: the first lines of every command that works on a recipe."""

from __future__ import annotations

from pathlib import Path

from madx_pipeline.content import ContentHashes
from madx_pipeline.materials import find_materials
from madx_pipeline.plan import Plan, make_plan
from madx_pipeline.recipe_file import find_recipe, read_recipe


def plan_recipe(name: str, home: Path) -> Plan:
    """The plan of a recipe file or shipped recipe.

    Raises:
        InputError: With every problem of the recipe at once.
    """
    hashes = ContentHashes(home)
    recipe, materials = find_materials(read_recipe(find_recipe(name)), hashes)
    hashes.save()
    return make_plan(recipe, materials)

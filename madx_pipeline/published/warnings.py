"""What to know of a recipe's ready adapters before it is run: sentences, from what the catalogue says of them.

Pure: nothing is looked up here. The report asks the same of the adapters that were really there
(`report/adapters.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from madx_pipeline.materials import Materials
from madx_pipeline.published.catalogue import LanguageAdapter
from madx_pipeline.published.resolve import mixed_variants
from madx_pipeline.published.shapes import LAYOUT_OF, shape_sentences
from madx_pipeline.recipe import Recipe
from madx_pipeline.records import Json

ParamsOf = Callable[[str], Mapping[str, Json]]
"""Name of a stage to its validated parameters."""

_FETCH, _TRAIN = "fetch_language_adapter", "train_language_adapter"


def adapter_warnings(recipe: Recipe, materials: Materials, params_of: ParamsOf) -> list[str]:
    """Variants that are mixed, shapes that differ, and task adapters that want other language adapters under them.

    Args:
        recipe: The recipe.
        materials: What it points at.
        params_of: Parameters of a stage.
    """
    mix = mixed_variants({code: entry.variant for code, entry in materials.language_entries.items()})
    return [
        *([mix] if mix is not None else []),
        *shape_sentences(recipe.source_language, _shapes(recipe, materials, params_of)),
        *_task_warnings(recipe, materials, params_of),
    ]


def _shapes(recipe: Recipe, materials: Materials, params_of: ParamsOf) -> dict[str, dict[str, Json]]:
    """Language to the shape of its adapter and where that is from, as far as it is known beforehand."""
    shapes = {}
    for code in recipe.adapter_languages:
        entry = materials.language_entries.get(code)
        if recipe.adapter_choice(code).train:
            shapes[code] = _trained(params_of(_TRAIN))
        elif entry is not None:
            shapes[code] = _published(entry, params_of(_FETCH))
    return shapes


def _trained(params: Mapping[str, Json]) -> dict[str, Json]:
    return {
        "origin": "trained",
        "architecture": "seq_bn",
        "has_invertible_adapter": params["inv_adapter"] is not None,
        **{name: params[name] for name in ("reduction_factor", "non_linearity", "leave_out")},
    }


def _published(entry: LanguageAdapter, params: Mapping[str, Json]) -> dict[str, Json]:
    return {
        "origin": "published",
        "catalogued": True,
        "architecture": LAYOUT_OF.get(entry.architecture, entry.architecture),
        "has_invertible_adapter": entry.invertible_adapter,
        "reduction_factor": entry.reduction_factor,
        "non_linearity": entry.non_linearity,
        "leave_out": params["leave_out"],
    }


def _task_warnings(recipe: Recipe, materials: Materials, params_of: ParamsOf) -> list[str]:
    found = []
    for task, entry in materials.task_entries.items():
        stages = _stages(recipe, materials)
        others = [stage for stage in stages if set(entry.leave_out) != set(params_of(stage)["leave_out"])]
        if others:
            layers = ", ".join(str(layer) for layer in entry.leave_out)
            trained_over = f"without layers {layers}" if layers else "of all layers"
            say = ", ".join(f"{stage}: {{leave_out: {entry.leave_out}}}" for stage in others)
            found.append(
                f"{task}: {entry.repository} was trained over language adapters {trained_over}, and those of"
                f" this recipe are others. Say stages: {{{say}}}."
            )
        language = materials.task_adapters[task].source["trained_on"] if task in materials.task_adapters else None
        if language not in (None, recipe.source_language):
            found.append(
                f"{task}: {entry.repository} was trained on the language adapter of {language};"
                f" the source language of this recipe is {recipe.source_language}."
            )
    return found


def _stages(recipe: Recipe, materials: Materials) -> list[str]:
    """The stages that the language adapters come from, as far as their layers are known beforehand."""
    trained = any(recipe.adapter_choice(code).train for code in recipe.adapter_languages)
    return [stage for stage, used in ((_FETCH, bool(materials.language_entries)), (_TRAIN, trained)) if used]

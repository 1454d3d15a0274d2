"""The miniature world: constructed languages, labelled data and a tiny base model, all made from a seed.

It lets the whole of MAD-X run for real on a machine that reaches no model hub and no data set hub.
Light to import: the languages and tasks only. `world.World` makes text and labels, `base.pretrain`
makes the base model.
"""

from __future__ import annotations

from madx_pipeline.miniature.languages import LANGUAGES, SOURCE, TASKS, MiniatureLanguage

__all__ = ["LANGUAGES", "SOURCE", "TASKS", "MiniatureLanguage"]

"""An adapter folder without the adapters of some layers: MAD-X 2.0 from an adapter that has them all.

Pfeiffer et al. 2021 ("UNKs Everywhere", section 4) drop the last layer's language adapter, so that a task adapter
has that layer to itself.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

from madx_pipeline.adapter_files.read import AdapterFolder, layer_of

_MODERN = "0.2.0"
"""A version for a config that was brought up to date and has none: without one it would be taken for an old one."""


def write_without_layers(adapter: AdapterFolder, layers: Collection[int], folder: Path) -> None:
    """Writes an adapter that was read and found sound, but for the adapters of some layers.

    Args:
        adapter: The whole adapter.
        layers: Layers, counted from 0; those that it does not have anyway change nothing.
        folder: Made if missing; gets `adapter_config.json` and `adapter.safetensors`.
    """
    from safetensors.torch import save_file

    left_out = sorted({*(adapter.config.get("leave_out") or ()), *layers})
    config = {**adapter.config, "leave_out": left_out}
    record = {"version": _MODERN, **adapter.record, "config": config}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_config.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
    kept = {name: tensor.clone() for name, tensor in adapter.tensors.items() if layer_of(name) not in layers}
    save_file({name: tensor.contiguous() for name, tensor in kept.items()}, folder / "adapter.safetensors")

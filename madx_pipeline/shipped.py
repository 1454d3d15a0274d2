"""Where the shipped YAML lies: inside an installed wheel, or beside the package in a checkout.

`stages/` and `data_cards/` are top-level folders of the repository, because people read and change
them; the wheel carries them as `madx_pipeline/_shipped/`.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def shipped_folder(name: str) -> Path:
    """The folder `stages` or `data_cards`, wherever this installation keeps it."""
    inside = _PACKAGE / "_shipped" / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def recipes_folder() -> Path:
    """The folder of the starter recipes."""
    return _PACKAGE / "recipes"

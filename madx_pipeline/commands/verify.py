"""`madx verify`: every artifact in the store against its checksums."""

from __future__ import annotations

from pathlib import Path

import typer

from madx_pipeline.errors import InputError
from madx_pipeline.store import Store


def verify_store(home: Path) -> int:
    """Prints every damaged file; 1 if there is one, else 0.

    Raises:
        InputError: If there is no store in `home`.
    """
    store = Store(home)
    if not store.root.is_dir():
        raise InputError(f"there is no store in {home}.", "Give the folder of an earlier run with --home.")
    store.check_format()
    folders = list(store.folders())
    damage = [one for folder in folders for one in store.damage(folder)]
    for one in damage:
        typer.echo(f"damaged: {one}")
    if damage:
        typer.echo(f"{len(folders)} artifacts, {len(damage)} damaged files. A run that needs them makes them again.")
        return 1
    typer.echo(f"{len(folders)} artifacts, all as they were written.")
    return 0

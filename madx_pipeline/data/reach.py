"""What of a card can be had without a network: found out by looking at the caches, and at nothing else.

The plan says the same of the files of one job (`commands/fetches.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from madx_pipeline.data.card_models import CorpusCard, GithubSource, HubSource, TaskCard
from madx_pipeline.data.github import github_path
from madx_pipeline.data.hub import expected_files
from madx_pipeline.data.sources import GithubFiles, HubTable


def reach(card: CorpusCard | TaskCard) -> str:
    """Where a card's material is, in a few words: `built in`, `your files`, or the source and what of it is cached."""
    source = card.source
    if source == "files":
        return "your files"
    if not isinstance(source, HubSource | GithubSource):
        return "built in"
    where = "GitHub" if isinstance(source, GithubSource) else "the Hub"
    if isinstance(source, HubSource) and source.revision is None:
        return f"needs the network: {where}, at a commit that the recipe names"
    called = list(card.languages.values()) if isinstance(card.languages, dict) else []
    sources = (source, card.test) if isinstance(card, TaskCard) and card.test is not None else (source,)
    cached = sum(all(_is_cached(part, name) for part in sources) for name in called)
    if cached == len(called):
        return f"in the cache, from {where}"
    return f"needs the network: {where}; in the cache: {cached} of {len(called)} languages"


def _is_cached(source: HubSource | GithubSource, called: str) -> bool:
    """Whether every split of a language is in the cache."""
    splits = tuple(source.splits_of(called))
    if isinstance(source, GithubSource):
        return all(cached_splits(source.table(called, splits)).values())
    return all(cached_splits(source.table(called, splits, str(source.revision))).values())


def cached_splits(table: HubTable | GithubFiles) -> dict[str, bool]:
    """Split to whether its files are in the cache."""
    if isinstance(table, GithubFiles):
        files = table.files.items()
        return {split: github_path(table.repository, table.commit, file).is_file() for split, file in files}
    folder = _snapshot(table)
    return {split: _is_whole(list(folder.glob(pattern))) for split, pattern in table.files.items()}


def _snapshot(table: HubTable) -> Path:
    from huggingface_hub import constants

    name = "datasets--" + table.repository.replace("/", "--")
    return Path(constants.HF_HUB_CACHE) / name / "snapshots" / table.revision


def _is_whole(files: Sequence[Path]) -> bool:
    """Whether there are files, and all of those that their names number."""
    return bool(files) and len(files) >= expected_files(files)

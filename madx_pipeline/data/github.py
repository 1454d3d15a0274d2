"""Files of data sets that live in a repository on GitHub, one by one, at a commit.

Many data sets have no copy on the Hugging Face Hub but one with a loading script, which is never run. Their
original files are taken instead, kept beside the cache of the hub (`HF_HOME/assets`), and found there without a
network. A commit fixes their content.
"""

from __future__ import annotations

import logging
from pathlib import Path

from madx_pipeline.data.sources import GithubFiles
from madx_pipeline.errors import JobError

_HOST = "https://raw.githubusercontent.com"
_SECONDS = 30.0
"""How long the server has for an answer."""


def github_path(repository: str, commit: str, file: str) -> Path:
    """Where a file lies once it was fetched."""
    from huggingface_hub import constants

    folder = Path(constants.HF_ASSETS_CACHE) / "madx_pipeline" / "github"
    return folder / repository.replace("/", "--") / commit / file


def github_url(repository: str, commit: str, file: str) -> str:
    """The address of a file at a commit."""
    from urllib.parse import quote

    return f"{_HOST}/{repository}/{commit}/{quote(file)}"


def github_file(files: GithubFiles, split: str) -> Path:
    """The file of a split, fetched if it is not there.

    Raises:
        JobError: If it cannot be had, or there is no such file.
    """
    path = github_path(files.repository, files.commit, files.files[split])
    if not path.is_file():
        _fetch(github_url(files.repository, files.commit, files.files[split]), path)
    return path


def _fetch(url: str, path: Path) -> None:
    """Brings a file; it has its name only once it is whole."""
    import pooch
    from huggingface_hub import constants

    hint = f"Where there is a network: curl --fail --create-dirs -o {path} {url}. Or bring files of your own: files."
    if constants.HF_HUB_OFFLINE:
        raise JobError(f"{url} is not in the cache, and HF_HUB_OFFLINE is set.", hint)
    pooch.get_logger().setLevel(logging.WARNING)
    try:
        pooch.retrieve(url, None, fname=path.name, path=path.parent, downloader=pooch.HTTPDownloader(timeout=_SECONDS))
    except (OSError, ValueError) as error:
        raise JobError(f"{url} cannot be had: {' '.join(str(error).split())[:200]}.", hint) from error

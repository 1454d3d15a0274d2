"""The hub's client as we use it: its settings, and the one question that `download.py` asks it before it fetches files.

`huggingface_hub` reads its environment (`HF_HOME`, `HF_ENDPOINT`, `HF_HUB_OFFLINE`, time-outs) when it is imported,
and a token (`HF_TOKEN`, or that of `hf auth login`) with each request.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from madx_pipeline.errors import JobError
from madx_pipeline.hub.cache import is_commit, matching, remember
from madx_pipeline.hub.errors import Asked, HubUnreachableError, explain, is_timeout, offline, silent_just_now

_ID = re.compile(r"(?:\b[\w.-]+\b/)?\b[\w.-]{1,96}\b", re.ASCII)
_CHUNK = 2**20
"""Bytes of a file that are lost when the connection is cut; the client's own 10 MB are a third of an adapter."""
_WAIT = 0.5
"""Seconds before a question is asked again."""
_SILENCE_SECONDS = 60.0
"""How long a hub that gave no answer need not be asked again: a recipe may have dozens of adapters."""

_silent_since: dict[str, float] = {}
"""Address of a hub to when it gave no answer (`time.monotonic`)."""


def check_id(repository: str) -> None:
    """Refuses what cannot be the id of a repository, before it becomes part of a path or an address.

    Raises:
        JobError: If it is none.
    """
    if not _ID.fullmatch(repository) or "--" in repository or ".." in repository:
        raise JobError(f"{repository!r} is not the id of a repository.", "Ids look like owner/name.")


def set_up_client() -> None:
    """Settings of the client that no argument changes; what the user has set stays.

    Its second way to fetch files (xet) knows neither our time-outs nor how to go on after an interruption.
    """
    from huggingface_hub import constants

    constants.DOWNLOAD_CHUNK_SIZE = _CHUNK
    if "HF_HUB_DISABLE_XET" not in os.environ:
        constants.HF_HUB_DISABLE_XET = True
    if "HF_HUB_VERBOSITY" not in os.environ and not constants.HF_DEBUG:
        # A retry that helps is no news, and one that does not is our error.
        logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    _bypass_proxies(urlsplit(constants.ENDPOINT).hostname or "")


def _bypass_proxies(host: str) -> None:
    """A hub on this very machine (a mirror behind a tunnel, say) is not behind the proxy of the environment."""
    if host != "localhost" and not host.startswith("127."):
        return
    spared = (os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or "").split(",")
    if host not in spared:
        os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(filter(None, [*spared, host]))


def patience() -> float:
    """Seconds that the hub has for an answer."""
    from huggingface_hub import constants

    set_by_user = constants.HF_HUB_ETAG_TIMEOUT != constants.DEFAULT_ETAG_TIMEOUT
    return float(constants.HF_HUB_ETAG_TIMEOUT if set_by_user else constants.HF_HUB_DOWNLOAD_TIMEOUT)


@dataclass(frozen=True)
class Question:
    """How the hub is asked for the list of a repository's files.

    Attributes:
        wanted: Names or patterns of files; a list that has none of them is not kept.
        seconds: How long an answer may take.
        times: How often to ask while there is no answer; a time-out ends it.
        must: Whether to ask even a hub that gave no answer a moment ago.
    """

    wanted: Sequence[str]
    seconds: float
    times: int = 1
    must: bool = False


def list_files(repository: str, revision: str | None, question: Question) -> tuple[str, list[str]]:
    """Asks the hub which commit a revision is, and which files it has; the answer is kept.

    Args:
        repository: `owner/name` on the hub.
        revision: Commit, tag or branch; None is the default branch.
        question: How to ask.

    Returns:
        The commit (40 hex digits) and the names of its files.

    Raises:
        HubUnreachableError: If there is no answer, or the hub is not to be asked.
        JobError: If there is no such repository or revision.
    """
    from huggingface_hub import HfApi, constants

    asked = Asked(repository, revision, None, question.seconds)
    if constants.HF_HUB_OFFLINE:
        raise offline(asked)
    if not question.must and _was_silent():
        raise silent_just_now(asked)
    for time_asked in range(1, question.times + 1):
        try:
            info = HfApi().model_info(repository, revision=revision or "main", timeout=question.seconds)
            break
        except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
            found = explain(error, asked)
            if not isinstance(found, HubUnreachableError):
                raise found from error
            if time_asked == question.times or is_timeout(error):
                _silent_since[constants.ENDPOINT] = time.monotonic()
                raise found from error
            time.sleep(_WAIT)
    _silent_since.pop(constants.ENDPOINT, None)
    commit = str(info.sha)
    if not is_commit(commit) or (is_commit(revision) and commit != revision):
        raise JobError(f"{asked}: the hub names the commit {commit}.", "HF_ENDPOINT must be the address of a hub.")
    names = [file.rfilename for file in info.siblings or ()]
    remember(repository, revision, commit, names if matching(names, question.wanted) else ())
    return commit, names


def _was_silent() -> bool:
    from huggingface_hub import constants

    since = _silent_since.get(constants.ENDPOINT)
    return since is not None and time.monotonic() - since < _SILENCE_SECONDS

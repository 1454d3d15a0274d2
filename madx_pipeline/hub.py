"""Models and adapters on the Hugging Face Hub, by repository and revision, through its cache.

Only files that are asked for by name are fetched, into the usual cache (`HF_HOME`): what was fetched once
is found again without a network, and with `HF_HUB_OFFLINE=1` nothing is tried. Nothing that a repository
brings is executed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from madx_pipeline.errors import JobError


def download(repository: str, revision: str | None, files: Sequence[str]) -> tuple[Path, str]:
    """Brings files of a repository into the cache, if they are not there.

    Args:
        repository: `owner/name` on the hub.
        revision: Commit, tag or branch; None is the default branch.
        files: Names or patterns of files; those that the repository does not have are left out.

    Returns:
        The folder that holds them, and the commit (40 hex digits) they are from.

    Raises:
        JobError: If the repository or revision does not exist, or cannot be reached and is not in the cache.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        folder = Path(snapshot_download(repository, revision=revision, allow_patterns=list(files)))
    except HFValidationError as error:
        raise JobError(f"{repository!r} is not the id of a repository.", "Ids look like owner/name.") from error
    except RepositoryNotFoundError as error:
        hint = "Check the id; for a private or gated repository log in with `hf auth login`."
        raise JobError(f"the hub has no repository {repository} that can be read.", hint) from error
    except RevisionNotFoundError as error:
        raise JobError(f"{repository} has no revision {revision}.", "Give a commit, a tag or a branch.") from error
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise _unreachable(repository, revision, error) from error
    return folder, folder.name


def _unreachable(repository: str, revision: str | None, error: Exception) -> JobError:
    wanted = f"{repository} at {revision or 'its default branch'}"
    command = f"hf download {repository}" + (f" --revision {revision}" if revision else "")
    return JobError(
        f"{wanted} is not in the cache and the hub cannot be reached ({_first_line(error)}).",
        f"Where there is a network: {command}. HF_HOME says where the cache is.",
    )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:160]}" if lines else type(error).__name__

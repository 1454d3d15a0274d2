"""Uploads an exported folder to the Hugging Face Hub, as one commit.

`HF_TOKEN` (or `hf auth login`) and `HF_ENDPOINT` are honoured by huggingface_hub. The hub validates the model card
before anything is uploaded. Files of an earlier export that this one does not have are deleted in the same commit:
a `.bin` of older weights beside a newer `.safetensors` is read by whoever does not ask for the latter.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from madx_pipeline.errors import InputError, JobError
from madx_pipeline.export.folder import FILES

_LOG = logging.getLogger(__name__)
_REPOSITORY = re.compile(r"[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?/\w([\w.-]*\w)?", re.ASCII)
_LONGEST = 96
"""Characters of an id, by the hub's rules."""

_LOG_IN = "Log in with `hf auth login`, or set HF_TOKEN to a token that may write."


def check_push(repository: str) -> None:
    """Makes sure that the name can be one and that somebody is logged in, before anything is done.

    Raises:
        InputError: If not.
    """
    from huggingface_hub import get_token

    odd = "--" in repository or ".." in repository or repository.endswith(".git") or len(repository) > _LONGEST
    if odd or not _REPOSITORY.fullmatch(repository):
        raise InputError(
            f'--push "{repository}" is not the id of a repository.',
            "Ids look like owner/name: letters, digits, _, - and . in both, neither -- nor .. in them.",
        )
    if not get_token():
        raise InputError(f"--push {repository}: nobody is logged in to the hub.", _LOG_IN)


def push(folder: Path, repository: str, *, private: bool, message: str) -> str:
    """Makes the repository if it is not there and uploads the folder.

    Args:
        folder: An exported folder.
        repository: `owner/name`.
        private: Whether nobody else may see it; must be so already where the repository exists.
        message: Title of the commit.

    Returns:
        Address of the commit.

    Raises:
        JobError: If the hub cannot be reached or says no. The folder is whole either way.
    """
    from huggingface_hub import HfApi

    api = HfApi()
    with _plain_errors(folder, repository), _logged_warnings():
        api.create_repo(repository, private=private or None, repo_type="model", exist_ok=True)
        if private and not api.repo_info(repository, repo_type="model").private:
            raise JobError(f"{repository} exists and is public: nothing was uploaded.", _left(folder))
        old = [name for name in FILES if not (folder / name).exists()]
        commit = api.upload_folder(
            repo_id=repository, folder_path=folder, commit_message=message, repo_type="model", delete_patterns=old
        )
        return str(commit.commit_url)


@contextmanager
def _logged_warnings() -> Iterator[None]:
    """What the hub has to say about a card that it takes all the same, a line each."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        yield
    for warning in said:
        _LOG.warning("%s", " ".join(str(warning.message).split()))


@contextmanager
def _plain_errors(folder: Path, repository: str) -> Iterator[None]:
    """Says in one line what went wrong, whatever the libraries below raise."""
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    try:
        yield
    except OfflineModeIsEnabled as error:
        hint = f"Unset HF_HUB_OFFLINE. {_left(folder)}"
        raise JobError(f"{repository} was not uploaded: HF_HUB_OFFLINE is set.", hint) from error
    except HfHubHTTPError as error:
        raise _refused(folder, repository, error) from error
    except ValueError as error:  # a card that the hub does not take: every reason counts
        raise JobError(f"{repository} was not uploaded: {error}", _left(folder)) from error
    except (OSError, RuntimeError, LookupError, TypeError) as error:  # the last two: answers that are no hub's
        if isinstance(error.__cause__, HfHubHTTPError):
            raise _refused(folder, repository, error.__cause__) from error
        raise JobError(f"{repository} was not uploaded: {_first_line(error)}.", _left(folder)) from error


def _refused(folder: Path, repository: str, error: Exception) -> JobError:
    """What the hub's answer means."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    reasons = {
        401: ("the hub does not know the token (401)", _LOG_IN),
        403: ("the token may not write there (403)", "Take a token with write access, or another owner."),
        404: ("the hub has no such owner or repository, or does not show it (404)", "Check the id and the token."),
    }
    if status in reasons:
        why, hint = reasons[status]
        return JobError(f"{repository} was not uploaded: {why}.", f"{hint} {_left(folder)}")
    return JobError(f"{repository} was not uploaded: {_first_line(error)}.", _left(folder))


def _left(folder: Path) -> str:
    return f"The folder is ready: {folder}"


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:160].rstrip('.')}" if lines else type(error).__name__

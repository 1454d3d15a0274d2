"""What went wrong between here and the hub, as one line on what was found and one on what to do.

The hub's client raises its own errors, those of `requests` and plain `OSError`, often one inside another and over
several lines. `hub/download.py` catches them all and asks here what to say.
"""

from __future__ import annotations

import errno
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from madx_pipeline.errors import JobError

_USER = re.compile(r"//[^/\s'\"]*@")
_QUERY = re.compile(r"\?[^\s'\")>]*")


class HubUnreachableError(JobError):
    """The hub gave no answer, or is not to be asked; what is in the cache may still do."""


@dataclass(frozen=True)
class Asked:
    """What the hub was asked for.

    Attributes:
        repository: `owner/name`.
        revision: Commit, tag or branch; None is the default branch.
        file: The file, or None for the list of files.
        seconds: How long an answer may take.
    """

    repository: str
    revision: str | None
    file: str | None = None
    seconds: float = 0.0

    def __str__(self) -> str:
        at = f"{self.repository} at {self.revision or 'its default branch'}"
        return f"{self.file} of {at}" if self.file else at

    @property
    def by_hand(self) -> str:
        """The hint for machines without a network."""
        revision = f" --revision {self.revision}" if self.revision else ""
        return f"Where there is a network: hf download {self.repository}{revision}. HF_HOME says where the cache is."


def explain(error: BaseException, asked: Asked) -> JobError:
    """The error to raise instead of the one that was caught."""
    chain = list(_chain(error))
    for look in (_refused, _in_part, _silent, _disk):
        for cause in chain:
            found = look(cause, asked)
            if found is not None:
                return found
    return JobError(
        f"{asked} cannot be fetched: the answer was not that of a model hub ({_first_line(error)}).",
        "HF_ENDPOINT, if it is set, must be the address of a hub.",
    )


def is_cut(error: BaseException) -> bool:
    """Whether the connection ended in the middle of a file, so that the rest can be asked for."""
    import requests

    return isinstance(error, requests.exceptions.ChunkedEncodingError)


def is_wrong_size(error: BaseException) -> bool:
    """Whether what has come of a file is longer or shorter than it should be, so that it must come anew."""
    return "Consistency check failed" in str(error) or _status(error) == 416


def is_timeout(error: BaseException) -> bool:
    """Whether the answer did not come in time; asking again would take as long again."""
    import requests

    return isinstance(error, requests.Timeout | TimeoutError)


def silent_just_now(asked: Asked) -> HubUnreachableError:
    """The hub gave no answer a moment ago, so it is not asked again."""
    return HubUnreachableError(
        f"{asked.repository} is not in the cache and the hub gave no answer just now.",
        "Run again when there is a network.",
    )


def offline(asked: Asked) -> HubUnreachableError:
    """The hub is not to be asked."""
    return _not_in_cache(asked, "HF_HUB_OFFLINE is set", asked.by_hand)


def _refused(error: BaseException, asked: Asked) -> JobError | None:
    """The hub answered no."""
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError, RevisionNotFoundError

    if isinstance(error, LocalEntryNotFoundError):  # says only that there was a cause, which comes next
        return None
    if isinstance(error, RevisionNotFoundError):
        return JobError(f"{asked.repository} has no revision {asked.revision}.", "Give a commit, a tag or a branch.")
    if isinstance(error, EntryNotFoundError) or (asked.file is not None and _status(error) == 404):
        return JobError(f"{asked.repository} has no {asked.file} at {asked.revision}.", "Take another revision.")
    return _refused_by_status(error, asked)


def _refused_by_status(error: BaseException, asked: Asked) -> JobError | None:
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    status = _status(error)
    if isinstance(error, GatedRepoError):
        return _no_access(asked, f"it is gated, the hub answered {status}")
    if isinstance(error, RepositoryNotFoundError) or status == 404:
        hint = "Check the id; for a private or gated repository log in with `hf auth login` or set HF_TOKEN."
        return JobError(f"the hub has no repository {asked.repository} that can be read.", hint)
    if status in (401, 403):
        return _no_access(asked, f"the hub answered {status}")
    if status == 429:
        return JobError(
            f"{asked}: the hub has had too many requests from here (429).", "Wait, or log in, and run again."
        )
    if 400 <= status < 500:
        return JobError(f"{asked}: the hub answered {status} ({_first_line(error)}).", "Check the id and the revision.")
    return None


def _no_access(asked: Asked, cause: str) -> JobError:
    from huggingface_hub import get_token

    if get_token() is None:
        hint = "Log in with `hf auth login` or set HF_TOKEN; if it is gated, ask for access on its page first."
    else:
        hint = "The token in use (HF_TOKEN or `hf auth login`) is wrong, has expired or has no access to it."
    return JobError(f"{asked} may not be read: {cause}.", hint)


def _in_part(error: BaseException, asked: Asked) -> JobError | None:
    """A file came, but not as it should have."""
    if is_cut(error):
        return JobError(f"the connection was cut again and again while {asked} came.", "Run again: it goes on there.")
    if is_wrong_size(error):
        return JobError(f"{asked} comes longer or shorter than the hub says.", "It was not kept. Try again later.")
    return None


def _silent(error: BaseException, asked: Asked) -> JobError | None:
    """There was no answer."""
    import requests
    from huggingface_hub.errors import OfflineModeIsEnabled

    if isinstance(error, OfflineModeIsEnabled):
        return offline(asked)
    if isinstance(error, requests.exceptions.SSLError | requests.exceptions.ProxyError):
        hint = "Check HTTPS_PROXY, NO_PROXY and the certificates of this machine."
        return _not_in_cache(asked, f"{_endpoint()}: {_first_line(error)}", hint)
    if isinstance(error, requests.Timeout | TimeoutError) or "timed out" in str(error):
        hint = f"Try again; HF_HUB_ETAG_TIMEOUT and HF_HUB_DOWNLOAD_TIMEOUT (seconds) give it longer. {asked.by_hand}"
        return _not_in_cache(asked, f"{_endpoint()} did not answer within {asked.seconds:g} s", hint)
    if isinstance(error, requests.ConnectionError):
        return _not_in_cache(asked, f"{_endpoint()}: {_cause(error)}", asked.by_hand)
    if _status(error) >= 500:
        return _not_in_cache(asked, f"{_endpoint()} answered {_status(error)}", f"Try again later. {asked.by_hand}")
    return None


def _disk(error: BaseException, asked: Asked) -> JobError | None:
    """The answer could not be kept."""
    import requests
    from huggingface_hub import constants

    if not isinstance(error, OSError) or isinstance(error, requests.RequestException):
        return None
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        hint = "Make room, or give another place with HF_HOME; then run again: it goes on where it stopped."
        return JobError(f"{asked}: the disk of the cache {constants.HF_HUB_CACHE} is full.", hint)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return JobError(f"{asked}: the cache {constants.HF_HUB_CACHE} cannot be written.", "Give another with HF_HOME.")
    return None


def _not_in_cache(asked: Asked, cause: str, hint: str) -> HubUnreachableError:
    return HubUnreachableError(f"{asked} is not in the cache and the hub cannot be reached ({cause}).", hint)


def _cause(error: BaseException) -> str:
    for link in _chain(error):
        if isinstance(link, ConnectionRefusedError):
            return "connection refused"
        if isinstance(link, socket.gaierror):
            return "this name is not known to the network"
    return f"connection lost, {_first_line(list(_chain(error))[-1])}"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it came from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _status(error: BaseException) -> int:
    """The status that the hub answered with, 0 if it is no such error."""
    response = getattr(error, "response", None)
    return int(response.status_code) if response is not None else 0


def _endpoint() -> str:
    """The hub's address without a name and password that may stand in it."""
    from huggingface_hub import constants

    parts = urlsplit(constants.ENDPOINT)
    host = parts.hostname or ""
    with suppress(ValueError):  # a port that is no number
        host += f":{parts.port}" if parts.port is not None else ""
    return f"{parts.scheme}://{host}"


def _first_line(error: BaseException) -> str:
    """What a library said, without what may be secret in addresses: name and password, and queries (signatures)."""
    lines = str(error).strip().splitlines()
    said = _QUERY.sub("", _USER.sub("//", lines[0])) if lines else ""
    return f"{type(error).__name__}: {said[:160]}" if said else type(error).__name__

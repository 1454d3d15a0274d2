"""Locks on files: whoever holds one has something to himself, and the system frees it when the process dies.

What surprises: on a file system without such locks (Lustre without its option `flock`) the library would take to files
that stay when their process dies, so that everybody waits for ever. Here that is an error that says so.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from madx_pipeline.errors import InputError

_MISSING = frozenset({errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP})
"""What a file system says that has no locks."""


def lock_on(path: Path) -> FileLock:
    """The lock whose file this is; taking it raises an `OSError` where the file system has no locks."""
    return FileLock(path, fallback_to_soft=False)


@contextmanager
def held(lock: FileLock, where: Path, *, blocking: bool = True) -> Iterator[None]:
    """Holds a lock.

    Args:
        lock: As `lock_on` gives it.
        where: What it keeps for one, for the message.
        blocking: Whether to wait for it.

    Raises:
        InputError: If the file system has no locks.
        Timeout: If somebody else holds it, and it is not to be waited for.
    """
    try:
        lock.acquire(blocking=blocking)
    except OSError as error:
        if error.errno not in _MISSING:
            raise
        hint = "Have it mounted with locks (Lustre: mount -o flock), or give another --home."
        raise InputError(f"the file system of {where} has no locks (flock), which keep runs apart.", hint) from error
    try:
        yield
    finally:
        lock.release()

"""What percept_store raises on purpose: one line each, saying what, where, and what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager


class StoreError(Exception):
    """The store cannot do what was asked."""


class QueryError(StoreError):
    """A question names something that the cube does not have, or that has no single answer."""


@contextmanager
def explained(where: object) -> Iterator[None]:
    """Turn an OSError into a StoreError that begins with `where`."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"{where}: {_advice(error)}") from error


def _advice(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "no space left on the device; free some and run again, nothing that was stored is lost"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"not permitted ({error.strerror}); make the store writable, or choose another"
    return f"{error.strerror or error or type(error).__name__}; check that the store is reachable"

"""OwnerLock: is there a living process that owns this store? The operating system answers, also after kill -9."""

from __future__ import annotations

import os
import sys
import time
import weakref

from weft_core.errors import StorageOpenError

_TRIES = 5
_PAUSE_S = 0.002
_FAR = 1 << 30
"""Where Windows locks a byte: its locks forbid reading, and the process id at the start must stay readable."""


class OwnerLock:
    """A lock on the file ``path``, held from :meth:`acquire` to :meth:`release` or the death of the process.

    It only tells and lessens contention; what makes two owners safe is the epoch in the store (G11). The file stays
    when the lock is released: deleting it would let two processes lock two files of one name. Local disks only.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.path.abspath(os.fspath(path))
        self._file: int | None = None
        _living.add(self)

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._file is not None

    def acquire(self, blocking: bool = False) -> bool:
        """Take the lock. False: another one holds it (only if not ``blocking``). Blocks the thread."""
        if self._file is not None:
            return True
        file = _open(self.path)
        # owner_pid() of another process takes the lock for a moment to look; that must not count as an owner.
        for attempt in range(_TRIES):
            if _lock(file, blocking):
                self._file = file
                _write_pid(file)
                return True
            if attempt + 1 < _TRIES:
                time.sleep(_PAUSE_S)
        os.close(file)
        return False

    def release(self) -> None:
        """Give the lock back; harmless if it is not held."""
        if self._file is not None:
            file, self._file = self._file, None
            os.ftruncate(file, 0)
            _unlock(file)
            os.close(file)

    def owner_pid(self) -> int | None:
        """The process that holds the lock, or None if nobody does."""
        if self._file is not None:
            return os.getpid()
        if not os.path.exists(self.path):
            return None
        file = _open(self.path)
        try:
            if _lock(file, blocking=False, shared=True):
                _unlock(file)
                return None
            text = os.pread(file, 32, 0) if hasattr(os, "pread") else os.read(file, 32)
        finally:
            os.close(file)
        return int(text) if text.isdigit() else None

    def __enter__(self) -> OwnerLock:
        self.acquire(blocking=True)
        return self

    def __exit__(self, *exc: object) -> None:
        self.release()


def _open(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        remedy = "check that its directory exists and that this user may write there"
        raise StorageOpenError(store="lock", path=path, reason=str(error), remedy=remedy) from None


def _write_pid(file: int) -> None:
    os.ftruncate(file, 0)
    os.lseek(file, 0, os.SEEK_SET)
    os.write(file, str(os.getpid()).encode())


if sys.platform == "win32":
    import msvcrt

    def _lock(file: int, blocking: bool, shared: bool = False) -> bool:
        os.lseek(file, _FAR, os.SEEK_SET)
        while True:
            try:
                msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
                return True
            except OSError:
                if not blocking:
                    return False
                time.sleep(0.05)
            finally:
                os.lseek(file, 0, os.SEEK_SET)

    def _unlock(file: int) -> None:
        os.lseek(file, _FAR, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    # flock, not fcntl.lockf: POSIX record locks vanish when any descriptor of the file is closed in this process, and
    # do not keep two engines of one process apart.
    def _lock(file: int, blocking: bool, shared: bool = False) -> bool:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(file, kind if blocking else kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)


_living: weakref.WeakSet[OwnerLock] = weakref.WeakSet()


def _forget_in_child() -> None:
    """A forked child shares the locked descriptor and would keep the lock alive after its parent's death."""
    for lock in list(_living):
        if lock._file is not None:
            os.close(lock._file)
            lock._file = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)

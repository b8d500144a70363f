"""
Disks that fail on cue, and disks that stand still, for the tests of everything that writes.

A script has a letter for each operation: ``.`` works, ``N`` no space, ``E`` input/output error, ``S`` a
short write and then no space, ``L`` an error that comes late: the work is done all the same. What comes
after the script works, unless `FaultyFiles.fail` says otherwise.
"""

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recordkit.container.files import OsFiles

OPERATIONS = frozenset({"create", "append", "truncate", "sync", "rename", "remove", "make_directory", "read"})
WRITES = frozenset({"create", "append"})
ERRORS = {"N": errno.ENOSPC, "E": errno.EIO, "S": errno.ENOSPC, "L": errno.EIO}


class QuickFiles(OsFiles):
    """
    Files that need not survive power loss.
    """

    def sync(self, path: Path) -> None:
        pass


class FaultyFiles(QuickFiles):
    """
    Files that fail where a script, or each N-th operation, says so.

    Attributes:
        count: Operations so far, of those that may fail.
        failed: Names of the operations that failed, in order.
    """

    def __init__(self, script="", *, every=0, fault="N", operations=WRITES):
        self._script = script
        self._every = every
        self._fault = fault
        self._operations = operations
        self._lock = threading.Lock()
        self._always = ""
        self._short = threading.local()
        self.count = 0
        self.failed = []

    def fail(self, fault):
        """
        Fail always, from now on.
        """
        self._always = fault

    def heal(self):
        """
        Work, from now on.
        """
        self._always = self._script = ""
        self._every = 0

    def create(self, path, data):
        with self._meeting("create"):
            super().create(path, data)

    def append(self, path, data, *, offset):
        with self._meeting("append"):
            super().append(path, data, offset=offset)

    def read(self, path, size, *, offset):
        with self._meeting("read"):
            return super().read(path, size, offset=offset)

    def truncate(self, path, size):
        with self._meeting("truncate"):
            super().truncate(path, size)

    def sync(self, path):
        with self._meeting("sync"):
            super().sync(path)

    def rename(self, old, new):
        with self._meeting("rename"):
            super().rename(old, new)

    def remove(self, path):
        with self._meeting("remove"):
            super().remove(path)

    def make_directory(self, path):
        with self._meeting("make_directory"):
            super().make_directory(path)

    def _write(self, fd, data, offset):
        if getattr(self._short, "on", False):
            os.pwrite(fd, memoryview(data)[: len(data) // 2], offset)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super()._write(fd, data, offset)

    @contextmanager
    def _meeting(self, operation) -> Iterator[None]:
        fault = self._next(operation)
        if fault == "S" and operation in WRITES:
            self._short.on = True
            try:
                yield
            finally:
                self._short.on = False
            return
        if fault == "L":
            yield
        if fault != ".":
            raise OSError(ERRORS[fault], os.strerror(ERRORS[fault]))
        yield

    def _next(self, operation):
        if operation not in self._operations:
            return "."
        with self._lock:
            place = self.count
            self.count += 1
            if self._always:
                fault = self._always
            elif place < len(self._script):
                fault = self._script[place]
            else:
                fault = self._fault if self._every and (place + 1) % self._every == 0 else "."
            if fault != ".":
                self.failed.append(operation)
            return fault


class GatedFiles(QuickFiles):
    """
    Files whose writes stand still while the gate is closed.

    Attributes:
        waiting: Set while a write stands before the gate.
    """

    def __init__(self):
        self._open = threading.Event()
        self._open.set()
        self.waiting = threading.Event()

    def shut(self):
        self._open.clear()

    def open(self):
        self._open.set()

    def create(self, path, data):
        self._pass()
        super().create(path, data)

    def append(self, path, data, *, offset):
        self._pass()
        super().append(path, data, offset=offset)

    def _pass(self):
        if not self._open.is_set():
            self.waiting.set()
            self._open.wait()
            self.waiting.clear()

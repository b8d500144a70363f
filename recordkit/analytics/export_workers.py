"""
Where the tasks of an export are done: in this process, or in several made for it.

One process makes blocks of rows in threads, which wait for each other whenever they need the interpreter: 1.7 cores at
best. Processes share nothing but the store and the staging directory, and each does one thing after the other.

They are forked, so that they begin at once and hold the export's lock with it: should this process be killed, nobody
begins anew before the last of them is gone, which is when it sees that, some milliseconds later.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from itertools import chain, islice
from typing import TYPE_CHECKING, Final, Protocol

from recordkit.analytics.export_tasks import Outcome, Task, TaskRun, Tell
from recordkit.container.files import Files, OsFiles
from recordkit.errors import ExportError

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import SynchronizedArray
    from multiprocessing.synchronize import Event

_TOLD_S: Final = 0.1
"""How often progress is told."""


class Workers(Protocol):
    """
    Does tasks.

    Attributes:
        count: How many at once: a huge recording is divided for them.
    """

    count: int

    def run(self, tasks: Iterable[Task], tell: Tell) -> Generator[Outcome]:
        """
        Yield what became of *tasks*, in their order.

        Raises:
            ExportError: A worker is gone.
            OSError: A disk refuses.
        """


def cores() -> int:
    """
    Return how many processors this process may use.
    """
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def workers_for(jobs: int) -> Workers:
    """
    Return the workers for *jobs* tasks at once, if that is possible.

    A process with other threads can't be forked safely: a lock that one of them holds would be held for ever. Nor can
    one on macOS, whose own libraries have threads. (Those of Arrow's allocator and of OpenBLAS know about it.)

    Raises:
        ValueError: *jobs* is not positive.
    """
    if jobs < 1:
        raise ValueError(f"jobs: expected a positive number, found {jobs}")
    alone = sys.platform == "linux" and threading.active_count() == 1
    return Processes(jobs) if jobs > 1 and alone else Here()


class Here:
    """
    This process: it reads, some threads make blocks of rows, and one writes.
    """

    count = 1

    def __init__(self, files: Files | None = None) -> None:
        """
        Do all with *files*.
        """
        self._files = files or OsFiles()

    def run(self, tasks: Iterable[Task], tell: Tell) -> Generator[Outcome]:
        """
        See `Workers.run`.
        """
        with _Writer() as writer:
            before: TaskRun | None = None
            for task in tasks:
                work = TaskRun(task, self._files, tell, writer.submit, threads=True)
                work.read()  # while the end of the one before is written
                if before is not None:
                    yield before.outcome()
                before = work
            if before is not None:
                yield before.outcome()


class _Writer(ExitStack):
    """
    A thread that writes one pile while the next is read.
    """

    def __init__(self) -> None:
        super().__init__()
        self._thread = self.enter_context(ThreadPoolExecutor(1, "recordkit-export"))
        self._last: Future[None] | None = None

    def submit(self, work: Callable[[], None]) -> "Future[None]":
        """
        Have *work* done once what was submitted before is done: until then, this waits.
        """
        if self._last is not None:
            self._last.result()
        self._last = self._thread.submit(work)
        return self._last


class Processes:
    """
    Processes that are forked from this one.
    """

    def __init__(self, count: int) -> None:
        """
        Use *count* processes beside this one, or fewer if there is less to do.
        """
        self.count = count

    def run(self, tasks: Iterable[Task], tell: Tell) -> Generator[Outcome]:
        """
        See `Workers.run`.
        """
        remaining = iter(tasks)
        first = list(islice(remaining, 2))
        if len(first) < 2:
            yield from Here().run(first, tell)
            return
        context = multiprocessing.get_context("fork")
        shared = _Shared(context.Event(), context.Array("q", 2))
        waiting: deque[Future[Outcome]] = deque()
        with ProcessPoolExecutor(self.count, context, _begin, (shared,)) as pool:
            try:
                for task in chain(first, remaining):
                    waiting.append(pool.submit(_work, task))
                    if len(waiting) > 2 * self.count:
                        yield _outcome(waiting.popleft(), shared, tell)
                while waiting:
                    yield _outcome(waiting.popleft(), shared, tell)
            except BaseException:
                shared.stop.set()
                pool.shutdown(cancel_futures=True)
                raise


class _Shared:
    """
    What processes tell each other.

    Attributes:
        stop: Set if nobody waits for their work any more.
        told: Events and recordings that they have read, since this process looked last.
    """

    def __init__(self, stop: "Event", told: "SynchronizedArray[int]") -> None:
        self.stop = stop
        self.told = told


def _outcome(future: "Future[Outcome]", shared: _Shared, tell: Tell) -> Outcome:
    """
    Wait for an outcome, and tell of progress while waiting.
    """
    while True:
        try:
            found = future.result(_TOLD_S)
        except TimeoutError:
            if future.done():
                raise
        except BrokenProcessPool as error:
            raise ExportError(
                "a process of the export was ended by something else, for want of memory perhaps; what was published "
                "is whole, run the export again, with fewer jobs"
            ) from error
        else:
            return found
        finally:
            with shared.told.get_lock():
                events, recordings = shared.told[:]
                shared.told[:] = [0, 0]
            if events or recordings:
                tell(events, recordings)


# ---------------------------------------------------------------- in a process that was forked


class _StoppedError(Exception):
    """
    Nobody waits for this work any more.
    """


_shared: _Shared


def _begin(shared: _Shared) -> None:
    global _shared  # noqa: PLW0603 -- the one way from a pool's initializer to its tasks
    _shared = shared
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to all; the parent tells us to stop
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(task: Task) -> Outcome:
    work = TaskRun(task, OsFiles(), _tell, _at_once, threads=False)
    work.read()
    return work.outcome()


def _tell(events: int, recordings: int) -> None:
    if _shared.stop.is_set():
        raise _StoppedError
    with _shared.told.get_lock():
        _shared.told[0] += events
        _shared.told[1] += recordings


def _at_once(work: Callable[[], None]) -> "Future[None]":
    work()
    done: Future[None] = Future()
    done.set_result(None)
    return done

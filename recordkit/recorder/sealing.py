"""
Sealing in the background: several threads, since each waits for the disk to sync.

A disk's journal takes the syncs of several files at once, so ten thousand sessions that end together
are sealed many times faster by a few threads than by one.
"""

import logging
import queue
import threading
from collections.abc import Callable
from typing import Final

_log: Final = logging.getLogger("recordkit.recorder")

Job = Callable[[], None]


class Sealers:
    """
    A few threads that carry out jobs; started when the first job comes.
    """

    def __init__(self, threads: int) -> None:
        self._count = threads
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._starting = threading.Lock()

    def submit(self, job: Job) -> None:
        """
        Have *job* carried out; what it raises is logged.

        Raises:
            RuntimeError: Not even one thread can be started.
        """
        self._jobs.put(job)
        if len(self._threads) < self._count:
            with self._starting:
                if len(self._threads) < self._count:
                    name = f"recordkit-sealer-{len(self._threads)}"
                    thread = threading.Thread(target=self._run, name=name, daemon=True)
                    try:
                        thread.start()
                    except RuntimeError:  # no more threads; from Python 3.12 on always while the program ends
                        if not self._threads:
                            raise
                    else:
                        self._threads.append(thread)

    def close(self) -> None:
        """
        Wait until all jobs are done, and end the threads.
        """
        with self._starting:
            for _ in self._threads:
                self._jobs.put(None)
            for thread in self._threads:
                thread.join()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception:
                _log.exception("a background job failed")

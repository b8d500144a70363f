"""
What becomes of a recording once its last chunk is written: sealed, signed, moved to its place, catalogued.

All of it is done in the background, and nothing depends on it: a recording that is not sealed is read as
well, and the next recorder seals what this one left. Rows for the catalog are added together, by whichever
thread comes first.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from recordkit.container import RecordingWriter, seal
from recordkit.container.files import Files
from recordkit.container.signatures import Role, Signer, SigningKey
from recordkit.limits import MIB
from recordkit.recorder.recompression import Allowance, Recompressor
from recordkit.recorder.sealing import Sealers
from recordkit.store.catalog_file import CatalogFile
from recordkit.store.paths import sealed_path
from recordkit.store.placing import PlacingFiles
from recordkit.store.recovery import recover
from recordkit.store.rows import Entry

_log: Final = logging.getLogger("recordkit.recorder")

_SEALERS: Final = 4
_LONG: Final = MIB
"""Recordings of more wait for each other: recompressing takes 0.1 s a MiB, and must not hold up short ones."""


class Sealer:
    """
    Seals the recordings of one recorder.
    """

    def __init__(
        self,
        store: Path,
        *,
        chunk_bytes: int,
        files: Files,
        signing_key: SigningKey | None,
        recompressor: Recompressor,
        now_ns: Callable[[], int],
    ) -> None:
        """
        Prepare; no thread is started, and no file opened, before there is something to do.

        Args:
            store: The store's directory.
            chunk_bytes: As in `recordkit.container.seal`.
            files: Does the work.
            signing_key: Signs what is sealed; None signs nothing.
            recompressor: Makes smaller what becomes so.
            now_ns: The recorder's clock.
        """
        self._store = store
        self._chunk_bytes = chunk_bytes
        self._files = files
        self._signers = {
            role: None if signing_key is None else Signer(signing_key, role=role, now_ns=now_ns) for role in Role
        }
        self._recompressor = recompressor
        self._threads = Sealers(_SEALERS)
        self._long = Sealers(1)
        self._catalog = CatalogFile(store)
        self._sealed: deque[Entry] = deque()
        self._cataloguing = threading.Lock()

    def recover(self) -> None:
        """
        Have sealed what dead recorders left.
        """
        self._threads.submit(self._recover)

    def seal(self, writer: RecordingWriter, done: Callable[[Exception | None], None]) -> None:
        """
        Have sealed what *writer*, which writes no more, has written; *done* is called with what went wrong, or None.
        """
        allowance = self._recompressor.begin()  # time in the queue counts too: somebody may wait for the end
        threads = self._threads if allowance is None or writer.size <= _LONG else self._long
        threads.submit(lambda: self._seal(writer, done, allowance))

    def hurry(self) -> None:
        """
        Let somebody wait no longer than for one recording's recompression, whatever is still to be sealed.
        """
        self._recompressor.hurry()

    def close(self) -> None:
        """
        Wait until all is done, and end the threads.
        """
        self._threads.close()
        self._long.close()
        self._catalogue()
        self._catalog.close()

    def _recover(self) -> None:
        recovery = recover(self._store, seal=self._seal_left)
        for problem in recovery.problems:
            _log.warning("left as it is: %s", problem)

    def _seal_left(self, path: Path, target: Path) -> None:
        seal(path, target, signer=self._signers[Role.RECOVERY], recompression=self._recompressor.begin())

    def _seal(
        self, writer: RecordingWriter, done: Callable[[Exception | None], None], allowance: Allowance | None
    ) -> None:
        target = sealed_path(self._store, writer.sid)
        files = PlacingFiles(self._files)
        failure: Exception | None = None
        try:
            summary = seal(
                writer.path,
                target,
                chunk_bytes=self._chunk_bytes,
                files=files,
                written_head=writer.head,
                signer=self._signers[Role.RECORDER],
                recompression=allowance,
            )
            stat = target.stat()
        except Exception as error:  # a session must end, whatever happens to it
            failure = error
        else:
            self._sealed.append(Entry(summary, stat.st_size, stat.st_mtime_ns, files.step))
        done(failure)
        self._catalogue()

    def _catalogue(self) -> None:
        """
        Add to the catalog what was sealed since; what comes meanwhile goes with the next.
        """
        while self._sealed and self._cataloguing.acquire(blocking=False):
            try:
                self._catalog.add_many([self._sealed.popleft() for _ in range(len(self._sealed))])
            finally:
                self._cataloguing.release()

"""
A run of `verify` over a store: all of it, a share of it, or as much as fits into a night.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from recordkit.cli.app import App
from recordkit.store.paths import SHARDS, open_sids, sealed_count
from recordkit.verification import (
    Evidence,
    Report,
    ScrubPosition,
    load_position,
    save_position,
    verify_store,
)
from recordkit.verification.scrub_position import NAME

_SAVED_EVERY_S: Final = 10.0
_DAY_NS: Final = 86_400 * 10**9


class Scrub:
    """
    One run.

    Attributes:
        place: Where the next run goes on; None if this one came to the end.
        note: What to tell about that; "" if there is nothing.
        empty: Whether the store holds nothing that could be checked.
    """

    def __init__(
        self,
        app: App,
        *,
        share: float | None,
        round_number: int | None,
        limit_s: float | None,
        position_path: Path | None,
    ) -> None:
        self._app = app
        self._share = 1.0 if share is None else share
        self._limit_s = limit_s
        self._path = position_path
        if limit_s is not None and position_path is None:
            self._path = Path(app.store_path) / NAME
        before = None if self._path is None or not Path(app.store_path).is_dir() else load_position(self._path)
        today = app.clock.time_ns() // _DAY_NS
        self._position = before or ScrubPosition(round_number=today if round_number is None else round_number)
        if round_number is not None and self._position.round_number != round_number:
            self._position = ScrubPosition(round_number=round_number)
        self.place: str | None = None
        self.note = ""
        self.empty = False

    def reports(self, evidence: Evidence) -> Iterator[Report]:
        """
        Yield the reports of this run, and keep the position.

        Raises:
            StoreError: There is no store.
            OSError: The position can't be kept.
        """
        with self._app.store() as store:
            total = len(open_sids(store.root)) + sum(sealed_count(store.root, shard) for shard in SHARDS)
            self.empty = total == 0
            clock = self._app.clock
            began = saved = clock.monotonic()
            number = 0

            def watch(name: str) -> None:
                nonlocal number
                number += 1
                self._app.err.status(f"checking {number} of {total}: {name}")

            position = self._position
            try:
                for report in verify_store(
                    store, share=self._share, round_number=position.round_number, after=position.after,
                    evidence=evidence, watch=watch,
                ):  # fmt: skip
                    yield report
                    position = replace(
                        position,
                        after=report.place or position.after,
                        checked=position.checked + 1,
                        damaged=position.damaged + (not report.sound),
                    )
                    now = clock.monotonic()
                    if self._limit_s is not None and now - began >= self._limit_s:
                        self.place = position.after
                        self.note = f"stopped at {position.after}; the next run goes on from there"
                        break
                    if now - saved >= _SAVED_EVERY_S:
                        self._save(position)
                        saved = now
                else:
                    if self._path is not None and position.checked:
                        self.note = f"all done: {position.checked} checked, {position.damaged} with errors in this pass"
                    position = position.ended()
            except BaseException:
                with suppress(OSError):
                    self._save(position)
                raise
            self._save(position)

    def _save(self, position: ScrubPosition) -> None:
        if self._path is not None:
            save_position(self._path, position)

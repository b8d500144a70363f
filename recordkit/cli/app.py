"""
What every verb gets: streams, clock, the store, and how a recording is named.

The store is loaded when one is opened: help and completion of verbs need none.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from recordkit.cli.output import Messages, Output
from recordkit.clock import Clock
from recordkit.errors import SessionNotFoundError, StoreError

if TYPE_CHECKING:
    from recordkit.container import Mode, Recording
    from recordkit.store import DirectoryStore

_SID_OR_PREFIX: Final = re.compile(r"[0-9a-fA-F-]{1,36}", re.ASCII)


@dataclass(slots=True, kw_only=True)
class App:
    """
    One run of the command line.

    Attributes:
        store_path: Where the recordings are; nothing is opened before `store` is called.
    """

    out: Output
    err: Messages
    clock: Clock
    store_path: str = "recordings"

    def store(self) -> "DirectoryStore":
        """
        Return the store.

        Raises:
            StoreError: There is none at the path.
        """
        from recordkit.store import open_store
        from recordkit.store.paths import is_store, strays

        root = Path(self.store_path)
        if not is_store(root):
            lying = strays(root) if root.is_dir() else []
            more = f"; recordings lie in it ({lying[0]}): name them, or their store" if lying else ""
            there = "; the directory has no open, nor any of 00 to ff" if root.is_dir() and not more else more
            raise StoreError(
                f"no store at {self.store_path!r}{there}: name one with --store or RECORDKIT_STORE, "
                "or begin one with `recordkit demo`"
            )
        return open_store(root)

    def open(self, name: str, *, mode: "Mode" = "strict") -> "Recording":
        """
        Open the recording that a person named by sid, by the beginning of one, or by file.

        What is made of hexadecimal digits and dashes alone is a sid; ``./307b`` is a file.

        Raises:
            SessionNotFoundError: There is none.
            AmbiguousPrefixError: There are several.
            StoreError, FormatError, OSError: It can't be opened.
        """
        if is_sid_or_prefix(name):
            with self.store() as store:
                return store.find(name, mode=mode)
        path = Path(name)
        if path.is_dir():
            raise SessionNotFoundError(f"{name!r} is a directory: name a recording in it; a store goes with --store")
        if not path.is_file():
            raise SessionNotFoundError(f"{name!r} is neither a file nor the beginning of a sid")
        return _open_file(path, mode=mode)


def reopen(recording: "Recording") -> "Recording":
    """
    Open the session of *recording* as it is now: perhaps grown, sealed and elsewhere in its store.

    Raises:
        FileNotFoundError: It is gone.
        StoreError, FormatError, OSError: It can't be opened.
    """
    try:
        return _open_file(recording.path, mode=recording.mode)
    except SessionNotFoundError as error:
        raise FileNotFoundError(str(error)) from error


def _open_file(path: Path, *, mode: "Mode") -> "Recording":
    from recordkit.container import open_recording
    from recordkit.store import open_store

    # whether somebody still writes a recording only its store can tell
    directory = path.resolve().parent
    if path.name.endswith(".open") and directory.name == "open":
        with open_store(directory.parent) as store:
            return store.open(path.name[:36], mode=mode)
    return open_recording(path, mode=mode)


def is_sid_or_prefix(name: str) -> bool:
    """
    Tell whether *name* is meant as a sid, or the beginning of one, rather than as a file.
    """
    return _SID_OR_PREFIX.fullmatch(name) is not None and name.strip("-") != ""


pass_app: Final = click.make_pass_decorator(App)


def examples(*lines: tuple[str, str]) -> str:
    """
    Return the end of a verb's help: commands, each with what it does. Tests run every one of them.
    """
    width = max(len(command) for command, _ in lines)
    return "\b\nExamples:\n" + "\n".join(f"  {command:{width}}  # {meaning}" for command, meaning in lines)


def complete_recording(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Any]:
    """
    Return what the shell offers for a recording: sids of the store, newest first, or files.
    """
    from click.shell_completion import CompletionItem

    from recordkit.store import open_store

    if incomplete and not is_sid_or_prefix(incomplete):
        return [CompletionItem(incomplete, type="file")]
    try:
        with open_store(ctx.find_root().params["store_path"]) as store:
            found = [
                summary for summary in store.select(limit=_OFFERED_OF) if summary.sid.startswith(incomplete.lower())
            ]
    except Exception:  # noqa: BLE001 - a shell that completes must not print a traceback
        return []
    return [
        CompletionItem(
            summary.sid, help=" ".join(filter(None, (summary.user, summary.db_service, summary.db_protocol)))
        )
        for summary in found[:_OFFERED]
    ]


_OFFERED: Final = 50
_OFFERED_OF: Final = 10_000

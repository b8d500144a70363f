"""
A disk that forgets what was not synced: every state in which a power cut may leave the files.

`PowerFiles` does its work on real files and writes down each operation. `states` then makes, for any moment between
two operations, directories as they may be found after a power cut at that moment:

- What was written to a file since its last sync is there, or not, or garbage, for each sector of 512 bytes; the file
  has its old size, its new one, or one between. Bytes that were synced stay.
- Names that were made, changed or removed since the last sync of their directory are so, or as before. ``ordered``:
  as with a journal, all up to some moment. ``loose``: any of them, which no journal does. Renaming is one step, as
  in every file system with a journal, also between two directories.
- A sync that fails has written nothing, and the system forgets that there was something to write, as Linux does.
"""

import errno
import random
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from recordkit.container.files import OsFiles

SECTOR = 512


@dataclass
class Operation:
    """
    What was done: to which name, or to the content of which file.
    """

    name: str
    path: Path
    file: int = -1
    data: bytes = b""
    offset: int = 0
    new: Path | None = None
    value: object = None

    @property
    def directories(self):
        return {self.path.parent, *([self.new.parent] if self.new else [])}


class PowerFiles(OsFiles):
    """
    Files that write down what is done to them; nothing is really synced.

    Args:
        root: Where all of them are.
        failing_syncs: Numbers of the syncs of files, from 0, that fail.
    """

    def __init__(self, root, failing_syncs=()):
        self.root = root
        self.log = []
        self._names = {path: number for number, path in enumerate(sorted(root.rglob("*")), 1_000_000) if path.is_file()}
        self.there = {number: path.read_bytes() for path, number in self._names.items()}
        self.names = dict(self._names)
        self._failing = set(failing_syncs)
        self._syncs = 0
        self._lock = threading.RLock()

    def promise(self, value):
        """
        Note down that from here on *value* holds whatever happens.
        """
        with self._lock:
            self.log.append(Operation("promise", self.root, value=value))

    def create(self, path, data):
        with self._lock:
            super().create(path, data)
            self._names[path] = len(self.log)
            self.log.append(Operation("create", path, len(self.log), data))

    def append(self, path, data, *, offset):
        with self._lock:
            super().append(path, data, offset=offset)
            self.log.append(Operation("write", path, self._names[path], data, offset))

    def truncate(self, path, size):
        with self._lock:
            super().truncate(path, size)
            self.log.append(Operation("truncate", path, self._names[path], offset=size))

    def sync(self, path):
        with self._lock:
            if path.is_dir():
                self.log.append(Operation("sync directory", path))
                return
            if not path.exists():
                raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))
            number = self._syncs
            self._syncs += 1
            if number in self._failing:
                self.log.append(Operation("failing sync", path, self._names[path]))
                raise OSError(errno.EIO, "Input/output error")
            self.log.append(Operation("sync", path, self._names[path]))

    def rename(self, old, new):
        with self._lock:
            super().rename(old, new)
            self._names[new] = self._names.pop(old)
            self.log.append(Operation("rename", old, self._names[new], new=new))

    def remove(self, path):
        with self._lock:
            super().remove(path)
            with suppress(KeyError):
                self.log.append(Operation("remove", path, self._names.pop(path)))

    def make_directory(self, path):
        with self._lock:
            if not path.is_dir():
                self.log.append(Operation("make directory", path))
            super().make_directory(path)


@dataclass
class _File:
    """
    Content that was synced, content that was written, and what a failed sync has made the system forget.
    """

    synced: bytes = b""
    written: bytes = b""
    forgotten: set = field(default_factory=set)


def promised(log, moment):
    """
    What was promised before a moment.
    """
    return [operation.value for operation in log[:moment] if operation.name == "promise"]


def after_power_cut(files, moment, target, *, names, content, dice):
    """
    Make in *target* what may be found when the power fails before operation number *moment*.

    Args:
        files: The disk.
        moment: 0 to the number of operations.
        target: An empty directory.
        names: ``kept``, ``dropped``, ``ordered`` or ``loose``: what becomes of names that were not synced.
        content: ``kept``, ``dropped``, ``mixed`` or ``garbled``: likewise of content.
        dice: Decides.
    """
    log = files.log[:moment]
    for path, file in _names_after(files, log, names, dice).items():
        place = target / path.relative_to(files.root)
        if file is None:
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(_content_after(files, log, file, content, dice))


def _names_after(files, log, names, dice):
    """
    Return the names that are found, and the file of each; None for a directory.
    """
    changes = [operation for operation in log if operation.name in ("create", "rename", "remove", "make directory")]
    sure = set()
    for number, operation in enumerate(log):
        if operation.name == "sync directory":
            for change in log[:number]:
                # a journal writes all that came before, too; without one, only what is of this directory is sure
                if names != "loose" or operation.path in change.directories:
                    sure.add(id(change))
    last = max((number for number, change in enumerate(changes) if id(change) in sure), default=-1)
    cut = {"kept": len(changes), "dropped": last + 1}.get(names) or dice.randint(last + 1, len(changes))
    found = dict(files.names)
    missing = set()
    for number, change in enumerate(changes):
        done = id(change) in sure or (dice.random() < 0.5 if names == "loose" else number < cut)
        if change.name == "make directory":
            found[change.path] = None
            if not done:
                missing.add(change.path)
        elif done and change.name == "create":
            found[change.path] = change.file
        elif done and change.name == "remove":
            if found.get(change.path) == change.file:
                del found[change.path]
        elif done:
            if found.get(change.path) == change.file:
                del found[change.path]
            found[change.new] = change.file
    return {path: file for path, file in found.items() if path not in missing and path.parent not in missing}


def _content_after(files, log, number, content, dice):
    file = _File(files.there.get(number, b""), files.there.get(number, b""))
    for operation in log:
        if operation.file != number:
            continue
        if operation.name == "create":
            file.written = operation.data
        elif operation.name == "write":
            before = file.written[: operation.offset].ljust(operation.offset, b"\0")
            file.written = before + operation.data + file.written[operation.offset + len(operation.data) :]
            file.forgotten -= _sectors(operation.offset, operation.offset + len(operation.data))
        elif operation.name == "truncate":
            file.written = file.written[: operation.offset]
        elif operation.name == "failing sync":
            file.forgotten |= {
                n for n in _sectors(0, len(file.written)) if _part(file.written, n) != _part(file.synced, n)
            }
        elif operation.name == "sync":
            file.synced = _mixed(file, len(file.written), lambda _: "new")
    if content == "kept":
        return _mixed(file, len(file.written), lambda _: "new")
    if content == "dropped":
        return file.synced
    sizes = (len(file.synced), len(file.written), dice.randint(*sorted((len(file.synced), len(file.written)))))
    fates = ("new", "old", "garbage") if content == "garbled" else ("new", "old")
    return _mixed(file, dice.choice(sizes), lambda _: dice.choice(fates), dice)


def _sectors(begin, end):
    return set(range(begin // SECTOR, -(-end // SECTOR)))


def _part(content, sector):
    return content[sector * SECTOR : (sector + 1) * SECTOR]


def _mixed(file, size, fate, dice=None):
    made = bytearray()
    for sector in range(-(-size // SECTOR)):
        old, new = _part(file.synced, sector), _part(file.written, sector)
        what = "old" if sector in file.forgotten else fate(sector)
        if what == "garbage" and old != new:
            made += old + dice.randbytes(SECTOR - len(old))  # what was synced in this sector stays
        else:
            made += (new if what == "new" else old).ljust(SECTOR, b"\0")
    return bytes(made[:size])


WAYS = [
    (names, content)
    for names in ("kept", "dropped", "ordered", "loose")
    for content in ("kept", "dropped", "mixed", "garbled")
]


def moments(files, *, rounds=1, seed=0):
    """
    Yield each moment with each way in which names and content may be found, as arguments of `after_power_cut`.
    """
    for moment in range(len(files.log) + 1):
        for turn in range(rounds):
            for number, (names, content) in enumerate(WAYS):
                dice = random.Random(f"{seed} {moment} {turn} {number}")
                yield moment, {"names": names, "content": content, "dice": dice}

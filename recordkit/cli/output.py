"""
Where the command line writes: what was asked for to stdout, all else to stderr.

Output is UTF-8, whatever the locale, so that it can be piped and kept; only a terminal that can't
show UTF-8 gets escapes instead. All text goes through `recordkit.render.control_chars`.
"""

import codecs
import contextlib
import os
import sys
from typing import BinaryIO, Final, TextIO

from recordkit.render.control_chars import safe_line, safe_text

_WRITE_BYTES: Final = 64 * 1024


class Output:
    """
    Standard output, as bytes. What is written appears at the latest with `flush`.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._binary: BinaryIO = stream.buffer
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self.is_terminal = stream.isatty()
        encoding = codecs.lookup(stream.encoding or "utf-8").name
        self._recode = encoding if self.is_terminal and encoding != "utf-8" else None

    def write(self, data: bytes) -> None:
        """
        Write *data*, which is safe for a terminal if this is one.
        """
        if self._recode is not None:
            data = data.decode("utf-8", "replace").encode(self._recode, "backslashreplace")
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        if self._waiting_bytes >= _WRITE_BYTES:
            self._send()

    def line(self, text: str) -> None:
        """
        Write *text* as one line, made safe.
        """
        self.write(safe_line(text).encode() + b"\n")

    def line_of(self, *values: str) -> None:
        """
        Write *values* as one line with tabs between; a tab within one is shown as an escape.
        """
        self.write("\t".join(map(safe_line, values)).encode() + b"\n")

    def flush(self) -> None:
        """
        Send all that was written.

        Raises:
            OSError: It can't be sent; `BrokenPipeError` if the reader has gone.
        """
        self._send()
        try:
            self._binary.flush()
        except OSError as error:
            raise self._named(error) from None

    def discard(self) -> None:
        """
        Drop what can't be sent, so that nothing is tried again when the process ends.
        """
        self._waiting.clear()
        self._waiting_bytes = 0
        with contextlib.suppress(OSError, ValueError):  # ValueError: not a real file
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    def _send(self) -> None:
        data = b"".join(self._waiting)
        self._waiting.clear()
        self._waiting_bytes = 0
        try:
            self._binary.write(data)
        except OSError as error:
            raise self._named(error) from None

    def _named(self, error: OSError) -> OSError:
        return type(error)(error.errno, error.strerror, "standard output")


class Messages:
    """
    Standard error: what the person should know, one line each.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.is_terminal = stream.isatty()

    def say(self, text: str) -> None:
        """
        Write *text*, made safe, and end the line.
        """
        with contextlib.suppress(OSError):  # nobody left to tell
            self._stream.write(safe_text(text) + "\n")
            self._stream.flush()

    def complain(self, text: str) -> None:
        """
        Write *text* with the program's name in front.
        """
        self.say(f"recordkit: {text}")

    def status(self, text: str) -> None:
        """
        Replace the status line of a terminal by *text*, "" to clear it; nothing where there is no terminal.
        """
        if self.is_terminal:
            with contextlib.suppress(OSError):
                self._stream.write(f"\r\x1b[K{safe_line(text)}")
                self._stream.flush()


def standard() -> tuple[Output, Messages]:
    """
    Return the process's own streams.
    """
    return Output(sys.stdout), Messages(sys.stderr)

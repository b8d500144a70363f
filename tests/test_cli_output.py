import io

import pytest

from cli_run import Stream
from recordkit.cli.output import Messages, Output


class Failing(io.BytesIO):
    """A file behind standard output that takes nothing."""

    def write(self, _data):
        raise OSError(28, "No space left on device")


class Odd(io.TextIOWrapper):
    """A stream of another encoding, a terminal if wanted."""

    terminal = True

    def isatty(self):
        return self.terminal


def test_lines_are_safe_and_utf8():
    """Text is made safe; bytes pass as they are."""
    stream = Stream()
    out = Output(stream)
    out.line("é\x1b\n漢\t")
    out.line_of("a\tb", "c")
    out.write(b"\x00raw")
    out.flush()
    assert stream.content == "é\\x1b\\n漢\\t\na\\tb\tc\n".encode() + b"\x00raw"


@pytest.mark.parametrize(("terminal", "expected"), [(True, b"\xe9\\u6f22\n"), (False, "é漢\n".encode())])
def test_only_a_terminal_of_another_encoding_gets_other_bytes(terminal, expected):
    """What is piped is always UTF-8; a Latin-1 terminal gets what it can show, and escapes for the rest."""
    stream = Odd(io.BytesIO(), encoding="latin-1")
    stream.terminal = terminal
    out = Output(stream)
    out.line("é漢")
    out.flush()
    assert stream.buffer.getvalue() == expected


def test_output_that_is_refused_names_standard_output():
    """A full disk behind the output is an error that says where."""
    out = Output(io.TextIOWrapper(Failing(), encoding="utf-8"))
    out.line("x")
    with pytest.raises(OSError, match="standard output"):
        out.flush()
    out.discard()


def test_large_output_is_not_kept_in_memory():
    """Beyond 64 KiB what was written is sent without waiting for a flush."""
    stream = Stream()
    out = Output(stream)
    for _ in range(100):
        out.write(b"x" * 1000)
    assert len(stream.buffer.getvalue()) >= 64 * 1024


def test_status_is_for_terminals():
    """A status line replaces itself on a terminal and is left out elsewhere; its text is safe."""
    terminal, pipe = Stream(terminal=True), Stream()
    for stream in (terminal, pipe):
        messages = Messages(stream)
        messages.status("checking \x1b]0;x\x07")
        messages.complain("two\nlines\x9b")
    assert terminal.content == b"\r\x1b[Kchecking \\x1b]0;x\\x07recordkit: two\nlines\\x9b\n"
    assert pipe.content == b"recordkit: two\nlines\\x9b\n"

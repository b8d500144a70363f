import json

import pytest

from cli_run import Stream
from recordkit.cli.json_list import JsonList
from recordkit.cli.output import Output


def test_a_list_that_was_finished_parses():
    """Items come out as one array, one a line."""
    stream = Stream()
    out = Output(stream)
    with JsonList(out) as items:
        items.add({"a": 1})
        items.add({"b": "\x1b"})
    out.flush()
    assert json.loads(stream.content) == [{"a": 1}, {"b": "\x1b"}]
    assert stream.content.count(b"\n") == 4


def test_a_list_that_was_broken_off_does_not_parse():
    """What failed half way can't be taken for the whole."""
    stream = Stream()
    out = Output(stream)
    with pytest.raises(RuntimeError):
        _break_off(out)
    out.flush()
    with pytest.raises(json.JSONDecodeError):
        json.loads(stream.content)


def _break_off(out):
    with JsonList(out) as items:
        items.add({"a": 1})
        raise RuntimeError

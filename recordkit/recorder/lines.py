"""
A session's events as stored lines: what is constant first, what varies last.

The constant fields are serialised once a session. An event of the proxy's brings only what is its own;
``ei``, time and uid are put between when its batch is written, which is what makes their order in the
file the order of `ei`. An event that brings everything itself keeps every value, and its constant block
is moved to the front if it is where it was in the event before.

Here is what happens to one event at the door; `recordkit.recorder.line_writer` has the rest.
"""

from collections.abc import Callable
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

import orjson

from recordkit.container.layout import INT64_MAX, INT64_MIN
from recordkit.errors import InvalidEventError, shown
from recordkit.events.codec import LINE_OPTIONS, Event, check_finite, encode_line, refuse
from recordkit.events.ids import parse_sid
from recordkit.events.kinds import CONSTANT_FIELDS, code_for
from recordkit.events.timestamps import format_second, parse_time
from recordkit.limits import MIB
from recordkit.recorder.line_writer import LineWriter
from recordkit.recorder.templates import NO_SHAPE, AnyItem, Shape, Template, Way

_NS: Final = 1_000_000_000
_MAX_REMEMBERED: Final = 1024  # kinds of events in a session; a hostile client can't grow the tables
_EI_BITS: Final = 62
_MAX_EI: Final = 2**_EI_BITS  # those that don't bring one count on from it, and stay within 64 bits
_MAX_CONSTANTS: Final = 16 * MIB  # bytes as JSON; they stand in every line
_MADE_UP: Final = 160  # bytes that are put into a line beside the constants, about
_NEVER_CONSTANT: Final = ("ei", "time", "uid", "event", "code")

_BRACE: Final = ord("{")  # a number is found by `in` in a tenth of the time


@lru_cache(maxsize=64)
def _shared(names: frozenset[str]) -> frozenset[str]:
    """
    Return one set for all sessions with the same fields: it takes 0.7 KiB.
    """
    return names


class SessionLines(LineWriter):
    """
    Turns one session's events into items, in any thread at any time, and items into lines.

    Attributes:
        sid: The session.
        constants: Fields that every event of the session has, unless it brings its own.
        overhead_bytes: What is put into a line, about.
        reserved: An event that brings none of these fields is the session's own.
        own, own_failed: Templates of the session's own events, by kind.
    """

    def __init__(self, sid: str, constants: Event, *, verbatim: bool) -> None:
        """
        Begin a session.

        Raises:
            InvalidEventError: A constant can't be recorded, or must differ from event to event.
        """
        super().__init__()
        for name in _NEVER_CONSTANT:
            if name in constants:
                raise InvalidEventError(name, expected="a field that all events share", found=shown(constants[name]))
        self.sid = sid
        self.verbatim = verbatim
        self.constants: Event = {"sid": sid}
        for name in CONSTANT_FIELDS:
            if name in constants:
                self.constants[name] = constants[name]
        self.constants |= constants
        self._prefix = encode_line(self.constants)[:-2] + b","
        if len(self._prefix) > _MAX_CONSTANTS:
            found = f"{len(self._prefix)} bytes of fields that all events share"
            raise InvalidEventError("", expected=f"at most {_MAX_CONSTANTS}", found=found)
        self.overhead_bytes = len(self._prefix) + _MADE_UP
        # What makes an event not the session's own; in a verbatim session every event has its kind, so none is.
        self.reserved = _shared(frozenset({"event"} if verbatim else {"ei", "time", "uid", "code", *self.constants}))
        self.own: dict[str, Template] = {}
        self.own_failed: dict[str, Template] = {}
        self._given: dict[str, Template] = {}
        self._given_failed: dict[str, Template] = {}
        # The first 23 characters of an event's time, and their nanoseconds; the first 20 likewise. Replaced as one.
        self._time_shared = self._second_shared = ("-", 0)

    def own_template(self, kind: str, *, failed: bool, fixed: Event, body: bytes = b"") -> Template:
        """
        Return the template of events of *kind* that bring nothing of the session's.

        Args:
            kind: As in ``event``.
            failed: Whether they say ``success: false``.
            fixed: Fields that all of them have; they go right behind the session's constants.
            body: What stands before each item's line.
        """
        before = encode_line(fixed)[1:-2] + b"," if fixed else b""
        return Template(Way.OWN, kind, failed=failed, head=self._prefix + before + b'"ei":', body=body)

    def item(self, event: Event, now_ns: Callable[[], int]) -> AnyItem:
        """
        Check *event* and return it ready to be written.

        Fast for events that bring everything; `RecordingSession.emit` has the fast way of the others.

        Raises:
            InvalidEventError: It can't be recorded as it is.
        """
        try:
            ei, time, sid, _, _, kind = _GIVEN_FIELDS(event)
            template = (self._given_failed if event.get("success") is False else self._given)[kind]
        except (KeyError, TypeError, AttributeError, RecursionError):
            return self._other_item(event, now_ns)  # which also says what is wrong
        try:
            line = _dumps(event, None, LINE_OPTIONS)
        except (TypeError, RecursionError) as error:
            refuse(event, error)
        block, begin, ahead, behind, front, doubtful, _ = template.shape
        before = line[ahead]
        if line.startswith(block, begin) and _BRACE not in before:  # behind a brace it may be an inner object's
            line = front + before + line[behind]
            if line.find(b"null", doubtful) > 0:  # takes half the time of `in`
                check_finite(event)
        else:
            if line.find(b"null") > 0:
                check_finite(event)
            line = self._front_first(line, template)
        # Events of one millisecond share 23 characters; three digits and Z follow, in what we and most others write.
        shared, shared_ns = self._time_shared
        try:
            time_ns = shared_ns + _MICRO[time[_FROM_MICRO]] if time[_TO_MILLI] == shared else self._time(time)
        except (KeyError, TypeError):
            time_ns = self._time(time)
        if type(ei) is not int or ei >> _EI_BITS:  # 0 for what fits; half of what two comparisons take
            raise _wrong_ei(ei)
        if sid != self.sid:
            self._check_sid(event)
        return (template, time_ns, line, ei)

    def _other_item(self, event: Event, now_ns: Callable[[], int]) -> AnyItem:
        """
        Do the work of `item` for an event that doesn't bring everything, or whose kind is new.
        """
        if type(event) is not dict:
            raise InvalidEventError("", expected="a dict", found=type(event).__name__)
        kind, failed = event.get("event"), event.get("success") is False
        if type(kind) is not str:
            raise _wrong_kind(event)
        if self.reserved.isdisjoint(event):
            return (self._remember_own(kind, failed=failed), now_ns(), encode_line(event)[1:], None)
        if self.verbatim or event.keys() >= _GIVEN_NAMES:
            self._check_sid(event)
            ei = event.get("ei")
            if "ei" in event and (type(ei) is not int or not 0 <= ei < _MAX_EI):
                raise _wrong_ei(ei)
            time_ns = self._time(event["time"]) if "time" in event else None
            template = self._remember_given(kind, failed=failed)
            return (template, time_ns, self._front_first(encode_line(event), template), ei)
        return self._mixed(event, kind, now_ns, failed=failed)

    def _remember_own(self, kind: str, *, failed: bool) -> Template:
        known = self.own_failed if failed else self.own
        template = known.get(kind)
        if template is None:
            code = code_for(kind, success=not failed)
            template = self.own_template(kind, failed=failed, fixed={} if code is None else {"code": code})
            if len(known) < _MAX_REMEMBERED and not template.mark:  # a session has one start and one end
                known[kind] = template
        return template

    def _remember_given(self, kind: str, *, failed: bool) -> Template:
        known = self._given_failed if failed else self._given
        template = known.get(kind)
        if template is None:
            template = Template(Way.GIVEN, kind, failed=failed)
            if len(known) < _MAX_REMEMBERED:
                known[kind] = template
        return template

    def _mixed(self, event: Event, kind: str, now_ns: Callable[[], int], *, failed: bool) -> AnyItem:
        self._check_sid(event)
        ei = event.get("ei")
        if "ei" in event and (type(ei) is not int or not 0 <= ei < _MAX_EI):
            raise _wrong_ei(ei)
        time_ns = self._time(event["time"]) if "time" in event else None
        whole = self.constants | event
        if "code" not in event and (code := code_for(kind, success=not failed)) is not None:
            whole["code"] = code
        front = {name: whole.pop(name) for name in self.constants}
        if "time" not in event:
            time_ns = now_ns() // 1000 * 1000
            whole = {"time": _text(time_ns)} | whole
        head = encode_line(front)[:-2] + b","
        puts_ei, puts_uid = "ei" not in event, "uid" not in event
        template = Template(Way.MIXED, kind, failed=failed, head=head, puts_ei=puts_ei, puts_uid=puts_uid)
        return (template, time_ns, encode_line(whole)[1:], ei)

    def _check_sid(self, event: Event) -> None:
        if "sid" in event and parse_sid(event["sid"]) != self.sid:
            raise InvalidEventError("sid", expected=self.sid, found=shown(event["sid"]))

    def _time(self, text: Any) -> int | None:
        """
        Return the nanoseconds of an event's time; None where it is outside 64 bits.
        """
        if type(text) is not str:
            raise InvalidEventError("time", expected="an RFC 3339 time", found=shown(text))
        second, second_ns = self._second_shared
        if text[:20] == second:
            try:
                milli_ns = second_ns + _MILLI[text[20:23]]
                time_ns = milli_ns + _MICRO[text[_FROM_MICRO]]
            except KeyError:
                pass
            else:
                self._time_shared = (text[_TO_MILLI], milli_ns)
                return time_ns
        try:
            time_ns = parse_time(text)
        except ValueError as error:
            raise InvalidEventError("time", expected="an RFC 3339 time", found=shown(text)) from error
        if not INT64_MIN < time_ns < INT64_MAX:
            return None
        if text[19:20] == "." and text[-1] == "Z" and text[10] == "T" and text[17:19] != "60":
            self._second_shared = (text[:20], time_ns - time_ns % _NS)
        return time_ns

    def _front_first(self, line: bytes, template: Template) -> bytes:
        """
        Return the line of an event that brings everything, its constant fields first.
        """
        block, *_, key = template.shape
        begin = line.find(key) if key else -1  # it moves when numbers before it grow
        if begin > 0 and line.startswith(block, begin) and line.find(b"{", 1, begin) < 0:
            template.shape = _shape(block, begin, key)
            return b"{" + block + line[1:begin] + line[begin + len(block) :]
        event = orjson.loads(line)
        if not self.verbatim:
            event = event | {name: value for name, value in self.constants.items() if name not in event}
        template.shape = self._learnt(line, list(event), event)
        first = {name: event.pop(name) for name in CONSTANT_FIELDS if name in event}
        if first and event:
            return orjson.dumps(first)[:-1] + b"," + orjson.dumps(event)[1:] + b"\n"
        return line[:-1] + b"\n"

    def _learnt(self, line: bytes, names: list[str], event: Event) -> Shape:
        """
        Return the first run of constant fields, as it stands in the line: the next event likely has the same.
        """
        first = next((n for n, name in enumerate(names) if name in _CONSTANT), len(names))
        last = next((n for n in range(first, len(names)) if names[n] not in _CONSTANT), len(names))
        missing = not self.verbatim and not self.constants.keys() <= set(names[first:last])
        if first == last or last == len(names) or missing:
            return NO_SHAPE
        block = orjson.dumps({name: event[name] for name in names[first:last]})[1:-1] + b","
        key = orjson.dumps(names[first]) + b":"
        begin = line.find(key)
        return _shape(block, begin, key) if begin > 0 else NO_SHAPE


def _shape(block: bytes, begin: int, key: bytes) -> Shape:
    front = b"{" + block
    doubtful = 0 if b"null" in block else len(front)  # one of another event may have been a number there
    return (block, begin, slice(1, begin), slice(begin + len(block), None), front, doubtful, key)


_CONSTANT: Final = frozenset(CONSTANT_FIELDS)
_GIVEN_FIELDS: Final = itemgetter("ei", "time", "sid", "uid", "code", "event")
_GIVEN_NAMES: Final = frozenset({"ei", "time", "sid", "uid", "code", "event"})
_MILLI: Final = {f"{number:03d}": number * 1_000_000 for number in range(1000)}
_MICRO: Final = {f"{number:03d}Z": number * 1000 for number in range(1000)}
_TO_MILLI: Final = slice(None, 23)  # a slice that is ready takes three quarters of the time
_FROM_MICRO: Final = slice(23, None)
_dumps: Final = orjson.dumps


def _text(time_ns: int) -> str:
    seconds, fraction = divmod(time_ns, _NS)
    return f"{format_second(seconds)}.{fraction // 1000:06d}Z"


def _wrong_ei(ei: Any) -> InvalidEventError:
    return InvalidEventError("ei", expected="an integer from 0 to 2**62 - 1", found=shown(ei)[:40])


def _wrong_kind(event: Event) -> InvalidEventError:
    kind = event.get("event")
    found = "nothing" if "event" not in event else f"{type(kind).__name__} {shown(kind)[:40]}"
    return InvalidEventError("event", expected="the kind of the event, as db.session.query", found=found)

"""
A session's events as stored lines: what is constant first, what varies last.

The constant fields are serialised once a session. An event of the proxy's brings only what is its own;
``ei``, time and uid are put between when its batch is written, which is what makes their order in the
file the order of `ei`. An event that brings everything itself keeps every value, and its constant block
is moved to the front if it is where it was in the event before.

Three ways to write an event, from the commonest:

=========  ================================================================================
own        brings none of ei, time, uid, sid and the constants: they are put in
given      brings its own ei and time: kept as it is, constants moved to the front
mixed      brings some: the rest is put in; slower
=========  ================================================================================
"""

from collections.abc import Callable, Sequence
from io import BytesIO
from operator import attrgetter, itemgetter
from typing import Any, Final, NamedTuple

import orjson

from recordkit.container.chunks import Counts
from recordkit.container.layout import INT64_MAX, INT64_MIN, MARK_END, MARK_START
from recordkit.errors import InvalidEventError, shown
from recordkit.events.codec import LINE_OPTIONS, Event, check_finite, encode_line, refuse
from recordkit.events.ids import new_uid_prefix, parse_sid
from recordkit.events.kinds import CONSTANT_FIELDS, KINDS, Role, code_for
from recordkit.events.timestamps import format_second, parse_time
from recordkit.limits import MIB

_NS: Final = 1_000_000_000
_OWN, _GIVEN, _MIXED = 0, 1, 2
_UID_MASK: Final = 2**48 - 1
_MAX_REMEMBERED: Final = 1024  # kinds of events in a session; a hostile client can't grow the tables
_MAX_EI: Final = 2**62  # those that don't bring one count on from it, and stay within 64 bits
_MAX_CONSTANTS: Final = 16 * MIB  # bytes as JSON; they stand in every line
_MADE_UP: Final = 160  # bytes that are put into a line beside the constants, about
_NEVER_CONSTANT: Final = ("ei", "time", "uid", "event", "code")

_MARKS: Final = {Role.START: MARK_START, Role.END: MARK_END}


class Template:
    """
    How the lines of one kind of event are made, and what they count as.
    """

    __slots__ = (
        "asks",
        "error",
        "gap",
        "line",
        "mark",
        "own",
        "plain",
        "puts_ei",
        "puts_uid",
        "query",
        "result",
        "way",
    )

    def __init__(
        self, way: int, line: bytes, kind: str, *, failed: bool, puts_ei: bool = True, puts_uid: bool = True
    ) -> None:
        known = KINDS.get(kind)
        role = Role.OTHER if known is None else known.role
        self.way = way
        self.own = way == _OWN
        self.line = line
        self.puts_ei = puts_ei
        self.puts_uid = puts_uid
        self.query = role is Role.QUERY
        self.result = role is Role.RESULT
        self.gap = role is Role.GAP
        self.mark = _MARKS.get(role, 0)
        self.error = failed
        self.asks = self.query and not failed
        self.plain = not (self.query or self.result or self.gap or self.mark or failed)


class Item(NamedTuple):
    """
    One accepted event on its way; made as a plain tuple on the hot path.

    Attributes:
        template: How to write it.
        time_ns: When it happened; None if it doesn't say.
        line: Its own fields as JSON: without the opening brace and with a newline if the session puts in the rest,
            else the whole object. Always a copy: what orjson returns holds 4 KiB at least, however short it is.
        ei: Given by the caller; None where it is to be counted.
    """

    template: Template
    time_ns: int | None
    line: bytes
    ei: int | None = None


class SessionLines:
    """
    Turns one session's events into items, and items into lines. Preparing an item may happen in any
    thread at any time; writing them is for one thread at a time.

    Attributes:
        sid: The session.
        constants: Fields that every event of the session has, unless it brings its own.
        next_ei: Of the next event that doesn't bring one.
        started: Whether a ``db.session.start`` was written.
        started_ns: Its time; None if it had none.
        overhead_bytes: What is put into a line, about.
        reserved: An event that brings none of these fields is the session's own.
        own, own_failed: Templates of the session's own events, by kind.
        ended: Whether a ``db.session.end`` was written.
    """

    def __init__(self, sid: str, constants: Event, *, verbatim: bool) -> None:
        """
        Begin a session.

        Raises:
            InvalidEventError: A constant can't be recorded, or must differ from event to event.
        """
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
        self.next_ei = 0
        self.started = self.ended = False
        self.started_ns: int | None = None
        self._prefix = encode_line(self.constants)[:-2] + b","
        if len(self._prefix) > _MAX_CONSTANTS:
            found = f"{len(self._prefix)} bytes of fields that all events share"
            raise InvalidEventError("", expected=f"at most {_MAX_CONSTANTS}", found=found)
        self.overhead_bytes = len(self._prefix) + _MADE_UP
        self._uid_prefix = new_uid_prefix().encode()
        self._own_head = (
            b'"ei":%d,"time":"%b.%06dZ","uid":"' + self._uid_prefix + b'%012x",'
        )  # of every event that brings nothing of it
        # What makes an event not the session's own; in a verbatim session every event has its kind, so none is.
        self.reserved = frozenset({"event"} if verbatim else {"ei", "time", "uid", "code", *self.constants})
        self.own: dict[str, Template] = {}
        self.own_failed: dict[str, Template] = {}
        self._given: dict[str, Template] = {}
        self._given_failed: dict[str, Template] = {}
        self._second_ns = 0
        self._second = b"1970-01-01T00:00:00"
        self._time_shared = ("-", 0)  # first 20 characters of a time, and their nanoseconds; replaced as one
        self._block = b""
        self._block_key = b""
        self._block_at = 0
        self._front = b"-"
        self._asked_ns: int | None = None
        self._last_ns: int | None = None

    def own_template(self, kind: str, *, failed: bool, fixed: Event, body: bytes = b"%b") -> Template:
        """
        Return the template of events of *kind* that bring nothing of the session's.

        Args:
            kind: As in ``event``.
            failed: Whether they say ``success: false``.
            fixed: Fields that all of them have; they go right behind the session's constants.
            body: How the line ends; ``%b`` is the item's `Item.line`.
        """
        before = encode_line(fixed)[1:-2] + b"," if fixed else b""
        line = (self._prefix + before).replace(b"%", b"%%") + self._own_head + body
        return Template(_OWN, line, kind, failed=failed)

    def item(self, event: Event, now_ns: Callable[[], int]) -> tuple[Any, ...]:
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
        if line.find(b"null") > 0:
            check_finite(event)
        # Events of one second share 20 characters; six digits and Z follow, in what we and most others write.
        shared, base_ns = self._time_shared
        try:
            if time[:20] != shared or time[26:] != "Z":
                raise KeyError  # noqa: TRY301 -- the slow way is one, not a place to jump over a call
            time_ns: int | None = base_ns + (_DIGITS[time[20:23]] * 1000 + _DIGITS[time[23:26]]) * 1000
        except (KeyError, TypeError):
            time_ns = self._time(time)
        if type(ei) is not int or not 0 <= ei < _MAX_EI:
            raise _wrong_ei(ei)
        if sid != self.sid:
            self._check_sid(event)
        return (template, time_ns, line[:-1], ei)

    def _other_item(self, event: Event, now_ns: Callable[[], int]) -> tuple[Any, ...]:
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
            return (self._remember_given(kind, failed=failed), time_ns, encode_line(event)[:-1], ei)
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
            template = Template(_GIVEN, b"", kind, failed=failed)
            if len(known) < _MAX_REMEMBERED:
                known[kind] = template
        return template

    def _mixed(self, event: Event, kind: str, now_ns: Callable[[], int], *, failed: bool) -> tuple[Any, ...]:
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
        template = Template(_MIXED, head, kind, failed=failed, puts_ei="ei" not in event, puts_uid="uid" not in event)
        return (template, time_ns, encode_line(whole)[:-1], ei)

    def _check_sid(self, event: Event) -> None:
        if "sid" in event and parse_sid(event["sid"]) != self.sid:
            raise InvalidEventError("sid", expected=self.sid, found=shown(event["sid"]))

    def _time(self, text: Any) -> int | None:
        """
        Return the nanoseconds of an event's time; None where it is outside 64 bits.
        """
        if type(text) is not str:
            raise InvalidEventError("time", expected="an RFC 3339 time", found=shown(text))
        try:
            time_ns = parse_time(text)
        except ValueError as error:
            raise InvalidEventError("time", expected="an RFC 3339 time", found=shown(text)) from error
        if not INT64_MIN < time_ns < INT64_MAX:
            return None
        if text[19:20] == "." and text[-1] == "Z" and text[10] == "T" and text[17:19] != "60":
            self._time_shared = (text[:20], time_ns - time_ns % _NS)
        return time_ns

    def write(self, items: Sequence[tuple[Any, ...]], out: BytesIO, counts: Counts) -> int:
        """
        Append the lines of *items* to *out* and count them; gives each the next ``ei`` where it has none.

        All lines are made by one formatting call: a call a line costs half as much again. Whatever comes up
        meanwhile, also a signal's exception, all of it is done or nothing.

        Returns:
            Where *out* ends now.
        """
        begin, counted, asked_ns = out.tell(), _COUNTED(counts), self._asked_ns
        try:
            return self._write(items, out, counts)
        except BaseException:
            out.seek(begin)
            for name, value in zip(Counts.__slots__, counted, strict=True):
                setattr(counts, name, value)
            self._asked_ns = asked_ns
            raise

    def _write(self, items: Sequence[tuple[Any, ...]], out: BytesIO, counts: Counts) -> int:
        ei = run_start = self.next_ei
        second_ns, second, last_ns = self._second_ns, self._second, self._last_ns
        earliest, latest = counts.earliest_ns, counts.latest_ns
        queries = 0
        lines: list[bytes] = []
        values: list[Any] = []
        for template, time_ns, line, given in items:
            if template.own:
                micro = (time_ns - second_ns) // 1000
                if not 0 <= micro < 1_000_000:
                    second_ns = time_ns - time_ns % _NS
                    second = format_second(second_ns // _NS).encode()
                    micro = (time_ns - second_ns) // 1000
                last_ns = second_ns + micro * 1000  # what the line says, not finer
                lines.append(template.line)
                values += (ei, second, micro, ei & 0xFFFFFFFFFFFF, line)
            else:
                if time_ns is not None:
                    last_ns = time_ns
                if given is not None and given != ei:
                    counts.cover(run_start, ei - 1)
                    ei = run_start = given
                lines.append(b"%b\n")
                values.append(
                    self._given_line(line) if template.way == _GIVEN else self._mixed_line(template, line, ei)
                )
            ei += 1
            if last_ns is not None:
                if last_ns > latest:
                    latest = last_ns
                if last_ns < earliest:
                    earliest = last_ns
            if template.asks:  # every other event is one: a call would cost as much as the rest
                queries += 1
                self._asked_ns = last_ns
            elif not template.plain:
                self._count(template, line, last_ns, counts)
        out.write(b"".join(lines) % tuple(values))
        counts.events += len(lines)
        counts.queries += queries
        counts.cover(run_start, ei - 1)
        counts.earliest_ns, counts.latest_ns = earliest, latest
        end = out.tell()
        self.next_ei = ei
        self._second_ns, self._second, self._last_ns = second_ns, second, last_ns
        return end

    def _count(self, template: Template, line: bytes, time_ns: int | None, counts: Counts) -> None:
        if template.query:
            counts.queries += 1
            self._asked_ns = time_ns
        elif template.result and self._asked_ns is not None and time_ns is not None:
            counts.longest_wait_ns = max(counts.longest_wait_ns, time_ns - self._asked_ns)
            self._asked_ns = None
        if template.error:
            counts.errors += 1
        if template.mark:
            counts.marks |= template.mark
            if template.mark == MARK_END:
                self.ended = True
            elif not self.started:
                self.started, self.started_ns = True, time_ns
        if template.gap:
            lost = orjson.loads(line if line[:1] == b"{" else b"{" + line).get("count")
            counts.lost += lost if type(lost) is int and lost > 0 else 0

    def _mixed_line(self, template: Template, line: bytes, ei: int) -> bytes:
        ei_field = b'"ei":%d,' % ei if template.puts_ei else b""
        uid_field = b'"uid":"%b%012x",' % (self._uid_prefix, ei & _UID_MASK) if template.puts_uid else b""
        return b"".join((template.line, ei_field, uid_field, line[1:]))

    def _given_line(self, line: bytes) -> bytes:
        """
        Return the line of an event that brings everything: its constant block moves to the front.
        """
        block, at = self._block, self._block_at
        if not line.startswith(block, at):  # it moves when numbers before it grow
            at = self._block_at = line.find(self._block_key)
        # with a brace before the block, it may be an inner object's
        if at > 0 and line.startswith(block, at) and line.find(b"{", 1, at) < 0:
            return b"".join((self._front, line[1:at], line[at + len(block) :]))
        if line.startswith(self._front):
            return line
        event = orjson.loads(line)
        if not self.verbatim:
            event = event | {name: value for name, value in self.constants.items() if name not in event}
        self._learn(list(event), event)
        front = {name: event.pop(name) for name in CONSTANT_FIELDS if name in event}
        if front and event:
            return orjson.dumps(front)[:-1] + b"," + orjson.dumps(event)[1:]
        return line

    def _learn(self, names: list[str], event: Event) -> None:
        """
        Remember the first run of constant fields, as it stands in the line: the next event likely has the same.
        """
        self._block, self._block_key, self._block_at, self._front = b"", b"", 0, b"-"
        first = next((n for n, name in enumerate(names) if name in _CONSTANT), len(names))
        last = next((n for n in range(first, len(names)) if names[n] not in _CONSTANT), len(names))
        missing = not self.verbatim and not self.constants.keys() <= set(names[first:last])
        if first == last or last == len(names) or missing:
            return
        block = orjson.dumps({name: event[name] for name in names[first:last]})[1:-1] + b","
        self._front = b"{" + block
        if first:
            self._block, self._block_key = block, orjson.dumps(names[first]) + b":"


_CONSTANT: Final = frozenset(CONSTANT_FIELDS)
_GIVEN_FIELDS: Final = itemgetter("ei", "time", "sid", "uid", "code", "event")
_GIVEN_NAMES: Final = frozenset({"ei", "time", "sid", "uid", "code", "event"})
_DIGITS: Final = {f"{number:03d}": number for number in range(1000)}
_COUNTED: Final = attrgetter(*Counts.__slots__)
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

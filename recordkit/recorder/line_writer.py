"""
A session's items as stored lines: where ``ei``, time and uid come in, and order is fixed.

Nearly all batches hold the session's own events within one second. What stands before each line's own part
is then equally long in all of them: it is repeated by C code, its digits are put in column by column (a slice
with a step takes 2 ns a digit), and it is cut and joined with the lines. [measured] That is five sixths of
what joining pieces from tables of numbers takes, which was half of one formatting call a line. Events that
bring everything are ready lines: they are only joined. All else is written line by line.
"""

from collections.abc import Iterator, Sequence
from io import BytesIO
from itertools import repeat
from operator import attrgetter
from typing import Final

from recordkit.container.chunks import Counts
from recordkit.container.layout import MARK_END
from recordkit.events.codec import decode_line, encode_value
from recordkit.events.ids import new_uid_prefix
from recordkit.events.timestamps import format_second
from recordkit.recorder.templates import AnyItem, Template, Way

_NS: Final = 1_000_000_000
_UID_COUNTS: Final = 10**12
_FEWEST: Final = 8
"""Events from which on columns pay: [measured] fewer are written sooner one by one."""

_OLDEST_NS: Final = 10**18
_TIME_WIDTH: Final = 20
_TIME_PLACE: Final = 11
"""
From 2001 on nanoseconds have 19 digits; as a JSON array of numbers they take 20 bytes each, and the fraction's
first digit stands here.
"""
_HUNDREDS: Final = b"".join(b"%d" % digit * 100 for digit in range(10))
_TENS: Final = b"".join(b"%d" % digit * 10 for digit in range(10)) * 10
_ONES: Final = b"0123456789" * 100
_COLUMNS: Final = (_HUNDREDS, _TENS, _ONES)
"""The digits of 0 to 999, place by place."""
_RUN: Final = 1000

_counted: Final = attrgetter(*Counts.__slots__)


class LineWriter:
    """
    Writes one session's lines; for one thread at a time.

    Attributes:
        next_ei: Of the next event that doesn't bring one.
        started: Whether a ``db.session.start`` was written.
        started_ns: Its time; None if it had none.
        ended: Whether a ``db.session.end`` was written.
    """

    def __init__(self) -> None:
        self.next_ei = 0
        self.started = self.ended = False
        self.started_ns: int | None = None
        self._uid_prefix = new_uid_prefix().encode()
        self._second_ns = 0
        self._second = b"1970-01-01T00:00:00"
        self._asked_ns: int | None = None
        self._last_ns: int | None = None

    def write(self, items: Sequence[AnyItem], out: BytesIO, counts: Counts) -> int:
        """
        Append the lines of *items* to *out* and count them; gives each the next ``ei`` where it has none.

        Whatever comes up meanwhile, also a signal's exception, all of it is done or nothing.

        Returns:
            Where *out* ends now.
        """
        begin, counted, numbered = out.tell(), _counted(counts), (self.next_ei, self._last_ns, self._asked_ns)
        try:
            self._write(items, out, counts)
            return out.tell()
        except BaseException:
            out.seek(begin)
            for name, value in zip(Counts.__slots__, counted, strict=True):
                setattr(counts, name, value)
            self.next_ei, self._last_ns, self._asked_ns = numbered
            raise

    def _write(self, items: Sequence[AnyItem], out: BytesIO, counts: Counts) -> None:
        if not items:
            return
        templates, times, lines, eis = zip(*items, strict=True)
        kinds = set(templates)
        ways = {kind.way for kind in kinds}
        if len(ways) == 1 and not any(kind.gap for kind in kinds):
            way = ways.pop()
            if way is Way.OWN and len(items) >= _FEWEST:
                bounds = min(times), max(times)
                if self._write_own(templates, kinds, times, lines, out, bounds=bounds):
                    self._count_run(templates, kinds, times, counts, bounds=bounds, finest_ns=1000)
                    return
            first = eis[0]
            if way is Way.GIVEN and None not in times and first is not None:
                count = len(eis)
                if eis == tuple(range(first, first + count)):
                    out.write(b"".join(lines))
                    self.next_ei = first
                    self._count_run(templates, kinds, times, counts, bounds=(min(times), max(times)))
                    return
        self._write_each(items, out, counts)

    def _write_own(
        self,
        templates: tuple[Template, ...],
        kinds: set[Template],
        times: tuple[int, ...],
        lines: tuple[bytes, ...],
        out: BytesIO,
        *,
        bounds: tuple[int, int],
    ) -> bool:
        """
        Write own events of one second; False if they are not.
        """
        base_ns = self._second_ns
        if not base_ns <= times[0] < base_ns + _NS:
            base_ns = self._at(times[0])
        if bounds[0] < base_ns or bounds[1] >= base_ns + _NS or not _OLDEST_NS <= base_ns < 10 * _OLDEST_NS:
            return False
        digits = encode_value(times, field="time")
        done, count = 0, len(lines)
        while done < count:
            ei = self.next_ei + done
            end = min(count, done + _same_length(ei))
            some = lines[done:end]
            fractions = digits[_TIME_WIDTH * done : _TIME_WIDTH * end]
            if len(kinds) == 1:
                only = templates[0]
                pieces = [b""] * (2 * len(some))
                pieces[0::2] = self._fronts(only.head, ei, fractions, only.body, len(some))
                pieces[1::2] = some
            else:
                pieces = [b""] * (4 * len(some))
                pieces[0::4] = [template.head for template in templates[done:end]]
                pieces[1::4] = self._fronts(b"", ei, fractions, b"", len(some))
                pieces[2::4] = [template.body for template in templates[done:end]]
                pieces[3::4] = some
            out.write(b"".join(pieces))
            done = end
        return True

    def _fronts(self, head: bytes, ei: int, fractions: bytes, body: bytes, count: int) -> Iterator[bytes]:
        """
        Yield what stands between *head* and *body* in each of *count* lines, with both.

        Args:
            head: What each begins with.
            ei: The first one's number; all have as many digits, and all but the last three in common.
            fractions: All times as a JSON array from the first one's bracket on, all of one second.
            body: What each ends with.
            count: How many.
        """
        number, uid = b"%d" % ei, b"%012d" % (ei % _UID_COUNTS)
        begin = head + number
        time = begin + b',"time":"' + self._second + b"."
        before_uid = time + b'000000Z","uid":"' + self._uid_prefix + uid
        front = before_uid + b'",' + body
        width = len(front)
        block = bytearray(front * count)
        for place in range(6):
            block[len(time) + place :: width] = fractions[_TIME_PLACE + place :: _TIME_WIDTH]
        low = ei % _RUN
        for place in range(1, 1 + min(3, len(number))):
            column = _COLUMNS[-place][low : low + count]
            block[len(begin) - place :: width] = column
            block[len(before_uid) - place :: width] = column
        return map(BytesIO(block).read, repeat(width, count))  # half of what as many slices take

    def _count_run(
        self,
        templates: tuple[Template, ...],
        kinds: set[Template],
        times: tuple[int, ...],
        counts: Counts,
        *,
        bounds: tuple[int, int],
        finest_ns: int = 1,
    ) -> None:
        """
        Count events numbered on from `next_ei`, and number on behind them.

        Args:
            templates: Of each event; no gaps, which count what their lines say.
            kinds: Which there are among them.
            times: Of each event.
            counts: Where to.
            bounds: The earliest and the latest of *times*.
            finest_ns: To which its line holds a time.
        """
        count, first = len(times), self.next_ei
        counts.events += count
        counts.cover(first, first + count - 1)
        (earliest, latest), last = bounds, times[-1]
        counts.earliest_ns = min(counts.earliest_ns, earliest - earliest % finest_ns)
        counts.latest_ns = max(counts.latest_ns, latest - latest % finest_ns)
        if len(kinds) == 1 and templates[0].simple:
            if templates[0].asks:
                counts.queries += count
                self._asked_ns = last - last % finest_ns
        else:
            for template, time_ns in zip(templates, times, strict=True):
                if not template.plain:
                    self._count(template, time_ns - time_ns % finest_ns, counts)
        self._last_ns = last - last % finest_ns
        self.next_ei = first + count

    def _write_each(self, items: Sequence[AnyItem], out: BytesIO, counts: Counts) -> None:
        ei = run_start = self.next_ei
        last_ns = self._last_ns
        earliest, latest = counts.earliest_ns, counts.latest_ns
        lines: list[bytes] = []
        for template, time_ns, line, given in items:
            if given is not None and given != ei:
                counts.cover(run_start, ei - 1)
                ei = run_start = given
            if template.own:
                micro = (time_ns - self._second_ns) // 1000
                if not 0 <= micro < 1_000_000:
                    micro = (time_ns - self._at(time_ns)) // 1000
                last_ns = self._second_ns + micro * 1000  # what the line says, not finer
                time = self._second, micro
                uid = self._uid_prefix, ei % _UID_COUNTS
                lines.append(b'%b%d,"time":"%b.%06dZ","uid":"%b%012d",' % (template.head, ei, *time, *uid))
                lines.append(template.body)
                lines.append(line)
            else:
                if time_ns is not None:
                    last_ns = time_ns
                if template.way is Way.MIXED:
                    lines.append(self._filled_in(template, ei))
                lines.append(line)
            ei += 1
            if last_ns is not None:
                earliest, latest = min(earliest, last_ns), max(latest, last_ns)
            if not template.plain:
                self._count(template, last_ns, counts)
                if template.gap:
                    counts.lost += _lost(line)
        out.write(b"".join(lines))
        counts.events += len(items)
        counts.cover(run_start, ei - 1)
        counts.earliest_ns, counts.latest_ns = earliest, latest
        self.next_ei, self._last_ns = ei, last_ns

    def _at(self, time_ns: int) -> int:
        """
        Make the second of *time_ns* the one whose text is ready; return when it began.
        """
        begin_ns = time_ns - time_ns % _NS
        second = format_second(begin_ns // _NS).encode()
        self._second_ns, self._second = begin_ns, second
        return begin_ns

    def _filled_in(self, template: Template, ei: int) -> bytes:
        """
        Return what stands before the item's line where the event brings some of the session's fields.
        """
        ei_field = b'"ei":%d,' % ei if template.puts_ei else b""
        uid_field = b'"uid":"%b%012d",' % (self._uid_prefix, ei % _UID_COUNTS) if template.puts_uid else b""
        return template.head + ei_field + uid_field

    def _count(self, template: Template, time_ns: int | None, counts: Counts) -> None:
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


def _same_length(ei: int) -> int:
    """
    Return how many numbers from *ei* on have as many digits as it has, and all but the last three in common.
    """
    return (_RUN if ei >= _RUN else 10 ** len(str(ei))) - ei % _RUN


def _lost(line: bytes) -> int:
    lost = decode_line(line if line[:1] == b"{" else b"{" + line).get("count")
    return lost if type(lost) is int and lost > 0 else 0

"""
How the lines of one kind of event are made, and what they count as.

Three ways to write an event, from the commonest:

=========  ================================================================================
own        brings none of ei, time, uid, sid and the constants: they are put in
given      brings all of them: its line is ready when it is accepted
mixed      brings some: the rest is put in; slower
=========  ================================================================================

An item is an accepted event on its way, a plain tuple since it is made on the hot path:
``(template, time_ns, line, ei)``. ``time_ns`` is None if the event has no time, ``ei`` if it is to be
counted. ``line`` ends with a line feed; of an event that is given it is the whole line, of others what
comes behind that which is put in. It is a copy of its own: what orjson returns holds 4 KiB at least,
however short it is.
"""

from enum import IntEnum
from typing import Any, Final

from recordkit.container.layout import MARK_END, MARK_START
from recordkit.events.kinds import KINDS, Role

Item = tuple["Template", int | None, bytes, int | None]

Shape = tuple[bytes, int, slice, slice, bytes, int, bytes]
"""
Where the constant fields stood in the last event of a kind that brought everything; a plain tuple, replaced as
one: they themselves with the comma behind them, where they begin, what stands before them but for the brace, and
what behind, what the line begins with once they are moved (a brace and they), from where on in it ``null`` may stand
for what JSON doesn't have, and what they begin with.
"""
NO_SHAPE: Final[Shape] = (b"-", 0, slice(0), slice(0), b"", 0, b"")

_MARKS: Final = {Role.START: MARK_START, Role.END: MARK_END}


class Way(IntEnum):
    """
    See the table above.
    """

    OWN = 0
    GIVEN = 1
    MIXED = 2


class Template:
    """
    Of one kind of event in one session; compared by identity.

    Attributes:
        way: How its lines are written.
        own: Whether it is the first of them.
        head: The line up to the number of ``ei``, which is not there unless `puts_ei`.
        body: What stands between the uid and the item's line.
        asks: A statement of which a result may be awaited.
        plain: It counts as an event and as nothing else.
        simple: It is `plain` or `asks`.
        shape: Of the last event that was given. One a kind: statements and their results take turns.
    """

    __slots__ = (
        "asks",
        "body",
        "error",
        "gap",
        "head",
        "mark",
        "own",
        "plain",
        "puts_ei",
        "puts_uid",
        "query",
        "result",
        "shape",
        "simple",
        "way",
    )

    def __init__(
        self,
        way: Way,
        kind: str,
        *,
        failed: bool,
        head: bytes = b"",
        body: bytes = b"",
        puts_ei: bool = True,
        puts_uid: bool = True,
    ) -> None:
        known = KINDS.get(kind)
        role = Role.OTHER if known is None else known.role
        self.way = way
        self.own = way is Way.OWN
        self.head = head
        self.body = body
        self.puts_ei = puts_ei
        self.puts_uid = puts_uid
        self.query = role is Role.QUERY
        self.result = role is Role.RESULT
        self.gap = role is Role.GAP
        self.mark = _MARKS.get(role, 0)
        self.error = failed
        self.asks = self.query and not failed
        self.plain = not (self.query or self.result or self.gap or self.mark or failed)
        self.simple = self.plain or self.asks
        self.shape = NO_SHAPE


AnyItem = tuple[Any, ...]
"""An `Item`, where spelling out its parts would only cost casts."""

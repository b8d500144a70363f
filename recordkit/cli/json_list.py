"""
A JSON array on standard output, written item by item; it parses only when it is complete.
"""

from types import TracebackType
from typing import Any, Self

from recordkit.cli.output import Output
from recordkit.render import renderer_for


class JsonList:
    """
    Writes a JSON array, one item a line; a context manager that closes it only when all went well.
    """

    def __init__(self, out: Output) -> None:
        self._out = out
        self._renderer = renderer_for("json")

    def __enter__(self) -> Self:
        self._out.write(self._renderer.begin())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._out.write(self._renderer.end())

    def add(self, item: dict[str, Any]) -> None:
        """
        Write one item.
        """
        self._out.write(self._renderer.write(item))

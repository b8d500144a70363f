import pytest

from recordkit.transcript.statement_numbers import LAST_PREPARED, StatementNumbers


def run(*steps):
    """The texts that executions resolve to: "p:x" prepares x, "p:x=7" as number 7, "e:7" executes, "c:7" closes."""
    numbers, found = StatementNumbers(), []
    for step in steps:
        what, _, rest = step.partition(":")
        name, _, number = rest.partition("=")
        if what == "p":
            numbers.prepare(name, int(number) if number else None)
        elif what == "e":
            found.append(numbers.resolve(int(name)))
        elif what == "c":
            numbers.close(int(name))
        else:
            {"sql": numbers.count_one, "gap": numbers.lose_count, "other": numbers.pass_on}[what]()
    return found


@pytest.mark.parametrize(
    ("steps", "texts"),
    [
        (["p:a", "p:b", "e:1", "e:2", "e:1"], ["a", "b", "a"]),
        (["e:1"], [None]),
        (["p:a", "c:1", "e:1"], [None]),
        (["p:a", "sql", "p:b", "e:3", "e:2"], ["b", None]),
        (["p:a=7", "p:b", "e:7", "e:8", "e:1"], ["a", "b", None]),
        (["p:a", "gap", "e:1", "p:b", "e:9", "e:1", "p:c", "e:10"], ["a", "b", "a", "c"]),
        (["p:a", "gap", "p:b", "other", "e:9"], [None]),
        (["p:a", "gap", "p:b", "e:1", "e:9"], ["a", None]),
        (["p:a", "other", "e:5"], [None]),
        (["p:a", "e:5", "e:5", "p:b", "e:6"], ["a", "a", "b"]),
        (["p:a", "p:b", f"e:{LAST_PREPARED}"], ["b"]),
        ([f"e:{LAST_PREPARED}"], [None]),
        (["p:a", "gap", f"e:{LAST_PREPARED}"], [None]),
        (["p:a", "c:1", "p:b", "e:1", "e:2"], [None, "b"]),
        (["p:a", "c:5", "c:1", "p:b", "e:2"], ["b"]),
    ],
)
def test_numbers_stand_for_what_was_prepared(steps, texts):
    """Numbers count up from one; where the count is not to be trusted, only what directly follows a prepare is known."""
    assert run(*steps) == texts


def test_a_fork_counts_by_itself():
    """What one of two prepares has no number for the other."""
    numbers = StatementNumbers()
    numbers.prepare("a", None)
    fork = numbers.fork()
    numbers.prepare("b", None)
    assert fork.prepare("c", None) == 2
    assert (numbers.resolve(2), fork.resolve(2), fork.resolve(1)) == ("b", "c", "a")


def test_a_number_that_is_no_number_is_not_known():
    """An execution that doesn't say what it executes has no text."""
    numbers = StatementNumbers()
    numbers.prepare("a", None)
    assert numbers.resolve(None) is None

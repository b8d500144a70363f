from hypothesis import given
from hypothesis import strategies as st

from recordkit.transcript.remembered import Remembered


def memory(**limits):
    return Remembered(**{"max_entries": 3, "max_chars": 20} | limits)


def test_the_oldest_entry_is_forgotten():
    """Past the number of entries, what was put in longest ago goes, and putting in again makes it the newest."""
    texts = memory()
    for key in "abc":
        texts.put(key, key.upper())
    texts.put("a", "again")
    texts.put("d", "D")
    assert [texts.get(key) for key in "abcd"] == ["again", None, "C", "D"]
    assert len(texts) == 3


def test_long_texts_push_out_more():
    """Past the number of characters, as many of the oldest go as must; the newest stays, however long."""
    texts = memory()
    texts.put("a", "x" * 9)
    texts.put("b", "x" * 9)
    texts.put("c", "x" * 8)
    assert [texts.get(key) is None for key in "abc"] == [True, False, False]
    texts.put("d", "x" * 1000)
    assert (len(texts), texts.get("d")) == (1, "x" * 1000)
    texts.put("e", "x")
    assert (len(texts), texts.chars) == (1, 2)


def test_what_is_dropped_is_gone():
    """Dropping frees the place, also twice, and clearing frees all."""
    texts = memory()
    texts.put("a", "A")
    texts.drop("a")
    texts.drop("a")
    assert (texts.get("a"), len(texts), texts.chars) == (None, 0, 0)
    texts.put("b", "B")
    texts.clear()
    assert (texts.get("b"), len(texts), texts.chars) == (None, 0, 0)


STEPS = st.lists(st.tuples(st.sampled_from("abcde"), st.none() | st.text(max_size=12)), max_size=20)


def applied(texts, steps):
    for key, text in steps:
        if text is None:
            texts.drop(key)
        else:
            texts.put(key, text)
    return [texts.get(key) for key in "abcde"], texts.chars


@given(STEPS, STEPS, STEPS)
def test_forks_go_on_by_themselves(before, one, other):
    """A fork and its original end as two memories that were filled apart; the count of characters is always right."""

    def alone(steps):
        return applied(memory(), before + steps)

    original = memory()
    applied(original, before)
    fork = original.fork()
    second = fork.fork()
    assert applied(original, one) == alone(one)
    assert applied(fork, other) == alone(other)
    assert applied(second, one) == alone(one)
    texts, chars = applied(fork, [])
    assert chars == sum(len(text) + 1 for text in texts if text is not None)


def test_a_fork_shares_until_something_is_put_in():
    """Taking a fork copies nothing, and of many forks only the one that changes pays."""
    texts = memory()
    texts.put("a", "A")
    forks = [texts.fork() for _ in range(3)]
    assert all(fork._texts is texts._texts for fork in forks)
    forks[0].put("b", "B")
    assert forks[0]._texts is not texts._texts
    assert forks[1]._texts is texts._texts

"""
Which chunks stand where they do not belong, against trying all ways to explain it.
"""

from itertools import combinations, pairwise, permutations, product

from hypothesis import given
from hypothesis import strategies as st

from recordkit.container.longest_run import left_out


def best(numbers):
    """
    The places that the longest rising run leaves out, found by trying all runs, the longest and earliest first.
    """
    for length in range(len(numbers), -1, -1):
        for places in combinations(range(len(numbers)), length):
            kept = [numbers[place] for place in places]
            if all(one < other for one, other in pairwise(kept)):
                return [place for place in range(len(numbers)) if place not in places]
    raise AssertionError


def test_all_orders_of_a_few_are_explained_with_the_fewest_moved():
    """
    Each permutation of up to six numbers, and each list of up to five with repetitions.
    """
    lists = [numbers for count in range(7) for numbers in permutations(range(count))]
    lists += [numbers for count in range(6) for numbers in product(range(4), repeat=count)]
    for numbers in lists:
        assert list(left_out(numbers)) == best(numbers), numbers


@given(st.lists(st.integers(0, 2**64 - 1), max_size=10))
def test_any_numbers_are_explained_with_the_fewest_moved(numbers):
    """
    As far as a header can count.
    """
    assert list(left_out(numbers)) == best(numbers)


def test_one_of_many_is_found():
    """
    A hundred thousand chunks of which one was moved, to the front, to the end, or copied.
    """
    numbers = list(range(100_000))
    assert list(left_out([70_000, *numbers[:70_000], *numbers[70_001:]])) == [0]
    assert list(left_out([*numbers[1:], 0])) == [99_999]
    assert list(left_out([*numbers[:5], 900, *numbers[5:]])) == [5]

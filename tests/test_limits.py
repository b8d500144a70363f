from dataclasses import FrozenInstanceError, fields, replace

import pytest

from recordkit.limits import DEFAULT_LIMITS, KIB, MIB, Limits

NAMES = [field.name for field in fields(Limits)]


def test_units_are_powers_of_two():
    """A KiB is 1024 bytes and a MiB 1024 of them."""
    assert (KIB, MIB) == (1024, 1_048_576)


def test_defaults_hold_the_longest_statement():
    """A statement of 64 MiB of control characters, six bytes each as JSON, fits with room for its other fields."""
    assert Limits() == DEFAULT_LIMITS
    assert DEFAULT_LIMITS.raw_chunk >= 64 * MIB * 6 + MIB
    assert DEFAULT_LIMITS.stored_chunk >= DEFAULT_LIMITS.raw_chunk * 1.004
    assert (DEFAULT_LIMITS.header, DEFAULT_LIMITS.index) == (64 * KIB, 64 * MIB)


def test_sizes_of_a_chunk_fit_into_its_header():
    """A chunk's header holds its sizes in 32 bits, so no default limit may be larger."""
    assert max(DEFAULT_LIMITS.raw_chunk, DEFAULT_LIMITS.stored_chunk) < 2**32


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [0, -1, -(2**63)])
def test_a_limit_is_positive(name, size):
    """A limit of nothing is refused, and the message names which one and what was found."""
    with pytest.raises(ValueError, match=rf"^limit {name} must be positive, found {size}$"):
        Limits(**{name: size})


@pytest.mark.parametrize("name", NAMES)
def test_each_limit_can_be_changed_alone(name):
    """A caller changes one limit and keeps the others."""
    changed = replace(DEFAULT_LIMITS, **{name: 1})
    assert getattr(changed, name) == 1
    assert replace(changed, **{name: getattr(DEFAULT_LIMITS, name)}) == DEFAULT_LIMITS


def test_limits_are_named_and_fixed():
    """Limits are given by name and don't change once made."""
    with pytest.raises(TypeError):
        Limits(1)
    with pytest.raises(FrozenInstanceError):
        DEFAULT_LIMITS.header = 1

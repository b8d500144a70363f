import pytest

from recordkit.render.naming import session_title


@pytest.mark.parametrize(
    ("event", "title"),
    [
        ({"user": "alice", "db_service": "aurora", "db_name": "shop"}, "alice on aurora/shop"),
        ({"user": "alice", "db_service": "aurora"}, "alice on aurora"),
        ({"db_name": "shop"}, "shop"),
        ({"user": "alice", "db_service": None, "db_name": ""}, "alice"),
        ({"user": ["a"], "db_service": 7}, '["a"] on 7'),
        ({}, ""),
    ],
)
def test_a_session_is_named_by_what_is_known(event, title):
    """Who and where make the title, as far as the event tells it, whatever its fields hold."""
    assert session_title(event) == title

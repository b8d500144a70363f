"""
What to call a session that is handed on as a file.
"""

from typing import Final

from recordkit.events import Event
from recordkit.transcript.phrases import text_of

SESSION_FIELDS: Final = ("user", "db_user", "db_service", "db_name", "db_protocol", "cluster_name", "sid")
"""Fields that say whose session it was and where, in the order in which a person asks for them."""


def session_title(event: Event) -> str:
    """
    Return ``alice on aurora/postgres``, as far as an event of the session tells it.

    As unsafe for a terminal as the event is.
    """
    user, service, database = (text_of(event.get(name)) for name in ("user", "db_service", "db_name"))
    place = "/".join(filter(None, (service, database)))
    return " on ".join(filter(None, (user, place)))

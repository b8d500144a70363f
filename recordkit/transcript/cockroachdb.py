"""
A CockroachDB session: the wire protocol and the look are PostgreSQL's, the prompt is that of `cockroach sql`.

    root@db.example.com:26257/shop> SELECT 1
    SUCCESS
    (1 row affected)
"""

from recordkit.events import Event
from recordkit.transcript.phrases import text_of
from recordkit.transcript.postgres import PostgresTranslator


class CockroachTranslator(PostgresTranslator):
    """
    The `Translator` of CockroachDB sessions.
    """

    def _lead(self, event: Event) -> str:
        user, uri, name = (text_of(event.get(field)) for field in ("db_user", "db_uri", "db_name"))
        at = f"{user}@{uri}" if user and uri else user or uri
        return f"{at}/{name}> "

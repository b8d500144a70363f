"""
Any session in a plain form, for the protocols that have no transcript of their own.

    duckdb> SELECT name
            FROM products WHERE id = ?
      parameters: [7]
    OK (1 row affected)

    [db.session.duckdb.attach] path: shop.db

Nothing is left out: a kind nobody knows is shown with all its own fields. Only the fields that
every event of a session repeats are passed over.
"""

from recordkit.events import Event
from recordkit.transcript import phrases
from recordkit.transcript.native import NativeTranslator, Part
from recordkit.transcript.phrases import text_of


class GenericTranslator(NativeTranslator):
    """
    The `Translator` of every protocol that has none of its own.
    """

    def _query(self, event: Event) -> list[Part]:
        asked = self._asked(event, text_of(event.get("db_query")))
        parameters = event.get("db_query_parameters")
        if parameters not in (None, []):
            asked = asked._replace(text=asked.text + phrases.one_line(f"  parameters: {text_of(parameters)}"))
        return [asked, *self._failure(event)]

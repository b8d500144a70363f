"""
SQL text: coloured, formatted, told apart; nothing here can fail or hang, whatever the text is.
"""

from recordkit.sql.classes import StatementClass, statement_class
from recordkit.sql.fingerprint import Fingerprint, fingerprint
from recordkit.sql.formatting import Formatted, format_sql
from recordkit.sql.highlighting import highlight_sql
from recordkit.sql.tables import Tables, tables_of

__all__ = [
    "Fingerprint",
    "Formatted",
    "StatementClass",
    "Tables",
    "fingerprint",
    "format_sql",
    "highlight_sql",
    "statement_class",
    "tables_of",
]

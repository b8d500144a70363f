"""
Record, find, play and export database sessions.

A database proxy sees every statement; recordkit turns those audit events into compressed, verifiable
recordings, one file a session. Importing it is cheap: no Parquet, terminal or SQL library is loaded.
"""

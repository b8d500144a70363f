"""
Record a session, as a proxy does: start, statements, results, end.

    python examples/record_session.py            # into ./recordings
"""

import argparse
import tempfile

import recordkit


def record(store: str) -> str:
    """
    Record one session into *store* and return its sid.
    """
    with (
        recordkit.Recorder(store) as recorder,
        recorder.session(
            user="alice",
            cluster_name="teleport.example.com",
            db_service="aurora",
            db_protocol="postgres",
            db_name="postgres",
            db_user="alice",
        ) as session,
    ):
        session.query("SELECT * FROM products;")
        session.result(affected_records=10)
        session.query("INSERT INTO products (name, price) VALUES ($1, $2)", ["Phone", "150.00"])
        session.flush()  # from here on, what was recorded survives kill -9
        session.result(success=False, error="ERROR: permission denied for table products (SQLSTATE 42501)")
    print(session.sid)
    print(session.stats)
    return session.sid


def main() -> None:
    """
    Record into the store that was named.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", default="recordings")
    parser.add_argument("--self-test", action="store_true", help="record into a new folder and check the outcome")
    arguments = parser.parse_args()
    if not arguments.self_test:
        record(arguments.store)
        return
    with tempfile.TemporaryDirectory() as folder:
        sid = record(folder)
        with recordkit.open_store(folder)[sid] as recording:
            summary = recording.summary
        found = (summary.state, summary.events, summary.queries, summary.errors)
        if found != (recordkit.State.COMPLETE, 6, 2, 1):
            raise SystemExit(f"unexpected recording: {found}")


if __name__ == "__main__":
    main()

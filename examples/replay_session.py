"""
Find recordings and replay one: as the person saw it, from the middle, and as data.

    python examples/replay_session.py 307b       # a prefix of a sid in ./recordings
"""

import argparse
import tempfile

import recordkit
from recordkit.transcript import translate


def replay(store: recordkit.DirectoryStore, prefix: str) -> list[str]:
    """
    Print one recording in three ways; return the lines of its transcript.
    """
    for summary in store.list(limit=10):
        print(summary.sid, summary.state, summary.user, summary.db_protocol, summary.events, "events")

    with store.find(prefix) as recording:
        print(f"\n-- {recording.sid} as the person saw it")
        text = "".join(segment.text for segment in translate(recording.events()))
        print(text)

        print("-- from the first minute on, statements only")
        for event in recording.events(start_delay=60.0, kinds={"db.session.query"}):
            print(event["time"], event["db_query"])
    return text.splitlines()


def main() -> None:
    """
    Replay from the store that was named.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sid", nargs="?", default="307b", help="a sid, or a unique prefix of one")
    parser.add_argument("--store", default="recordings")
    parser.add_argument("--self-test", action="store_true", help="use the demo's sessions and check the outcome")
    arguments = parser.parse_args()
    if not arguments.self_test:
        with recordkit.open_store(arguments.store) as store:
            replay(store, arguments.sid)
        return
    from recordkit.cli.main import main as recordkit_command

    with tempfile.TemporaryDirectory() as folder:
        recordkit_command(["--store", folder, "demo"])
        with recordkit.open_store(folder) as store:
            lines = replay(store, "307b")
        if 'Session started to database "postgres-database" at Mon Jul 20 20:00 UTC' not in lines:
            raise SystemExit("the demo session does not read as it should")


if __name__ == "__main__":
    main()

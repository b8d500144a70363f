"""
`recordkit keygen`: a key pair for signing recordings.
"""

import errno
from pathlib import Path

import click

from recordkit.cli.app import App, examples, pass_app
from recordkit.container.files import Files, OsFiles
from recordkit.container.signatures import load_public_key, new_key_files

PUBLIC_SUFFIX = ".pub"

EPILOG = examples(("recordkit keygen audit.key", "then Recorder(..., signing_key='audit.key')"))


@click.command(name="keygen", epilog=EPILOG, short_help="Make a key that signs recordings.")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@pass_app
def command(app: App, *, path: Path) -> int:
    """
    Make an Ed25519 key pair: PATH, for the recorder alone, and PATH.pub, for
    everybody who verifies. Existing files are never replaced.

    Keep the public key where whoever can write the recordings can't: what
    proves something is that the key is the right one. Then, elsewhere and
    later: `recordkit verify --public-key audit.key.pub`.
    """
    public_path = path.with_name(path.name + PUBLIC_SUFFIX)
    private, public = new_key_files()
    files = OsFiles()  # what it makes only its owner may read
    _create(files, path, private)
    try:
        _create(files, public_path, public)
    except OSError:
        files.remove(path)
        raise
    public_path.chmod(0o644)
    for made in (path, public_path):
        files.sync(made)
    files.sync(path.absolute().parent)
    app.out.line(f"private key  {path}")
    app.out.line(f"public key   {public_path}")
    app.out.line(f"key id       {load_public_key(public).key_id}")
    return 0


def _create(files: Files, path: Path, data: bytes) -> None:
    try:
        files.create(path, data)
    except FileExistsError as error:  # it names what it would have been made from
        raise FileExistsError(errno.EEXIST, "there is a file already; no key is ever replaced", str(path)) from error
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error

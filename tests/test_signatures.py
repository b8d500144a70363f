"""
Signatures: what is signed, with which key, and that nothing of it can be changed without being seen.
"""

import json
import shutil
import struct
import subprocess
import sys
import uuid
import zlib
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from crashing_files import CrashingFiles, Died
from forging import chunks_of, edited, recomputed
from programs import run as run_program
from recorded import events_of, eventually
from recordings import NOON, SID, QuickFiles, parts, session, write
from recordkit.clock import ManualClock
from recordkit.container import open_recording, seal
from recordkit.container.index import find_index
from recordkit.container.layout import STATEMENT
from recordkit.container.signatures import (
    PublicKey,
    Role,
    Signature,
    Signer,
    SigningKey,
    Statement,
    load_public_key,
    load_signing_key,
    new_key_files,
    packed,
    signatures_in,
)
from recordkit.container.source import FileSource
from recordkit.errors import ChainError, ChecksumError, FormatError, MissingDependencyError
from recordkit.limits import DEFAULT_LIMITS
from recordkit.recorder import Recorder
from recordkit.store import open_store
from recordkit.verification import Evidence, FindingKind, Severity, salvage, verify_recording
from store_recordings import write_open

PRIVATE, PUBLIC = new_key_files()
KEY = load_signing_key(PRIVATE)
OURS = Evidence(keys=(load_public_key(PUBLIC),))
STATEMENT_OF = Statement(sid=SID, head=bytes(range(32)), chunks=3, events=70)
NONE = serialization.NoEncryption()


def signer(role=Role.RECORDER, key=KEY):
    """
    Signs at noon.
    """
    return Signer(key, role=role, now_ns=lambda: NOON)


def signed(statement=STATEMENT_OF, role=Role.RECORDER):
    """
    The signature of a statement.
    """
    values = {name: getattr(statement, name) for name in ("sid", "head", "chunks", "events")}
    (made,) = signatures_in(signer(role).notes(**values))
    return made


def summary_in(path):
    """
    The summary as it is stored.
    """
    source = FileSource(path)
    return find_index(source, source.size(), DEFAULT_LIMITS, with_entries=False).summary


def kinds(report):
    """
    Kinds of the findings that are errors.
    """
    return [finding.kind.value for finding in report.errors]


def record(store, *, key=PRIVATE, events=3, **options):
    """
    Record a session with a key and return its file.
    """
    with (
        Recorder(store, signing_key=key, files=QuickFiles(), **options) as recorder,
        recorder.session(user="alice") as s,
    ):
        for number in range(events):
            s.query(f"SELECT {number}")
    return store / s.sid[-2:] / f"{s.sid}.jsonl.zst"


def with_sound_index(data):
    """
    The recording with the checksums of its summary and index made anew.
    """
    index = parts(bytes(data))[-2]
    size, entry_size, entries, summary_size = (
        *struct.unpack_from("<H", data, index.offset + 12),
        *struct.unpack_from("<III", data, index.offset + 28),
    )
    begin = index.offset + 8 + size + entry_size * entries
    struct.pack_into("<I", data, index.end - 16, zlib.crc32(data[begin : begin + summary_size]))
    head = bytes(data[index.offset + 8 : index.offset + 8 + size])
    struct.pack_into("<I", data, index.end - 8, zlib.crc32(head + data[index.end - 52 : index.end - 8]))
    return bytes(data)


def test_the_statement_is_laid_out_as_the_format_says():
    """
    The signed bytes are context, version, role, sid, head, chunks, events and time, little-endian, 92 bytes.
    """
    made = packed(STATEMENT_OF, role=Role.RECOVERY, signed_ns=NOON)
    assert STATEMENT.size == len(made) == 92
    expected = b"recordkit-seal-1" + struct.pack("<HH", 1, 1) + uuid.UUID(SID).bytes + bytes(range(32))
    assert made == expected + struct.pack("<QQq", 3, 70, NOON)


def test_a_signature_holds_for_its_statement():
    """
    What was signed verifies, also after a round through JSON, and by the bare library.
    """
    made = signed()
    assert made.holds(STATEMENT_OF)
    (again,) = signatures_in({"signatures": [json.loads(json.dumps(made.to_json()))]})
    assert again == made
    assert again.holds(STATEMENT_OF)
    message = packed(STATEMENT_OF, role=Role.RECORDER, signed_ns=NOON)
    ed25519.Ed25519PublicKey.from_public_bytes(KEY.public.raw).verify(made.value, message)


@pytest.mark.parametrize(
    "change",
    [
        {"sid": "407b49d6-56c7-4d20-8cf0-5bc5348a7101"}, {"head": bytes(32)}, {"chunks": 4}, {"events": 71},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_each_field_of_the_statement_is_bound(change):
    """
    A signature does not hold for a statement that differs in one field.
    """
    values = {name: getattr(STATEMENT_OF, name) for name in ("sid", "head", "chunks", "events")}
    assert not signed().holds(Statement(**values | change))


@pytest.mark.parametrize(
    "change", [{"role": Role.RECOVERY}, {"signed_ns": NOON + 1}, {"key": PublicKey(bytes(32))}, {"value": bytes(64)}]
)
def test_role_time_and_key_are_bound(change):
    """
    A signature does not hold if somebody changes what it says of itself.
    """
    made = signed()
    values = {name: getattr(made, name) for name in ("key", "role", "signed_ns", "value")}
    assert not Signature(**values | change).holds(STATEMENT_OF)


def test_keys_are_read_in_the_usual_forms(tmp_path):
    """
    A private key may be PEM or OpenSSH, a path, text of a path, bytes, or loaded already; a public one likewise.
    """
    private = ed25519.Ed25519PrivateKey.generate()
    forms = [
        private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, NONE),
        private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, NONE),
    ]
    public = private.public_key()
    raw = public.public_bytes_raw()
    for form in forms:
        path = tmp_path / "key"
        path.write_bytes(form)
        for source in (form, path, str(path), load_signing_key(form)):
            assert load_signing_key(source).public.raw == raw
    public_forms = [
        public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH),
    ]
    for form in public_forms:
        path.write_bytes(form)
        for source in (form, path, str(path), PublicKey(raw)):
            assert load_public_key(source) == PublicKey(raw)


def test_other_keys_are_refused_by_name(tmp_path):
    """
    Keys of other kinds, with a passphrase, private where public is meant, and no keys at all are a ValueError that says which.
    """
    ours = ed25519.Ed25519PrivateKey.generate()
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    locked = ours.private_bytes(pem, pkcs8, serialization.BestAvailableEncryption(b"secret"))
    other = ec.generate_private_key(ec.SECP256R1())
    for data, word in (
        (locked, "passphrase"), (other.private_bytes(pem, pkcs8, NONE), "Ed25519"), (b"nonsense", "no private key"), (PUBLIC, "no private key"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=word):
            load_signing_key(data)
    elliptic = other.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    for data, word in ((PRIVATE, "private one"), (elliptic, "Ed25519"), (b"nonsense", "no public key")):
        with pytest.raises(ValueError, match=word):
            load_public_key(data)
    with pytest.raises(FileNotFoundError):
        load_signing_key(tmp_path / "none")
    with pytest.raises(ValueError, match="Ed25519"):
        Recorder(tmp_path / "store", signing_key=other.private_bytes(pem, pkcs8, NONE))
    assert not (tmp_path / "store").exists()


def test_a_key_does_not_show_itself():
    """
    What is printed of a private key is its id alone.
    """
    assert repr(KEY) == f"<SigningKey {KEY.public.key_id}>"
    assert len(KEY.public.key_id) == 32


def test_without_the_library_signing_says_what_to_install(monkeypatch, tmp_path):
    """
    Where cryptography is not installed, a key is refused with a hint, and all else works.
    """
    for name in [name for name in sys.modules if name.startswith("cryptography")]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    for use in (
        lambda: load_signing_key(PRIVATE),
        lambda: load_public_key(PUBLIC),
        new_key_files,
        lambda: signed().holds(STATEMENT_OF),
    ):
        with pytest.raises(MissingDependencyError, match=r"recordkit\[signatures\]"):
            use()
    path = record(tmp_path, key=None)
    assert verify_recording(path).sound
    signed_path = record(tmp_path, key=KEY)
    assert verify_recording(signed_path).findings == ()


def test_importing_the_library_does_not_load_cryptography():
    """
    A proxy that signs nothing does not pay for it.
    """
    program = "import sys, recordkit.verification; print('cryptography' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_recorder_signs_what_it_seals(tmp_path):
    """
    A recording made with a key verifies with the public key, and says who signed it and when.
    """
    clock = ManualClock(NOON)
    report = verify_recording(record(tmp_path, clock=clock), evidence=OURS)
    assert report.findings == ()
    (signature,) = report.signatures
    assert (signature.key, signature.role, signature.signed_ns) == (KEY.public, Role.RECORDER, NOON)


def test_a_signed_recording_reads_as_any_other(tmp_path):
    """
    Events, summary and what stock tools print are the same with a signature as without.
    """
    open_path = write(tmp_path, session(3, 4), sealed=False)
    plain, with_key = tmp_path / "plain.jsonl.zst", tmp_path / "signed.jsonl.zst"
    copy = shutil.copy(open_path, tmp_path / "copy.open")
    summary = seal(open_path, plain, files=QuickFiles())
    same = seal(tmp_path / copy, with_key, files=QuickFiles(), signer=signer())
    values = [value.to_json() for value in (summary, same)]
    for value in values:
        del value["stored_bytes"]
    assert values[0] == values[1]
    assert set(summary_in(with_key)) - set(summary_in(plain)) == {"signatures"}
    with open_recording(plain) as one, open_recording(with_key) as other:
        assert list(one.events()) == list(other.events())
        assert one.summary.head == other.summary.head
        assert other.damage == ()
    printed = [
        subprocess.run(["zstd", "-dc", path], capture_output=True, check=True).stdout for path in (plain, with_key)
    ]
    assert printed[0] == printed[1] != b""


def test_joined_chunks_are_signed_as_they_stay(tmp_path):
    """
    Where sealing joins small chunks, the signature is over the head of the file as it is afterwards.
    """
    path = write(tmp_path, session(20, 2), sealed=False)
    before = verify_recording(path).head
    summary = seal(path, tmp_path / "s.jsonl.zst", files=QuickFiles(), signer=signer())
    assert summary.chunks == 1
    assert summary.head != before
    assert verify_recording(tmp_path / "s.jsonl.zst", evidence=OURS).findings == ()


def test_what_dead_recorders_left_is_signed_as_found(tmp_path):
    """
    The next recorder signs what it seals for a dead one, but as recovered: verifying says so by a warning.
    """
    sid = write_open(tmp_path, events=3)
    with Recorder(tmp_path, signing_key=KEY, files=QuickFiles()):
        eventually((tmp_path / sid[-2:] / f"{sid}.jsonl.zst").exists)
    report = verify_recording(tmp_path / sid[-2:] / f"{sid}.jsonl.zst", evidence=OURS)
    (finding,) = report.findings
    assert (finding.kind.value, finding.severity.value) == ("signature", "warning")
    assert "after its recorder had died" in finding.what
    assert report.signatures[0].role is Role.RECOVERY


def test_reindex_has_no_key(tmp_path):
    """
    What `reindex` seals is not signed, and verifying with a key says so.
    """
    sid = write_open(tmp_path, events=3)
    with open_store(tmp_path) as store:
        assert store.reindex().sealed == (sid,)
    report = verify_recording(tmp_path / sid[-2:] / f"{sid}.jsonl.zst", evidence=OURS)
    assert [finding.what for finding in report.errors] == ["the recording is not signed"]


def test_a_recording_sealed_but_not_moved_is_signed_by_the_next(tmp_path):
    """
    A recording whose recorder died between index and renaming is signed if it was not, and left alone if it was.
    """
    path = write(tmp_path, session(2, 2), sealed=True).rename(tmp_path / f"{SID}.jsonl.zst.open")
    seal(path, tmp_path / "one.jsonl.zst", files=QuickFiles(), signer=signer(Role.RECOVERY), chunk_bytes=1)
    (signature,) = signatures_in(summary_in(tmp_path / "one.jsonl.zst"))
    assert signature.role is Role.RECOVERY
    content = (tmp_path / "one.jsonl.zst").read_bytes()
    path.write_bytes(content)
    other = load_signing_key(new_key_files()[0])
    seal(path, tmp_path / "two.jsonl.zst", files=QuickFiles(), signer=signer(key=other), chunk_bytes=1)
    assert (tmp_path / "two.jsonl.zst").read_bytes() == content


@pytest.mark.parametrize("attack", ["edited", "removed", "cut", "swapped", "repeated"])
def test_who_recomputes_everything_still_lacks_the_key(attack, tmp_path):
    """
    A recording rewritten with sound checksums and chain is said to be sound without the key, and found with it.
    """
    path = write(tmp_path, session(4, 3), sealed=False)
    seal(path, tmp_path / f"{SID}.jsonl.zst", files=QuickFiles(), signer=signer(), chunk_bytes=1)
    path = tmp_path / f"{SID}.jsonl.zst"
    data = path.read_bytes()
    assert verify_recording(path, evidence=OURS).sound
    chunks = chunks_of(data)
    forged = {
        "edited": edited(chunks, 1, db_query="SELECT 'nothing happened';"),
        "removed": [*chunks[:1], *chunks[2:]],
        "cut": chunks[:-1],
        "swapped": [chunks[0], chunks[2], chunks[1], chunks[3]],
        "repeated": [*chunks[:2], *chunks[1:]],
    }[attack]
    path.write_bytes(recomputed(data, forged, keep_notes=False))
    assert kinds(verify_recording(path)) == []
    assert kinds(verify_recording(path, evidence=OURS)) == ["signature"]
    path.write_bytes(recomputed(data, forged))
    assert kinds(verify_recording(path)) == kinds(verify_recording(path, evidence=OURS)) == ["signature"]


def test_a_signature_speaks_for_the_sound_chunks_of_a_damaged_recording(tmp_path):
    """
    Where a chunk is damaged, the signature holds for what was sealed, so that the damage alone is told of.
    """
    path = write(tmp_path, session(4, 3), sealed=False)
    seal(path, tmp_path / "s.jsonl.zst", files=QuickFiles(), signer=signer(), chunk_bytes=1)
    path = tmp_path / "s.jsonl.zst"
    data = bytearray(path.read_bytes())
    data[[part.offset for part in parts(bytes(data)) if part.name == "body"][1] + 20] ^= 1
    path.write_bytes(data)
    assert kinds(verify_recording(path, evidence=OURS)) == ["corrupt"]


@pytest.mark.parametrize("how", ["refused", "half", "dies before", "dies half-way", "dies behind"])
@pytest.mark.parametrize("chunk_bytes", [1, 2**18], ids=["appended", "joined"])
def test_a_fault_at_any_step_of_sealing_leaves_a_recording_that_can_be_signed(how, chunk_bytes, tmp_path):
    """
    After an error or a death at each operation, sealing again gives the same events with a signature that holds.
    """
    for at in range(12):
        directory = tmp_path / str(at)
        directory.mkdir()
        path, target = write(directory, session(4, 3), sealed=False), directory / f"{SID}.jsonl.zst"
        with suppress(OSError, Died):
            seal(path, target, files=CrashingFiles(at, how), signer=signer(), chunk_bytes=chunk_bytes)
        if path.exists():
            seal(path, target, files=QuickFiles(), signer=signer(Role.RECOVERY), chunk_bytes=chunk_bytes)
        report = verify_recording(target, evidence=OURS)
        assert (report.errors, report.events) == ((), 12), at


def test_an_attackers_own_key_is_another_key(tmp_path):
    """
    A forged recording signed by a key of the attacker's holds in itself, but not for who knows the right key.
    """
    path = write(tmp_path, session(2, 2), sealed=False)
    theirs = load_signing_key(new_key_files()[0])
    seal(path, tmp_path / "s.jsonl.zst", files=QuickFiles(), signer=signer(key=theirs))
    path = tmp_path / "s.jsonl.zst"
    assert verify_recording(path).findings == ()
    (finding,) = verify_recording(path, evidence=OURS).findings
    assert (finding.expected, finding.found) == (KEY.public.key_id, theirs.public.key_id)
    both = Evidence(keys=(*OURS.keys, theirs.public))
    assert verify_recording(path, evidence=both).findings == ()


def test_a_signature_cannot_be_moved_to_another_recording(tmp_path):
    """
    The signature of one recording, put into another that is sound in itself, does not hold there.
    """
    one, other = record(tmp_path), record(tmp_path)
    data, notes = other.read_bytes(), summary_in(one)["signatures"]
    old, new = (json.dumps(value, separators=(",", ":")).encode() for value in (summary_in(other)["signatures"], notes))
    assert recomputed(data, chunks_of(data)) == data
    moved = bytearray(data.replace(old, new))
    assert len(moved) == len(data)
    other.write_bytes(with_sound_index(moved))
    assert kinds(verify_recording(other)) == ["signature"]
    assert kinds(verify_recording(other, evidence=OURS)) == ["signature"]


@pytest.mark.parametrize(
    "stored",
    [
        "x", [7], [{"algorithm": "ed25519", "role": "recorder"}],
        [signed().to_json() | {"signature": "00"}], [signed().to_json() | {"public_key": "zz" * 32}],
        [signed().to_json() | {"signed_ns": "noon"}], [signed().to_json() | {"signed_ns": 2**63}],
    ],
    ids=["text", "number", "no signature", "short signature", "no key", "no time", "late time"],
)  # fmt: skip
def test_a_malformed_signature_is_an_error(stored):
    """
    What stands under the key but is no signature is refused as damage.
    """
    with pytest.raises(ChecksumError):
        signatures_in({"signatures": stored})


def test_signatures_of_later_writers_are_passed_over():
    """
    Unknown algorithms, roles and keys of the object are no damage.
    """
    made = signed().to_json()
    later = [made | {"algorithm": "ml-dsa"}, made | {"role": "notary"}, made | {"more": 1}]
    assert signatures_in({"signatures": later}) == (signed(),)
    assert signatures_in({}) == ()


@pytest.mark.parametrize("key", [None, KEY], ids=["no key", "key"])
@pytest.mark.parametrize("attack", ["a byte cut off", "a chunk cut off", "all recomputed"])
def test_what_others_change_before_the_end_is_seen_at_sealing(attack, key, tmp_path):
    """
    A recorder whose file was changed or cut meanwhile does not seal it, with or without a key, and says why.
    """
    recorder = Recorder(tmp_path, signing_key=key, files=QuickFiles())
    s = recorder.session(user="alice")
    for _ in range(3):
        s.query("SELECT 1")
        s.flush()
    path = tmp_path / "open" / f"{s.sid}.jsonl.zst.open"
    data = path.read_bytes()
    changed = {
        "a byte cut off": lambda: data[:-1],
        "a chunk cut off": lambda: recomputed(data, chunks_of(data)[:-1], sealed=False),
        "all recomputed": lambda: recomputed(data, edited(chunks_of(data), 1, db_query="SELECT 2"), sealed=False),
    }[attack]()
    path.write_bytes(changed)
    with pytest.raises(FormatError):
        s.close()
    assert not (tmp_path / s.sid[-2:]).exists()
    kept = min(len(changed), len(data))  # a forged file may compress to a byte more than the one it replaces
    assert path.read_bytes()[:kept] == changed[:kept]
    recorder.close()


@pytest.mark.parametrize(
    "forge", [lambda chunks: chunks[:-1], lambda chunks: edited(chunks, 2, db_query="x"), lambda chunks: []]
)
def test_a_file_with_another_head_than_was_written_is_not_sealed(forge, tmp_path):
    """
    Who knows the head that it wrote refuses a file that is sound but has another one, and leaves it as it is.
    """
    path = write(tmp_path, session(3, 2), sealed=False)
    data = path.read_bytes()
    head = verify_recording(path).head
    forged = recomputed(data, forge(chunks_of(data)), sealed=False)
    path.write_bytes(forged)
    with pytest.raises(ChainError, match="does not hold what was written"):
        seal(path, tmp_path / "s.jsonl.zst", files=QuickFiles(), written_head=head, signer=signer())
    assert path.read_bytes() == forged
    path.write_bytes(data)
    assert seal(path, tmp_path / "s.jsonl.zst", files=QuickFiles(), written_head=head, signer=signer()).events == 6


def test_a_killed_signer_leaves_a_recording_that_is_signed_later(tmp_path):
    """
    After kill -9 the events are there, unsigned, and the next recorder signs them as recovered.
    """
    (tmp_path / "key").write_bytes(PRIVATE)
    program = f"""
    recorder = Recorder(STORE, signing_key={str(tmp_path / "key")!r}, files=QuickFiles())
    session = recorder.session(user="alice")
    session.query("SELECT 1")
    session.flush()
    say(sid=session.sid)
    os.kill(os.getpid(), signal.SIGKILL)
    """
    (said,) = run_program(program, tmp_path / "store", code=-9)
    sid = said["sid"]
    with open_store(tmp_path / "store") as store:
        report = verify_recording(store.root / "open" / f"{sid}.jsonl.zst.open", evidence=OURS)
    assert [finding.what for finding in report.errors] == ["the recording is not sealed, so it is not signed"]
    with Recorder(tmp_path / "store", signing_key=KEY, files=QuickFiles()):
        pass
    path = tmp_path / "store" / sid[-2:] / f"{sid}.jsonl.zst"
    assert verify_recording(path, evidence=OURS).sound
    assert len(events_of(tmp_path / "store", sid)) == 2


def test_a_recording_being_written_is_not_expected_to_be_signed(tmp_path):
    """
    While its recorder lives, no signature is missing.
    """
    with Recorder(tmp_path, signing_key=KEY, files=QuickFiles()) as recorder:
        s = recorder.session(user="alice")
        s.flush()
        path = tmp_path / "open" / f"{s.sid}.jsonl.zst.open"
        assert verify_recording(path, evidence=OURS).findings == ()


def test_each_key_pair_is_new_and_belongs_together():
    """
    The two files that are made load, are of one pair, and differ each time.
    """
    private, public = new_key_files()
    assert isinstance(load_signing_key(private), SigningKey)
    assert load_signing_key(private).public == load_public_key(public)
    assert new_key_files()[0] != private


@pytest.mark.parametrize("damaged", [False, True])
def test_a_salvaged_recording_is_signed_as_salvaged(damaged, tmp_path):
    """
    Its signature names who salvaged it and when; a role of its own and the header tell it from the original.
    """
    path = write(tmp_path, session(4, 2), sealed=True)
    if damaged:
        data = bytearray(path.read_bytes())
        data[parts(bytes(data))[5].offset + 9] ^= 1
        path.write_bytes(data)
    saved = salvage(path, tmp_path / "saved.jsonl.zst", signing_key=PRIVATE, clock=ManualClock(NOON + 7))
    (signature,) = signatures_in(summary_in(saved.path))
    assert (signature.role, signature.signed_ns, signature.key) == (Role.SALVAGE, NOON + 7, KEY.public)
    report = verify_recording(saved.path, evidence=OURS)
    assert report.sound
    (finding,) = report.findings
    assert "it is not the original" in finding.what
    assert (finding.kind, finding.severity) == (FindingKind.SIGNATURE, Severity.WARNING)
    assert b'"salvaged_by":"recordkit/' in saved.path.read_bytes()


@pytest.mark.parametrize("role", [Role.RECORDER, Role.RECOVERY])
def test_a_salvaged_recording_can_not_pass_for_the_original(role, tmp_path):
    """
    Another role, an original's header, or a gap event that is taken out leave no signature that holds.
    """
    path = write(tmp_path, session(4, 2), sealed=True)
    data = bytearray(path.read_bytes())
    data[parts(bytes(data))[5].offset + 9] ^= 1
    path.write_bytes(data)
    saved = salvage(path, tmp_path / "saved.jsonl.zst", signing_key=PRIVATE)
    told = saved.path.read_bytes()
    summary = summary_in(saved.path)
    other = summary | {"signatures": [summary["signatures"][0] | {"role": role.value}]}
    statement = Statement(sid=SID, head=bytes.fromhex(saved.summary.head), chunks=saved.summary.chunks,
                          events=saved.summary.events)  # fmt: skip
    (signature,) = signatures_in(summary)
    assert signature.holds(statement)
    assert not signatures_in(other)[0].holds(statement)
    saved.path.write_bytes(told.replace(b'"salvaged_by"', b'"recorded_by"'))
    assert not verify_recording(saved.path, evidence=OURS).sound


def test_a_bad_key_ends_salvage_before_anything_is_written(tmp_path):
    """
    A file that holds no private key is refused, and nothing is left at the target.
    """
    path = write(tmp_path, session(2, 2), sealed=True)
    with pytest.raises(ValueError, match="no private key that can be read"):
        salvage(path, tmp_path / "saved.jsonl.zst", signing_key=PUBLIC)
    assert not (tmp_path / "saved.jsonl.zst").exists()

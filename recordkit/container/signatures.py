"""
Ed25519 signatures over a recording's head; the home of cryptography, which is loaded when a key is used.

The chain makes the head stand for every byte of header and chunks. Whoever can write the file can compute
the chain anew, but can't sign the new head without the key. What is signed is a *statement* of 92 bytes
(FORMAT.md section 7.4): a context, so that the signature means nothing elsewhere; the format's version, the
sid, the head; the numbers of chunks and events; who seals, and when.

A signature says that this file was whole when it was sealed. It says nothing of what was in the events
before they came to the recorder, and nothing of recordings that are gone.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from recordkit.container.layout import FORMAT_VERSION, INT64_MAX, INT64_MIN, STATEMENT, STATEMENT_CONTEXT
from recordkit.errors import ChecksumError, MissingDependencyError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ALGORITHM: Final = "ed25519"
SIGNATURES: Final = "signatures"
"""The summary's key under which they stand."""

_KEY_SIZE: Final = 32
_SIGNATURE_SIZE: Final = 64
_KEY_ID_DIGITS: Final = 32
_OPENSSH: Final = b"-----BEGIN OPENSSH PRIVATE KEY-----"


class Role(StrEnum):
    """
    Who sealed and signed a recording.
    """

    RECORDER = "recorder"
    """The recorder that wrote it, and knew its head."""
    RECOVERY = "recovery"
    """A later recorder, after the one that wrote it had died: it vouches for what it found, no more."""
    SALVAGE = "salvage"
    """Who wrote it anew from what was sound of a damaged one: vouches for that, not for what was recorded."""


_ROLES: Final = {Role.RECORDER: 0, Role.RECOVERY: 1, Role.SALVAGE: 2}


@dataclass(frozen=True, slots=True)
class PublicKey:
    """
    What verifies signatures: 32 bytes.
    """

    raw: bytes

    @property
    def key_id(self) -> str:
        """
        The first 32 hexadecimal digits of SHA-256 over the key.
        """
        return hashlib.sha256(self.raw).hexdigest()[:_KEY_ID_DIGITS]


class SigningKey:
    """
    A private key, loaded once and kept in memory; for any thread.

    Attributes:
        public: Its public half.
    """

    def __init__(self, private: "Ed25519PrivateKey") -> None:
        self._private = private
        self.public = PublicKey(private.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        """
        Return the signature of *message*, 64 bytes.
        """
        return self._private.sign(message)

    def __repr__(self) -> str:
        return f"<SigningKey {self.public.key_id}>"


KeySource = str | Path | bytes | SigningKey
"""A private key: a file's path, a file's content as bytes, or a key loaded before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """
    What is said of a recording by signing it.

    Attributes:
        sid: The session's UUID, as text.
        head: Chain value of the last chunk.
        chunks, events: Their numbers.
    """

    sid: str
    head: bytes
    chunks: int
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """
    A signature as it stands in a recording; nothing says yet that it holds.

    Attributes:
        key: Of whoever claims to have signed.
        role: See `Role`.
        signed_ns: When, by the signer's clock.
        value: 64 bytes.
    """

    key: PublicKey
    role: Role
    signed_ns: int
    value: bytes

    def to_json(self) -> dict[str, Any]:
        """
        Return the signature as it is stored.
        """
        return {
            "algorithm": ALGORITHM,
            "public_key": self.key.raw.hex(),
            "role": self.role.value,
            "signed_ns": self.signed_ns,
            "signature": self.value.hex(),
        }

    def holds(self, statement: Statement) -> bool:
        """
        Whether the key that it names has signed this statement.

        Raises:
            MissingDependencyError: The package cryptography is not installed.
        """
        ed25519, _ = _library()
        from cryptography.exceptions import InvalidSignature

        try:
            key = ed25519.Ed25519PublicKey.from_public_bytes(self.key.raw)
            key.verify(self.value, packed(statement, role=self.role, signed_ns=self.signed_ns))
        except (InvalidSignature, ValueError):
            return False
        return True


class Signer:
    """
    Signs recordings as they are sealed; for any thread.

        >>> signer = Signer(load_signing_key("audit.key"), role=Role.RECORDER, now_ns=time.time_ns)  # doctest: +SKIP
    """

    def __init__(self, key: SigningKey, *, role: Role, now_ns: Callable[[], int]) -> None:
        self._key = key
        self._role = role
        self._now_ns = now_ns

    def notes(self, *, sid: str, head: bytes, chunks: int, events: int) -> dict[str, object]:
        """
        Return what the summary says of the signature.
        """
        statement = Statement(sid=sid, head=head, chunks=chunks, events=events)
        signed_ns = self._now_ns()
        value = self._key.sign(packed(statement, role=self._role, signed_ns=signed_ns))
        made = Signature(key=self._key.public, role=self._role, signed_ns=signed_ns, value=value)
        return {SIGNATURES: [made.to_json()]}


def packed(statement: Statement, *, role: Role, signed_ns: int) -> bytes:
    """
    Return the bytes that are signed.

    Source: FORMAT.md, section 7.4.
    """
    return STATEMENT.pack(
        STATEMENT_CONTEXT,
        FORMAT_VERSION,
        _ROLES[role],
        UUID(statement.sid).bytes,
        statement.head,
        statement.chunks,
        statement.events,
        signed_ns,
    )


def signatures_in(summary: Mapping[str, Any]) -> tuple[Signature, ...]:
    """
    Return the signatures of a stored summary; those of algorithms and roles of later writers are passed over.

    Raises:
        ChecksumError: What stands there is no signature.
    """
    stored = summary.get(SIGNATURES, [])
    if type(stored) is not list:
        raise ChecksumError("the summary's signatures are malformed", expected="a list", found=stored)
    found = []
    for item in stored:
        if type(item) is not dict:
            raise ChecksumError("a signature is malformed", expected="an object", found=item)
        if item.get("algorithm") == ALGORITHM and item.get("role") in set(Role):
            found.append(_parsed(item))
    return tuple(found)


def _parsed(item: Mapping[str, Any]) -> Signature:
    key, value, signed_ns = item.get("public_key"), item.get("signature"), item.get("signed_ns")
    try:
        raw, signed = bytes.fromhex(str(key)), bytes.fromhex(str(value))
    except ValueError as error:
        raise ChecksumError("a signature is malformed", expected="hexadecimal digits", found="others") from error
    if len(raw) != _KEY_SIZE or len(signed) != _SIGNATURE_SIZE:
        raise ChecksumError("a signature is malformed", expected="32 and 64 bytes", found=f"{len(raw)}, {len(signed)}")
    if type(signed_ns) is not int or not INT64_MIN < signed_ns < INT64_MAX:
        raise ChecksumError("a signature is malformed", expected="its time", found=signed_ns)
    return Signature(key=PublicKey(raw), role=Role(item["role"]), signed_ns=signed_ns, value=signed)


def load_signing_key(source: KeySource) -> SigningKey:
    """
    Return the private key in *source*, PEM (PKCS 8) or OpenSSH, without a passphrase.

    Raises:
        ValueError: It is no Ed25519 key, or needs a passphrase.
        OSError: The file can't be read.
        MissingDependencyError: The package cryptography is not installed.
    """
    if isinstance(source, SigningKey):
        return source
    ed25519, serialization = _library()
    from cryptography.exceptions import UnsupportedAlgorithm

    data, name = _content(source)
    load = serialization.load_ssh_private_key if _OPENSSH in data else serialization.load_pem_private_key
    try:
        key = load(data, password=None)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError(f"{name}: no private key that can be read: {error}") from error
    except TypeError as error:
        raise ValueError(f"{name}: the private key has a passphrase; keys for signing must have none") from error
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise ValueError(f"{name}: expected an Ed25519 private key, found {type(key).__name__}")  # noqa: TRY004 - a file's content
    return SigningKey(key)


def load_public_key(source: str | Path | bytes | PublicKey) -> PublicKey:
    """
    Return the public key in *source*: a file, or its content as bytes; PEM or OpenSSH.

    Raises:
        ValueError: It is no Ed25519 public key.
        OSError: The file can't be read.
        MissingDependencyError: The package cryptography is not installed.
    """
    if isinstance(source, PublicKey):
        return source
    ed25519, serialization = _library()
    from cryptography.exceptions import UnsupportedAlgorithm

    data, name = _content(source)
    if b"PRIVATE KEY-----" in data:
        raise ValueError(f"{name}: expected a public key, found a private one; it must not leave the recorder")
    load = serialization.load_pem_public_key if b"-----BEGIN" in data else serialization.load_ssh_public_key
    try:
        key = load(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError(f"{name}: no public key that can be read: {error}") from error
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise ValueError(f"{name}: expected an Ed25519 public key, found {type(key).__name__}")  # noqa: TRY004 - a file's content
    return PublicKey(key.public_bytes_raw())


def new_key_files() -> tuple[bytes, bytes]:
    """
    Make a key pair; return the content of the private key's file and of the public key's, both PEM.

    Raises:
        MissingDependencyError: The package cryptography is not installed.
    """
    ed25519, serialization = _library()
    private = ed25519.Ed25519PrivateKey.generate()
    return (
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
    )


def _content(source: str | Path | bytes) -> tuple[bytes, str]:
    if isinstance(source, bytes):
        return source, "the key"
    return Path(source).read_bytes(), str(source)


def _library() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise MissingDependencyError(
            "signatures need the package cryptography: pip install 'recordkit[signatures]'"
        ) from error
    return ed25519, serialization

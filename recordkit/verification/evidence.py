"""
What somebody outside the store knows of a recording: heads that were noted down, keys that sign.

The chain alone shows damage and careless tampering. Whoever rewrites a whole file computes it anew; then only
what he can't rewrite tells: a head kept elsewhere, or a signature whose key he does not have.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from recordkit.container.layout import CHAIN_SIZE
from recordkit.container.signatures import PublicKey, Role, Signature, Statement
from recordkit.errors import MissingDependencyError
from recordkit.verification.findings import Finding, FindingKind, Severity, difference


def parse_head(text: str) -> bytes:
    """
    Return a head that was noted down, 64 hexadecimal digits.

    Raises:
        ValueError: It is none.
    """
    try:
        head = bytes.fromhex(text.strip())
    except ValueError as error:
        raise ValueError(f"head: expected 64 hexadecimal digits, found {text!r}") from error
    if len(head) != CHAIN_SIZE:
        raise ValueError(f"head: expected 64 hexadecimal digits, found {len(text.strip())}")
    return head


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """
    What recordings are held against beside themselves.

    Attributes:
        keys: One of them must have signed each sealed recording; none: signatures are not asked for.
        heads: Heads that were noted down; each must be the recording's head, or have been.
    """

    keys: tuple[PublicKey, ...] = ()
    heads: tuple[bytes, ...] = ()


NO_EVIDENCE = Evidence()


class HeadCheck:
    """
    Looks for noted heads along the chain, up to the first damage.
    """

    def __init__(self, heads: Collection[bytes], start: bytes) -> None:
        self._sought = set(heads)
        self._found: dict[bytes, int] = {}
        self._chunks = 0
        self._proven = True
        self._meet(start)

    def _meet(self, chain: bytes) -> None:
        if chain in self._sought:
            self._found[chain] = self._chunks

    def break_off(self) -> None:
        """
        Take note of damage: what follows proves nothing of what stood before.
        """
        self._proven = False

    def take(self, chain: bytes) -> None:
        """
        Take the chain's value behind the next sound chunk.
        """
        self._chunks += 1
        if self._proven:
            self._meet(chain)

    def findings(self, *, sealed: bool) -> Iterator[Finding]:
        """
        Yield which heads are not in the chain, and which the recording has grown beyond.
        """
        for head in self._sought:
            at = self._found.get(head)
            if at is None:
                yield Finding(
                    kind=FindingKind.HEAD,
                    what="the noted head is not in the chain: what stood before it was changed or cut off"
                    " (or it was noted while the recording was open, and sealing has joined chunks since)",
                    expected=head.hex(),
                    found="other heads",
                    lost=None,
                )
            elif sealed and at < self._chunks:
                yield Finding(
                    kind=FindingKind.HEAD,
                    severity=Severity.WARNING,
                    what=f"the noted head is the one behind {at} chunks, and others follow",
                    expected=f"{at} chunks",
                    found=str(self._chunks),
                )


def signature_findings(
    signatures: tuple[Signature, ...], statement: Statement, keys: Collection[PublicKey], *, sealed: bool
) -> Iterator[Finding]:
    """
    Yield what is wrong with the signatures of a recording of which *statement* is true.

    Args:
        signatures: As they stand in it.
        statement: What its chunks come to.
        keys: Those that are trusted; if there are none, each signature is held against the key that it names.
        sealed: Only sealed recordings are signed.

    Raises:
        MissingDependencyError: *keys* are given, but the package cryptography is not installed.
    """
    if not keys:
        try:
            wrong = [signature for signature in signatures if not signature.holds(statement)]
        except MissingDependencyError:
            return  # nobody asked
        for signature in wrong:
            yield _invalid(signature)
        return
    if not signatures:
        what = "the recording is not signed" if sealed else "the recording is not sealed, so it is not signed"
        yield Finding(kind=FindingKind.SIGNATURE, what=what)
        return
    ours = [signature for signature in signatures if signature.key in keys]
    if not ours:
        known, found = sorted(key.key_id for key in keys), [signature.key.key_id for signature in signatures]
        yield difference(
            FindingKind.SIGNATURE, "the recording is signed by another key",
            expected=" or ".join(known), found=", ".join(found),
        )  # fmt: skip
    for signature in ours:
        if not signature.holds(statement):
            yield _invalid(signature)
        elif signature.role is Role.RECOVERY:
            yield Finding(
                kind=FindingKind.SIGNATURE,
                severity=Severity.WARNING,
                what="signed when it was found after its recorder had died: nobody vouches for the time before",
            )
        elif signature.role is Role.SALVAGE:
            yield Finding(
                kind=FindingKind.SIGNATURE,
                severity=Severity.WARNING,
                what="signed by who salvaged it from a damaged recording: it is not the original, and what the recorder"
                " signed, if it did, is only the damaged one",
            )


def _invalid(signature: Signature) -> Finding:
    return Finding(
        kind=FindingKind.SIGNATURE,
        what=f"the signature of key {signature.key.key_id} does not hold for what is in the recording",
    )

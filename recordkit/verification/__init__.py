"""
Recordings that hold as evidence: what is wrong with them, what they can prove, what can be saved.

    verify_recording   checks all that can be checked in one recording
    verify_store       checks a store, or each night a share of it
    salvage            writes what is sound of a damaged recording as a recording of its own
"""

from recordkit.container.signatures import PublicKey, Role, Signature, SigningKey, load_public_key, load_signing_key
from recordkit.verification.evidence import NO_EVIDENCE, Evidence, parse_head
from recordkit.verification.findings import Finding, FindingKind, Report, Severity
from recordkit.verification.notes import SealedNotes, sealed_notes
from recordkit.verification.recordings import verify_recording
from recordkit.verification.salvage import Salvage, salvage
from recordkit.verification.scrub_position import ScrubPosition, load_position, save_position
from recordkit.verification.stores import is_chosen, share_rounds, verify_store

__all__ = [
    "NO_EVIDENCE",
    "Evidence",
    "Finding",
    "FindingKind",
    "PublicKey",
    "Report",
    "Role",
    "Salvage",
    "ScrubPosition",
    "SealedNotes",
    "Severity",
    "Signature",
    "SigningKey",
    "is_chosen",
    "load_position",
    "load_public_key",
    "load_signing_key",
    "parse_head",
    "salvage",
    "save_position",
    "sealed_notes",
    "share_rounds",
    "verify_recording",
    "verify_store",
]

"""Receipt: decoding and the whole verification of specs/receipt.md, steps 1 to 10 and the times."""

import base64
from dataclasses import dataclass, field

from . import crypto, formats, jsonp, merkle, note, tokens
from .jsonp import OPTIONAL, Bad, array, hex32, integer, shape, text, type_is


def _base64(length_max=None):
    def rule(v):
        text(1)(v)
        data = note.b64decode(v, "invalid_value")
        if length_max is not None and len(data) > length_max:
            raise Bad("invalid_value", "too long")

    return rule


ATTESTATION = [
    ("inclusion", array(0, 64, hex32)),
    ("checkpoint", text(1)),
    ("tokens", array(1, 16, _base64()), OPTIONAL),
    ("anchors", array(1, 16, shape(("type", text(1, 64)), ("data", _base64(65536)))), OPTIONAL),
]
CONSISTENCY = [("from", integer()), ("to", integer()), ("path", array(0, 128, hex32))]
RECEIPT = [
    ("type", type_is("cunzheng/receipt/v1")),
    ("record", text()),
    ("batch", shape(("index", integer(0, 65535)), ("path", array(0, 16, hex32)))),
    ("entry", text()),
    ("index", integer()),
    ("attestations", array(1, 64, shape(*ATTESTATION))),
    ("consistency", array(1, 64, shape(*CONSISTENCY)), OPTIONAL),
    ("manifest", text(), OPTIONAL),
]


def decode_receipt(data):
    return jsonp.check(jsonp.decode(data, 4 << 20, canonical=False), RECEIPT)


def decode_written(data):
    """The same, of a file that must be in the form in which receipts are written (capture.md)."""
    decoded = decode_receipt(data)
    if jsonp.encode_readable(decoded).encode() != data:
        raise Bad("not_canonical", "a receipt in another form than the written one")
    return decoded


@dataclass
class Report:
    verdict: str
    error: str = None
    t1_unix_s: int = None
    t2_unix_s: int = None
    detail: str = ""


@dataclass
class Attested:
    """One attestation that passed step 7."""

    size: int
    root: bytes
    note: bytes
    tokens: list  # DER
    times: list  # members' cosignature times, sorted
    current: list  # those under current keys
    witness_times: list
    quorum: formats.Quorum = None  # at this size
    token_times: list = field(default_factory=list)
    linked: bool = False  # consistency leads to a tree that today's keys vouch for


def _hashes(path):
    return [bytes.fromhex(h) for h in path]


def verify(receipt_text, evidence, trust_text):
    """`trust_text` None: everything that needs no keys is checked; `evidence` None: it is withheld (capture.md)."""
    try:
        trust = formats.Trust(trust_text) if trust_text is not None else None
    except Bad as bad:
        return Report("trust_not_established", bad.code, detail=str(bad))
    report = Report("valid")
    try:
        _verify(receipt_text, evidence, trust, report)
    except Bad as bad:
        verdict = {
            "quorum_not_met": "pending",
            "trust_not_established": "trust_not_established",
            "retired_keys_only": "retired_only",
        }.get(bad.code, "not_valid")
        report.verdict, report.error, report.detail = verdict, bad.code, str(bad)
    return report


def _verify(receipt_text, evidence, trust, report):
    # 1
    receipt = decode_receipt(receipt_text)
    record = formats.decode_record(receipt["record"])
    entry = formats.decode_deposit_entry(receipt["entry"])
    header = formats.decode_header(entry["header"])
    manifest = None
    if "manifest" in receipt:
        manifest = formats.decode_manifest(receipt["manifest"])
    # 2
    if evidence is None:
        if manifest is None:
            raise Bad("missing_field", "manifest")
    elif len(evidence) != record["length"]:
        raise Bad("length_mismatch")
    elif _digests(evidence) != record["digest"]:
        raise Bad("digest_mismatch")
    # 3
    ledger = trust.ledger if trust else header["ledger"]
    if record["ledger"] != ledger or header["ledger"] != ledger:
        raise Bad("wrong_ledger")
    if not header["account"] == record["account"] == entry["account"]:
        raise Bad("wrong_account")
    if header["mode"] == "sealed" and "salt" not in record:
        raise Bad("salt_missing")
    if header["mode"] == "plain" and "salt" in record:
        raise Bad("salt_forbidden")
    # 4
    if manifest is not None and _digests(receipt["manifest"].encode()) != record.get("manifest"):
        raise Bad("manifest_mismatch")
    # 5
    merkle.verify_inclusion(
        formats.record_id(receipt["record"].encode()),
        receipt["batch"]["index"],
        header["count"],
        _hashes(receipt["batch"]["path"]),
        bytes.fromhex(header["root"]),
    )
    # 6
    crypto.verify(
        entry["suite"],
        bytes.fromhex(entry["public_key"]),
        "batch",
        entry["header"].encode(),
        bytes.fromhex(entry["signature"]),
    )
    # 7
    attested = [_attest(receipt, a, trust) for a in receipt["attestations"]]
    if any(a.size >= b.size for a, b in zip(attested, attested[1:])):
        raise Bad("invalid_value", "attestations do not ascend by tree size")
    _link(receipt, attested, trust)
    if trust is None:
        raise Bad("trust_not_established")
    # 8
    counting = [a for a in attested if len(a.times) >= a.quorum.k]
    if not counting:
        raise Bad("quorum_not_met")
    # 9
    roots = [base64.b64decode(r) for r in trust.fields["tsa_roots"]]
    for a in attested:
        if roots:
            a.token_times = [tokens.verify(t, a.note, roots) for t in a.tokens]
    # 10
    fully = [a for a in counting if _is_current(a, trust) or a.token_times or a.linked]
    # times
    report.t2_unix_s = min(t for a in fully or counting for t in _t2_candidates(a, trust))
    if manifest is not None and "checkpoint" in manifest:
        report.t1_unix_s = _t1(manifest["checkpoint"], trust)
    if not fully:
        raise Bad("retired_keys_only")


def _is_current(a, trust):
    """Enough signed with keys of today, by today's measure as well as by that of the tree's own time."""
    return len(a.current) >= max(a.quorum.k, trust.now.k)


def _digests(data):
    return {"sha256": crypto.sha256(data).hex(), "sm3": crypto.sm3(data).hex()}


def _cosignatures(checkpoint, trust):
    """Sorted times: of members, of members under current keys, of witnesses. An institution counts once."""
    known = {(k.note.name, k.note.id): k for k in trust.keys if k.holds(checkpoint.size)}
    members, current, witnesses = {}, {}, {}
    for name, key_id, signature in checkpoint.note.lines:
        key = known.get((name, key_id))
        if key is None:
            continue
        time_unix_s = note.verify_line(key.note, checkpoint.note.body, signature)
        if key.purpose != "cosign":
            continue
        (witnesses if key.witness else members).setdefault(key.owner, time_unix_s)
        if key.until_size is None and not key.witness:
            current.setdefault(key.owner, time_unix_s)
    return sorted(members.values()), sorted(current.values()), sorted(witnesses.values())


def _attest(receipt, attestation, trust):
    checkpoint = note.parse_checkpoint(attestation["checkpoint"])
    if trust and checkpoint.origin != trust.origin:
        raise Bad("origin_mismatch")
    merkle.verify_inclusion(
        merkle.leaf_hash(receipt["entry"].encode()),
        receipt["index"],
        checkpoint.size,
        _hashes(attestation["inclusion"]),
        checkpoint.root,
    )
    times = _cosignatures(checkpoint, trust) if trust else ([], [], [])
    der = [base64.b64decode(t) for t in attestation.get("tokens", [])]
    quorum = trust.quorum_at(checkpoint.size) if trust else None
    return Attested(checkpoint.size, checkpoint.root, attestation["checkpoint"].encode(), der, *times, quorum)


def _link(receipt, attested, trust):
    """All known trees agree; then which of them lead to a tree that today's keys vouch for."""
    trees = {a.size: a.root for a in attested}
    vouched = set()
    if trust:
        size, root = trust.fields["effective"]["size"], bytes.fromhex(trust.fields["effective"]["root"])
        if trees.setdefault(size, root) != root:
            raise Bad("root_mismatch", "an attestation of the effective size has another root")
        vouched = {size} | {a.size for a in attested if _is_current(a, trust)}
    links = [p for p in receipt.get("consistency", []) if p["from"] in trees and p["to"] in trees]
    for p in links:
        roots = trees[p["from"]], trees[p["to"]]
        merkle.verify_consistency(p["from"], p["to"], _hashes(p["path"]), *roots)
    for p in sorted(links, key=lambda p: -p["to"]):  # links lead upwards: the largest targets are settled first
        if p["to"] in vouched:
            vouched.add(p["from"])
    for a in attested:
        a.linked = a.size in vouched


def _t2_candidates(a, trust):
    # A cosignature's time is a whole second rounded down: it was made before the next one.
    q = a.quorum
    if a.linked or not a.token_times:
        yield (a.current if len(a.current) >= q.k else a.times)[q.f] + 1
    if q.w and len(a.witness_times) >= (q.w if a.linked else max(q.w, trust.now.w)):
        yield a.witness_times[q.witness_f] + 1
    yield from a.token_times


def _t1(lines, trust):
    try:
        checkpoint = note.parse_checkpoint("".join(line + "\n" for line in lines))
        times = _cosignatures(checkpoint, trust)[0]
    except Bad:
        return None
    quorum = trust.quorum_at(checkpoint.size)
    if checkpoint.origin != trust.origin or len(times) < quorum.k:
        return None
    return times[len(times) - 1 - quorum.f]

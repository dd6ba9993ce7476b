"""Vectors of receipts: evidence, receipt and trust file in, verdict and times out."""

import base64
import copy

from . import crypto, jsonp, merkle, note, tsa, world
from .cases_basic import b64, seed
from .ops import File
from .world import ALICE, BOB, EVIDENCE, SALT

enc, pretty = jsonp.encode, jsonp.encode_readable
S0 = world.T0 // 1000
H = "ab" * 32
TIMES = (S0 + 10, S0 + 12, S0 + 11, S0 + 13)
MANY = [b"item %d of a batch" % i for i in range(5)]


class Scene:
    """A ledger of four members with deposits of every kind; index names say what was deposited."""

    def __init__(self):
        self.ledger = ledger = world.Ledger(4, 1, 3)
        key = {"public_key": ALICE.public.hex(), "suite": ALICE.suite, "name": "示例科技有限公司"}
        ledger.append(enc(ledger.act_entry(enc(ledger.act("account_add", key)))))
        self.one = [enc(ledger.record(EVIDENCE, ALICE.account))]
        self.one_at = ledger.deposit(self.one, ALICE)
        self.many = [enc(ledger.record(e, ALICE.account)) for e in MANY]
        self.many_at = ledger.deposit(self.many, ALICE)
        salts = [SALT] + [seed(f"salt {i}").hex() for i in (1, 2)]
        self.sealed = [enc(ledger.record(EVIDENCE, ALICE.account, salt=s)) for s in salts]
        self.sealed_at = ledger.deposit(self.sealed, ALICE, mode="sealed")
        recent = ledger.checkpoint(5, [S0 + t for t in (4, 6, 5, 9)])
        self.manifest = self.with_checkpoint(recent)
        self.packed, self.packed_at = self.pack(self.manifest)
        self.bob = [enc(ledger.record(EVIDENCE, BOB.account))]
        self.bob_at = ledger.deposit(self.bob, BOB)
        while len(ledger.entries) < 14:
            ledger.deposit([enc(ledger.record(b"filler %d" % len(ledger.entries), ALICE.account))], ALICE)

    def with_checkpoint(self, text):
        fields = {"type": "cunzheng/manifest/v1", "name": "证据.txt", "media_type": "text/plain"}
        return enc(dict(fields, checkpoint=text[:-1].split("\n")))

    def pack(self, manifest):
        records = [enc(self.ledger.record(EVIDENCE, ALICE.account, manifest=world.digests(manifest.encode())))]
        return records, self.ledger.deposit(records, ALICE)

    def receipt(self, size=None, times=TIMES, **fields):
        """The plain single deposit, attested once."""
        attestation = self.ledger.attestation(self.one_at, size or self.one_at + 1, times)
        return self.ledger.receipt(self.one, 0, self.one_at, [attestation], **fields)


def files():
    scene = Scene()
    return [valid(scene), witnesses(scene), tokens(scene), retired(), earlier(), *negative(scene)]


def add(f, desc, expect, receipt, trust, evidence=EVIDENCE):
    text = receipt if isinstance(receipt, str) else pretty(receipt)
    inputs = {"receipt": text, "evidence_b64": b64(evidence)}
    if trust is not None:
        inputs["trust"] = trust if isinstance(trust, str) else pretty(trust)
    return f.add(desc, expect, **inputs)


def valid(s):
    f = File("receipt/valid", "receipt.verify", "receipts that hold, and their times")
    ledger, trust = s.ledger, s.ledger.trust()
    single = world.Ledger(1, 0, 1)
    records = [enc(single.record(EVIDENCE, ALICE.account))]
    at = single.deposit(records, ALICE)
    receipt = single.receipt(records, 0, at, [single.attestation(at, 2, [S0 + 1])])
    out = add(f, "one operator, a batch of one", "ok", receipt, single.trust())
    assert out["t2_unix_s"] == S0 + 2 and "t1_unix_s" not in out

    def case(desc, receipt, t2, t1=None, trust=trust, evidence=EVIDENCE):
        out = add(f, desc, "ok", receipt, trust, evidence)
        assert (out.get("t2_unix_s"), out.get("t1_unix_s"), out["verdict"]) == (t2, t1, "valid"), (desc, out)

    case("three of four institutions and one more", s.receipt(), S0 + 12)
    case("on one line", enc_newlines(s.receipt()), S0 + 12)
    case("exactly k signed", s.receipt(times=(S0 + 10, None, S0 + 11, S0 + 13)), S0 + 12)
    case("the liar's clock is early: f = 1 passes over it", s.receipt(times=(5, S0 + 12, S0 + 11, S0 + 13)), S0 + 12)
    case("the liar's clock is late", s.receipt(times=(S0 + 10, S0 + 12, S0 + 11, 2**40)), S0 + 12)
    case("all clocks agree", s.receipt(times=(S0,) * 4), S0 + 1)
    case("a later and larger tree", s.receipt(size=11), S0 + 12)
    for i, evidence in enumerate(MANY):
        a = ledger.attestation(s.many_at, 5, TIMES)
        case(f"item {i} of 5", ledger.receipt(s.many, i, s.many_at, [a]), S0 + 12, evidence=evidence)
    a = ledger.attestation(s.sealed_at, 7, TIMES)
    case("an item of a sealed batch", ledger.receipt(s.sealed, 0, s.sealed_at, [a]), S0 + 12)
    a = ledger.attestation(s.bob_at, 8, TIMES)
    case("deposited with an SM2 key", ledger.receipt(s.bob, 0, s.bob_at, [a]), S0 + 12)
    a = ledger.attestation(s.packed_at, 6, TIMES)
    case("a manifest with a checkpoint gives T1", ledger.receipt(s.packed, 0, s.packed_at, [a], manifest=s.manifest), S0 + 12, S0 + 6)
    case("the manifest is not in the receipt", ledger.receipt(s.packed, 0, s.packed_at, [a]), S0 + 12)
    several = [ledger.attestation(s.one_at, n, [t + d for t in TIMES]) for n, d in ((3, 0), (8, 3600), (14, 7200))]
    case("several attestations: the earliest gives T2", ledger.receipt(s.one, 0, s.one_at, several), S0 + 12)
    odd = [several[0], ledger.attestation(s.one_at, 8, [t - 5 for t in TIMES])]
    case("a later tree with earlier times gives T2", ledger.receipt(s.one, 0, s.one_at, odd), S0 + 7)
    late = [ledger.attestation(s.one_at, 3, (S0, None, None, None)), several[1]]
    case("the first attestation lacks a quorum, the second has one", ledger.receipt(s.one, 0, s.one_at, late), S0 + 3612)
    proofs = [ledger.consistency(3, 8), ledger.consistency(8, 14)]
    case("consistency proofs that nobody needs are still checked", ledger.receipt(s.one, 0, s.one_at, several, consistency=proofs), S0 + 12)
    spare = [{"from": 4, "to": 5, "path": [H]}]
    case("a consistency proof between trees that the receipt does not hold is passed over", s.receipt(consistency=spare), S0 + 12)
    anchored = s.receipt()
    anchored["attestations"][0]["anchors"] = [{"type": "opentimestamps", "data": b64(b"proof")}]
    case("an anchor of unknown type", anchored, S0 + 12)
    token = s.receipt()
    token["attestations"][0]["tokens"] = [b64(b"token")]
    case("a token, and no TSA roots to check it by", token, S0 + 12)
    unknown = s.receipt()
    body = ledger.body(3)
    stranger = note.Signer("elsewhere.example.net", note.COSIGN, seed("stranger")).line(body, 1)
    unknown["attestations"][0]["checkpoint"] += stranger
    case("a cosignature of nobody known", unknown, S0 + 12)
    no_log = s.receipt()
    no_log["attestations"][0]["checkpoint"] = ledger.checkpoint(3, TIMES, log=None)
    case("no log key signed", no_log, S0 + 12)
    for desc, manifest in _no_t1(s):
        records, at = s.pack(manifest)
        a = ledger.attestation(at, at + 1, TIMES)
        case(f"no T1: {desc}", ledger.receipt(records, 0, at, [a], manifest=manifest), S0 + 12)
    skewed = s.with_checkpoint(ledger.checkpoint(5, [S0 + 4, S0 + 6, S0 + 5, 2**40]))
    records, at = s.pack(skewed)
    a = ledger.attestation(at, at + 1, TIMES)
    case("T1: the liar's late clock is passed over", ledger.receipt(records, 0, at, [a], manifest=skewed), S0 + 12, S0 + 6)
    return f


def enc_newlines(receipt):
    """One line: canonical but for the escaped line ends of the checkpoint."""
    import json

    return json.dumps(receipt, ensure_ascii=False, separators=(",", ":"))


def _no_t1(s):
    ledger = s.ledger
    good = ledger.checkpoint(5, [S0 + t for t in (4, 6, 5, 9)])
    yield "fewer than k signed the manifest's checkpoint", s.with_checkpoint(ledger.checkpoint(5, (S0, S0, None, None)))
    yield "the manifest's checkpoint is another ledger's", s.with_checkpoint(
        ledger.checkpoint(5, TIMES, body=note.body_of("example.org/other", 5, seed("x")))
    )
    yield "a cosignature of the manifest's checkpoint does not verify", s.with_checkpoint(good.replace("\n5\n", "\n6\n"))
    yield "the manifest's checkpoint is no note", enc(
        {"type": "cunzheng/manifest/v1", "name": "x", "checkpoint": ["a", "b", "c"]}
    )


def witnesses(s):
    f = File("receipt/witnesses", "receipt.verify", "witnesses' cosignatures: a quorum of their own")
    signers = [note.Signer(f"witness{i}.example.net", note.COSIGN, seed(f"witness {i}")) for i in range(3)]
    rows = [
        {
            "id": w.key.name,
            "name": {"en": w.key.name, "zh": w.key.name},
            "keys": [{"purpose": "cosign", "key": w.key.vkey, "from_size": 1}],
        }
        for w in signers
    ]
    body = s.ledger.body(3)

    def case(desc, expect, seconds, t2, w, witness_f=0, times=TIMES):
        receipt = s.receipt(times=times)
        receipt["attestations"][0]["checkpoint"] += "".join(
            signer.line(body, S0 + t) for signer, t in zip(signers, seconds) if t is not None
        )
        trust = s.ledger.trust(witnesses=rows, w=w)
        if witness_f:
            trust["witness_f"] = witness_f
        out = add(f, desc, expect, receipt, trust)
        assert out.get("t2_unix_s") == t2, (desc, out)

    case("w = 0: witnesses' times do not count", "ok", (1, 1, 1), S0 + 12, 0)
    case("w = 1: the earliest witness gives T2", "ok", (9, 3, 5), S0 + 4, 1)
    case("w = 2, one signed: not enough", "ok", (3, None, None), S0 + 12, 2)
    case("w = 2, witness_f = 1: the second smallest", "ok", (9, 3, 5), S0 + 6, 2, 1)
    case("witnesses later than the members", "ok", (90, 30, 50), S0 + 12, 1)
    case("witnesses never stand in for members", "quorum_not_met", (1, 1, 1), None, 1, times=(S0, S0, None, None))
    broken = s.receipt()
    broken["attestations"][0]["checkpoint"] += signers[0].line(s.ledger.body(4), S0)
    add(f, "a witness's line over another tree", "signature_invalid", broken, s.ledger.trust(witnesses=rows, w=1))
    return f


def tokens(s):
    f = File("receipt/tokens", "receipt.verify", "RFC 3161 tokens over the checkpoint")
    root = tsa.Authority("Example TSA Root", ca=True)
    middle = tsa.Authority("Example TSA Intermediate", issuer=root, ca=True)
    authority = tsa.Authority("Example TSA", issuer=root)
    trust = s.ledger.trust(tsa_roots=[b64(root.certificate)])
    text = s.receipt()["attestations"][0]["checkpoint"].encode()

    def case(desc, expect, *made, t2=None, trust=trust):
        receipt = s.receipt()
        receipt["attestations"][0]["tokens"] = [b64(t) for t in made]
        out = add(f, desc, expect, receipt, trust)
        assert out.get("t2_unix_s") == t2, (desc, out)

    def stamp(unix_s=S0 + 2, data=text, by=authority, **kw):
        return by.token(data, unix_s, **kw)

    case("a token earlier than the cosignatures gives T2", "ok", stamp(), t2=S0 + 2)
    case("a token later than the cosignatures does not", "ok", stamp(S0 + 99), t2=S0 + 12)
    case("the earliest of several tokens", "ok", stamp(S0 + 4), stamp(S0 + 3), t2=S0 + 3)
    case("accuracy is added", "ok", stamp(accuracy=tsa.accuracy(seconds=1)), t2=S0 + 3)
    case("accuracy is rounded up to a whole second", "ok", stamp(accuracy=tsa.accuracy(millis=1)), t2=S0 + 3)
    case("a fraction and an accuracy add up", "ok", stamp(fraction=".5", accuracy=tsa.accuracy(1, 499, 999)), t2=S0 + 4)
    case("a fraction and an accuracy just over a whole second", "ok", stamp(fraction=".5", accuracy=tsa.accuracy(1, 500, 1)), t2=S0 + 5)
    for name in ("sha384", "sha512"):
        case(f"an imprint by {name}", "ok", stamp(imprint=name), t2=S0 + 2)
    between = tsa.Authority("Example TSA 2", issuer=middle)
    case("a chain through an intermediate certificate", "ok", stamp(by=between, chain=[middle]), t2=S0 + 2)
    other = tsa.Authority("Another Root", ca=True)
    both = dict(trust, tsa_roots=[b64(other.certificate), b64(root.certificate)])
    case("the second of two roots", "ok", stamp(), t2=S0 + 2, trust=both)
    case("no roots: the token goes unchecked", "ok", b"token", t2=S0 + 12, trust=s.ledger.trust())

    bad = "token_invalid"
    case("no DER", bad, b"token")
    case("bytes behind the token", bad, stamp() + b"\x00")
    case("another checkpoint", bad, stamp(data=text + b"x"))
    case("an imprint by SHA-1", bad, stamp(imprint="sha1"))
    case("another root", bad, stamp(), trust=dict(trust, tsa_roots=[b64(other.certificate)]))
    case("the intermediate certificate is missing", bad, stamp(by=between))
    case("no certificate in the token", bad, stamp(certificates=[]))
    plain = tsa.Authority("Not An Issuer", issuer=root)
    case("an issuer that is no certificate authority", bad, stamp(by=tsa.Authority("Below", issuer=plain), chain=[plain]))
    for desc, kw in (
        ("no extended key usage", {"usage": ()}),
        ("extended key usage for servers", {"usage": (tsa.SERVER_AUTH,)}),
        ("extended key usage for time-stamping and servers", {"usage": (tsa.TIME_STAMPING, tsa.SERVER_AUTH)}),
        ("extended key usage not critical", {"critical": False}),
        ("a certificate that had expired at genTime", {"until": S0}),
        ("a certificate that was not yet valid at genTime", {"since": S0 + 60}),
    ):
        case(desc, bad, stamp(by=tsa.Authority("Example TSA", issuer=root, **kw)))
    case("genTime changed after signing", bad, stamp(alter_info=True))
    case("the message digest is another's", bad, stamp(attributes={"digest": bytes(32)}))
    case("the content type is another", bad, stamp(attributes={"type": "1.2.840.113549.1.7.1"}))
    case("another signing certificate is bound", bad, stamp(attributes={"bound": bytes(32)}))
    impostor = tsa.Authority("Example TSA Impostor", issuer=root)
    impostor.d += 1
    case("signed with another key than the certificate's", bad, stamp(by=impostor))
    case("one good token and one bad", bad, stamp(), b"token")
    return f


def earlier():
    """Two members that both signed became four with k = 3 at size 6; a receipt of before then."""
    f = File("receipt/earlier", "receipt.verify", "receipts under an earlier membership")
    ledger = world.Ledger(4, 1, 3)
    records = [enc(ledger.record(EVIDENCE, ALICE.account))]
    at = ledger.deposit(records, ALICE)
    while len(ledger.entries) < 8:
        ledger.deposit([enc(ledger.record(f"filler {len(ledger.entries)}".encode(), ALICE.account))], ALICE)
    size = 6
    members = [dict(m, keys=[dict(k, from_size=1 if i < 2 else size) for k in m["keys"]]) for i, m in enumerate(ledger.trust()["members"])]
    effective = {"root": merkle.root(ledger.leaves(size)).hex(), "size": size}

    def trust(**fields):
        before = [{"until_size": size, "f": 0, "k": 2, "w": 0}]
        return pretty(ledger.trust(version=2, previous=H, effective=effective, members=members, earlier=before, **fields))

    def case(desc, expect, attestations, t2, trust_text=None, **fields):
        receipt = ledger.receipt(records, 0, at, attestations, **fields)
        out = add(f, desc, expect, receipt, trust_text or trust())
        assert out.get("t2_unix_s") == t2, f"{desc}: {out}"

    old = ledger.attestation(at, 3, [S0 + 5, S0 + 7, None, None])
    case("two of the two of then: valid, not refreshed", "retired_keys_only", [old], S0 + 6)
    case("a proof to the tree of the new version", "ok", [old], S0 + 6, consistency=[ledger.consistency(3, size)])
    case("one of the two of then", "quorum_not_met", [ledger.attestation(at, 3, [S0 + 5, None, None, None])], None)
    case("keys that hold from later on do not count then", "quorum_not_met", [ledger.attestation(at, 3, [S0 + 5, None, S0 + 6, S0 + 7])], None)
    now = ledger.attestation(at, 7, [S0 + 20, None, S0 + 21, S0 + 22])
    case("by three of the four of now", "ok", [now], S0 + 22)
    case("two of four are too few now", "quorum_not_met", [ledger.attestation(at, 7, [S0 + 20, S0 + 21, None, None])], None)
    case("of then and of now: the later one alone settles", "ok", [old, now], S0 + 22)
    case("and a proof between them", "ok", [old, now], S0 + 6, consistency=[ledger.consistency(3, 7)])
    case("a proof to a tree that nobody vouches for", "retired_keys_only", [old, ledger.attestation(at, 5, [S0 + 9, S0 + 9, None, None])], S0 + 6, consistency=[ledger.consistency(3, 5)])
    root_ca = tsa.Authority("Example TSA Root", ca=True)
    authority = tsa.Authority("Example TSA", issuer=root_ca)
    token = authority.token(old["checkpoint"].encode(), S0 + 40)
    case("a token of later gives its own time, not the members'", "ok", [dict(old, tokens=[b64(token)])], S0 + 40, trust(tsa_roots=[b64(root_ca.certificate)]))
    return f


def retired():
    f = File("receipt/retired", "receipt.verify", "retired keys and how a receipt is refreshed")
    s = Scene()
    ledger, effective = s.ledger, 8
    fresh = [world.Member(ledger.origin, *row, generation=1) for row in world.INSTITUTIONS]
    old = ledger.trust()

    def rotated(count, **fields):
        """A second version: the first `count` members have new cosigning keys from size 8."""
        members = copy.deepcopy(old["members"])
        for m, new in list(zip(members, fresh))[:count]:
            m["keys"][1]["until_size"] = effective
            m["keys"].append({"purpose": "cosign", "key": new.cosign.key.vkey, "from_size": effective})
        previous = crypto.tagged("trust", enc(old).encode()).hex()
        root = note.parse_checkpoint(ledger.checkpoint(effective, TIMES)).root.hex()
        return dict(old, version=2, previous=previous, effective={"root": root, "size": effective}, members=members, **fields)

    trust = rotated(4)

    def case(desc, expect, attestations, t2, trust=trust, **fields):
        receipt = ledger.receipt(s.one, 0, s.one_at, attestations, **fields)
        out = add(f, desc, expect, receipt, trust)
        verdict = {"ok": "valid", "retired_keys_only": "retired_only", "quorum_not_met": "pending"}.get(expect, "not_valid")
        assert (out.get("t2_unix_s"), out["verdict"]) == (t2, verdict), (desc, out)

    def by_old(size, times=TIMES):
        return ledger.attestation(s.one_at, size, times)

    def by_new(size, times=TIMES):
        return ledger.attestation(s.one_at, size, times, members=fresh)

    day = [t + 86400 for t in TIMES]
    case("the old trust file knows nothing of the retirement", "ok", [by_old(3)], S0 + 12, old)
    case("all keys retired", "retired_keys_only", [by_old(3)], S0 + 12)
    case("one of four retired: the three current ones alone give T2", "ok", [by_old(3)], S0 + 13, rotated(1))
    case("two of four retired: two current ones are not enough", "retired_keys_only", [by_old(3)], S0 + 12, rotated(2))
    case("a consistency proof to the effective tree", "ok", [by_old(3)], S0 + 12, consistency=[ledger.consistency(3, 8)])
    renewed = [by_old(3), by_new(12, day)]
    case("a later attestation under current keys, unconnected: its own time counts", "ok", renewed, S0 + 86412)
    case("connected by a consistency proof: the early time counts", "ok", renewed, S0 + 12, consistency=[ledger.consistency(3, 12)])
    chain = [by_old(3), by_old(5, [t + 60 for t in TIMES]), by_new(12, day)]
    two = [ledger.consistency(3, 5), ledger.consistency(5, 12)]
    case("connected in two steps", "ok", chain, S0 + 12, consistency=two)
    case("the steps in the other order", "ok", chain, S0 + 12, consistency=two[::-1])
    case("only the second step", "ok", chain, S0 + 72, consistency=two[1:])
    case("only the first step", "ok", chain, S0 + 86412, consistency=two[:1])
    case("a proof that leads to a tree under retired keys alone", "retired_keys_only", chain[:2], S0 + 12, consistency=two[:1])
    at_effective = by_new(8, day)
    case("an attestation of the effective tree itself", "ok", [at_effective], S0 + 86412)
    case("retired keys do not hold at the effective size", "quorum_not_met", [by_old(8)], None)
    case("new keys do not hold before it", "quorum_not_met", [by_new(3)], None)
    case("old and new keys mixed at one size do not add up", "quorum_not_met", [by_old(3, (S0, S0, None, None))], None)
    bad = ledger.consistency(3, 8)
    bad["path"][0] = H
    case("a consistency proof with a wrong hash", "root_mismatch", [by_old(3)], None, consistency=[bad])
    short = dict(ledger.consistency(3, 8), path=[])
    case("a consistency proof without hashes", "proof_length", [by_old(3)], None, consistency=[short])
    back = dict(ledger.consistency(3, 8), **{"from": 8, "to": 3})
    case("a consistency proof that leads backwards", "index_out_of_range", [by_old(3)], None, consistency=[back])
    root_ca = tsa.Authority("Example TSA Root", ca=True)
    authority = tsa.Authority("Example TSA", issuer=root_ca)
    dated = dict(trust, tsa_roots=[b64(root_ca.certificate)])
    stamped = by_old(3)
    stamped["tokens"] = [b64(authority.token(stamped["checkpoint"].encode(), S0 + 40))]
    case("a trusted token, and no link: the token's time alone counts", "ok", [stamped], S0 + 40, dated)
    case("a trusted token and a link: the earlier of both", "ok", [stamped], S0 + 12, dated, consistency=[ledger.consistency(3, 8)])
    case("a token without a trusted root does not refresh", "retired_keys_only", [stamped], S0 + 12)
    pair = [by_old(3), dict(by_old(5), tokens=[b64(authority.token(by_old(5)["checkpoint"].encode(), S0 + 40))])]
    case("a link to a tree that only a token dates gives the token's time", "ok", pair, S0 + 40, dated, consistency=two[:1])
    case("two of four retired, and a trusted token", "ok", [stamped], S0 + 40, dict(rotated(2), tsa_roots=dated["tsa_roots"]))
    forked = dict(trust, effective={"root": H, "size": 8})
    case("the effective tree is another one than the attested of its size", "root_mismatch", [at_effective], None, forked)
    case("the effective tree is not reached", "root_mismatch", [by_old(3)], None, forked, consistency=[ledger.consistency(3, 8)])
    return f


def negative(s):
    ledger, trust = s.ledger, s.ledger.trust()
    f = File("receipt/decode", "receipt.verify", "step 1: what does not decode")
    good = s.receipt()
    for name in good:
        add(f, f"{name} missing", "missing_field", {k: v for k, v in good.items() if k != name}, trust)
        add(f, f"{name} of a wrong JSON type", "wrong_type", dict(good, **{name: True}), trust)
    add(f, "an unknown field", "unknown_field", dict(good, note="x"), trust)
    add(f, "another version", "unsupported_version", dict(good, type="cunzheng/receipt/v2"), trust)
    add(f, "no JSON", "invalid_json", "receipt", trust)
    add(f, "cut short", "invalid_json", pretty(good)[:-4], trust)
    add(f, "a field twice", "duplicate_key", '{"index":2,' + pretty(good)[1:], trust)
    add(f, "a negative index", "invalid_value", pretty(good).replace('"index": 2', '"index": -2'), trust)
    add(f, "no attestations", "invalid_value", dict(good, attestations=[]), trust)
    add(f, "65 attestations", "invalid_value", dict(good, attestations=good["attestations"] * 65), trust)
    add(f, "no consistency proofs, yet the field", "invalid_value", dict(good, consistency=[]), trust)
    add(f, "batch index 65,536", "invalid_value", dict(good, batch={"index": 65536, "path": []}), trust)
    add(f, "a batch path of 17 hashes", "invalid_value", dict(good, batch={"index": 0, "path": [H] * 17}), trust)
    add(f, "a hash in capitals", "invalid_value", dict(good, batch={"index": 0, "path": [H.upper()]}), trust)
    attestation = good["attestations"][0]
    for desc, expect, fields in (
        ("no checkpoint", "missing_field", None),
        ("no tokens, yet the field", "invalid_value", {"tokens": []}),
        ("a token that is no base64", "invalid_value", {"tokens": ["*"]}),
        ("a token without padding", "invalid_value", {"tokens": ["MAA"]}),
        ("an anchor without data", "missing_field", {"anchors": [{"type": "x"}]}),
        ("an anchor over 65,536 bytes", "invalid_value", {"anchors": [{"type": "x", "data": b64(bytes(65537))}]}),
        ("an unknown field", "unknown_field", {"proof": "x"}),
    ):
        changed = dict(attestation, **(fields or {}))
        if fields is None:
            del changed["checkpoint"]
        add(f, f"attestation: {desc}", expect, dict(good, attestations=[changed]), trust)
    add(f, "the record has a space", "not_canonical", dict(good, record=good["record"].replace(",", ", ", 1)), trust)
    add(f, "the record is an entry", "unsupported_version", dict(good, record=good["entry"]), trust)
    add(f, "the entry is a record", "unsupported_version", dict(good, entry=good["record"]), trust)
    add(f, "the entry is an act entry", "unsupported_version", dict(good, entry=ledger.entries[1]), trust)
    add(f, "the entry is the genesis document", "unsupported_version", dict(good, entry=ledger.genesis), trust)
    add(f, "the manifest is no manifest", "unsupported_version", dict(good, manifest=good["record"]), trust)
    add(f, "the manifest holds a line end", "invalid_string", dict(good, manifest='{"name":"a\nb"}'), trust)
    return [f, _evidence(s, good, trust), _chain(s, good, trust), _attestations(s, good, trust)]


def _evidence(s, good, trust):
    f = File("receipt/evidence", "receipt.verify", "steps 2 to 4: evidence, names, manifest")
    ledger = s.ledger
    add(f, "a byte changed", "digest_mismatch", good, trust, EVIDENCE.replace(b"sample", b"Sample"))
    add(f, "a byte too many", "length_mismatch", good, trust, EVIDENCE + b"\n")
    add(f, "no bytes", "length_mismatch", good, trust, b"")

    def deposit(record, key=ALICE, mode="plain", entry_key=None, **entry):
        """A receipt for a record that the ledger would have refused, but with all hashes right."""
        records = [enc(record)]
        header = enc(ledger.header(records, key.account, mode))
        at = ledger.append(enc(ledger.entry(header, entry_key or key, **entry)))
        return ledger.receipt(records, 0, at, [ledger.attestation(at, at + 1, TIMES)])

    record = ledger.record(EVIDENCE, ALICE.account)
    other = record["digest"]
    add(f, "SHA-256 fits, SM3 does not", "digest_mismatch", deposit(dict(record, digest=dict(other, sm3=H))), trust)
    add(f, "SM3 fits, SHA-256 does not", "digest_mismatch", deposit(dict(record, digest=dict(other, sha256=H))), trust)
    add(f, "the record names another ledger", "wrong_ledger", deposit(dict(record, ledger=H)), trust)
    add(f, "another ledger's trust file", "wrong_ledger", good, dict(trust, ledger=H))
    add(f, "another's record under one's own header", "wrong_account", deposit(record, BOB), trust)
    add(f, "the entry names another account than its header", "wrong_account", deposit(record, account=BOB.account), trust)
    add(f, "sealed without a salt", "salt_missing", deposit(record, mode="sealed"), trust)
    add(f, "plain with a salt", "salt_forbidden", deposit(dict(record, salt=SALT)), trust)
    a = ledger.attestation(s.packed_at, s.packed_at + 1, TIMES)

    def packed(manifest):
        return ledger.receipt(s.packed, 0, s.packed_at, [a], manifest=manifest)

    add(f, "the manifest's name changed", "manifest_mismatch", packed(s.manifest.replace("证据", "證據")), trust)
    add(f, "a manifest that the record does not name", "manifest_mismatch", dict(good, manifest=s.manifest), trust)
    digests = dict(world.digests(s.manifest.encode()), sm3=H)
    half = deposit(dict(record, manifest=digests))
    add(f, "the manifest's SM3 does not fit", "manifest_mismatch", dict(half, manifest=s.manifest), trust)
    return f


def _chain(s, good, trust):
    f = File("receipt/chain", "receipt.verify", "steps 5 and 6: batch path and the depositor's signature")
    ledger = s.ledger
    a = ledger.attestation(s.many_at, 5, TIMES)
    many = ledger.receipt(s.many, 2, s.many_at, [a])

    def batch(desc, expect, **fields):
        add(f, desc, expect, dict(many, batch=dict(many["batch"], **fields)), trust, MANY[2])

    path = many["batch"]["path"]
    batch("index = count", "index_out_of_range", index=5)
    batch("the neighbour's index", "root_mismatch", index=3)
    batch("a hash too few", "proof_length", path=path[:-1])
    batch("a hash too many", "proof_length", path=path + [H])
    batch("a hash changed", "root_mismatch", path=[H] + path[1:])
    batch("the hashes in reverse", "root_mismatch", path=path[::-1])
    add(f, "a batch of one with a path", "proof_length", dict(good, batch={"index": 0, "path": [H]}), trust)
    add(f, "a batch of one at index 1", "index_out_of_range", dict(good, batch={"index": 1, "path": []}), trust)
    twin = enc(ledger.record(EVIDENCE, ALICE.account, case="another case"))
    add(f, "a record that is not in the batch", "root_mismatch", dict(good, record=twin), trust)

    header = enc(ledger.header(s.one, ALICE.account))
    entry = ledger.entry(header, ALICE)

    def signed(desc, expect, trust=trust, **fields):
        at = ledger.append(enc(dict(entry, **fields)))
        receipt = ledger.receipt(s.one, 0, at, [ledger.attestation(at, at + 1, TIMES)])
        add(f, desc, expect, receipt, trust)

    r, low = entry["signature"][:64], int(entry["signature"][64:], 16)
    signed("another key", "signature_invalid", public_key=crypto.PrivateKey(crypto.SECP256K1, seed("mallory")).public.hex())
    signed("a key that is no point", "key_invalid", public_key="02" + "ff" * 32)
    signed("a high s", "signature_not_low_s", signature=r + f"{crypto.K1.n - low:064x}")
    signed("r = 0", "signature_invalid", signature="00" * 32 + f"{low:064x}")
    signed("signed for another purpose", "signature_invalid", signature=ALICE.sign("act", header.encode()).hex())
    signed("an SM2 signature over another message", "signature_invalid", suite=crypto.SM2, public_key=BOB.public.hex(), signature=BOB.sign("batch", b"x").hex())
    return f


def _attestations(s, good, trust):
    f = File("receipt/attestations", "receipt.verify", "steps 7 to 9: inclusion, checkpoint, cosignatures, quorum")
    ledger = s.ledger
    size = 11
    a = ledger.attestation(s.one_at, size, TIMES)
    base = ledger.receipt(s.one, 0, s.one_at, [a])

    def case(desc, expect, trust=trust, **fields):
        return add(f, desc, expect, dict(base, attestations=[dict(a, **fields)]), trust)

    text, path = a["checkpoint"], a["inclusion"]
    add(f, "another index", "root_mismatch", dict(base, index=3), trust)
    add(f, "index = size", "index_out_of_range", dict(base, index=size), trust)
    case("a hash too few", "proof_length", inclusion=path[:-1])
    case("a hash too many", "proof_length", inclusion=path + [H])
    case("a hash changed", "root_mismatch", inclusion=path[:-1] + [H])
    entry = jsonp.decode(base["entry"])
    for name, value in (("account_name", "别的公司"), ("sponsor", "court.example.org"), ("time_unix_ms", entry["time_unix_ms"] - 1)):
        add(f, f"the entry's {name} changed", "root_mismatch", dict(base, entry=enc(dict(entry, **{name: value}))), trust)
    lines = text.split("\n")
    case("the checkpoint has no final line end", "note_malformed", checkpoint=text[:-1])
    case("the checkpoint has no signatures", "note_malformed", checkpoint="\n".join(lines[:4]) + "\n")
    case("the checkpoint has an extension line", "note_malformed", checkpoint=text.replace("\n\n", "\nx\n\n"))
    case("a cosigner's line twice", "note_malformed", checkpoint=text + lines[-2] + "\n")
    again = ledger.members[0].cosign.line(ledger.body(size), S0 + 99)
    case("two cosignatures of one key", "note_malformed", checkpoint=text + again)
    case("another origin", "origin_mismatch", checkpoint=text.replace("example.org/ledger", "example.org/lodger"))
    case("another origin in the trust file", "origin_mismatch", dict(trust, origin="example.org/x", members=_other_origin(trust)))
    case("another size", "proof_length", checkpoint=text.replace("\n11\n", "\n5\n"))
    case("another size with the same path: the signatures catch it", "signature_invalid", checkpoint=text.replace("\n11\n", "\n12\n"))
    broken = ledger.checkpoint(size, TIMES[:3]) + _altered(ledger.members[3].cosign.line(ledger.body(size), TIMES[3]))
    case("one cosignature altered, three others fine", "signature_invalid", checkpoint=broken)
    other = ledger.checkpoint(size, TIMES[:3]) + ledger.members[3].cosign.line(ledger.body(size - 1), TIMES[3])
    case("a cosignature over another tree", "signature_invalid", checkpoint=other)
    log = ledger.checkpoint(size, TIMES, log=None)
    case("the log key's signature altered", "signature_invalid", checkpoint=log + _altered(ledger.members[0].log.line(ledger.body(size))))
    case("no cosignature", "quorum_not_met", checkpoint=ledger.checkpoint(size, (None,) * 4))
    case("k - 1 cosignatures", "quorum_not_met", checkpoint=ledger.checkpoint(size, TIMES[:2]))
    logs = ledger.checkpoint(size, TIMES[:2], log=None) + "".join(m.log.line(ledger.body(size)) for m in ledger.members)
    case("log keys never count", "quorum_not_met", checkpoint=logs)
    strangers = [world.Member(ledger.origin, *row, generation=7) for row in world.INSTITUTIONS]
    case("the right names with other keys", "quorum_not_met", checkpoint=ledger.checkpoint(size, TIMES, members=strangers))
    second = note.Signer(ledger.members[0].id, note.COSIGN, seed("a second key"))
    members = copy.deepcopy(trust["members"])
    members[0]["keys"].append({"purpose": "cosign", "key": second.key.vkey, "from_size": 1})
    twice = ledger.checkpoint(size, TIMES[:2]) + second.line(ledger.body(size), S0)
    case("an institution with two keys counts once", "quorum_not_met", dict(trust, members=members), checkpoint=twice)
    later = copy.deepcopy(trust["members"])
    for m in later[:2]:
        m["keys"][1]["from_size"] = size + 1
    case("keys that hold only later", "quorum_not_met", dict(trust, members=later))
    three, eleven = ledger.attestation(s.one_at, 3, TIMES), a
    add(f, "attestations out of order", "invalid_value", dict(base, attestations=[eleven, three]), trust)
    add(f, "two attestations of one size", "invalid_value", dict(base, attestations=[eleven, eleven]), trust)
    add(f, "the second of two attestations is broken", "root_mismatch", dict(base, attestations=[three, dict(a, inclusion=path[:-1] + [H])]), trust)
    out = add(f, "no trust file", "trust_not_established", good, None)
    assert out == {"verdict": "trust_not_established"}
    add(f, "no trust file, and the evidence does not fit", "digest_mismatch", good, None, EVIDENCE.replace(b"a", b"b"))
    add(f, "no trust file, and the inclusion proof is wrong", "root_mismatch", dict(base, attestations=[dict(a, inclusion=path[:-1] + [H])]), None)
    add(f, "a trust file that breaks its rules", "trust_invalid", good, dict(trust, k=2))
    assert f.cases[-1]["verdict"] == "trust_not_established"
    return f


def _other_origin(trust):
    members = copy.deepcopy(trust["members"])
    for i, m in enumerate(members):
        m["keys"][0]["key"] = note.Signer("example.org/x", note.LOG, seed(f"x {i}")).key.vkey
    return members


def _altered(line):
    """The signature line with the last byte of its signature changed."""
    head, _, data = line.strip().rpartition(" ")
    blob = bytearray(base64.b64decode(data))
    blob[-1] ^= 1
    return f"{head} {b64(bytes(blob))}\n"


def samples():
    """Files for people and for tests/interop: evidence, receipt and trust file side by side."""
    s = Scene()
    a = s.ledger.attestation(s.packed_at, s.packed_at + 1, TIMES)
    records = [s.packed[0]]
    receipt = s.ledger.receipt(records, 0, s.packed_at, [a], manifest=s.manifest)
    many = s.ledger.receipt(s.many, 2, s.many_at, [s.ledger.attestation(s.many_at, 11, TIMES)])
    bob = s.ledger.receipt(s.bob, 0, s.bob_at, [s.ledger.attestation(s.bob_at, 9, TIMES)])
    return {
        "sample/evidence.txt": EVIDENCE.decode(),
        "sample/evidence.txt.receipt.json": pretty(receipt),
        "sample/item.txt": MANY[2].decode(),
        "sample/item.txt.receipt.json": pretty(many),
        "sample/sm2.receipt.json": pretty(bob),
        "sample/trust.json": pretty(s.ledger.trust()),
    }



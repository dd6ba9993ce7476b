"""Vectors of records, batches, acts, entries, genesis, app hash and trust files."""

from . import crypto, formats, jsonp, merkle, note, world
from .cases_basic import seed
from .ops import File
from .world import ALICE, BOB, EVIDENCE, SALT

enc = jsonp.encode
H = "ab" * 32
LIMIT = 524288


def without(fields, *names):
    return {k: v for k, v in fields.items() if k not in names}


def schema_faults(f, good, nested=()):
    """What every closed schema must refuse: each field missing, each of a wrong type, one unknown."""
    for name, value in good.items():
        f.add(f"{name} missing", "missing_field", text=enc(without(good, name)))
        wrong = [value] if not isinstance(value, list) else "x"
        f.add(f"{name} of a wrong JSON type", "wrong_type", text=enc(dict(good, **{name: wrong})))
    f.add("an unknown field", "unknown_field", text=enc(dict(good, zz=1)))
    f.add("an unknown field that sorts first", "unknown_field", text=enc(dict(good, a0=1)))
    f.add("a missing field is reported before an unknown one", "missing_field", text=enc(without(dict(good, a0=1), list(good)[-1])))
    f.add("another version", "unsupported_version", text=enc(dict(good, type=good["type"][:-1] + "2")))
    f.add("another object's type", "unsupported_version", text=enc(dict(good, type="cunzheng/checkpoint/v1")))
    f.add("an array", "wrong_type", text="[]")
    f.add("a final line end", "not_canonical", text=enc(good) + "\n")
    f.add("readable form", "not_canonical", text=jsonp.encode_readable(good))
    f.add("no text", "invalid_json", text="")
    for outer, inner in nested:
        f.add(f"{outer}.{inner} missing", "missing_field", text=enc(dict(good, **{outer: without(good[outer], inner)})))
        f.add(f"{outer}: an unknown field beside {inner}", "unknown_field", text=enc(dict(good, **{outer: dict(good[outer], zz=1)})))


def hex_faults(f, good, names):
    for name in names:
        for desc, value in (("in capitals", good[name].upper()), ("a digit short", good[name][1:]), ("two digits long", good[name] + "00"), ("empty", "")):
            f.add(f"{name}: {desc}", "invalid_value", text=enc(dict(good, **{name: value})))


def record_files(ledger):
    f = File("record/record", "record.decode", "records")
    good = ledger.record(EVIDENCE, ALICE.account)

    def ok(desc, **fields):
        f.add(desc, "ok", text=enc(dict(good, **fields)))

    def bad(desc, expect="invalid_value", **fields):
        f.add(desc, expect, text=enc(dict(good, **fields)))

    ok("the least record")
    for kind in ("capture", "recording", "data"):
        ok(f"kind {kind}", kind=kind)
    ok("no bytes at all", digest=world.digests(b""), length=0)
    ok("the longest evidence", length=2**53 - 1)
    ok("with a manifest", manifest=world.digests(b"manifest"))
    ok("a case of 256 bytes", case="案" * 85 + "a")
    ok("a case with quotes and a backslash", case='"卷\\宗"')
    ref = {"id": H, "rel": "supersedes"}
    ok("16 refs", refs=[ref] * 16)
    ok("a rel of 32 characters", refs=[{"id": H, "rel": "r" * 32}])
    ok("32 attrs", attrs={f"k{i}": "值" for i in range(32)})
    ok("an empty attr and one of 1,024 bytes", attrs={"a": "", "b": "x" * 1024})
    ok("a salt", salt=SALT)
    ok("a reveal", kind="reveal", refs=[{"id": H, "rel": "reveals"}])
    ok("a reveal with another ref", kind="reveal", refs=[ref, {"id": H, "rel": "reveals"}])
    ok("everything", manifest=world.digests(b"m"), case="c", refs=[ref], attrs={"a": "b"}, salt=SALT)
    attrs = {f"k{i:02}": "x" * 1024 for i in range(15)}
    room = 16384 - len(enc(dict(good, attrs=dict(attrs, last=""))))
    ok("16,384 bytes", attrs=dict(attrs, last="x" * room))
    bad("16,385 bytes", "too_large", attrs=dict(attrs, last="x" * (room + 1)))

    schema_faults(f, good, (("digest", "sha256"), ("digest", "sm3")))
    hex_faults(f, good, ("ledger", "account"))
    bad("digest.sha256 in capitals", digest=dict(good["digest"], sha256=good["digest"]["sha256"].upper()))
    bad("digest.sm3 of 31 bytes", digest=dict(good["digest"], sm3="00" * 31))
    bad("an unknown kind", kind="screenshot")
    bad("an empty kind", kind="")
    bad("length as a string", "wrong_type", length="5")
    bad("length as a boolean", "wrong_type", length=True)
    bad("an empty case", case="")
    bad("a case of 257 bytes", case="案" * 85 + "ab")
    bad("no refs", refs=[])
    bad("17 refs", refs=[ref] * 17)
    bad("a ref without id", "missing_field", refs=[{"rel": "x"}])
    bad("a ref with an unknown field", "unknown_field", refs=[dict(ref, note="x")])
    bad("a ref that is a string", "wrong_type", refs=[H])
    bad("a rel in capitals", refs=[{"id": H, "rel": "Supersedes"}])
    bad("a rel of 33 characters", refs=[{"id": H, "rel": "r" * 33}])
    bad("no attrs", attrs={})
    bad("33 attrs", attrs={f"k{i}": "" for i in range(33)})
    bad("an attr of 1,025 bytes", attrs={"a": "x" * 1025})
    bad("an attr that is a number", "wrong_type", attrs={"a": 1})
    bad("a salt of 16 bytes", salt="00" * 16)
    bad("a manifest without sm3", "missing_field", manifest={"sha256": H})
    bad("a reveal without refs", kind="reveal")
    bad("a reveal without a reveals ref", kind="reveal", refs=[ref])
    bad("a reveal with two reveals refs", kind="reveal", refs=[{"id": H, "rel": "reveals"}] * 2)
    bad("a file with a reveals ref", refs=[{"id": H, "rel": "reveals"}])
    f.add("null", "invalid_value", text=enc(good).replace('"file"', "null"))
    f.add("a negative length", "invalid_value", text=enc(good).replace('"length":', '"length":-'))
    f.add("a float length", "invalid_value", text=enc(good).replace(f'"length":{len(EVIDENCE)}', '"length":1.0'))
    f.add("kind twice", "duplicate_key", text=enc(good).replace('"kind":"file"', '"kind":"file","kind":"data"'))
    return [f, _manifest_file(ledger)]


def _manifest_file(ledger):
    f = File("record/manifest", "manifest.decode", "manifests")
    good = {"type": "cunzheng/manifest/v1", "name": "证据.pdf"}
    lines = ledger.checkpoint(1, [1790000000] * len(ledger.members))[:-1].split("\n")

    def add(desc, expect, **fields):
        f.add(desc, expect, text=enc(dict(good, **fields)))

    add("the least manifest", "ok")
    add("everything", "ok", media_type="application/pdf", modified_unix_ms=1700000000000, checkpoint=lines, attrs={"tool": "x"})
    add("a name of 1,024 bytes", "ok", name="n" * 1024)
    add("three dots", "ok", name="...")
    add("a checkpoint whose note does not parse is still a manifest", "ok", checkpoint=["a", "", "b"])
    schema_faults(f, good)
    for desc, name in (("an empty name", ""), ("a name of 1,025 bytes", "n" * 1025), ("a slash", "a/b"), ("a backslash", "a\\b"), ("one dot", "."), ("two dots", "..")):
        add(desc, "invalid_value", name=name)
    add("an empty media type", "invalid_value", media_type="")
    add("a media type of 129 bytes", "invalid_value", media_type="m" * 129)
    add("a checkpoint of two lines", "invalid_value", checkpoint=["a", "b"])
    add("a checkpoint of 41 lines", "invalid_value", checkpoint=["a"] * 41)
    add("a checkpoint line that is a number", "wrong_type", checkpoint=["a", "b", 3])
    add("a time as a string", "wrong_type", modified_unix_ms="0")
    add("no attrs", "invalid_value", attrs={})
    return f


def batch_files(ledger):
    h = File("batch/header", "batch.header", "batch headers")
    record = enc(ledger.record(EVIDENCE, ALICE.account))
    good = ledger.header([record], ALICE.account)
    h.add("a header", "ok", text=enc(good))
    h.add("sealed", "ok", text=enc(dict(good, mode="sealed")))
    h.add("65,536 records", "ok", text=enc(dict(good, count=65536)))
    h.add("with an expiry", "ok", text=enc(dict(good, expires_unix_ms=2**53 - 1)))
    schema_faults(h, good)
    hex_faults(h, good, ("ledger", "account", "root"))
    for desc, fields in (("an unknown mode", {"mode": "hidden"}), ("count 0", {"count": 0}), ("count 65,537", {"count": 65537})):
        h.add(desc, "invalid_value", text=enc(dict(good, **fields)))
    h.add("an expiry as a string", "wrong_type", text=enc(dict(good, expires_unix_ms="1")))
    h.add("over 2,048 bytes", "too_large", text=enc(good) + " " * 2048)
    return [h, _envelope_file(ledger)]


def _envelope_file(ledger):
    f = File("batch/envelope", "batch.envelope", "envelopes with batches: rules 1 to 7 of batch.md")

    def record(i, key=ALICE, **fields):
        return ledger.record(b"evidence %d" % i, key.account, **fields)

    def make(records, key=ALICE, purpose="batch", sign_key=None, ship=None, **fields):
        """`ship`: the record lines that travel, where they are not the batch's own."""
        texts = [enc(r) for r in records]
        header = enc(dict(ledger.header(texts, key.account), **fields))
        if ship is None:
            ship = [] if fields.get("mode") == "sealed" else texts
        return formats.envelope(header, sign_key or key, purpose, ship)

    def add(desc, expect, text, ledger_id=ledger.id, limit=LIMIT):
        f.add(desc, expect, envelope=text, ledger=ledger_id, batch_bytes_max=limit)

    one, three = [record(0)], [record(i) for i in range(3)]
    good = make(three)
    line = [x + "\n" for x in good[:-1].split("\n")]
    add("a batch of one", "ok", make(one))
    add("a batch of three", "ok", good)
    for n in (2, 4, 5, 7, 8):
        add(f"a batch of {n}", "ok", make([record(i) for i in range(n)]))
    add("the same record twice", "ok", make(one * 2))
    add("signed with SM2", "ok", make([record(0, BOB)], BOB))
    add("sealed", "ok", make([record(0, salt=SALT)], mode="sealed", count=1))
    add("sealed: root and count are taken on trust", "ok", make(one, mode="sealed", count=500, root=H))
    add("a header that the ledger's clock may refuse later", "ok", make(one, client_time_unix_ms=2**53 - 1, expires_unix_ms=0))
    add("signed with a key whose id is not the account: the ledger decides", "ok", make(one, sign_key=BOB))
    add("exactly as long as allowed", "ok", good, limit=len(good.encode()))
    # 1: framing and size
    add("a byte longer than allowed", "too_large", good, limit=len(good.encode()) - 1)
    for desc, text in (
        ("nothing", ""),
        ("a line end alone", "\n"),
        ("no final line end", good[:-1]),
        ("the first line alone", line[0]),
        ("no signature line", line[0] + line[1]),
        ("an unknown first line", good.replace("envelope/v1", "envelope/v2", 1)),
        ("a blank line first", "\n" + good),
        ("no first line", "".join(line[1:])),
    ):
        add(desc, "envelope_malformed", text)
    # 2: header schema
    add("the header is empty", "invalid_json", line[0] + "\n" + "".join(line[2:]))
    add("the header has a space", "not_canonical", good.replace('"count":3', '"count": 3'))
    add("the header lacks its count", "missing_field", good.replace('"count":3,', "", 1))
    add("an act in the header's place", "unsupported_version", good.replace("cunzheng/batch/v1", "cunzheng/act/v1", 1))
    add("count 0", "invalid_value", make(three, count=0, ship=[]))
    # 3: the ledger
    add("another ledger's batch", "wrong_ledger", good, ledger_id=H)
    add("another ledger's header, before its signature is looked at", "wrong_ledger", make(three, ledger=H, purpose="act"))
    # 4: the signature
    signature = jsonp.decode(line[2][:-1])

    def signed(**fields):
        return line[0] + line[1] + enc(dict(signature, **fields)) + "\n" + "".join(line[3:])

    add("the signature line is empty", "invalid_json", line[0] + line[1] + "\n" + "".join(line[3:]))
    add("no suite", "missing_field", line[0] + line[1] + enc(without(signature, "suite")) + "\n" + "".join(line[3:]))
    add("an unknown field beside the signature", "unknown_field", signed(zz=1))
    add("an unknown suite", "suite_unknown", signed(suite="ed25519"))
    add("a public key in capitals", "invalid_value", signed(public_key=signature["public_key"].upper()))
    add("a signature of 63 bytes", "invalid_value", signed(signature=signature["signature"][2:]))
    add("a key that is no point", "key_invalid", signed(public_key="02" + "ff" * 32))
    add("another key", "signature_invalid", signed(public_key=crypto.PrivateKey(crypto.SECP256K1, seed("mallory")).public.hex()))
    s = crypto.K1.n - int(signature["signature"][64:], 16)
    add("a high s", "signature_not_low_s", signed(signature=signature["signature"][:64] + f"{s:064x}"))
    add("signed for another purpose", "signature_invalid", make(three, purpose="act"))
    add("a digit of the header changed", "signature_invalid", good.replace('"count":3', '"count":4', 1))
    add("another batch's signature", "signature_invalid", "".join(line[:2]) + make(one).split("\n")[2] + "\n" + "".join(line[3:]))
    add("the other suite's name", "key_invalid" if not _on_sm2(signature["public_key"]) else "signature_invalid", signed(suite=crypto.SM2))
    # 5: how many records
    add("plain without its records", "records_missing", "".join(line[:3]))
    add("a record left out", "count_mismatch", "".join(line[:5]))
    add("a record too many", "count_mismatch", good + line[3])
    add("a count below the records", "count_mismatch", make(three, count=2))
    add("sealed with a record", "records_unexpected", make(one, mode="sealed", ship=[enc(one[0])]))
    # 6: each record
    add("a blank record line", "invalid_json", make(one, ship=[""]))
    add("a record with a space", "not_canonical", make(one, ship=[enc(one[0]).replace(",", ", ", 1)]))
    add("a record over 16,384 bytes", "too_large", make(one, ship=[" " * 16385]))
    add("a record of another ledger", "wrong_ledger", make([dict(record(0), ledger=H)]))
    add("another's record under one's own header", "wrong_account", make([record(0, BOB)], ALICE))
    add("the last of three is another's", "wrong_account", make(three[:2] + [record(2, BOB)], ALICE))
    add("a salt in a plain batch", "salt_forbidden", make([record(0, salt=SALT)]))
    add("a reveal that cites nothing", "invalid_value", make([record(0, kind="reveal")]))
    # 7: the root
    add("another root", "root_mismatch", make(three, root=H))
    add("the records in another order", "root_mismatch", make(three, ship=[enc(r) for r in three[::-1]]))
    add("a record replaced", "root_mismatch", make(three, ship=[enc(r) for r in three[:2] + [record(9)]]))
    return f


def _on_sm2(public_hex):
    try:
        crypto.S2.decompress(bytes.fromhex(public_hex))
        return True
    except jsonp.Bad:
        return False


def act_files(ledger):
    f = File("entry/act", "entry.act", "governance acts")
    key = ALICE
    add_args = {"public_key": key.public.hex(), "suite": key.suite, "name": "示例科技有限公司"}
    good = ledger.act("account_add", add_args)

    def add(desc, expect, action, args):
        f.add(desc, expect, text=enc(ledger.act(action, args)))

    add("account_add", "ok", "account_add", add_args)
    add("account_add of an SM2 key with quotas", "ok", "account_add", {"public_key": BOB.public.hex(), "suite": BOB.suite, "name": "b", "records_per_day_max": 0, "bytes_per_day_max": 5})
    add("account_suspend", "ok", "account_suspend", {"account": H, "reason": "法院令"})
    add("account_resume", "ok", "account_resume", {"account": H, "reason": "r" * 500})
    add("account_quota", "ok", "account_quota", {"account": H, "records_per_day_max": 10, "bytes_per_day_max": 0})
    add("clock_resume", "ok", "clock_resume", {"reason": "时钟已核对"})
    schema_faults(f, good)
    hex_faults(f, good, ("ledger", "nonce"))
    for desc, member in (("an empty member", ""), ("a member with a space", "a b"), ("a member with a plus sign", "a+b"), ("a member in capitals", "Notary"), ("a member that ends in a slash", "a/"), ("a member of 129 bytes", "m" * 129)):
        f.add(desc, "invalid_value", text=enc(dict(good, member=member)))
    add("account_remove", "ok", "account_remove", {"account": H, "reason": "法院令"})
    add("an unknown action", "invalid_value", "account_rename", {})
    add("no arguments", "missing_field", "account_suspend", {})
    add("another action's arguments", "missing_field", "account_suspend", add_args)
    add("an unknown argument", "unknown_field", "clock_resume", {"reason": "r", "zz": 1})
    add("an empty reason", "invalid_value", "clock_resume", {"reason": ""})
    add("a reason of 501 bytes", "invalid_value", "clock_resume", {"reason": "r" * 501})
    add("an empty name", "invalid_value", "account_add", dict(add_args, name=""))
    add("a name of 201 bytes", "invalid_value", "account_add", dict(add_args, name="n" * 201))
    add("an unknown suite", "suite_unknown", "account_add", dict(add_args, suite="rsa"))
    add("a key that is no point", "key_invalid", "account_add", dict(add_args, public_key="02" + "ff" * 32))
    add("a quota without bytes", "missing_field", "account_quota", {"account": H, "records_per_day_max": 1})
    f.add("over 8,192 bytes", "too_large", text=enc(good) + " " * 8192)

    g = governance_file(ledger)

    e = File("entry/act_envelope", "entry.act_envelope", "envelopes with acts")
    text, admin = enc(good), ledger.members[0].account
    whole = formats.envelope(text, admin, "act")

    def case(desc, expect, envelope, ledger_id=ledger.id, limit=LIMIT):
        e.add(desc, expect, envelope=envelope, ledger=ledger_id, batch_bytes_max=limit)

    case("an act", "ok", whole)
    case("another ledger's act", "wrong_ledger", whole, H)
    case("signed for a batch", "signature_invalid", formats.envelope(text, admin, "batch"))
    case("changed after signing", "signature_invalid", whole.replace("示例科技", "示例网络"))
    case("records behind an act", "records_unexpected", formats.envelope(text, admin, "act", ["{}"]))
    case("a batch header in the act's place", "unsupported_version", whole.replace("cunzheng/act/v1", "cunzheng/batch/v1"))
    case("too long", "too_large", whole, limit=len(whole.encode()) - 1)
    case("cut short", "envelope_malformed", whole[:-1])
    return [f, g, e]


def governance_file(ledger):
    f = File("entry/governance", "entry.act", "proposals and approvals")
    member = world.Member(ledger.origin, "agency.example.org", "Example Agency", "示例机关", "agency").in_genesis()
    consensus = crypto.PrivateKey(crypto.SECP256K1, seed("consensus")).public.hex()
    step = {"member": "court.example.org", "reason": "失去联系"}
    thresholds = {"f": 0, "k": 2, "govern": 2}
    cosign = note.Signer("court.example.org", note.COSIGN, seed("next")).key.vkey
    log = note.Signer(ledger.origin, note.LOG, seed("next log")).key.vkey
    rotate = {"member": "court.example.org", "purpose": "cosign", "key": cosign}
    account_key = f"{ALICE.suite}:{ALICE.public.hex()}"
    witness = note.Signer("witness.example.net", note.COSIGN, seed("witness"))
    w = {"id": "witness.example.net", "name": {"en": "W", "zh": "见证"}, "key": witness.key.vkey}
    witnesses = {"w": 1, "witness_f": 0, "witnesses": [w]}
    good = {
        "member_add": {"member": member, "thresholds": {"f": 1, "k": 4, "govern": 3}},
        "member_suspend": step,
        "member_resume": dict(step, thresholds=thresholds),
        "member_remove": dict(step, thresholds=thresholds),
        "key_rotate": rotate,
        "thresholds": thresholds,
        "params": ledger.fields["params"],
        "witnesses": witnesses,
        "tsa_roots": {"roots": ["MAA="]},
        "account_suspend": {"account": H, "reason": "法院令"},
        "account_resume": {"account": H, "reason": "法院令"},
        "account_remove": {"account": H, "reason": "法院令"},
    }

    def propose(desc, expect, action, args, **fields):
        args = {"action": action, "args": args, "expires_unix_ms": world.T0 + 86_400_000, **fields}
        f.add(desc, expect, text=enc(ledger.act("propose", args)))

    for action, args in good.items():
        propose(action, "ok", action, args)
        propose(f"{action} without arguments", "missing_field", action, {})
        propose(f"{action} with an unknown one", "unknown_field", action, dict(args, zz=1))
    propose("a member with a consensus key", "ok", "member_add", {"member": dict(member, consensus_key=consensus)})
    for purpose, key in (("log", log), ("account", account_key), ("consensus", account_key)):
        propose(f"a new {purpose} key", "ok", "key_rotate", dict(rotate, purpose=purpose, key=key))
    propose("no witnesses any more", "ok", "witnesses", {"w": 0, "witness_f": 0, "witnesses": []})
    f.add("an approval", "ok", text=enc(ledger.act("approve", {"proposal": H})))
    f.add("an approval of nothing", "missing_field", text=enc(ledger.act("approve", {})))
    f.add("an approval of no id", "invalid_value", text=enc(ledger.act("approve", {"proposal": "x"})))
    propose("a change of an unknown name", "invalid_value", "member_rename", step)
    propose("a proposal of a proposal", "invalid_value", "propose", {})
    propose("an account added by proposal", "invalid_value", "account_add", {})
    propose("no expiry", "wrong_type", "thresholds", thresholds, expires_unix_ms="never")
    propose("an empty reason", "invalid_value", "member_remove", dict(step, reason=""))
    propose("a reason of 501 bytes", "invalid_value", "member_remove", dict(step, reason="r" * 501))
    propose("k = 0", "invalid_value", "thresholds", dict(thresholds, k=0))
    propose("govern = 17", "invalid_value", "thresholds", dict(thresholds, govern=17))
    propose("thresholds without govern", "missing_field", "member_remove", dict(step, thresholds={"f": 0, "k": 1}))
    propose("a member of an unknown role", "invalid_value", "member_add", {"member": dict(member, role="x")})
    propose("a member's key that is no point", "key_invalid", "member_add", {"member": dict(member, public_key="02" + "ff" * 32)})
    propose("a consensus key that is no point", "key_invalid", "member_add", {"member": dict(member, consensus_key="02" + "ff" * 32)})
    propose("a member's cosigning key of another name", "invalid_value", "member_add", {"member": dict(member, cosign_key=cosign)})
    propose("an unknown purpose", "invalid_value", "key_rotate", dict(rotate, purpose="tls"))
    propose("a log key for cosigning", "invalid_value", "key_rotate", dict(rotate, key=log))
    propose("a key that does not parse", "key_invalid", "key_rotate", dict(rotate, key="x"))
    propose("an account key of an unknown suite", "key_invalid", "key_rotate", dict(rotate, purpose="account", key="rsa:" + ALICE.public.hex()))
    propose("an SM2 key for consensus", "key_invalid", "key_rotate", dict(rotate, purpose="consensus", key=f"{BOB.suite}:{BOB.public.hex()}"))
    propose("a witness's key of another name", "invalid_value", "witnesses", dict(witnesses, witnesses=[dict(w, id="x.example")]))
    propose("w over 64", "invalid_value", "witnesses", dict(witnesses, w=65))
    propose("a root that is no base64", "invalid_value", "tsa_roots", {"roots": ["MAA"]})
    propose("17 roots", "invalid_value", "tsa_roots", {"roots": ["MAA="] * 17})
    return f


def entry_files(ledger):
    f = File("entry/deposit_entry", "entry.deposit_entry", "deposit entries and their leaf hashes")
    record = enc(ledger.record(EVIDENCE, ALICE.account))
    header = enc(ledger.header([record], ALICE.account))
    good = ledger.entry(header, ALICE)
    f.add("an entry", "ok", text=enc(good))
    f.add("an SM2 account's entry", "ok", text=enc(ledger.entry(enc(ledger.header([record], BOB.account)), BOB)))
    f.add("a rotated key: the account keeps its id", "ok", text=enc(ledger.entry(header, BOB, account=ALICE.account)))
    f.add("a name of 200 bytes", "ok", text=enc(dict(good, account_name="n" * 200)))
    schema_faults(f, good)
    hex_faults(f, good, ("public_key", "signature", "account"))

    def bad(desc, expect, **fields):
        f.add(desc, expect, text=enc(dict(good, **fields)))

    bad("an unknown suite", "suite_unknown", suite="ed25519")
    bad("an empty account name", "invalid_value", account_name="")
    bad("an account name of 201 bytes", "invalid_value", account_name="n" * 201)
    bad("a sponsor with a space", "invalid_value", sponsor="a b")
    bad("another account than the header's", "wrong_account", account=BOB.account)
    bad("a header that is no JSON", "invalid_json", header="x")
    bad("a header with a space", "not_canonical", header=header.replace(",", ", ", 1))
    bad("a header of another type", "unsupported_version", header=enc(ledger.act("clock_resume", {"reason": "r"})))
    f.add("over 4,000 bytes", "too_large", text=enc(good) + " " * 4000)
    f.add("an act entry", "unsupported_version", text=enc(ledger.act_entry(enc(ledger.act("clock_resume", {"reason": "r"})))))

    a = File("entry/act_entry", "entry.act_entry", "act entries and their leaf hashes")
    good = ledger.act_entry(enc(ledger.act("clock_resume", {"reason": "时钟已核对"})))
    a.add("an entry", "ok", text=enc(good))
    schema_faults(a, good)
    hex_faults(a, good, ("public_key", "signature"))
    a.add("an act that is no JSON", "invalid_json", text=enc(dict(good, act="x")))
    a.add("an unknown suite", "suite_unknown", text=enc(dict(good, suite="")))
    a.add("over 16,384 bytes", "too_large", text=enc(good) + " " * 16384)
    return [f, a]


def genesis_files(single, four):
    f = File("entry/genesis", "entry.genesis", "genesis documents; the ledger id is their SHA-256")
    f.add("one member", "ok", text=single.genesis)
    f.add("four members, one of them may lie", "ok", text=four.genesis)
    good = four.fields
    schema_faults(f, good, (("params", "batch_bytes_max"), ("params", "bytes_per_day_max")))
    hex_faults(f, good, ("nonce",))

    def bad(desc, expect="invalid_value", **fields):
        f.add(desc, expect, text=enc(dict(good, **fields)))

    def member(desc, expect="invalid_value", at=1, **fields):
        members = list(good["members"])
        members[at] = dict(members[at], **fields)
        bad(desc, expect, members=members)

    for origin in ("", "Example.org/ledger", "a b", "a+b", "a//b", "/a", "a/", "账本.example", "o" * 201):
        bad(f"origin {origin[:20]!r}", origin=origin)
    bad("no members", members=[])
    bad("17 members", members=[good["members"][0]] * 17)
    bad("a member twice", members=good["members"][:3] + [good["members"][0]])
    bad("k = 2 of 4 with f = 1", k=2)
    bad("k = 5 of 4", k=5)
    bad("f = 3, k = 3", f=3)
    bad("k = 0, f = 0", k=0, f=0)
    bad("govern 0", govern=0)
    bad("govern 5 of 4", govern=5)
    for name, low, high in (("batch_bytes_max", 65535, 1048577), ("checkpoint_interval_ms", None, 60001), ("client_time_ahead_ms_max", 0, 86400001), ("records_per_day_max", 0, None), ("bytes_per_day_max", 0, None)):
        for value in (low, high):
            if value is not None:
                bad(f"params.{name} = {value}", params=dict(good["params"], **{name: value}))
    bad("an unknown parameter", "unknown_field", params=dict(good["params"], zz=1))
    member("an unknown role", role="observer")
    member("a name without zh", "missing_field", name={"en": "x"})
    member("an empty name", name={"en": "", "zh": "x"})
    member("an unknown suite", "suite_unknown", suite="rsa")
    member("an account key that is no point", "key_invalid", public_key="02" + "ff" * 32)
    other = four.members[2]
    member("another member's cosigning key", cosign_key=other.cosign.key.vkey)
    member("a log key in the cosigning key's place", cosign_key=four.members[1].log.key.vkey)
    member("a log key of another origin", log_key=note.Signer("example.org/other", note.LOG, seed("x")).key.vkey)
    member("a cosigning key in the log key's place", log_key=four.members[1].cosign.key.vkey)
    member("a key that does not parse", "key_invalid", log_key="x")
    consensus = [crypto.PrivateKey(crypto.SECP256K1, seed(f"consensus {i}")).public.hex() for i in range(4)]
    ordering = [dict(m, consensus_key=key) for m, key in zip(good["members"], consensus)]
    bad("a consensus key each", "ok", members=ordering)
    bad("a consensus key that is no point", "key_invalid", members=[*ordering[:3], dict(ordering[3], consensus_key="02" + "ff" * 32)])
    bad("one member without a consensus key", members=[*ordering[:3], good["members"][3]])
    bad("a consensus key twice", members=[*ordering[:3], dict(ordering[3], consensus_key=consensus[0])])
    f.add("over 16,384 bytes", "too_large", text=enc(good) + " " * 16384)
    return [f]


def app_hash_files(ledger):
    f = File("entry/app_hash", "entry.app_hash", "state hash and app hash")
    members, params = ledger.fields["members"], ledger.fields["params"]

    def account(i, **fields):
        key = crypto.PrivateKey((crypto.SECP256K1, crypto.SM2)[i % 2], seed(f"app account {i}"))
        return {
            "account": key.account, "bytes_per_day_max": 0, "name": f"账户 {i}", "public_key": key.public.hex(),
            "records_per_day_max": 0, "sponsor": ledger.members[0].id, "status": "active", "suite": key.suite,
            "used_bytes": 0, "used_day": 0, "used_records": 0, **fields,
        }  # fmt: skip

    def add(desc, accounts, size=1, root=ledger.leaves(1)[0], params=params):
        f.add(desc, "ok", params=enc(params), members=enc(members), accounts=[enc(a) for a in accounts], size=size, root=root.hex())

    add("right after genesis", [])
    add("one account", [account(0)], 2, seed("r2"))
    add("an account suspended", [account(0, status="suspended")], 2, seed("r2"))
    add("an account with use booked", [account(0, used_bytes=1234, used_day=20717, used_records=3)], 2, seed("r2"))
    add("another size", [account(0)], 3, seed("r2"))
    add("another parameter", [account(0)], 2, seed("r2"), dict(params, batch_bytes_max=65536))
    proposal = {"approvals": [members[0]["id"]], "change": {"action": "thresholds", "args": {"f": 0, "govern": 1, "k": 3}}, "expires_unix_ms": world.T0, "id": H, "member": members[0]["id"]}
    governance = {"govern": 2, "proposals": [proposal], "suspended": [members[1]["id"]], "trust": ledger.trust()}
    f.add("with governance", "ok", params=enc(params), members=enc(members), accounts=[enc(account(0))], governance=enc(governance), size=4, root=seed("r4").hex())
    f.add("an account removed", "ok", params=enc(params), members=enc(members), accounts=[enc(account(0, status="removed"))], size=4, root=seed("r4").hex())
    add("fifty accounts, some in one bucket", [account(i) for i in range(50)], 51, seed("r51"))
    near = [account(i, account=f"00{i:062x}") for i in (3, 1, 2)] + [account(9, account="ff" * 32)]
    add("bucket 0 holds three, bucket 255 one; given out of order", near, 5, seed("r5"))
    return [f]


def trust_files(single, four):
    f = File("trust/trust", "trust.decode", "trust files; readable form")
    good = four.trust()

    def add(desc, expect, **fields):
        f.add(desc, expect, text=jsonp.encode_readable(dict(good, **fields)))

    def member(desc, expect="trust_invalid", at=1, **fields):
        members = list(good["members"])
        members[at] = dict(members[at], **fields)
        add(desc, expect, members=members)

    def key(desc, expect="trust_invalid", at=1, which=1, **fields):
        keys = list(good["members"][at]["keys"])
        keys[which] = dict(keys[which], **fields)
        member(desc, expect, at, keys=keys)

    add("four members, k = 3, f = 1", "ok")
    f.add("the same on one line has the same id", "ok", text=enc(good))
    f.add("one operator", "ok", text=jsonp.encode_readable(single.trust()))
    witness = note.Signer("witness.example.net", note.COSIGN, seed("witness"))
    w_key = {"purpose": "cosign", "key": witness.key.vkey, "from_size": 1}
    w = {"id": "witness.example.net", "name": {"en": "W", "zh": "见证"}, "keys": [w_key]}
    add("a witness", "ok", witnesses=[w], w=1)
    second = dict(version=2, previous=H, effective={"root": H, "size": 900})
    add("a second version", "ok", **second)
    old = world.Member(four.origin, *world.INSTITUTIONS[1], generation=1)
    keys = good["members"][1]["keys"]
    retired = [keys[0], dict(keys[1], until_size=900), keys[2], {"purpose": "cosign", "key": old.cosign.key.vkey, "from_size": 900}]
    members = [dict(m, keys=retired) if i == 1 else m for i, m in enumerate(good["members"])]
    add("a retired key beside its successor", "ok", members=members, **second)
    gone = [dict(m, keys=[dict(k, until_size=900) for k in m["keys"]]) if i == 3 else m for i, m in enumerate(good["members"])]
    add("a member that left does not count in n", "ok", members=gone, f=0, k=2, **second)
    add("a TSA root", "ok", tsa_roots=["MAA="])
    earlier = [{"until_size": 700, "f": 0, "k": 4, "w": 0}, {"until_size": 900, "f": 0, "k": 3, "w": 2, "witness_f": 1}]
    add("other thresholds before", "ok", earlier=earlier, **second)
    add("thresholds before that ran beyond today's version", "trust_invalid", earlier=[dict(earlier[1], until_size=901)], **second)
    add("thresholds before out of order", "trust_invalid", earlier=earlier[::-1], **second)
    add("thresholds before that were too weak", "trust_invalid", earlier=[dict(earlier[0], k=2)], **second)
    add("thresholds before for more than there were", "trust_invalid", earlier=[dict(earlier[0], k=5)], **second)
    add("no thresholds before, written out", "invalid_value", earlier=[], **second)
    add("thresholds before until 1", "invalid_value", earlier=[dict(earlier[0], until_size=1)], **second)
    add("thresholds before without k", "missing_field", earlier=[without(earlier[0], "k")], **second)
    add("version 1 with thresholds before", "trust_invalid", earlier=earlier)

    for name in good:
        f.add(f"{name} missing", "missing_field", text=enc(without(good, name)))
        f.add(f"{name} of a wrong JSON type", "wrong_type", text=enc(dict(good, **{name: True})))
    add("an unknown field", "unknown_field", zz=1)
    add("another version of the format", "unsupported_version", type="cunzheng/trust/v2")
    f.add("a field twice", "duplicate_key", text='{"type":"cunzheng/trust/v1",' + enc(good)[1:])
    f.add("no JSON", "invalid_json", text="trust me")
    add("version 0", "invalid_value", version=0)
    member("a line end in a name has no canonical form", "invalid_string", name={"en": "a\nb", "zh": "x"})
    add("effective size 0", "invalid_value", effective={"root": H, "size": 0})
    add("ledger in capitals", "invalid_value", ledger=good["ledger"].upper())
    add("an origin with a space", "invalid_value", origin="a b")
    add("no members", "invalid_value", members=[])
    add("an unknown role", "invalid_value", members=[dict(good["members"][0], role="x"), *good["members"][1:]])
    key("an unknown purpose", "invalid_value", purpose="tls")
    key("from size 0", "invalid_value", from_size=0)
    add("a witness with a log key", "invalid_value", witnesses=[dict(w, keys=[dict(w_key, purpose="log")])])
    add("a TSA root that is no base64", "invalid_value", tsa_roots=["MAA"])

    add("k = 2 of 4 with f = 1: 2k > n + f fails", "trust_invalid", k=2)
    add("k = 5 of 4", "trust_invalid", k=5)
    add("f = k", "trust_invalid", f=3)
    add("version 1 with a previous one", "trust_invalid", previous=H)
    add("version 2 without a previous one", "trust_invalid", version=2, effective={"root": H, "size": 9})
    add("version 1 effective at size 2", "trust_invalid", effective={"root": H, "size": 2})
    add("a member that left is not enough for k", "trust_invalid", members=gone, f=0, k=4, **second)
    add("a member twice", "trust_invalid", members=[*good["members"][:3], good["members"][0]])
    member("a member without a cosigning key", keys=[keys[0], keys[2]])
    key("a cosigning key of another name", key=four.members[2].cosign.key.vkey)
    key("a log key for purpose cosign", key=four.members[1].log.key.vkey)
    key("a cosigning key for purpose log", which=0, key=four.members[1].cosign.key.vkey)
    key("a log key of another origin", which=0, key=note.Signer("example.org/x", note.LOG, seed("x")).key.vkey)
    key("a key that does not parse", key="x")
    key("an account key without suite", which=2, key=four.members[1].account.public.hex())
    key("an account key of an unknown suite", which=2, key="rsa:" + four.members[1].account.public.hex())
    key("an account key that is no point", which=2, key="sm2-sm3:02" + "ff" * 32)
    key("until = from", from_size=5, until_size=5)
    key("until below from", from_size=5, until_size=4)
    member("the same key twice", keys=keys + [dict(keys[1], from_size=9)])
    add("witness_f = w", "trust_invalid", witnesses=[w], w=1, witness_f=1)
    add("witness_f = 0 written out", "invalid_value", witnesses=[w], w=1, witness_f=0)
    add("w over 64", "invalid_value", witnesses=[w], w=65)
    add("a witness key of another name", "trust_invalid", witnesses=[dict(w, id="other.example.net")])
    return [f]


def follow_files(four):
    """The chain of trust files: the third member rotates its cosigning key, then k rises and the fourth leaves."""
    f = File("trust/follow", "trust.follow", "from a pinned trust file to the next version")
    at = four.append(enc(four.act_entry(enc(four.act("approve", {"proposal": H})))))
    size = at + 1
    leaves = four.leaves()
    first = four.trust()
    new_key = note.Signer(four.members[2].id, note.COSIGN, seed("rotated")).key.vkey

    def rotated(at_size):
        members = [dict(m, keys=[dict(k) for k in m["keys"]]) for m in first["members"]]
        members[2]["keys"][1]["until_size"] = at_size
        members[2]["keys"].append({"purpose": "cosign", "key": new_key, "from_size": at_size})
        return members

    def version(**fields):
        effective = {"root": merkle.root(leaves).hex(), "size": size}
        previous = formats.Trust(enc(first)).id.hex()
        return dict(first, version=2, previous=previous, effective=effective, members=rotated(size), **fields)

    def update(trust, signers=(0, 1, 3), key=None, **fields):
        text = trust if isinstance(trust, str) else enc(trust)
        signatures = [{"member": four.members[i].id, "signature": (key or four.members[i].account).sign("trust", text.encode()).hex()} for i in signers]
        path = [h.hex() for h in merkle.inclusion_path(at, leaves)]
        return {"type": "cunzheng/trust_update/v1", "trust": text, "entry": four.entries[at], "inclusion": path, "signatures": signatures, **fields}

    def add(desc, expect, document, pinned=first):
        f.add(desc, expect, pinned=enc(pinned), update=jsonp.encode_readable(document))

    good = version()
    add("a key rotated, signed by three", "ok", update(good))
    add("signed by all", "ok", update(good, (0, 1, 2, 3)))
    add("thresholds changed", "ok", update(version(k=4, earlier=[{"until_size": size, "f": 1, "k": 3, "w": 0}])))
    gone = [dict(m, keys=[dict(k, until_size=size) for k in m["keys"]]) if i == 3 else m for i, m in enumerate(first["members"])]
    add("a member left", "ok", update(dict(version(f=0, k=2, earlier=[{"until_size": size, "f": 1, "k": 3, "w": 0}]), members=gone)))
    stranger = world.Member(four.origin, "agency.example.org", "A", "示", "agency").in_trust()
    joined = dict(stranger, keys=[dict(k, from_size=size) for k in stranger["keys"]])
    add("a member came", "ok", update(dict(good, members=[*good["members"], joined], k=4, earlier=[{"until_size": size, "f": 1, "k": 3, "w": 0}])))

    add("signed by two of three that must", "quorum_not_met", update(good, (0, 1)))
    add("signed by one, three times", "quorum_not_met", update(good, (0, 0, 0)))
    strangers = update(good, (0, 1))
    strangers["signatures"].append(dict(strangers["signatures"][0], member="agency.example.org"))
    add("the third signature is a stranger's", "quorum_not_met", strangers)
    add("signed by a wrong key", "signature_invalid", update(good, key=ALICE))
    changed = update(good)
    changed["trust"] = enc(dict(good, tsa_roots=["MAA="]))
    add("changed after signing", "signature_invalid", changed)
    add("the pinned version again", "trust_invalid", update(first))
    add("a version left out", "trust_invalid", update(dict(good, version=3)))
    add("it continues a fork", "trust_invalid", update(dict(good, previous=H)))
    add("another ledger", "wrong_ledger", update(dict(good, ledger=H)))
    add("not canonical", "not_canonical", update(jsonp.encode_readable(good)))
    add("no larger tree", "trust_invalid", update(dict(good, members=first["members"], effective={"root": first["effective"]["root"], "size": 1})))
    add("a member is gone", "trust_invalid", update(dict(good, members=first["members"][:3], f=0, k=2)))
    add("a new key that holds from before", "trust_invalid", update(dict(good, members=rotated(size - 1))))
    add("thresholds changed without a trace", "trust_invalid", update(dict(good, k=4)))
    add("a trace of what never was", "trust_invalid", update(version(earlier=[{"until_size": size, "f": 0, "k": 3, "w": 0}])))
    add("another entry", "root_mismatch", update(good, entry=enc(four.act_entry(enc(four.act("approve", {"proposal": "0" * 64}))))))
    add("a deposit's entry", "unsupported_version", update(good, entry=enc(dict(jsonp.decode(four.entries[at].encode()), type="cunzheng/entry/v1"))))
    add("another root", "root_mismatch", update(dict(good, effective={"root": H, "size": size})))
    add("a path too short", "proof_length", update(good, inclusion=update(good)["inclusion"][:-1]))
    add("another version of the format", "unsupported_version", update(good, type="cunzheng/trust_update/v2"))
    add("an unknown field", "unknown_field", update(good, zz=1))
    add("signatures missing", "missing_field", without(update(good), "signatures"))
    add("a short signature", "invalid_value", update(good, signatures=[{"member": "a", "signature": "00"}]))
    return [f]


def files():
    single, four = world.Ledger(1, 0, 1), world.Ledger(4, 1, 3)
    return [
        *record_files(four),
        *batch_files(four),
        *act_files(four),
        *entry_files(four),
        *genesis_files(single, four),
        *app_hash_files(four),
        *trust_files(single, four),
        *follow_files(world.Ledger(4, 1, 3)),
    ]



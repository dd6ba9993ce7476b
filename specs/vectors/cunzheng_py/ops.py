"""What a vector's `op` means: inputs of a case in, outputs out, or Bad (README.md has the table)."""

import base64

from . import crypto, formats, jsonp, merkle, note, receipt


def json_decode(c):
    data = base64.b64decode(c["input_b64"])
    canonical = c["form"] == "canonical"
    value = jsonp.decode(data, canonical=canonical)
    out = {"readable": jsonp.encode_readable(value)}
    if not jsonp.holds_newline(value):
        out["canonical"] = jsonp.encode(value)
    return out


def digest(c):
    data = base64.b64decode(c["input_b64"])
    return {"sha256": crypto.sha256(data).hex(), "sm3": crypto.sm3(data).hex(), "length": len(data)}


def tagged(c):
    return {"digest": crypto.tagged(c["purpose"], base64.b64decode(c["message_b64"])).hex()}


def account_id(c):
    public = bytes.fromhex(c["public_key"])
    crypto.curve_of(c["suite"]).decompress(public)
    return {"account": crypto.account_id(c["suite"], public)}


def sign(c):
    key = crypto.PrivateKey(c["suite"], bytes.fromhex(c["secret"]))
    signature = key.sign(c["purpose"], base64.b64decode(c["message_b64"]))
    return {"public_key": key.public.hex(), "account": key.account, "signature": signature.hex()}


def verify(c):
    crypto.verify(
        c["suite"],
        bytes.fromhex(c["public_key"]),
        c["purpose"],
        base64.b64decode(c["message_b64"]),
        bytes.fromhex(c["signature"]),
    )
    return {}


def key_file(c):
    return {"secret": crypto.open_key_file(c["text"], c["passphrase"]).hex()}


def record(c):
    formats.decode_record(c["text"])
    return {"record_id": formats.record_id(c["text"].encode()).hex()}


def manifest(c):
    formats.decode_manifest(c["text"])
    data = c["text"].encode()
    return {"sha256": crypto.sha256(data).hex(), "sm3": crypto.sm3(data).hex()}


def header(c):
    formats.decode_header(c["text"])
    return {"batch_id": formats.batch_id(c["text"].encode()).hex()}


def envelope(c):
    h, name, ids = formats.check_batch(c["envelope"].encode(), c["ledger"], c["batch_bytes_max"])
    return {"batch_id": name.hex(), "root": h["root"], "record_ids": [i.hex() for i in ids]}


def act(c):
    formats.decode_act(c["text"])
    return {"act_id": formats.act_id(c["text"].encode()).hex()}


def act_envelope(c):
    _, name = formats.check_act(c["envelope"].encode(), c["ledger"], c["batch_bytes_max"])
    return {"act_id": name.hex()}


def deposit_entry(c):
    formats.decode_deposit_entry(c["text"])
    return {"leaf": merkle.leaf_hash(c["text"].encode()).hex()}


def act_entry(c):
    formats.decode_act_entry(c["text"])
    return {"leaf": merkle.leaf_hash(c["text"].encode()).hex()}


def genesis(c):
    formats.decode_genesis(c["text"])
    data = c["text"].encode()
    return {"ledger": crypto.sha256(data).hex(), "leaf": merkle.leaf_hash(data).hex()}


def app_hash(c):
    import json  # the state's own text is canonical; any reader will do

    params, members = json.loads(c["params"]), json.loads(c["members"])
    governance = json.loads(c["governance"]) if "governance" in c else None
    state = formats.state_hash(params, members, [json.loads(a) for a in c["accounts"]], governance)
    return {
        "state_hash": state.hex(),
        "app_hash": formats.app_hash(c["size"], bytes.fromhex(c["root"]), state).hex(),
    }


def _hashes(path):
    return [bytes.fromhex(h) for h in path]


def root(c):
    leaves = [merkle.leaf_hash(base64.b64decode(b)) for b in c["data_b64"]]
    return {"leaves": [h.hex() for h in leaves], "root": merkle.root(leaves).hex()}


def inclusion(c):
    leaf, expected = bytes.fromhex(c["leaf"]), bytes.fromhex(c["root"])
    merkle.verify_inclusion(leaf, c["index"], c["size"], _hashes(c["path"]), expected)
    return {}


def consistency(c):
    roots = bytes.fromhex(c["first_root"]), bytes.fromhex(c["second_root"])
    merkle.verify_consistency(c["first"], c["second"], _hashes(c["path"]), *roots)
    return {}


def vkey(c):
    key = note.parse_vkey(c["vkey"])
    return {"name": key.name, "type": key.kind, "public_key": key.public.hex(), "id": key.id.hex()}


def note_verify(c):
    """Parses the note, then checks every line that one of `vkeys` made."""
    parsed = note.parse_note(c["text"])
    keys = {(k.name, k.id): k for k in map(note.parse_vkey, c["vkeys"])}
    signed = []
    for name, key_id, signature in parsed.lines:
        if (name, key_id) in keys:
            time_unix_s = note.verify_line(keys[name, key_id], parsed.body, signature)
            signed.append({"name": name, "time_unix_s": time_unix_s})
    return {"body": parsed.body, "signed": signed}


def checkpoint(c):
    parsed = note.parse_checkpoint(c["text"])
    if "origin_expected" in c and parsed.origin != c["origin_expected"]:
        raise jsonp.Bad("origin_mismatch")
    return {"origin": parsed.origin, "size": parsed.size, "root": parsed.root.hex()}


def trust(c):
    t = formats.Trust(c["text"])
    return {"trust_id": t.id.hex(), "n": t.n}


def trust_follow(c):
    t = formats.follow(c["pinned"], c["update"])
    return {"trust_id": t.id.hex(), "version": t.fields["version"]}


def verify_receipt(c):
    report = receipt.verify(c["receipt"], base64.b64decode(c["evidence_b64"]), c.get("trust"))
    out = {"verdict": report.verdict}
    for name in ("t1_unix_s", "t2_unix_s"):
        if getattr(report, name) is not None:
            out[name] = getattr(report, name)
    return out, report.error


OPS = {
    "json.decode": json_decode,
    "digest": digest,
    "keys.tagged": tagged,
    "keys.account_id": account_id,
    "keys.sign": sign,
    "keys.verify": verify,
    "keys.key_file": key_file,
    "record.decode": record,
    "manifest.decode": manifest,
    "batch.header": header,
    "batch.envelope": envelope,
    "entry.act": act,
    "entry.act_envelope": act_envelope,
    "entry.deposit_entry": deposit_entry,
    "entry.act_entry": act_entry,
    "entry.genesis": genesis,
    "entry.app_hash": app_hash,
    "merkle.root": root,
    "merkle.inclusion": inclusion,
    "merkle.consistency": consistency,
    "note.vkey": vkey,
    "note.verify": note_verify,
    "checkpoint.parse": checkpoint,
    "trust.decode": trust,
    "trust.follow": trust_follow,
    "receipt.verify": verify_receipt,
}


def run(op, case):
    """(outputs, error name or None)"""
    try:
        result = OPS[op](case)
    except jsonp.Bad as bad:
        return {}, bad.code
    return result if isinstance(result, tuple) else (result, None)


class File:
    """One vector file. Each case states what it expects; the implementation must agree before it is written."""

    def __init__(self, path, op, desc):
        self.path, self.op, self.desc, self.cases = path, op, desc, []

    def add(self, desc, expect, **inputs):
        outputs, error = run(self.op, inputs)
        found = error or "ok"
        assert found == expect, f"{self.path}: {desc}: found {found}, expected {expect}"
        assert not set(outputs) & set(inputs), f"{self.path}: {desc}: input and output share a name"
        self.cases.append({"desc": desc, "expect": expect, **inputs, **outputs})
        return outputs

    def text(self):
        names = [c["desc"] for c in self.cases]
        twice = sorted({n for n in names if names.count(n) > 1})
        assert not twice, f"{self.path}: described twice: {twice}"
        text = jsonp.encode_readable({"desc": self.desc, "op": self.op, "cases": self.cases})
        jsonp.decode(text, canonical=False)  # else a case needs base64
        return text

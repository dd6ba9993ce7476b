"""Record, manifest, batch, entry, act, genesis, app hash and trust file (specs of the same names)."""

import re
from dataclasses import dataclass

from . import crypto, jsonp, merkle, note
from .jsonp import OPTIONAL, Bad, array, hex32, hexes, integer, one_of, shape, table, text, type_is

NAME_FORM = r"[a-z0-9.-]+(/[a-z0-9._-]+)*"  # origins and the ids of members and witnesses
SUITES = (crypto.SECP256K1, crypto.SM2)

_digests = shape(("sha256", hex32), ("sm3", hex32))
_attrs = table(1, 32, text(0, 1024))


def suite(v):
    text()(v)
    if v not in SUITES:
        raise Bad("suite_unknown", v)


# ---- record and manifest ----

RECORD = [
    ("type", type_is("cunzheng/record/v1")),
    ("ledger", hex32),
    ("account", hex32),
    ("kind", one_of("file", "capture", "recording", "data", "reveal")),
    ("digest", _digests),
    ("length", integer()),
    ("manifest", _digests, OPTIONAL),
    ("case", text(1, 256), OPTIONAL),
    ("refs", array(1, 16, shape(("id", hex32), ("rel", text(pattern="[a-z][a-z0-9_]{0,31}")))), OPTIONAL),
    ("attrs", _attrs, OPTIONAL),
    ("salt", hex32, OPTIONAL),
]


def decode_record(data):
    record = jsonp.check(jsonp.decode(data, 16384), RECORD)
    reveals = [ref for ref in record.get("refs", []) if ref["rel"] == "reveals"]
    if len(reveals) != (record["kind"] == "reveal"):
        raise Bad("invalid_value", "refs: `reveals` goes with kind `reveal`, once")
    return record


def record_id(data):
    return merkle.leaf_hash(data)


def file_name(v):
    text(1, 1024)(v)
    if v in (".", "..") or "/" in v or "\\" in v:
        raise Bad("invalid_value", "name")


MANIFEST = [
    ("type", type_is("cunzheng/manifest/v1")),
    ("name", file_name),
    ("media_type", text(1, 128), OPTIONAL),
    ("modified_unix_ms", integer(), OPTIONAL),
    ("checkpoint", array(3, 40, text()), OPTIONAL),
    ("attrs", _attrs, OPTIONAL),
]


def decode_manifest(data):
    return jsonp.check(jsonp.decode(data, 1 << 20), MANIFEST)


# ---- batch ----

HEADER = [
    ("type", type_is("cunzheng/batch/v1")),
    ("ledger", hex32),
    ("account", hex32),
    ("mode", one_of("plain", "sealed")),
    ("root", hex32),
    ("count", integer(1, 65536)),
    ("client_time_unix_ms", integer()),
    ("expires_unix_ms", integer(), OPTIONAL),
]
SIGNATURE = [("public_key", hexes(33)), ("signature", hexes(64)), ("suite", suite)]


def decode_header(data):
    return jsonp.check(jsonp.decode(data, 2048), HEADER)


def batch_id(header):
    return crypto.tagged("batch", header)


def envelope(signed, key, purpose, records=()):
    signature = {
        "public_key": key.public.hex(),
        "signature": key.sign(purpose, signed.encode()).hex(),
        "suite": key.suite,
    }
    lines = ["cunzheng/envelope/v1", signed, jsonp.encode(signature), *records]
    return "".join(line + "\n" for line in lines)


def open_envelope(data, length_max):
    """The signed line, the signature object's line and the record lines."""
    if len(data) > length_max:
        raise Bad("too_large", "envelope")
    lines = data.split(b"\n")
    if lines.pop() != b"" or len(lines) < 3 or lines[0] != b"cunzheng/envelope/v1":
        raise Bad("envelope_malformed")
    return lines[1], lines[2], lines[3:]


def check_signature(line, purpose, signed):
    s = jsonp.check(jsonp.decode(line, 2048), SIGNATURE)
    public, signature = bytes.fromhex(s["public_key"]), bytes.fromhex(s["signature"])
    crypto.verify(s["suite"], public, purpose, signed, signature)


def check_batch(data, ledger, length_max):
    """Rules 1 to 7 of specs/batch.md."""
    header_line, signature_line, records = open_envelope(data, length_max)
    header = decode_header(header_line)
    if header["ledger"] != ledger:
        raise Bad("wrong_ledger", "header")
    check_signature(signature_line, "batch", header_line)
    ids = []
    if header["mode"] == "plain":
        if not records:
            raise Bad("records_missing")
        if len(records) != header["count"]:
            raise Bad("count_mismatch")
        for line in records:
            record = decode_record(line)
            if record["ledger"] != ledger:
                raise Bad("wrong_ledger", "record")
            if record["account"] != header["account"]:
                raise Bad("wrong_account", "record")
            if "salt" in record:
                raise Bad("salt_forbidden")
            ids.append(record_id(line))
        if merkle.root(ids).hex() != header["root"]:
            raise Bad("root_mismatch")
    elif records:
        raise Bad("records_unexpected")
    return header, batch_id(header_line), ids


# ---- acts and entries ----

_quota = [("records_per_day_max", integer()), ("bytes_per_day_max", integer())]
ACTIONS = {
    "account_add": [
        ("public_key", hexes(33)),
        ("suite", suite),
        ("name", text(1, 200)),
        *((*row, OPTIONAL) for row in _quota),
    ],
    "account_suspend": [("account", hex32), ("reason", text(1, 500))],
    "account_resume": [("account", hex32), ("reason", text(1, 500))],
    "account_remove": [("account", hex32), ("reason", text(1, 500))],
    "account_quota": [("account", hex32), *_quota],
    "clock_resume": [("reason", text(1, 500))],
    "propose": [],  # judged by decode_propose
    "approve": [("proposal", hex32)],
}
member_id = text(1, 128, NAME_FORM)


def _object(v):
    if not isinstance(v, dict):
        raise Bad("wrong_type")


ACT = [
    ("type", type_is("cunzheng/act/v1")),
    ("ledger", hex32),
    ("member", member_id),
    ("action", one_of(*ACTIONS)),
    ("args", _object),
    ("client_time_unix_ms", integer()),
    ("nonce", hex32),
]


def decode_act(data):
    act = jsonp.decode(data, 8192)
    # args are judged in their place in the table, by the action that stands before them
    action = act.get("action") if isinstance(act, dict) else None
    rows = list(ACT)
    if action == "propose":
        rows[4] = ("args", decode_propose)
    elif isinstance(action, str) and action in ACTIONS:
        rows[4] = ("args", shape(*ACTIONS[action]))
    jsonp.check(act, rows)
    if act["action"] == "account_add":
        key = act["args"]
        crypto.curve_of(key["suite"]).decompress(bytes.fromhex(key["public_key"]))
    return act


# ---- governance ----

_thresholds = [("f", integer(0, 16)), ("k", integer(1, 16)), ("govern", integer(1, 16))]
_member_step = [
    ("member", member_id),
    ("reason", text(1, 500)),
    ("thresholds", shape(*_thresholds), OPTIONAL),
]


def _vkey(v, kind, name=None):
    text(1)(v)
    key = note.parse_vkey(v)
    if key.kind != kind or (name and key.name != name):
        raise Bad("invalid_value", "a key of another type or name")


def _new_member(v):
    jsonp.check(v, MEMBER)
    check_member_keys(v)


def _witness(v):
    jsonp.check(v, [("id", member_id), ("name", NAMES), ("key", text(1))])
    _vkey(v["key"], note.COSIGN, v["id"])


def _key_rotate(v):
    jsonp.check(v, [("member", member_id), ("purpose", one_of("log", "cosign", "account", "consensus")), ("key", text(1))])
    if v["purpose"] in ("log", "cosign"):
        return _vkey(v["key"], note.LOG if v["purpose"] == "log" else note.COSIGN)
    name, colon, key = v["key"].partition(":")
    known = name in (crypto.SECP256K1, crypto.SM2)
    if not (colon and known and re.fullmatch("[0-9a-f]{66}", key)) or (v["purpose"] == "consensus" and name != crypto.SECP256K1):
        raise Bad("key_invalid", "key")
    crypto.curve_of(name).decompress(bytes.fromhex(key))


def _certificate(v):
    text(1)(v)
    note.b64decode(v, "invalid_value")


def changes():
    return {
        "member_add": shape(("member", _new_member), ("thresholds", shape(*_thresholds), OPTIONAL)),
        "member_suspend": shape(*_member_step),
        "member_resume": shape(*_member_step),
        "member_remove": shape(*_member_step),
        "key_rotate": _key_rotate,
        "thresholds": shape(*_thresholds),
        "params": shape(*PARAMS),
        "witnesses": shape(("w", integer(0, 64)), ("witness_f", integer(0, 64)), ("witnesses", array(0, 64, _witness))),
        "tsa_roots": shape(("roots", array(0, 16, _certificate))),
        **{name: shape(*ACTIONS[name]) for name in ("account_suspend", "account_resume", "account_remove")},
    }


def decode_propose(v):
    _object(v)
    rules = changes()
    name = v.get("action")
    rule = rules.get(name, _object) if isinstance(name, str) else _object
    jsonp.check(v, [("action", one_of(*rules)), ("args", rule), ("expires_unix_ms", integer())])


def act_id(act):
    return crypto.tagged("act", act)


def check_act(data, ledger, length_max):
    act_line, signature_line, records = open_envelope(data, length_max)
    act = decode_act(act_line)
    if act["ledger"] != ledger:
        raise Bad("wrong_ledger", "act")
    check_signature(signature_line, "act", act_line)
    if records:
        raise Bad("records_unexpected")
    return act, act_id(act_line)


DEPOSIT_ENTRY = [
    ("type", type_is("cunzheng/entry/v1")),
    ("header", lambda v: (text()(v), decode_header(v))),
    ("suite", suite),
    ("public_key", hexes(33)),
    ("signature", hexes(64)),
    ("account", hex32),
    ("account_name", text(1, 200)),
    ("sponsor", member_id),
    ("time_unix_ms", integer()),
]
ACT_ENTRY = [
    ("type", type_is("cunzheng/act_entry/v1")),
    ("act", lambda v: (text()(v), decode_act(v))),
    ("suite", suite),
    ("public_key", hexes(33)),
    ("signature", hexes(64)),
    ("member", member_id),
    ("time_unix_ms", integer()),
]


def decode_deposit_entry(data):
    entry = jsonp.check(jsonp.decode(data, 4000), DEPOSIT_ENTRY)
    if decode_header(entry["header"])["account"] != entry["account"]:
        raise Bad("wrong_account", "entry and header")
    return entry


def decode_act_entry(data):
    return jsonp.check(jsonp.decode(data, 16384), ACT_ENTRY)


# ---- genesis and app hash ----

NAMES = _names = shape(("en", text(1, 200)), ("zh", text(1, 200)))
ROLES = ("notary", "court", "platform", "agency", "arbitration", "operator")
MEMBER = [
    ("id", member_id),
    ("name", _names),
    ("role", one_of(*ROLES)),
    ("suite", suite),
    ("public_key", hexes(33)),
    ("log_key", text(1)),
    ("cosign_key", text(1)),
    ("consensus_key", hexes(33), OPTIONAL),
]
PARAMS = [
    ("batch_bytes_max", integer(65536, 1048576)),
    ("checkpoint_interval_ms", integer(0, 60000)),
    ("client_time_ahead_ms_max", integer(1, 86400000)),
    ("records_per_day_max", integer(1)),
    ("bytes_per_day_max", integer(1)),
]
GENESIS = [
    ("type", type_is("cunzheng/genesis/v1")),
    ("origin", text(1, 200, NAME_FORM)),
    ("created_unix_ms", integer()),
    ("nonce", hex32),
    ("members", array(1, 16, shape(*MEMBER))),
    ("f", integer(0, 16)),
    ("k", integer(1, 16)),
    ("w", integer(0, 64)),
    ("govern", integer(1)),
    ("params", shape(*PARAMS)),
]


def check_member_keys(m, origin=None):
    crypto.curve_of(m["suite"]).decompress(bytes.fromhex(m["public_key"]))
    log, cosign = note.parse_vkey(m["log_key"]), note.parse_vkey(m["cosign_key"])
    if (log.kind, log.name, cosign.kind, cosign.name) != (note.LOG, origin or log.name, note.COSIGN, m["id"]):
        raise Bad("invalid_value", "members: a key of another type or name")
    if "consensus_key" in m:
        crypto.K1.decompress(bytes.fromhex(m["consensus_key"]))


def decode_genesis(data):
    g = jsonp.check(jsonp.decode(data, 16384), GENESIS)
    n, names = len(g["members"]), [m["id"] for m in g["members"]]
    if len(set(names)) != n:
        raise Bad("invalid_value", "members: the same id twice")
    for m in g["members"]:
        check_member_keys(m, g["origin"])
    ordering = [m["consensus_key"] for m in g["members"] if "consensus_key" in m]
    if len(ordering) not in (0, n) or len(set(ordering)) != len(ordering):
        raise Bad("invalid_value", "members: consensus keys of some, or one twice")
    if not (2 * g["k"] > n + g["f"] and g["k"] <= n and g["f"] < g["k"] and g["govern"] <= n):
        raise Bad("invalid_value", "f, k, govern")
    return g


def account_line(account):
    return jsonp.encode(account).encode() + b"\n"


def state_hash(params, members, accounts, governance=None):
    buckets = []
    for i in range(256):
        inside = sorted((a for a in accounts if int(a["account"][:2], 16) == i), key=lambda a: a["account"])
        lines = b"".join(account_line(a) for a in inside)
        buckets.append(crypto.sha256(lines) if inside else bytes(32))
    values = (params, members) if governance is None else (params, members, governance)
    parts = [crypto.sha256(jsonp.encode(v).encode()) for v in values]
    tag = crypto.tag("state") if governance is None else b"cunzheng/state/v2\n"
    return crypto.sha256(tag, *parts, *buckets)


def app_hash(size, root, state):
    return crypto.sha256(crypto.tag("app"), size.to_bytes(8, "big"), root, state)


# ---- trust file ----


def _list(v):
    if not isinstance(v, list):
        raise Bad("wrong_type")


_trust_key = [
    ("purpose", one_of("log", "cosign", "account")),
    ("key", text(1)),
    ("from_size", integer(1)),
    ("until_size", integer(), OPTIONAL),
]
QUORUM = [("f", integer(0, 64)), ("k", integer(1, 64)), ("w", integer(0, 64)), ("witness_f", integer(1, 64), OPTIONAL)]
_witness_key = [("purpose", one_of("cosign")), *_trust_key[1:]]
TRUST = [
    ("type", type_is("cunzheng/trust/v1")),
    ("ledger", hex32),
    ("origin", text(1, 200, NAME_FORM)),
    ("version", integer(1)),
    ("effective", shape(("root", hex32), ("size", integer(1)))),
    ("previous", hex32, OPTIONAL),
    ("f", integer(0, 64)),
    ("k", integer(1, 64)),
    ("w", integer(0, 64)),
    ("witness_f", integer(1, 64), OPTIONAL),
    ("earlier", array(1, 64, shape(("until_size", integer(2)), *QUORUM)), OPTIONAL),
    (
        "members",
        array(
            1,
            64,
            shape(
                ("id", member_id),
                ("name", _names),
                ("role", one_of(*ROLES)),
                ("keys", array(1, 64, shape(*_trust_key))),
            ),
        ),
    ),
    (
        "witnesses",
        array(0, 64, shape(("id", member_id), ("name", _names), ("keys", array(1, 64, shape(*_witness_key))))),
    ),
    ("tsa_roots", array(0, 64, lambda v: (text(1)(v), note.b64decode(v, "invalid_value")))),
]


@dataclass(frozen=True)
class TrustKey:
    owner: str  # member or witness id
    witness: bool
    purpose: str
    note: note.NoteKey
    from_size: int
    until_size: int  # or None: current

    def holds(self, size):
        return self.from_size <= size and (self.until_size is None or size < self.until_size)


class Quorum:
    def __init__(self, fields, n):
        self.f, self.k, self.w = fields["f"], fields["k"], fields["w"]
        self.witness_f = fields.get("witness_f", 0)
        _need(2 * self.k > n + self.f and self.k <= n and self.f < self.k, "f, k, n")
        _need(self.witness_f < self.w if self.w else self.witness_f == 0, "witness_f")


class Trust:
    def __init__(self, data):
        t = self.fields = jsonp.check(jsonp.decode(data, 1 << 20, canonical=False), TRUST)
        if jsonp.holds_newline(t):
            raise Bad("invalid_string", "a line end, so no canonical form")
        self.id = crypto.tagged("trust", jsonp.encode(t).encode())
        self.keys = []
        _need(("previous" in t) == (t["version"] > 1), "previous")
        _need(t["version"] > 1 or t["effective"]["size"] == 1, "effective")
        for group, witness in ((t["members"], False), (t["witnesses"], True)):
            _need(len({m["id"] for m in group}) == len(group), "the same id twice")
            for m in group:
                for k in m["keys"]:
                    self._add(m["id"], witness, k)
                _need(any(k["purpose"] == "cosign" for k in m["keys"]), f"{m['id']} has no cosigning key")
        names = [(k.note.name, k.note.id) for k in self.keys]
        _need(len(set(names)) == len(names), "two keys share name and id")
        self.n = len({k.owner for k in self._cosigning() if k.until_size is None})
        self.now = Quorum(t, self.n)
        self.earlier, before = [], 1
        for row in t.get("earlier", []):
            until = row["until_size"]
            _need(before < until <= t["effective"]["size"], "earlier does not ascend to effective.size")
            n = len({k.owner for k in self._cosigning() if k.holds(until - 1)})
            self.earlier.append((until, Quorum(row, n)))
            before = until
        self.ledger, self.origin = t["ledger"], t["origin"]

    def _cosigning(self):
        return [k for k in self.keys if not k.witness and k.purpose == "cosign"]

    def quorum_at(self, size):
        """f, k, w and witness_f for a tree of `size`."""
        return next((quorum for until, quorum in self.earlier if size < until), self.now)

    def _add(self, owner, witness, k):
        until = k.get("until_size")
        _need(until is None or until > k["from_size"], "until_size")
        if k["purpose"] == "account":
            name, colon, key = k["key"].partition(":")
            try:
                _need(bool(colon) and re.fullmatch("[0-9a-f]{66}", key), "account key")
                crypto.curve_of(name).decompress(bytes.fromhex(key))
            except Bad as bad:
                raise Bad("trust_invalid", str(bad)) from None
            return
        try:
            key = note.parse_vkey(k["key"])
        except Bad as bad:
            raise Bad("trust_invalid", str(bad)) from None
        log = k["purpose"] == "log"
        _need(key.kind == (note.LOG if log else note.COSIGN), "key type")
        _need(key.name == (self.fields["origin"] if log else owner), "key name")
        self.keys.append(TrustKey(owner, witness, k["purpose"], key, k["from_size"], until))


def _need(condition, detail):
    if not condition:
        raise Bad("trust_invalid", detail)


# ---- trust update (specs/trust.md, "Following the versions") ----

TRUST_UPDATE = [
    ("type", type_is("cunzheng/trust_update/v1")),
    ("trust", text(1)),
    ("entry", text(1)),
    ("inclusion", array(0, 64, hex32)),
    ("signatures", array(0, 64, shape(("member", member_id), ("signature", hexes(64))))),
]


def follow(pinned_text, update_text):
    """The next trust file, or Bad."""
    pinned = Trust(pinned_text)
    update = jsonp.check(jsonp.decode(update_text, 4 << 20, canonical=False), TRUST_UPDATE)
    # 1
    new = Trust(update["trust"])
    if jsonp.encode(new.fields) != update["trust"]:
        raise Bad("not_canonical")
    if (new.ledger, new.origin) != (pinned.ledger, pinned.origin):
        raise Bad("wrong_ledger")
    # 2, 3
    old_fields, fields = pinned.fields, new.fields
    _need(fields["version"] == old_fields["version"] + 1, "a version is left out")
    _need(fields["previous"] == pinned.id.hex(), "a fork")
    # 4
    size = fields["effective"]["size"]
    _need(size > old_fields["effective"]["size"], "effective")
    for group in ("members", "witnesses"):
        _continues(old_fields[group], fields[group], size)
    names = ("f", "k", "w", "witness_f")
    old_quorum = {name: old_fields[name] for name in names if name in old_fields}
    expected = list(old_fields.get("earlier", []))
    if old_quorum != {name: fields[name] for name in names if name in fields}:
        expected.append({"until_size": size, **old_quorum})
    _need(fields.get("earlier", []) == expected, "earlier")
    # 5
    decode_act_entry(update["entry"])
    path = [bytes.fromhex(h) for h in update["inclusion"]]
    root = bytes.fromhex(fields["effective"]["root"])
    merkle.verify_inclusion(merkle.leaf_hash(update["entry"].encode()), size - 1, size, path, root)
    # 6
    signers = set()
    for line in update["signatures"]:
        keys = [k["key"] for m in old_fields["members"] if m["id"] == line["member"] for k in m["keys"]
                if k["purpose"] == "account" and "until_size" not in k]  # fmt: skip
        if keys:
            suite_name, _, key = keys[0].partition(":")
            signature = bytes.fromhex(line["signature"])
            crypto.verify(suite_name, bytes.fromhex(key), "trust", update["trust"].encode(), signature)
            signers.add(line["member"])
    if len(signers) < pinned.now.k:
        raise Bad("quorum_not_met")
    return new


def _continues(before, after, size):
    now = {m["id"]: m["keys"] for m in after}
    for m in before:
        _need(m["id"] in now and len(now[m["id"]]) >= len(m["keys"]), "a member or key is gone")
        for old, new in zip(m["keys"], now[m["id"]]):
            _need(new in (old, dict(old, until_size=size)) and ("until_size" not in old or new == old), "a range changed")
    then = {m["id"]: len(m["keys"]) for m in before}
    for m in after:
        for key in m["keys"][then.get(m["id"], 0):]:
            _need(key["from_size"] == size and "until_size" not in key, "a new key holds from now on")

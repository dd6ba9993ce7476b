"""A small ledger with fixed keys: members, accounts, batches, entries, checkpoints, trust files, receipts."""

from . import crypto, formats, jsonp, merkle, note
from .cases_basic import seed

T0 = 1_790_000_000_000  # 2026-09-21T14:13:20Z, in ms

INSTITUTIONS = (
    ("notary.example.org", "Example Notary Office", "示例公证处", "notary"),
    ("court.example.org", "Example Internet Court", "示例互联网法院", "court"),
    ("platform.example.com", "Example Platform", "示例平台", "platform"),
    ("arbitration.example.org", "Example Arbitration Commission", "示例仲裁委员会", "arbitration"),
)
PARAMS = {
    "batch_bytes_max": 524288,
    "bytes_per_day_max": 10_000_000_000,
    "checkpoint_interval_ms": 0,
    "client_time_ahead_ms_max": 600_000,
    "records_per_day_max": 10_000_000,
}


def digests(data):
    return {"sha256": crypto.sha256(data).hex(), "sm3": crypto.sm3(data).hex()}


class Member:
    def __init__(self, origin, name, en, zh, role, generation=0):
        label = f"{name} {generation}" if generation else name
        self.id, self.names, self.role = name, {"en": en, "zh": zh}, role
        self.log = note.Signer(origin, note.LOG, seed(f"log key of {label}"))
        self.cosign = note.Signer(name, note.COSIGN, seed(f"cosigning key of {label}"))
        self.account = crypto.PrivateKey(crypto.SECP256K1, seed(f"account key of {label}"))

    def in_genesis(self):
        return {
            "id": self.id,
            "name": self.names,
            "role": self.role,
            "suite": self.account.suite,
            "public_key": self.account.public.hex(),
            "log_key": self.log.key.vkey,
            "cosign_key": self.cosign.key.vkey,
        }

    def in_trust(self):
        keys = [
            {"purpose": "log", "key": self.log.key.vkey, "from_size": 1},
            {"purpose": "cosign", "key": self.cosign.key.vkey, "from_size": 1},
            {"purpose": "account", "key": f"{self.account.suite}:{self.account.public.hex()}", "from_size": 1},
        ]
        return {"id": self.id, "name": self.names, "role": self.role, "keys": keys}


class Ledger:
    """n members; entries are appended in order, one block each."""

    def __init__(self, n, f, k, origin="example.org/ledger"):
        self.origin = origin
        self.members = [Member(origin, *row) for row in INSTITUTIONS[:n]]
        self.fields = {
            "type": "cunzheng/genesis/v1",
            "origin": origin,
            "created_unix_ms": T0,
            "nonce": seed(f"nonce of {origin} {n}").hex(),
            "members": [m.in_genesis() for m in self.members],
            "f": f,
            "k": k,
            "w": 0,
            "govern": 1,
            "params": PARAMS,
        }
        self.genesis = jsonp.encode(self.fields)
        self.id = crypto.sha256(self.genesis.encode()).hex()
        self.entries, self.time = [self.genesis], T0
        self.f, self.k = f, k

    def leaves(self, size=None):
        return [merkle.leaf_hash(e.encode()) for e in self.entries[:size]]

    def append(self, text, step_ms=1000):
        self.time += step_ms
        self.entries.append(text)
        return len(self.entries) - 1

    def record(self, evidence, account, kind="file", **fields):
        return {
            "type": "cunzheng/record/v1",
            "ledger": self.id,
            "account": account,
            "kind": kind,
            "digest": digests(evidence),
            "length": len(evidence),
            **fields,
        }

    def header(self, records, account, mode="plain", **fields):
        return {
            "type": "cunzheng/batch/v1",
            "ledger": self.id,
            "account": account,
            "mode": mode,
            "root": merkle.root([formats.record_id(r.encode()) for r in records]).hex(),
            "count": len(records),
            "client_time_unix_ms": self.time,
            **fields,
        }

    def entry(self, header, key, name="示例科技有限公司", account=None, **fields):
        return {
            "type": "cunzheng/entry/v1",
            "header": header,
            "suite": key.suite,
            "public_key": key.public.hex(),
            "signature": key.sign("batch", header.encode()).hex(),
            "account": account or key.account,
            "account_name": name,
            "sponsor": self.members[0].id,
            "time_unix_ms": self.time + 1000,
            **fields,
        }

    def deposit(self, records, key, mode="plain"):
        header = jsonp.encode(self.header(records, key.account, mode))
        return self.append(jsonp.encode(self.entry(header, key)))

    def act(self, action, args, **fields):
        return {
            "type": "cunzheng/act/v1",
            "ledger": self.id,
            "member": self.members[0].id,
            "action": action,
            "args": args,
            "client_time_unix_ms": self.time,
            "nonce": seed(f"act {action}").hex(),
            **fields,
        }

    def act_entry(self, act):
        key = self.members[0].account
        return {
            "type": "cunzheng/act_entry/v1",
            "act": act,
            "suite": key.suite,
            "public_key": key.public.hex(),
            "signature": key.sign("act", act.encode()).hex(),
            "member": self.members[0].id,
            "time_unix_ms": self.time + 1000,
        }

    def body(self, size):
        return note.body_of(self.origin, size, merkle.root(self.leaves(size)))

    def checkpoint(self, size, times, log=0, members=None, body=None):
        """`times`: seconds by member; None: the member did not sign. `log`: who published, or None."""
        members = members or self.members
        body = body or self.body(size)
        lines = [] if log is None else [members[log].log.line(body)]
        lines += [m.cosign.line(body, t) for m, t in zip(members, times) if t is not None]
        return body + "\n" + "".join(lines)

    def attestation(self, index, size, times, **kw):
        path = merkle.inclusion_path(index, self.leaves(size))
        return {"inclusion": [h.hex() for h in path], "checkpoint": self.checkpoint(size, times, **kw)}

    def consistency(self, first, second):
        path = merkle.consistency_path(first, self.leaves(second))
        return {"from": first, "to": second, "path": [h.hex() for h in path]}

    def receipt(self, records, at, index, attestations, **fields):
        path = merkle.inclusion_path(at, [formats.record_id(r.encode()) for r in records])
        return {
            "type": "cunzheng/receipt/v1",
            "record": records[at],
            "batch": {"index": at, "path": [h.hex() for h in path]},
            "entry": self.entries[index],
            "index": index,
            "attestations": attestations,
            **fields,
        }

    def trust(self, **fields):
        return {
            "type": "cunzheng/trust/v1",
            "ledger": self.id,
            "origin": self.origin,
            "version": 1,
            "effective": {"root": self.leaves(1)[0].hex(), "size": 1},
            "f": self.f,
            "k": self.k,
            "w": 0,
            "members": [m.in_trust() for m in self.members],
            "witnesses": [],
            "tsa_roots": [],
            **fields,
        }


ALICE = crypto.PrivateKey(crypto.SECP256K1, seed("account alice"))
BOB = crypto.PrivateKey(crypto.SM2, seed("account bob"))
EVIDENCE = "这是一份示例证据。\nThis is a sample of evidence.\n".encode()
SALT = seed("salt of a sealed record").hex()

"""The worked examples in specs/*.md, made from the same code as the vectors.

A page marks each example with `<!-- example: NAME -->` before a fenced block; the block's text is compared
with, or replaced by, what `examples()` gives for that name. One deposit in a ledger of one member runs
through all pages.
"""

import json
import re
import sys

from . import crypto, errors_page, formats, jsonp, merkle, note, receipt, world
from .cases_basic import seed
from .world import ALICE, EVIDENCE

BLOCK = re.compile(r"(<!-- example: ([a-z0-9_-]+) -->\n```[a-z]*\n)(.*?)(```\n)", re.S)
SIZE, COSIGNED_AT = 3, 1790000003


def rows(*pairs):
    """Name and value, aligned."""
    width = max(len(name) for name, _ in pairs)
    return "".join(f"{name:{width}}  {value}\n" for name, value in pairs)


class Walk:
    def __init__(self):
        enc = jsonp.encode
        self.ledger = ledger = world.Ledger(1, 0, 1)
        key = {"public_key": ALICE.public.hex(), "suite": ALICE.suite, "name": "示例科技有限公司"}
        ledger.append(enc(ledger.act_entry(enc(ledger.act("account_add", key)))))
        self.record = enc(ledger.record(EVIDENCE, ALICE.account))
        self.header = enc(ledger.header([self.record], ALICE.account))
        self.envelope = formats.envelope(self.header, ALICE, "batch", [self.record])
        self.index = ledger.append(enc(ledger.entry(self.header, ALICE)))
        self.attestation = ledger.attestation(self.index, SIZE, [COSIGNED_AT])
        self.receipt = ledger.receipt([self.record], 0, self.index, [self.attestation])
        self.trust = ledger.trust()


def examples():
    w = Walk()
    return {**_basic(), **_deposit(w), **_verdict(w), **_store(w)}


def _basic():
    value = {"title": "存证", "count": 2, "nested": {"b": [], "a": True}}
    text = '{ "title": "\\u5b58证", "count": 2,\n  "nested": {"b": [], "a": true} }\n'
    canonical = jsonp.encode(value)
    assert jsonp.decode(text, canonical=False) == value
    key = crypto.PrivateKey(crypto.SECP256K1, (1).to_bytes(32, "big"))
    fields = {"account": key.account, "public_key": key.public.hex(), "suite": key.suite, "type": "cunzheng/account_key/v1"}
    leaves = [merkle.leaf_hash(t) for t in (b"a", b"b", b"c")]
    return {
        "json-readable": text,
        "json-canonical": canonical + "\n",
        "keys-sign": rows(
            ("public key", key.public.hex()),
            ("account id", key.account),
            ("hash signed", crypto.tagged("batch", b"{}").hex()),
            ("signature", key.sign("batch", b"{}").hex()),
        ),
        "keys-file": crypto.seal_key_file(fields, key.secret, "example", seed("salt"), seed("nonce", 12)),
        "merkle": rows(
            *((f"leaf {i}", h.hex()) for i, h in enumerate(leaves)),
            ("root of 2", merkle.root(leaves[:2]).hex()),
            ("root of 3", merkle.root(leaves).hex()),
            ("path of 2", " ".join(h.hex() for h in merkle.inclusion_path(2, leaves))),
            ("2 to 3", " ".join(h.hex() for h in merkle.consistency_path(2, leaves))),
        ),
    }


def _deposit(w):
    ledger, member = w.ledger, w.ledger.members[0]
    entry = ledger.entries[w.index]
    state = formats.state_hash(ledger.fields["params"], ledger.fields["members"], [])
    leaf = ledger.leaves(1)[0]
    body = ledger.body(SIZE)
    trust_id = crypto.tagged("trust", jsonp.encode(w.trust).encode()).hex()
    return {
        "record-evidence": EVIDENCE.decode(),
        "record": f"{w.record}\n{formats.record_id(w.record.encode()).hex()}\n",
        "batch-envelope": w.envelope,
        "batch-id": formats.batch_id(w.header.encode()).hex() + "\n",
        "entry-genesis": f"{ledger.genesis}\n{ledger.id}\n{leaf.hex()}\n",
        "entry-deposit": f"{entry}\n{merkle.leaf_hash(entry.encode()).hex()}\n",
        "entry-app-hash": f"{state.hex()}\n{formats.app_hash(1, leaf, state).hex()}\n",
        "checkpoint-note": w.attestation["checkpoint"],
        "checkpoint-vkeys": f"{member.log.key.vkey}\n{member.cosign.key.vkey}\n",
        "checkpoint-cosigned": note.cosigned(body, COSIGNED_AT).decode(),
        "trust-file": jsonp.encode_readable(w.trust),
        "trust-id": " ".join(trust_id[i : i + 8] for i in range(0, 64, 8)) + "\n",
        "receipt-file": jsonp.encode_readable(w.receipt),
    }


def _verdict(w):
    report = receipt.verify(jsonp.encode_readable(w.receipt), EVIDENCE, jsonp.encode_readable(w.trust))
    fields = ("verdict", "error", "t1_unix_s", "t2_unix_s")
    return {"receipt-verdict": json.dumps({name: getattr(report, name) for name in fields}) + "\n"}


def _store(w):
    ledger = w.ledger
    index = w.index.to_bytes(8, "big").hex()
    position = w.index.to_bytes(6, "big").hex() + "0000"
    account = {
        "account": ALICE.account, "bytes_per_day_max": 0, "name": "示例科技有限公司", "public_key": ALICE.public.hex(),
        "records_per_day_max": 0, "sponsor": ledger.members[0].id, "status": "active", "suite": ALICE.suite,
        "used_bytes": len(w.envelope.encode()), "used_day": ledger.time // 86_400_000, "used_records": 1,
    }  # fmt: skip
    root = merkle.root(ledger.leaves(SIZE))
    state = formats.state_hash(ledger.fields["params"], ledger.fields["members"], [account])
    head = {
        "app_hash": formats.app_hash(SIZE, root, state).hex(),
        "height": 2,  # two blocks after genesis, which is height 0
        "root": root.hex(),
        "size": SIZE,
        "time_unix_ms": ledger.time,
    }
    digest = crypto.sha256(EVIDENCE).hex()[:16]
    record = formats.record_id(w.record.encode()).hex()
    return {
        "store-keys": rows(
            ("entry", f"e {index}"),
            ("batch id", f"b {formats.batch_id(w.header.encode()).hex()}"),
            ("records", f"B {index}"),
            ("digest", f"d {digest} {position}"),
            ("record id", f"r {record[:16]} {position}"),
            ("checkpoint", f"c {SIZE.to_bytes(8, 'big').hex()}"),
            ("account", f"a {ALICE.account}"),
        ),
        "store-head": jsonp.encode(head) + "\n",
    }


def run(specs, write):
    texts, used, bad = examples(), set(), errors_page.check(specs)
    for page in sorted(specs.glob("*.md")):
        old = page.read_text(encoding="utf-8")

        def place(match, page=page):
            name, text = match[2], match[3]
            used.add(name)
            if name not in texts:
                bad.append(f"{page.name}: no example {name}")
            elif write:
                return match[1] + texts[name] + match[4]
            elif text != texts[name]:
                bad.append(f"{page.name}: example {name} differs")
            return match[0]

        new = BLOCK.sub(place, old)
        if new != old:
            page.write_text(new, encoding="utf-8")
    bad += [f"example {name} is on no page" for name in sorted(set(texts) - used)]
    for line in bad:
        print(line, file=sys.stderr)
    print(f"{len(used)} examples, {len(bad)} faults")
    return not bad

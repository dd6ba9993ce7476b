"""Vectors of JSON, digests, keys, Merkle trees and notes."""

import base64
import hashlib

from . import crypto, jsonp, merkle, note
from .ops import File


def b64(data):
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


def seed(label, length=32):
    """Fixed bytes for everything that is random outside of vectors."""
    return hashlib.shake_256(b"cunzheng vectors: " + label.encode()).digest(length)


def json_files():
    f = File("json/canonical", "json.decode", "canonical form: accepted only if it re-encodes to itself")
    g = File("json/readable", "json.decode", "readable form: what people handle")

    def both(desc, expect, text):
        canonical(desc, expect, text)
        readable(desc, expect, text)

    def canonical(desc, expect, text):
        f.add(desc, expect, form="canonical", input_b64=b64(text))

    def readable(desc, expect, text):
        g.add(desc, expect, form="readable", input_b64=b64(text))

    both("an empty object", "ok", "{}")
    both("an empty array", "ok", "[]")
    both("a bare string", "ok", '"x"')
    both("zero", "ok", "0")
    both("the largest integer", "ok", "9007199254740991")
    both("true and false", "ok", "[true,false]")
    both("keys in order", "ok", '{"a":1,"a0":2,"a_":3,"b":{"c":[]}}')
    both("Chinese text stands as it is", "ok", '{"name":"存证"}')
    both("a character beyond the basic plane", "ok", '"\U0001f4dc"')
    both("composed and decomposed letters stay apart", "ok", '["é","e\u0301"]')
    both("the two escapes of the canonical form", "ok", '"\\"\\\\"')
    both("U+FEFF inside a string", "ok", '"\ufeff"')
    both("U+00A0 and U+2028 are ordinary characters", "ok", '"\u00a0\u2028"')
    both("a key of 63 bytes", "ok", '{"' + "k" * 63 + '":0}')
    both("16 arrays deep", "ok", "[" * 16 + "]" * 16)
    both("17 arrays deep", "too_deep", "[" * 17 + "]" * 17)
    both("17 deep through objects", "too_deep", '{"a":' * 16 + "[]" + "}" * 16)
    both("no text", "invalid_json", "")
    both("an object that ends early", "invalid_json", '{"a":1')
    both("a string that ends early", "invalid_json", '"abc')
    both("a trailing comma in an object", "invalid_json", '{"a":1,}')
    both("a trailing comma in an array", "invalid_json", "[1,]")
    both("two values", "invalid_json", "1,2")
    both("a missing colon", "invalid_json", '{"a"1}')
    both("an unquoted key", "invalid_json", "{a:1}")
    both("single quotes", "invalid_json", "{'a':1}")
    both("a comment", "invalid_json", "/**/1")
    both("NaN", "invalid_json", "NaN")
    both("a word cut short", "invalid_json", "tru")
    both("an escape that JSON does not know", "invalid_json", '"\\x41"')
    both("a short unicode escape", "invalid_json", '"\\u12"')
    both("a stray continuation byte", "invalid_json", b'"\x80"')
    both("an overlong encoding", "invalid_json", b'"\xc0\xaf"')
    both("a surrogate in UTF-8", "invalid_json", b'"\xed\xa0\x80"')
    both("above U+10FFFF", "invalid_json", b'"\xf4\x90\x80\x80"')
    both("a truncated UTF-8 sequence", "invalid_json", b'"\xe5\xad"')
    both("null", "invalid_value", '{"a":null}')
    both("a negative number", "invalid_value", "-1")
    both("negative zero", "invalid_value", "-0")
    both("a fraction", "invalid_value", "1.5")
    both("an exponent", "invalid_value", "1e3")
    both("a leading zero", "invalid_value", "01")
    both("2^53", "invalid_value", "9007199254740992")
    both("an integer of 30 digits", "invalid_value", "1" + "0" * 29)
    both("a key that starts with a capital", "invalid_value", '{"Ab":1}')
    both("a key that starts with a digit", "invalid_value", '{"0a":1}')
    both("an empty key", "invalid_value", '{"":1}')
    both("a key with a hyphen", "invalid_value", '{"a-b":1}')
    both("a key of 64 bytes", "invalid_value", '{"' + "k" * 64 + '":0}')
    both("a raw control character", "invalid_string", b'"a\x01b"')
    both("a raw line end in a string", "invalid_string", '"a\nb"')
    both("a raw DEL", "invalid_string", b'"\x7f"')
    both("a raw C1 control character", "invalid_string", '"\x85"')
    both("an escaped NUL", "invalid_string", '"\\u0000"')
    both("an escaped tab", "invalid_string", '"\\t"')
    both("an escaped DEL", "invalid_string", '"\\u007f"')
    both("an escaped high surrogate alone", "invalid_string", '"\\ud83d"')
    both("an escaped low surrogate alone", "invalid_string", '"\\udcdc"')
    both("two escaped high surrogates", "invalid_string", '"\\ud83d\\ud83d"')
    both("the same key twice in a row", "duplicate_key", '{"a":1,"a":1}')
    canonical("keys out of order", "not_canonical", '{"b":1,"a":2}')
    canonical("a key again after another: first of all out of order", "not_canonical", '{"a":1,"b":2,"a":3}')
    canonical("a space after a colon", "not_canonical", '{"a": 1}')
    canonical("a final line end", "not_canonical", "{}\n")
    canonical("a space before the value", "not_canonical", " {}")
    canonical("a needless escape of a letter", "not_canonical", '"\\u0041"')
    canonical("a needless escape of a slash", "not_canonical", '"\\/"')
    canonical("a needless surrogate pair", "not_canonical", '"\\ud83d\\udcdc"')
    canonical("a quote as a unicode escape", "not_canonical", '"\\u0022"')
    canonical("an escaped line end is outside the profile", "invalid_string", '"\\n"')
    canonical("a byte order mark", "invalid_json", "\ufeff{}")
    canonical("white space stands before what is no JSON", "not_canonical", "[ x]")
    readable("white space of every kind", "ok", ' {\r\n\t"a" : [ 1 , 2 ] }\n')
    readable("keys in any order come back sorted", "ok", '{"b":1,"a":{"d":[{}],"c":[]}}')
    readable("every escape of RFC 8259 that yields an allowed character", "ok", '"\\/\\"\\\\\\n\\u5b58\\ud83d\\udcdc"')
    readable("an escaped line end", "ok", '{"note":"a\\nb\\n"}')
    readable("a line end as a unicode escape", "ok", '"\\u000A"')
    readable("one byte order mark", "ok", '\ufeff{"a":1}')
    readable("two byte order marks", "invalid_json", "\ufeff\ufeff{}")
    readable("a byte order mark after a space", "invalid_json", " \ufeff{}")
    readable("no-break space is not white space", "invalid_json", "\u00a0{}")
    readable("the same key twice, apart", "duplicate_key", '{"a":1,"b":2,"a":3}')
    readable("the same key twice, once escaped", "duplicate_key", '{"a":1,"\\u0061":2}')
    return [f, g]


def digest_files():
    f = File("digest/digest", "digest", "SHA-256 and SM3 of one input")
    f.add("nothing", "ok", input_b64="")
    f.add("abc, the example of both standards", "ok", input_b64=b64("abc"))
    f.add("the second SM3 example, 64 bytes", "ok", input_b64=b64("abcd" * 16))
    for length in (55, 56, 63, 64, 65, 1000):
        f.add(f"{length} bytes around the block size", "ok", input_b64=b64(seed("digest", length)))
    return [f]


def _flip(data, bit=0):
    data = bytearray(data)
    data[bit // 8] ^= 1 << bit % 8
    return bytes(data)


SUITES = (crypto.SECP256K1, crypto.SM2)


def key_files():
    t = File("keys/tagged", "keys.tagged", "what is signed: SHA-256 of the tag line and the message")
    for purpose in ("batch", "act", "trust"):
        t.add(f"purpose {purpose}", "ok", purpose=purpose, message_b64=b64("{}"))
    t.add("an empty message", "ok", purpose="batch", message_b64="")

    a = File("keys/account_id", "keys.account_id", "account ids, and keys that are none")
    for suite in SUITES:
        key = crypto.PrivateKey(suite, seed("account"))
        curve = key.curve
        a.add(f"{suite}: a key", "ok", suite=suite, public_key=key.public.hex())
        other = bytes([key.public[0] ^ 1]) + key.public[1:]
        a.add(f"{suite}: the mirrored point is another account", "ok", suite=suite, public_key=other.hex())
        x = next(x for x in range(1, 99) if not _on_curve(curve, x))
        for desc, data in (
            ("no point has this x", b"\x02" + x.to_bytes(32, "big")),
            ("x is not below the field's prime", b"\x02" + curve.p.to_bytes(32, "big")),
            ("prefix 04", b"\x04" + key.public[1:]),
            ("prefix 00", b"\x00" + key.public[1:]),
            ("prefix 06", b"\x06" + key.public[1:]),
            ("32 bytes", key.public[:32]),
            ("34 bytes", key.public + b"\x00"),
            ("an uncompressed point", b"\x04" + b"".join(v.to_bytes(32, "big") for v in key.point)),
        ):
            a.add(f"{suite}: {desc}", "key_invalid", suite=suite, public_key=data.hex())
    a.add("an unknown suite", "suite_unknown", suite="ed25519", public_key=crypto.PrivateKey(crypto.SM2, seed("account")).public.hex())

    s = File("keys/sign", "keys.sign", "deterministic secp256k1 signatures (RFC 6979)")
    k1 = crypto.SECP256K1
    for desc, secret in (("secret 1", (1).to_bytes(32, "big")), ("secret n-1", (crypto.K1.n - 1).to_bytes(32, "big"))):
        s.add(desc, "ok", suite=k1, secret=secret.hex(), purpose="batch", message_b64=b64("{}"))
    for i in range(4):
        s.add(f"secret {chr(97 + i)}", "ok", suite=k1, secret=seed(f"sign {i}").hex(), purpose=("batch", "act", "trust")[i % 3], message_b64=b64(seed("message", i * 40)))
    for desc, value in (("secret 0", 0), ("secret n", crypto.K1.n)):
        s.add(desc, "key_invalid", suite=k1, secret=value.to_bytes(32, "big").hex(), purpose="batch", message_b64="")

    v = File("keys/verify", "keys.verify", "signatures of both suites")
    for suite in SUITES:
        key, other = crypto.PrivateKey(suite, seed("account")), crypto.PrivateKey(suite, seed("other"))
        n = key.curve.n
        message = b'{"type":"cunzheng/batch/v1"}'
        good = key.sign("batch", message)
        r, s_ = good[:32], good[32:]

        def add(desc, expect, public=key.public, purpose="batch", text=message, signature=good, suite=suite):
            v.add(f"{suite}: {desc}", expect, suite=suite, public_key=public.hex(), purpose=purpose, message_b64=b64(text), signature=signature.hex())

        add("a signature", "ok")
        add("a signature over nothing", "ok", text=b"", signature=key.sign("batch", b""))
        add("purpose act", "ok", purpose="act", signature=key.sign("act", message))
        add("made for another purpose", "signature_invalid", purpose="act")
        add("another message", "signature_invalid", text=message + b" ")
        add("another key", "signature_invalid", public=other.public)
        add("a bit of r flipped", "signature_invalid", signature=_flip(good, 5))
        add("the lowest bit of s flipped", "signature_invalid", signature=_flip(good, 504))
        add("r and s exchanged", "signature_invalid" if int.from_bytes(r, "big") <= n // 2 or suite != k1 else "signature_not_low_s", signature=s_ + r)
        add("r = 0", "signature_invalid", signature=bytes(32) + s_)
        add("s = 0", "signature_invalid", signature=r + bytes(32))
        add("r = n", "signature_invalid", signature=n.to_bytes(32, "big") + s_)
        add("s = n", "signature_invalid", signature=r + n.to_bytes(32, "big"))
        add("all bytes ff", "signature_invalid", signature=b"\xff" * 64)
        high = r + (n - int.from_bytes(s_, "big")).to_bytes(32, "big")
        add("s replaced by n - s", "signature_not_low_s" if suite == k1 else "signature_invalid", signature=high)
        x = next(x for x in range(1, 99) if not _on_curve(key.curve, x))
        add("a key that is no point", "key_invalid", public=b"\x02" + x.to_bytes(32, "big"))
    key = crypto.PrivateKey(k1, seed("account"))
    for desc, cut in (("63 bytes", -1), ("empty", -64)):
        v.add(f"{k1}: a signature of {desc}" if cut == -1 else f"{k1}: an empty signature", "signature_invalid", suite=k1, public_key=key.public.hex(), purpose="batch", message_b64="", signature=key.sign("batch", b"")[:cut].hex())
    sm2 = crypto.PrivateKey(crypto.SM2, seed("account"))
    r = 2**200 + 7
    v.add("sm2-sm3: r + s = n", "signature_invalid", suite=crypto.SM2, public_key=sm2.public.hex(), purpose="batch", message_b64="", signature=(r.to_bytes(32, "big") + (crypto.S2.n - r).to_bytes(32, "big")).hex())
    return [t, a, s, v, key_file_vectors()]


def _on_curve(curve, x):
    y2 = (x**3 + curve.a * x + curve.b) % curve.p
    return pow(y2, (curve.p - 1) // 2, curve.p) == 1


def key_file_vectors():
    f = File("keys/key_file", "keys.key_file", "encrypted key files; log_n 14 so that tests are quick")
    word = "correct horse 电池 staple"
    for suite in SUITES:
        key = crypto.PrivateKey(suite, seed("key file"))
        fields = {"account": key.account, "public_key": key.public.hex(), "suite": suite, "type": "cunzheng/account_key/v1"}

        def seal(fields=fields, secret=key.secret):
            return crypto.seal_key_file(fields, secret, word, seed("salt"), seed("nonce", 12))

        good = seal()
        f.add(f"{suite}: an account key", "ok", text=good, passphrase=word)
        f.add(f"{suite}: another passphrase", "passphrase_wrong", text=good, passphrase=word + " ")
        wrong = seal(secret=seed("another key"))
        f.add(f"{suite}: the secret is another key's", "key_file_invalid", text=wrong, passphrase=word)
        zero = seal(secret=bytes(32))
        f.add(f"{suite}: the secret is 0", "key_file_invalid", text=zero, passphrase=word)
    fields["account"] = "00" * 32
    f.add("a rotated key, whose account is older", "ok", text=seal(), passphrase=word)
    signer = note.Signer("notary.example.org", note.COSIGN, seed("note key"))
    fields = {"key": signer.key.vkey, "type": "cunzheng/note_key/v1"}
    sealed = crypto.seal_key_file(fields, signer.seed, word, seed("salt"), seed("nonce", 12))
    f.add("a cosigning key", "ok", text=sealed, passphrase=word)
    wrong = crypto.seal_key_file(fields, seed("another"), word, seed("salt"), seed("nonce", 12))
    f.add("the seed is another key's", "key_file_invalid", text=wrong, passphrase=word)
    plain = jsonp.decode(good, canonical=False)
    for part, name in (("cipher", "text"), ("cipher", "nonce"), ("kdf", "salt")):
        changed = dict(plain, **{part: dict(plain[part], **{name: _flip(bytes.fromhex(plain[part][name])).hex()})})
        f.add(f"{part}.{name} changed", "passphrase_wrong", text=jsonp.encode_readable(changed), passphrase=word)
    changed = dict(plain, kdf=dict(plain["kdf"], log_n=15))
    f.add("kdf.log_n changed", "passphrase_wrong", text=jsonp.encode_readable(changed), passphrase=word)
    changed = dict(plain, cipher=dict(plain["cipher"], text=plain["cipher"]["text"][:-2]))
    f.add("cipher.text cut short", "key_file_invalid", text=jsonp.encode_readable(changed), passphrase=word)
    for name, value in (("log_n", 13), ("log_n", 21), ("r", 9), ("p", 2), ("name", "pbkdf2")):
        changed = dict(plain, kdf=dict(plain["kdf"], **{name: value}))
        f.add(f"kdf.{name} = {value}", "key_file_invalid", text=jsonp.encode_readable(changed), passphrase=word)
    f.add("an unknown field", "key_file_invalid", text=jsonp.encode_readable(dict(plain, hint="x")), passphrase=word)
    f.add("an unknown type", "key_file_invalid", text=jsonp.encode_readable(dict(plain, type="cunzheng/account_key/v2")), passphrase=word)
    f.add("no JSON", "key_file_invalid", text="-----BEGIN PRIVATE KEY-----", passphrase=word)
    f.add("the same file, written on one line", "ok", text=jsonp.encode(plain), passphrase=word)
    return f


# The leaves of RFC 6962's well-known test tree.
RFC6962_LEAVES = [bytes.fromhex(h) for h in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")]


def merkle_files():
    r = File("merkle/roots", "merkle.root", "roots of trees from the leaves' data")
    r.add("the empty tree", "ok", data_b64=[])
    for n in range(1, 9):
        r.add(f"RFC 6962 test tree of {n}", "ok", data_b64=[b64(d) for d in RFC6962_LEAVES[:n]])
    data = [f"leaf {i}".encode() for i in range(41)]
    for n in range(1, 42):
        r.add(f"{n} leaves", "ok", data_b64=[b64(d) for d in data[:n]])
    assert r.cases[8]["root"] == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"

    leaves = [merkle.leaf_hash(d) for d in data]
    roots = [merkle.root(leaves[:n]) for n in range(42)]
    i = File("merkle/inclusion", "merkle.inclusion", "inclusion proofs and every kind of damage")
    for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 32, 33, 41):
        for index in sorted({0, 1, n // 2, n - 2, n - 1} & set(range(n))):
            _inclusion_cases(i, leaves, index, n, roots[n])
    leaf, path = leaves[0], merkle.inclusion_path(0, leaves)
    common = dict(leaf=leaf.hex(), path=[h.hex() for h in path], root=roots[41].hex())
    i.add("index = size", "index_out_of_range", index=41, size=41, **common)
    i.add("size 0", "index_out_of_range", index=0, size=0, **common)
    i.add("a large size", "proof_length", index=0, size=2**53 - 1, **common)

    c = File("merkle/consistency", "merkle.consistency", "consistency proofs and every kind of damage")
    for second in (1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 33, 41):
        for first in sorted({1, 2, 3, 4, second // 2, second - 1, second} & set(range(1, second + 1))):
            _consistency_cases(c, leaves, first, second, roots)
    c.add("first = 0", "index_out_of_range", first=0, second=8, path=[], first_root=roots[0].hex(), second_root=roots[8].hex())
    path = [h.hex() for h in merkle.consistency_path(3, leaves[:8])]
    c.add("first > second", "index_out_of_range", first=8, second=3, path=path, first_root=roots[8].hex(), second_root=roots[3].hex())
    return [r, i, c]


def _inclusion_cases(f, leaves, index, n, root):
    path = merkle.inclusion_path(index, leaves[:n])

    def add(desc, expect, leaf=leaves[index], index=index, n=n, path=path, root=root):
        f.add(desc, expect, leaf=leaf.hex(), index=index, size=n, path=[h.hex() for h in path], root=root.hex())

    at = f"{index} of {n}"
    add(at, "ok")
    add(f"{at}: another leaf", "root_mismatch", leaf=leaves[(index + 1) % n] if n > 1 else leaves[7])
    add(f"{at}: another root", "root_mismatch", root=_flip(root, 255))
    add(f"{at}: a hash too many", "proof_length", path=path + [bytes(32)])
    if path:
        add(f"{at}: the last hash left out", "proof_length", path=path[:-1])
        add(f"{at}: a bit of the first hash flipped", "root_mismatch", path=[_flip(path[0])] + path[1:])
        add(f"{at}: a bit of the last hash flipped", "root_mismatch", path=path[:-1] + [_flip(path[-1], 100)])
    if len(path) > 1:
        add(f"{at}: the hashes in reverse", "root_mismatch", path=path[::-1])
        neighbour = index ^ 1
        if neighbour < n and len(merkle.inclusion_path(neighbour, leaves[:n])) == len(path):
            add(f"{at}: the neighbour's index", "root_mismatch", index=neighbour)


def _consistency_cases(f, leaves, first, second, roots):
    path = merkle.consistency_path(first, leaves[:second])

    def add(desc, expect, path=path, a=roots[first], b=roots[second]):
        f.add(desc, expect, first=first, second=second, path=[h.hex() for h in path], first_root=a.hex(), second_root=b.hex())

    at = f"{first} to {second}"
    add(at, "ok")
    add(f"{at}: another first root", "root_mismatch", a=_flip(roots[first], 9))
    add(f"{at}: another second root", "root_mismatch", b=_flip(roots[second], 9))
    add(f"{at}: a hash too many", "proof_length", path=path + [bytes(32)])
    if path:
        add(f"{at}: the last hash left out", "proof_length", path=path[:-1])
        add(f"{at}: no hashes", "proof_length", path=[])
        for k in range(len(path)):
            add(f"{at}: a bit of hash {k} flipped", "root_mismatch", path=path[:k] + [_flip(path[k], 17)] + path[k + 1 :])


# Published by others: the test vector of c2sp.org/signed-note, and a checkpoint of a public staging log
# with cosignatures of public witnesses, as they served it.
C2SP_NOTE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
C2SP_NOTE = """This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
"""
PUBLIC_KEYS = [
    "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f",
    "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
]
PUBLIC_CHECKPOINT = """arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==
— witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
— witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==
"""


def note_files():
    k = File("checkpoint/vkey", "note.vkey", "verifier keys")
    k.add("the key of the signed-note specification's test vector", "ok", vkey=C2SP_NOTE_KEY)
    k.add("a public log's key", "ok", vkey=PUBLIC_KEYS[0])
    k.add("a public witness's key", "ok", vkey=PUBLIC_KEYS[1])
    log, cosigner = note.Signer("example.org/ledger", note.LOG, seed("log")), note.Signer("notary.example.org", note.COSIGN, seed("cosign"))
    good = cosigner.key.vkey
    name, key_id, data = good.split("+", 2)
    k.add("a log key", "ok", vkey=log.key.vkey)
    k.add("a cosigning key", "ok", vkey=good)
    k.add("a name of 255 bytes, in Chinese", "ok", vkey=_vkey("证" * 85, b"\x04" + cosigner.key.public))
    for desc, text in (
        ("nothing", ""),
        ("no key", f"{name}+{key_id}"),
        ("no name", f"+{key_id}+{data}"),
        ("a space in the name", f"a b+{key_id}+{data}"),
        ("a key id of another key", f"{name}+{log.key.id.hex()}+{data}"),
        ("a key id in capitals", f"{name}+{key_id.upper()}+{data}"),
        ("a short key id", f"{name}+{key_id[:-1]}+{data}"),
        ("another name", f"x{good}"),
        ("base64 without padding", f"{name}+{key_id}+{data.rstrip('=')}" if data.endswith("=") else f"{good}="),
        ("a key of 31 bytes", _vkey(name, b"\x04" + bytes(31))),
        ("a key of 33 bytes", _vkey(name, b"\x04" + bytes(33))),
        ("an unknown type", _vkey(name, b"\x63" + bytes(32))),
        ("a line end behind", good + "\n"),
        ("a no-break space in the name", _vkey("a\u00a0b", b"\x04" + cosigner.key.public)),
        ("an ideographic space in the name", _vkey("a\u3000b", b"\x04" + cosigner.key.public)),
        ("a name of 256 bytes", _vkey("n" * 256, b"\x04" + cosigner.key.public)),
    ):
        k.add(desc, "key_invalid", vkey=text)
    return [k, _note_verify(log, cosigner), _checkpoint_parse(log, cosigner)]


def _vkey(name, data):
    key_id = crypto.sha256(name.encode(), b"\n", data)[:4]
    return f"{name}+{key_id.hex()}+{b64(data)}"


def _note_verify(log, cosigner):
    f = File("checkpoint/note", "note.verify", "signed notes: structure, then every line of a known key")
    f.add("the test vector of the signed-note specification", "ok", text=C2SP_NOTE, vkeys=[C2SP_NOTE_KEY])
    f.add("a public log's checkpoint with a witness's cosignature", "ok", text=PUBLIC_CHECKPOINT, vkeys=PUBLIC_KEYS)
    f.add("a public checkpoint with another size", "signature_invalid", text=PUBLIC_CHECKPOINT.replace("1432088532", "1432088533"), vkeys=PUBLIC_KEYS)
    body = note.body_of("example.org/ledger", 7, seed("root"))
    ours = [log.key.vkey, cosigner.key.vkey]
    log_line, line = log.line(body), cosigner.line(body, 1790000000)
    stranger = note.Signer("elsewhere.example.net", note.COSIGN, seed("stranger")).line(body, 1)
    good = f"{body}\n{log_line}{line}"

    def add(desc, expect, text, vkeys=ours):
        f.add(desc, expect, text=text, vkeys=vkeys)

    add("a log line and a cosignature", "ok", good)
    add("lines of unknown keys are passed over", "ok", f"{body}\n{stranger}{line}")
    add("no known key at all", "ok", good, [])
    add("a time of 0", "ok", f"{body}\n{cosigner.line(body, 0)}")
    add("a body of one line", "ok", f"x\n\n{cosigner.line(chr(120) + chr(10), 5)}")
    add("a body with a blank line", "ok", f"a\n\nb\n\n{cosigner.line('a' + chr(10) * 2 + 'b' + chr(10), 5)}")
    blob = note.b64decode(line.split(" ")[2].strip(), "x")

    def with_blob(data):
        return f"{body}\n{note.DASH}{cosigner.key.name} {b64(data)}\n"

    add("a cosignature over another body", "signature_invalid", f"{body}\n{cosigner.line(body.replace('7', '8', 1), 5)}")
    add("a cosignature's time changed", "signature_invalid", with_blob(blob[:11] + bytes([blob[11] ^ 1]) + blob[12:]))
    add("a cosignature's last byte changed", "signature_invalid", with_blob(_flip(blob, 8 * 75)))
    add("a cosignature without a time", "signature_invalid", with_blob(blob[:4] + blob[12:]))
    add("a cosignature with a byte too many", "signature_invalid", with_blob(blob + b"\x00"))
    add("a log signature under the cosigner's key id", "signature_invalid", with_blob(blob[:4] + crypto.ed25519_sign(cosigner.seed, body.encode())))
    add("the key id of an unknown key of the same name", "ok", with_blob(b"\x00\x00\x00\x00" + blob[4:]))
    add("two lines of one key", "note_malformed", good + cosigner.line(body, 1790000001))
    add("the same line twice", "note_malformed", good + line)
    add("sixteen lines", "ok", f"{body}\n" + "".join(_stranger(i, body) for i in range(15)) + line)
    add("seventeen lines", "note_malformed", f"{body}\n" + "".join(_stranger(i, body) for i in range(16)) + line)
    add("no signature", "note_malformed", f"{body}\n")
    add("no blank line", "note_malformed", f"{body}{line}")
    add("no final line end", "note_malformed", good[:-1])
    add("a line end too many", "note_malformed", good + "\n")
    add("no body", "note_malformed", f"\n{line}")
    add("nothing at all", "note_malformed", "")
    add("a hyphen for the dash", "note_malformed", good.replace("\u2014", "-"))
    add("two spaces after the dash", "note_malformed", good.replace(note.DASH, note.DASH + " "))
    add("a space behind a line", "note_malformed", good[:-1] + " \n")
    add("base64 without its padding", "note_malformed", f"{body}\n{line.rstrip().rstrip('=')}\n")
    add("base64 that does not encode back", "note_malformed", f"{body}\n{_loose(line)}")
    add("URL-safe base64", "note_malformed", f"{body}\n{note.DASH}{cosigner.key.name} {b64(bytes([255]) * 76).replace('/', '_')}\n")
    add("a signature of 0 bytes", "note_malformed", f"{body}\n{note.DASH}{cosigner.key.name} {b64(blob[:4])}\n")
    add("a name with a plus sign", "note_malformed", good.replace("notary.example.org", "notary+example.org"))
    add("a name of 256 bytes", "note_malformed", good.replace("notary.example.org", "n" * 256))
    add("a name with an ideographic space", "note_malformed", good.replace("notary.example.org", "a\u3000b"))
    add("over 16,384 bytes", "note_malformed", f"{'x' * 16384}\n\n{line}")
    return f


def _stranger(i, body):
    return note.Signer(f"stranger{i}.example.net", note.COSIGN, seed(f"stranger {i}")).line(body, 1)


def _loose(line):
    """The same bytes, with unused bits set in the last base64 character."""
    assert line.endswith("==\n") or line.endswith("=\n")
    pad = 2 if line.endswith("==\n") else 1
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    at = len(line) - 2 - pad
    return line[:at] + alphabet[alphabet.index(line[at]) + 1] + line[at + 1 :]


def _checkpoint_parse(log, cosigner):
    f = File("checkpoint/parse", "checkpoint.parse", "the three lines of a checkpoint")
    root = seed("root")
    signature = cosigner.line("x", 1)

    def add(desc, expect, body, origin=None):
        inputs = {"text": f"{body}\n{signature}"}
        if origin:
            inputs["origin_expected"] = origin
        f.add(desc, expect, **inputs)

    good = note.body_of("example.org/ledger", 7, root)
    f.add("a public log's checkpoint", "ok", text=PUBLIC_CHECKPOINT)
    add("a checkpoint", "ok", good)
    add("the expected origin", "ok", good, "example.org/ledger")
    add("another origin", "origin_mismatch", good, "example.org/ledger2")
    add("an origin that is a prefix", "origin_mismatch", good, "example.org/ledge")
    add("size 0", "ok", note.body_of("example.org/ledger", 0, crypto.sha256(b"")))
    add("the largest size", "ok", note.body_of("example.org/ledger", 2**53 - 1, root))
    line = b64(root)
    for desc, body in (
        ("a leading zero", f"o\n07\n{line}\n"),
        ("a sign", f"o\n+7\n{line}\n"),
        ("a negative size", f"o\n-7\n{line}\n"),
        ("no size", f"o\n\n{line}\n"),
        ("a size of 2^64", f"o\n18446744073709551616\n{line}\n"),
        ("a hexadecimal size", f"o\n0x7\n{line}\n"),
        ("no origin", f"\n7\n{line}\n"),
        ("no root", "o\n7\n"),
        ("a root of 31 bytes", f"o\n7\n{b64(root[:31])}\n"),
        ("a root of 33 bytes", f"o\n7\n{b64(root + bytes(1))}\n"),
        ("a root in hex", f"o\n7\n{root.hex()}\n"),
        ("an extension line", f"{good}extension\n"),
    ):
        add(desc, "note_malformed", body)
    return f


def files():
    return [*json_files(), *digest_files(), *key_files(), *merkle_files(), *note_files()]

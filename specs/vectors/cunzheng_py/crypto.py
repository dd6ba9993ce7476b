"""Digests, the two account suites, Ed25519 and key files (specs/keys.md).

The curve arithmetic is textbook affine arithmetic over big integers: not constant-time, for vectors only.
"""

import hashlib
import hmac

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from . import jsonp
from .jsonp import Bad

SECP256K1 = "ecdsa-secp256k1-sha256"
SM2 = "sm2-sm3"
SM2_ID = b"1234567812345678"


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def sm3(*parts):
    return hashlib.new("sm3", b"".join(parts)).digest()


def tag(purpose):
    return f"cunzheng/{purpose}/v1\n".encode()


def tagged(purpose, message):
    return sha256(tag(purpose), message)


class Curve:
    def __init__(self, p, a, b, n, gx, gy):
        self.p, self.a, self.b, self.n, self.g = p, a, b, n, (gx, gy)

    def add(self, s, t):
        if s is None or t is None:
            return s or t
        if s[0] == t[0]:
            if (s[1] + t[1]) % self.p == 0:
                return None
            slope = (3 * s[0] * s[0] + self.a) * pow(2 * s[1], -1, self.p)
        else:
            slope = (t[1] - s[1]) * pow(t[0] - s[0], -1, self.p)
        x = (slope * slope - s[0] - t[0]) % self.p
        return x, (slope * (s[0] - x) - s[1]) % self.p

    def mul(self, k, point):
        out = None
        while k:
            if k & 1:
                out = self.add(out, point)
            point = self.add(point, point)
            k >>= 1
        return out

    def compress(self, point):
        return bytes([2 + (point[1] & 1)]) + point[0].to_bytes(32, "big")

    def decompress(self, data):
        x = int.from_bytes(data[1:], "big")
        if len(data) != 33 or data[0] not in (2, 3) or x >= self.p:
            raise Bad("key_invalid", "not a compressed point")
        square = (x**3 + self.a * x + self.b) % self.p
        y = pow(square, (self.p + 1) // 4, self.p)  # both primes are 3 mod 4
        if y * y % self.p != square:
            raise Bad("key_invalid", "not on the curve")
        return x, (y if y & 1 == data[0] & 1 else self.p - y)


K1 = Curve(
    p=2**256 - 2**32 - 977,
    a=0,
    b=7,
    n=0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
    gx=0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    gy=0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)
S2 = Curve(
    p=0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF,
    a=0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC,
    b=0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93,
    n=0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123,
    gx=0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    gy=0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)


def curve_of(suite):
    if suite == SECP256K1:
        return K1
    if suite == SM2:
        return S2
    raise Bad("suite_unknown", suite)


def rfc6979(curve, secret, digest):
    """Nonces of RFC 6979 with HMAC-SHA-256, in order."""
    seed = secret.to_bytes(32, "big") + (int.from_bytes(digest, "big") % curve.n).to_bytes(32, "big")
    v, k = b"\x01" * 32, b"\x00" * 32
    for separator in (b"\x00", b"\x01"):
        k = hmac.digest(k, v + separator + seed, "sha256")
        v = hmac.digest(k, v, "sha256")
    while True:
        v = hmac.digest(k, v, "sha256")
        nonce = int.from_bytes(v, "big")
        if 1 <= nonce < curve.n:
            yield nonce
        k = hmac.digest(k, v + b"\x00", "sha256")
        v = hmac.digest(k, v, "sha256")


def sm2_z(public):
    x, y = public
    words = (S2.a, S2.b, *S2.g, x, y)
    return sm3(
        (8 * len(SM2_ID)).to_bytes(2, "big"), SM2_ID, *(w.to_bytes(32, "big") for w in words)
    )


class PrivateKey:
    def __init__(self, suite, secret):
        self.suite, self.curve = suite, curve_of(suite)
        self.secret = secret
        self.d = int.from_bytes(secret, "big")
        if not 1 <= self.d < self.curve.n:
            raise Bad("key_invalid")
        self.point = self.curve.mul(self.d, self.curve.g)
        self.public = self.curve.compress(self.point)
        self.account = account_id(suite, self.public)

    def sign(self, purpose, message):
        n = self.curve.n
        if self.suite == SECP256K1:
            digest = tagged(purpose, message)
            e = int.from_bytes(digest, "big")
            nonce = next(rfc6979(self.curve, self.d, digest))
            r = self.curve.mul(nonce, self.curve.g)[0] % n
            s = pow(nonce, -1, n) * (e + r * self.d) % n
            s = min(s, n - s)
        else:
            digest = sm3(sm2_z(self.point), tag(purpose), message)
            e = int.from_bytes(digest, "big")
            nonce = next(rfc6979(self.curve, self.d, digest))
            r = (e + self.curve.mul(nonce, self.curve.g)[0]) % n
            s = pow(1 + self.d, -1, n) * (nonce - r * self.d) % n
        assert r and s
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def account_id(suite, public):
    return sha256(tag("account"), suite.encode(), b"\n", public).hex()


def verify(suite, public, purpose, message, signature):
    curve = curve_of(suite)
    point = curve.decompress(public)
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    n = curve.n
    if len(signature) != 64 or r >= n or s >= n:
        raise Bad("signature_invalid", "r or s out of range")
    if suite == SECP256K1:
        if s > n // 2:
            raise Bad("signature_not_low_s")
        if r == 0 or s == 0:
            raise Bad("signature_invalid", "r or s is 0")
        e = int.from_bytes(tagged(purpose, message), "big")
        w = pow(s, -1, n)
        found = curve.add(curve.mul(e * w % n, curve.g), curve.mul(r * w % n, point))
        if found is None or found[0] % n != r:
            raise Bad("signature_invalid")
    else:
        t = (r + s) % n
        if r == 0 or s == 0 or t == 0:
            raise Bad("signature_invalid", "r, s or r + s is 0")
        e = int.from_bytes(sm3(sm2_z(point), tag(purpose), message), "big")
        found = curve.add(curve.mul(s, curve.g), curve.mul(t, point))
        if found is None or (e + found[0]) % n != r:
            raise Bad("signature_invalid")


def ed25519_public(seed):
    key = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def ed25519_sign(seed, message):
    return ed25519.Ed25519PrivateKey.from_private_bytes(seed).sign(message)


def ed25519_verify(public, message, signature):
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise Bad("signature_invalid") from None


# ---- key files ----

_CIPHER = jsonp.shape(
    ("name", jsonp.one_of("aes-256-gcm")), ("nonce", jsonp.hexes(12)), ("text", jsonp.hexes(48))
)
_KDF = jsonp.shape(
    ("log_n", jsonp.integer(14, 20)),
    ("name", jsonp.one_of("scrypt")),
    ("p", jsonp.integer(1, 1)),
    ("r", jsonp.integer(8, 8)),
    ("salt", jsonp.hexes(32)),
)
ACCOUNT_KEY = [
    ("account", jsonp.hex32),
    ("cipher", _CIPHER),
    ("kdf", _KDF),
    ("public_key", jsonp.hexes(33)),
    ("suite", jsonp.one_of(SECP256K1, SM2)),
    ("type", jsonp.type_is("cunzheng/account_key/v1")),
]
NOTE_KEY = [
    ("cipher", _CIPHER),
    ("kdf", _KDF),
    ("key", jsonp.text(1)),
    ("type", jsonp.type_is("cunzheng/note_key/v1")),
]


def _cipher_key(passphrase, kdf):
    return Scrypt(bytes.fromhex(kdf["salt"]), 32, 2 ** kdf["log_n"], 8, 1).derive(passphrase.encode())


def seal_key_file(fields, secret, passphrase, salt, nonce, log_n=14):
    fields = dict(fields, kdf={"log_n": log_n, "name": "scrypt", "p": 1, "r": 8, "salt": salt.hex()})
    sealed = AESGCM(_cipher_key(passphrase, fields["kdf"])).encrypt(
        nonce, secret, jsonp.encode(fields).encode()
    )
    cipher = {"name": "aes-256-gcm", "nonce": nonce.hex(), "text": sealed.hex()}
    return jsonp.encode_readable(dict(fields, cipher=cipher))


def open_key_file(text, passphrase):
    """The 32 secret bytes."""
    try:
        fields = jsonp.decode(text, canonical=False)
        is_account = isinstance(fields, dict) and fields.get("type") == "cunzheng/account_key/v1"
        jsonp.check(fields, ACCOUNT_KEY if is_account else NOTE_KEY)
    except Bad as bad:
        raise Bad("key_file_invalid", str(bad)) from None
    rest = {k: v for k, v in fields.items() if k != "cipher"}
    cipher = fields["cipher"]
    try:
        secret = AESGCM(_cipher_key(passphrase, fields["kdf"])).decrypt(
            bytes.fromhex(cipher["nonce"]), bytes.fromhex(cipher["text"]), jsonp.encode(rest).encode()
        )
    except InvalidTag:
        raise Bad("passphrase_wrong") from None
    if is_account:
        try:
            key = PrivateKey(fields["suite"], secret)
        except Bad:
            raise Bad("key_file_invalid", "secret out of range") from None
        if key.public.hex() != fields["public_key"]:
            raise Bad("key_file_invalid", "another key than the file names")
    else:
        from . import note  # here, because note keys are Ed25519 in note form and note.py imports this module

        if note.parse_vkey(fields["key"]).public != ed25519_public(secret):
            raise Bad("key_file_invalid", "another key than the file names")
    return secret

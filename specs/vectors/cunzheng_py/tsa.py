"""A time-stamping authority for vectors: certificates and RFC 3161 tokens, the same bytes every time.

Usual libraries draw random nonces for ECDSA, so certificates and tokens are put together here from DER
elements and signed on P-256 with RFC 6979 nonces.
"""

import hashlib
import time

from . import crypto
from .cases_basic import seed

P256 = crypto.Curve(
    p=2**256 - 2**224 + 2**192 + 2**96 - 1,
    a=-3,
    b=0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    n=0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    gx=0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    gy=0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
HASH_OIDS = {
    "sha1": "1.3.14.3.2.26",
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
}
TIME_STAMPING, SERVER_AUTH = "1.3.6.1.5.5.7.3.8", "1.3.6.1.5.5.7.3.1"


def der(tag, *parts):
    body = b"".join(parts)
    count = (len(body).bit_length() + 7) // 8
    length = bytes([len(body)]) if len(body) < 128 else bytes([128 | count]) + len(body).to_bytes(count, "big")
    return bytes([tag]) + length + body


def sequence(*parts):
    return der(0x30, *parts)


def integer(value, tag=2):
    return der(tag, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def oid(text):
    first, second, *rest = map(int, text.split("."))
    out = b""
    for number in (40 * first + second, *rest):
        chunk = bytes([number & 127])
        while number := number >> 7:
            chunk = bytes([128 | number & 127]) + chunk
        out += chunk
    return der(6, out)


ECDSA_SHA256 = sequence(oid("1.2.840.10045.4.3.2"))
NULL = b"\x05\x00"


def stamp(unix_s, fraction=""):
    return der(0x18, (time.strftime("%Y%m%d%H%M%S", time.gmtime(unix_s)) + fraction + "Z").encode())


def set_of(*parts):
    return der(0x31, *sorted(parts))


class Authority:
    """A key, its certificate and who issued it."""

    def __init__(self, name, issuer=None, ca=False, usage=(TIME_STAMPING,), critical=True, since=1_700_000_000, until=2_000_000_000):
        self.d = int.from_bytes(seed(f"TSA {name}"), "big") % P256.n
        self.point = P256.mul(self.d, P256.g)
        self.name = sequence(set_of(sequence(oid("2.5.4.3"), der(0x0C, name.encode()))))
        self.serial = int.from_bytes(seed(f"serial {name}", 8), "big") >> 1
        issuer = issuer or self
        extensions = []
        if ca:
            extensions.append(sequence(oid("2.5.29.19"), b"\x01\x01\xff", der(4, sequence(b"\x01\x01\xff"))))
            extensions.append(sequence(oid("2.5.29.15"), b"\x01\x01\xff", der(4, b"\x03\x02\x01\x06")))
        elif usage:
            flag = b"\x01\x01\xff" if critical else b""
            extensions.append(sequence(oid("2.5.29.37"), flag, der(4, sequence(*map(oid, usage)))))
        public = b"\x04" + b"".join(v.to_bytes(32, "big") for v in self.point)
        key_type = sequence(oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7"))
        body = sequence(
            der(0xA0, integer(2)),
            integer(self.serial),
            ECDSA_SHA256,
            issuer.name,
            sequence(*(_utc(t) for t in (since, until))),
            self.name,
            sequence(key_type, der(3, b"\x00" + public)),
            *([der(0xA3, sequence(*extensions))] if extensions else []),
        )
        self.certificate = sequence(body, ECDSA_SHA256, der(3, b"\x00" + issuer.sign(body)))
        self.issuer_name = issuer.name

    def sign(self, data):
        digest = crypto.sha256(data)
        nonce = next(crypto.rfc6979(P256, self.d, digest))
        r = P256.mul(nonce, P256.g)[0] % P256.n
        s = pow(nonce, -1, P256.n) * (int.from_bytes(digest, "big") + r * self.d) % P256.n
        return sequence(integer(r), integer(s))

    def token(self, data, unix_s, fraction="", accuracy=b"", imprint="sha256", chain=(), certificates=None, attributes=None, alter_info=False):
        info = sequence(
            integer(1),
            oid("1.3.6.1.4.1.99999.1"),
            sequence(sequence(oid(HASH_OIDS[imprint]), NULL), der(4, hashlib.new(imprint, data).digest())),
            integer(7),
            stamp(unix_s, fraction),
            accuracy,
        )
        signed = attributes or {}
        bound = sequence(sequence(sequence(der(4, signed.get("bound", crypto.sha256(self.certificate))))))
        values = (
            ("1.2.840.113549.1.9.3", oid(signed.get("type", "1.2.840.113549.1.9.16.1.4"))),
            ("1.2.840.113549.1.9.4", der(4, signed.get("digest", crypto.sha256(info)))),
            ("1.2.840.113549.1.9.16.2.47", bound),
        )
        rows = sorted(sequence(oid(name), der(0x31, value)) for name, value in values)
        sha = sequence(oid(HASH_OIDS["sha256"]))
        signer = sequence(
            integer(1),
            sequence(self.issuer_name, integer(self.serial)),
            sha,
            der(0xA0, *rows),
            ECDSA_SHA256,
            der(4, self.sign(der(0x31, *rows))),
        )
        if alter_info:
            info = info.replace(stamp(unix_s), stamp(unix_s - 1))
        if certificates is None:
            certificates = [self.certificate, *(c.certificate for c in chain)]
        return sequence(
            oid("1.2.840.113549.1.7.2"),
            der(
                0xA0,
                sequence(
                    integer(3),
                    der(0x31, sha),
                    sequence(oid("1.2.840.113549.1.9.16.1.4"), der(0xA0, der(4, info))),
                    *([der(0xA0, *certificates)] if certificates else []),
                    der(0x31, signer),
                ),
            ),
        )


def _utc(unix_s):
    return der(0x17, (time.strftime("%y%m%d%H%M%S", time.gmtime(unix_s)) + "Z").encode())


def accuracy(seconds=None, millis=None, micros=None):
    parts = [integer(seconds)] if seconds is not None else []
    parts += [integer(v, tag) for v, tag in ((millis, 0x80), (micros, 0x81)) if v is not None]
    return sequence(*parts)

"""RFC 3161 time-stamp tokens (specs/receipt.md, step 10): a small DER reader and the checks."""

import datetime
import hashlib

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from .jsonp import Bad

SIGNED_DATA = "1.2.840.113549.1.7.2"
TST_INFO = "1.2.840.113549.1.9.16.1.4"
CONTENT_TYPE = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
HASHES = {
    "2.16.840.1.101.3.4.2.1": hashes.SHA256,
    "2.16.840.1.101.3.4.2.2": hashes.SHA384,
    "2.16.840.1.101.3.4.2.3": hashes.SHA512,
}


class Der:
    """One element: tag, content, the whole encoding; iterates over its children."""

    def __init__(self, data):
        if len(data) < 2:
            raise ValueError("truncated")
        self.tag, length, at = data[0], data[1], 2
        if self.tag & 31 == 31:
            raise ValueError("long tag")
        if length > 127:
            count = length & 127
            length, at = int.from_bytes(data[2 : 2 + count], "big"), 2 + count
            if not 1 <= count <= 4 or length < 128 or data[2] == 0:
                raise ValueError("length")
        if len(data) < at + length:
            raise ValueError("truncated")
        self.body, self.whole = data[at : at + length], data[: at + length]

    def children(self):
        at, out = 0, []
        while at < len(self.body):
            out.append(Der(self.body[at:]))
            at += len(out[-1].whole)
        return out

    def expect(self, tag):
        if self.tag != tag:
            raise ValueError(f"tag {self.tag:#x}, not {tag:#x}")
        return self

    def oid(self):
        self.expect(6)
        numbers, value = [], 0
        for byte in self.body:
            value = value << 7 | byte & 127
            if not byte & 128:
                numbers.append(value)
                value = 0
        first = min(numbers[0] // 40, 2)
        return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:]]))

    def integer(self):
        self.expect(2)
        return int.from_bytes(self.body, "big", signed=True)


def exactly_one(data):
    der = Der(data)
    if len(der.whole) != len(data):
        raise ValueError("trailing bytes")
    return der


def verify(token, note, roots):
    """The latest second at which `note` existed: genTime + accuracy, rounded up."""
    try:
        return _verify(token, note, [x509.load_der_x509_certificate(r) for r in roots])
    except (ValueError, IndexError, KeyError, InvalidSignature, UnsupportedAlgorithm, x509.ExtensionNotFound) as e:
        raise Bad("token_invalid", repr(e)) from None


def _verify(token, note, roots):
    content_type, wrapped = exactly_one(token).expect(0x30).children()
    if content_type.oid() != SIGNED_DATA:
        raise ValueError("not SignedData")
    _, _, encapsulated, *rest = wrapped.expect(0xA0).children()[0].children()
    info_type, info_wrapped = encapsulated.children()
    info = info_wrapped.children()[0].expect(4).body
    if info_type.oid() != TST_INFO:
        raise ValueError("not TSTInfo")
    certificates = []
    if rest[0].tag == 0xA0:
        certificates = [x509.load_der_x509_certificate(c.whole) for c in rest.pop(0).children()]
    if rest[0].tag == 0xA1:
        rest.pop(0)
    (signer,) = rest[0].expect(0x31).children()
    leaf = _signed_by(signer, info, certificates)
    imprint, generated, latest = _tst_info(info)
    algorithm, digest = imprint
    if hashlib.new(algorithm, note).digest() != digest:
        raise ValueError("imprint")
    usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    if not usage.critical or [o.dotted_string for o in usage.value] != ["1.3.6.1.5.5.7.3.8"]:
        raise ValueError("extended key usage")
    _chain(leaf, certificates, roots, generated)
    return latest


def _signed_by(signer, info, certificates):
    """Checks the SignerInfo; returns the certificate whose key signed."""
    _, identifier, digest_algorithm, attributes, signature_algorithm, signature, *_ = signer.children()
    issuer, serial = identifier.expect(0x30).children()
    leaf = next(
        c
        for c in certificates + [None]
        if c is None or (c.issuer.public_bytes() == issuer.whole and c.serial_number == serial.integer())
    )
    if leaf is None:
        raise ValueError("no certificate of the signer")
    kind = HASHES[digest_algorithm.children()[0].oid()]
    values = {}
    for attribute in attributes.expect(0xA0).children():
        name, value_set = attribute.children()
        if name.oid() in values:
            raise ValueError("an attribute twice")
        (values[name.oid()],) = value_set.expect(0x31).children()
    if values[CONTENT_TYPE].oid() != TST_INFO:
        raise ValueError("content type")
    if values[MESSAGE_DIGEST].expect(4).body != hashlib.new(kind.name, info).digest():
        raise ValueError("message digest")
    bound = values[SIGNING_CERTIFICATE_V2].children()[0].children()[0].children()
    algorithm = HASHES[bound.pop(0).children()[0].oid()].name if bound[0].tag == 0x30 else "sha256"
    if bound[0].expect(4).body != hashlib.new(algorithm, leaf.public_bytes(_DER)).digest():
        raise ValueError("signing certificate")
    signed = b"\x31" + attributes.whole[1:]
    _check_signature(leaf.public_key(), signature.expect(4).body, signed, kind())
    return leaf


_DER = serialization.Encoding.DER


def _check_signature(public, signature, signed, kind):
    if isinstance(public, rsa.RSAPublicKey):
        public.verify(signature, signed, padding.PKCS1v15(), kind)
    elif isinstance(public, ec.EllipticCurvePublicKey):
        public.verify(signature, signed, ec.ECDSA(kind))
    else:
        raise ValueError("key type")


def _tst_info(info):
    fields = exactly_one(info).expect(0x30).children()
    if fields[0].integer() != 1:
        raise ValueError("version")
    algorithm, digest = fields[2].children()
    name = HASHES[algorithm.children()[0].oid()].name
    stamp = fields[4].expect(0x18).body.decode("ascii")
    whole, _, fraction = stamp.removesuffix("Z").partition(".")
    moment = datetime.datetime.strptime(whole, "%Y%m%d%H%M%S")
    seconds = int((moment - datetime.datetime(1970, 1, 1)).total_seconds())
    micros = int((fraction + "000000")[:6]) if fraction else 0
    if len(fields) > 5 and fields[5].tag == 0x30:
        scale = {2: 1_000_000, 0x80: 1000, 0x81: 1}
        for part in fields[5].children():
            micros += int.from_bytes(part.body, "big") * scale[part.tag]
    return (name, digest.expect(4).body), moment, seconds + -(-micros // 1_000_000)


def _chain(leaf, certificates, roots, at):
    """Leaf to root, each certificate valid at `at`; issuers are certificate authorities."""
    current = leaf
    for _ in range(8):
        if not current.not_valid_before <= at <= current.not_valid_after:
            raise ValueError("certificate not valid at genTime")
        if current is not leaf:
            if not current.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
                raise ValueError("issuer is no certificate authority")
        if current in roots:
            return
        issuers = [c for c in roots + certificates if c.subject == current.issuer]
        if not issuers:
            raise ValueError("no chain to a trusted root")
        _check_signature(
            issuers[0].public_key(),
            current.signature,
            current.tbs_certificate_bytes,
            current.signature_hash_algorithm,
        )
        current = issuers[0]
    raise ValueError("chain too long")

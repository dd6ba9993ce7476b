"""RFC 6962 trees (specs/merkle.md): roots and proofs by the recursive definitions, checks by RFC 9162."""

from .crypto import sha256
from .jsonp import Bad


def leaf_hash(data):
    return sha256(b"\x00", data)


def node_hash(left, right):
    return sha256(b"\x01", left, right)


def _split(n):
    """The largest power of two below n."""
    return 1 << (n - 1).bit_length() - 1


def root(leaves):
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return leaves[0]
    k = _split(len(leaves))
    return node_hash(root(leaves[:k]), root(leaves[k:]))


def inclusion_path(index, leaves):
    if len(leaves) == 1:
        return []
    k = _split(len(leaves))
    if index < k:
        return inclusion_path(index, leaves[:k]) + [root(leaves[k:])]
    return inclusion_path(index - k, leaves[k:]) + [root(leaves[:k])]


def consistency_path(first, leaves, whole=True):
    n = len(leaves)
    if first == n:
        return [] if whole else [root(leaves)]
    k = _split(n)
    if first <= k:
        return consistency_path(first, leaves[:k], whole) + [root(leaves[k:])]
    return consistency_path(first - k, leaves[k:], False) + [root(leaves[:k])]


def verify_inclusion(leaf, index, size, path, expected):
    """RFC 9162 section 2.1.3.2."""
    if index >= size:
        raise Bad("index_out_of_range")
    fn, sn, r = index, size - 1, leaf
    for p in path:
        if sn == 0:
            raise Bad("proof_length", "too long")
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:
        raise Bad("proof_length", "too short")
    if r != expected:
        raise Bad("root_mismatch")


def verify_consistency(first, second, path, first_root, second_root):
    """RFC 9162 section 2.1.4.2."""
    if first == 0 or first > second:
        raise Bad("index_out_of_range")
    if first == second:
        if path:
            raise Bad("proof_length", "too long")
        if first_root != second_root:
            raise Bad("root_mismatch")
        return
    if first & (first - 1) == 0:
        path = [first_root] + path
    if not path:
        raise Bad("proof_length", "too short")
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            raise Bad("proof_length", "too long")
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:
        raise Bad("proof_length", "too short")
    if fr != first_root or sr != second_root:
        raise Bad("root_mismatch")

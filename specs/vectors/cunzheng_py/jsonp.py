"""JSON profile (specs/json.md): strict decoder, canonical and readable encoders, closed schemas."""

import re

INT_MAX = 2**53 - 1
DEPTH_MAX = 16
KEY = re.compile(r"[a-z][a-z0-9_]{0,62}")


class Bad(Exception):
    """An input that breaks a rule; `code` is the wire name of specs/errors.md."""

    def __init__(self, code, detail=""):
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code


class _Decoder:
    """One pass, left to right, so that the first byte at which a rule is broken decides."""

    def __init__(self, data, canonical):
        self.data = data
        self.canonical = canonical
        self.at = 0

    def peek(self):
        return self.data[self.at] if self.at < len(self.data) else None

    def space(self):
        while self.peek() in (0x20, 0x09, 0x0A, 0x0D):
            if self.canonical:
                raise Bad("not_canonical", f"white space at byte {self.at}")
            self.at += 1

    def document(self):
        if not self.canonical and self.data.startswith(b"\xef\xbb\xbf"):
            self.at = 3
        value = self.value(1)
        self.space()
        if self.peek() is not None:
            raise Bad("invalid_json", f"text after the value at byte {self.at}")
        return value

    def value(self, depth):
        self.space()
        c = self.peek()
        if c is None:
            raise Bad("invalid_json", "text ends early")
        if c in b"{[":
            if depth > DEPTH_MAX:
                raise Bad("too_deep")
            return self.object(depth) if c == ord("{") else self.array(depth)
        if c == ord('"'):
            return self.string()
        if c in b"-0123456789":
            return self.number()
        for word, value in ((b"true", True), (b"false", False), (b"null", None)):
            if self.data.startswith(word, self.at):
                if value is None:
                    raise Bad("invalid_value", "null")
                self.at += len(word)
                return value
        raise Bad("invalid_json", f"byte {self.at}")

    def number(self):
        digits = re.compile(rb"0|[1-9][0-9]*").match(self.data, self.at)
        if not digits:
            raise Bad("invalid_value", "negative number")
        self.at = digits.end()
        following = self.peek()
        if following is not None and following in b".eE0123456789":
            raise Bad("invalid_value", "not an integer of the profile")
        if len(digits[0]) > 16 or int(digits[0]) > INT_MAX:
            raise Bad("invalid_value", "integer over 2^53-1")
        return int(digits[0])

    def array(self, depth):
        self.at += 1
        items = []
        self.space()
        if self.peek() == ord("]"):
            self.at += 1
            return items
        while True:
            items.append(self.value(depth + 1))
            self.space()
            c = self.peek()
            if c is None or c not in b",]":
                raise Bad("invalid_json", f"byte {self.at}")
            self.at += 1
            if c == ord("]"):
                return items

    def object(self, depth):
        self.at += 1
        members, last = {}, None
        self.space()
        if self.peek() == ord("}"):
            self.at += 1
            return members
        while True:
            self.space()
            if self.peek() != ord('"'):
                raise Bad("invalid_json", f"byte {self.at}")
            key = self.string()
            if not KEY.fullmatch(key):
                raise Bad("invalid_value", "key")
            if self.canonical and last is not None and key < last:
                raise Bad("not_canonical", "key order")
            if key in members:
                raise Bad("duplicate_key", key)
            last = key
            self.space()
            if self.peek() != ord(":"):
                raise Bad("invalid_json", f"byte {self.at}")
            self.at += 1
            members[key] = self.value(depth + 1)
            self.space()
            c = self.peek()
            if c is None or c not in b",}":
                raise Bad("invalid_json", f"byte {self.at}")
            self.at += 1
            if c == ord("}"):
                return members

    def string(self):
        self.at += 1
        out = []
        while True:
            c = self.peek()
            if c is None:
                raise Bad("invalid_json", "text ends in a string")
            if c == ord('"'):
                self.at += 1
                return "".join(out)
            if c == ord("\\"):
                out.append(self.escape())
                continue
            length = 1 if c < 0x80 else 2 if 0xC2 <= c < 0xE0 else 3 if 0xE0 <= c < 0xF0 else 4
            try:
                char = self.data[self.at : self.at + length].decode("utf-8")
            except UnicodeDecodeError:
                raise Bad("invalid_json", "not UTF-8") from None
            if ord(char) < 0x20 or 0x7F <= ord(char) <= 0x9F:
                raise Bad("invalid_string", f"U+{ord(char):04X}")
            self.at += length
            out.append(char)

    def hex4(self, at):
        digits = self.data[at : at + 4]
        if not re.fullmatch(rb"[0-9a-fA-F]{4}", digits):
            raise Bad("invalid_json", "escape")
        return int(digits, 16)

    def escape(self):
        c = self.data[self.at + 1 : self.at + 2]
        if c in (b'"', b"\\"):
            self.at += 2
            return c.decode()
        simple = {b"/": "/", b"b": "\b", b"f": "\f", b"n": "\n", b"r": "\r", b"t": "\t"}
        if c in simple:
            char, length = simple[c], 2
        elif c == b"u":
            unit, length = self.hex4(self.at + 2), 6
            if 0xD800 <= unit < 0xDC00 and self.data[self.at + 6 : self.at + 8] == b"\\u":
                low = self.hex4(self.at + 8)
                if not 0xDC00 <= low < 0xE000:
                    raise Bad("invalid_string", "lone surrogate")
                unit, length = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00), 12
            elif 0xD800 <= unit < 0xE000:
                raise Bad("invalid_string", "lone surrogate")
            char = chr(unit)
        else:
            raise Bad("invalid_json", "escape")
        newline_allowed = char == "\n" and not self.canonical
        if not newline_allowed and (ord(char) < 0x20 or 0x7F <= ord(char) <= 0x9F):
            raise Bad("invalid_string", f"U+{ord(char):04X}")
        if self.canonical:
            raise Bad("not_canonical", "needless escape")
        self.at += length
        return char


def decode(data, length_max=None, canonical=True):
    if isinstance(data, str):
        data = data.encode()
    if length_max is not None and len(data) > length_max:
        raise Bad("too_large", f"{len(data)} bytes, at most {length_max}")
    return _Decoder(data, canonical).document()


def _quote(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _scalar(value):
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int):
        assert 0 <= value <= INT_MAX
        return str(value)
    if isinstance(value, str):
        return _quote(value)
    raise TypeError(type(value))


def encode(value):
    """Canonical form, as text."""
    if isinstance(value, dict):
        return "{" + ",".join(_quote(k) + ":" + encode(value[k]) for k in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(encode(v) for v in value) + "]"
    assert not (isinstance(value, str) and holds_newline(value)), "no canonical form"
    return _scalar(value)


def holds_newline(value):
    if isinstance(value, dict):
        return any(map(holds_newline, value.values()))
    if isinstance(value, list):
        return any(map(holds_newline, value))
    return isinstance(value, str) and "\n" in value


def encode_readable(value, indent=0):
    """Readable form: two-space indent, sorted keys, one final line end."""
    pad, end = " " * (indent + 2), ("\n" if indent == 0 else "")
    if isinstance(value, dict) and value:
        rows = [f"{pad}{_quote(k)}: {encode_readable(value[k], indent + 2)}" for k in sorted(value)]
        return "{\n" + ",\n".join(rows) + "\n" + " " * indent + "}" + end
    if isinstance(value, list) and value:
        rows = [pad + encode_readable(v, indent + 2) for v in value]
        return "[\n" + ",\n".join(rows) + "\n" + " " * indent + "]" + end
    return (encode(value) if isinstance(value, (dict, list)) else _scalar(value)) + end


# ---- closed schemas: a schema is a list of (field, rule[, OPTIONAL]); a rule checks a value or raises ----

OPTIONAL = "optional"


def check(value, schema):
    """Fields in the order of the schema's table; unknown fields last."""
    if not isinstance(value, dict):
        raise Bad("wrong_type", "not an object")
    for name, rule, *optional in schema:
        if name in value:
            rule(value[name])
        elif not optional:
            raise Bad("missing_field", name)
    for name in value:
        if name not in {row[0] for row in schema}:
            raise Bad("unknown_field", name)
    return value


def type_is(expected):
    def rule(v):
        text()(v)
        if v != expected:
            raise Bad("unsupported_version", v)

    return rule


def text(low=0, high=None, pattern=None):
    def rule(v):
        if not isinstance(v, str):
            raise Bad("wrong_type")
        length = len(v.encode())
        if length < low or (high is not None and length > high):
            raise Bad("invalid_value", f"{length} bytes")
        if pattern and not re.fullmatch(pattern, v):
            raise Bad("invalid_value", v)

    return rule


def one_of(*values):
    return text(pattern="|".join(values))


def hexes(length):
    return text(pattern=f"[0-9a-f]{{{2 * length}}}")


hex32 = hexes(32)


def integer(low=0, high=INT_MAX):
    def rule(v):
        if isinstance(v, bool) or not isinstance(v, int):
            raise Bad("wrong_type")
        if not low <= v <= high:
            raise Bad("invalid_value", str(v))

    return rule


def array(low, high, rule):
    def check_all(v):
        if not isinstance(v, list):
            raise Bad("wrong_type")
        if not low <= len(v) <= high:
            raise Bad("invalid_value", f"{len(v)} items")
        for item in v:
            rule(item)

    return check_all


def table(low, high, rule):
    """An object whose keys are free."""

    def check_all(v):
        if not isinstance(v, dict):
            raise Bad("wrong_type")
        if not low <= len(v) <= high:
            raise Bad("invalid_value", f"{len(v)} keys")
        for key in sorted(v):
            rule(v[key])

    return check_all


def shape(*rows):
    return lambda v: check(v, rows)

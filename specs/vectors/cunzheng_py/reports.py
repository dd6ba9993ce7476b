"""What a capture says of itself (specs/capture.md): completeness, cleanliness, operation log, change history."""

from . import crypto, formats, jsonp
from .jsonp import OPTIONAL, Bad, array, hex32, integer, one_of, shape, text, type_is

ITEMS = (
    "system virtualisation users processes preload hosts proxy dns interfaces routes roots clock browser profile"
).split()
GAPS = ("missed", "cut_length", "cut_time", "unfinished", "failed")
PARTS = ("bodies_whole", "bodies_none", *GAPS)
COUNTS = ("exchanges", "responses", "body_bytes", "from_cache", "from_service_worker", *PARTS)
GAPS_MAX = 50_000
LINES_MAX = 100_000  # of an operation log or a history, behind the first
LINES_BYTES_MAX = 64 << 20

_name = text(pattern="[a-z][a-z0-9_]{0,31}")
_names = array(0, 64, text(1, 128))
_url = text(1, 2048)


def _object(v):
    if not isinstance(v, dict):
        raise Bad("wrong_type")
    if len(v) > 64:
        raise Bad("invalid_value")


def _limits(v):
    _object(v)
    for limit in v.values():
        integer()(limit)


GAP = shape(
    ("number", integer()),
    ("method", text(0, 32)),
    ("url", text(0, 2048)),
    ("url_sha256", hex32, OPTIONAL),
    ("resource_type", text(1, 64), OPTIONAL),
    ("status", integer(0, 999)),
    ("state", one_of(*GAPS)),
    ("bytes_kept", integer()),
    ("reason", text(1, 1024), OPTIONAL),
)
COMPLETENESS = [
    ("type", type_is("cunzheng/completeness/v1")),
    ("url", _url),
    ("final_url", _url, OPTIONAL),
    ("stopped", _name),
    ("counts", shape(*((name, integer()) for name in COUNTS))),
    ("limits", _limits),
    ("limits_hit", _names),
    ("attachments_missing", _names),
    ("gaps", array(0, GAPS_MAX, GAP)),
    ("remarks", array(0, 20_000, shape(("what", _name), ("detail", text(0, 1024))))),
]
ITEM = shape(
    ("id", text(1, 32)),
    ("state", one_of("ok", "notice", "warning", "not_checked")),
    ("zh", text(1, 1024)),
    ("en", text(1, 1024)),
    ("facts", _object),
)
CLEANLINESS = [
    ("type", type_is("cunzheng/cleanliness/v1")),
    ("tool", text(1, 256)),
    ("began_unix_us", integer()),
    ("ended_unix_us", integer()),
    ("items", array(len(ITEMS), len(ITEMS), ITEM)),
]
OPERATIONS = [("type", type_is("cunzheng/operations/v1")), ("tool", text(1, 256)), ("operator", hex32, OPTIONAL)]
OPERATION = [
    ("monotonic_us", integer()),
    ("time_unix_us", integer()),
    ("what", _name),
    ("detail", text(1, 2048), OPTIONAL),
    ("lines", array(2, 64, text(0, 2048)), OPTIONAL),
]
HISTORY = [("type", type_is("cunzheng/history/v1")), ("url", _url), ("interval_s", integer(1))]


def _require(true, what):
    if not true:
        raise Bad("invalid_value", what)


def decode_completeness(data):
    report = jsonp.check(jsonp.decode(data, 64 << 20), COMPLETENESS)
    counts, gaps = report["counts"], report["gaps"]
    _require(counts["exchanges"] == sum(counts[part] for part in PARTS), "exchanges")
    _require(counts["responses"] <= counts["exchanges"], "responses")
    all_gaps = sum(counts[state] for state in GAPS)
    _require(len(gaps) == min(all_gaps, GAPS_MAX), "gaps")
    _require(all(a["number"] < b["number"] for a, b in zip(gaps, gaps[1:])), "order of gaps")
    if all_gaps <= GAPS_MAX:
        for state in GAPS:
            _require(counts[state] == sum(gap["state"] == state for gap in gaps), state)
    for key in ("limits_hit", "attachments_missing"):
        _require(report[key] == sorted(set(report[key]), key=str.encode), key)
    return report


def is_complete(report):
    gaps = any(report["counts"][state] for state in GAPS if state != "failed")
    return not (gaps or report["limits_hit"] or report["attachments_missing"])


def decode_cleanliness(data):
    report = jsonp.check(jsonp.decode(data, 8 << 20), CLEANLINESS)
    _require(report["began_unix_us"] <= report["ended_unix_us"], "ended_unix_us")
    _require([item["id"] for item in report["items"]] == ITEMS, "items")
    return report


def _lines(data, schema):
    if len(data) > LINES_BYTES_MAX:
        raise Bad("too_large", f"{len(data)} bytes")
    _require(data.endswith(b"\n"), "the last line's end")
    lines = data[:-1].split(b"\n")
    return jsonp.check(jsonp.decode(lines[0]), schema), lines


def decode_lines(data, head_schema, schema, count_max):
    """The first line, and at most `count_max` others of one schema."""
    head, lines = _lines(data, head_schema)
    _require(len(lines) - 1 <= count_max, "number of lines")
    return head, [jsonp.check(jsonp.decode(line), schema) for line in lines[1:]]


def decode_operations(data):
    head, steps = decode_lines(data, OPERATIONS, OPERATION, LINES_MAX)
    _require(all(a["monotonic_us"] <= b["monotonic_us"] for a, b in zip(steps, steps[1:])), "monotonic_us")
    _require(not any("detail" in step and "lines" in step for step in steps), "lines")
    return head, steps


def _file_name(v):
    text(1, 255)(v)
    formats.file_name(v)


def _look_schema(look, number, seen):
    state = look.get("state")
    schema = [
        ("number", integer(number, number)),
        ("previous", hex32),
        ("time_unix_us", integer()),
        ("state", one_of("failed", *(("changed", "unchanged") if seen else ("first",)))),
    ]
    if state in ("first", "changed"):
        schema += [("package", _file_name), ("wacz_sha256", hex32)]
    if state != "failed":
        schema += [("text_sha256", hex32), ("pixels", integer()), ("pixels_changed", integer())]
    if "difference" in look:
        schema += [("difference", _file_name), ("difference_sha256", hex32)]
    if state == "failed":
        schema.append(("reason", text(1, 1024)))
    return schema


def decode_history(data):
    head, lines = _lines(data, HISTORY)
    _require(len(lines) - 1 <= LINES_MAX, "number of looks")
    looks, seen = [], False
    for number, (before, line) in enumerate(zip(lines, lines[1:])):
        look = jsonp.decode(line)
        if not isinstance(look, dict):
            raise Bad("wrong_type", f"look {number}")
        jsonp.check(look, _look_schema(look, number, seen))
        if look["previous"] != crypto.sha256(before).hex():
            raise Bad("digest_mismatch", f"previous of look {number}")
        seen = seen or look["state"] != "failed"
        looks.append(look)
    return head, looks

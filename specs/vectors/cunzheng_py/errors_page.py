"""specs/errors.md and the list in crypto/result.h say the same: names, HTTP statuses, exit codes."""

import re

HEADER_ROW = re.compile(r'^\s*X\(k\w+, "(\w+)", (\d+), (\d+)\)', re.M)
PAGE_ROW = re.compile(r"^\| `(\w+)` \| (\d+) \| (\d+) \| (.+) \|$", re.M)


def check(specs):
    header = (specs.parent / "crypto" / "result.h").read_text(encoding="utf-8")
    page = (specs / "errors.md").read_text(encoding="utf-8")
    declared = {row[0]: row[1:] for row in HEADER_ROW.findall(header)}
    listed = {row[0]: row[1:3] for row in PAGE_ROW.findall(page)}
    bad = [] if declared else ["crypto/result.h: no error codes found"]
    for name in sorted(set(declared) | set(listed)):
        if declared.get(name) != listed.get(name):
            bad.append(f"errors.md: {name}: {listed.get(name)}, crypto/result.h has {declared.get(name)}")
    if list(declared) != list(listed):
        bad.append("errors.md: not in the header's order")
    return bad

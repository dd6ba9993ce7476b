#!/usr/bin/python3
"""Makes and checks the test vectors of the specifications (README.md beside this file)."""

import argparse
import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from cunzheng_py import cases_basic, cases_ledger, cases_receipt, examples, history, package, receipt  # noqa: E402


def make():
    """Path below specs/vectors -> text."""
    files = []
    for module in (cases_basic, cases_ledger, cases_receipt):
        files += module.files()
    texts = {f"{f.path}.json": f.text() for f in files}
    texts.update(cases_receipt.samples())
    return texts


def write():
    for path, text in make().items():
        (HERE / path).parent.mkdir(parents=True, exist_ok=True)
        (HERE / path).write_bytes(text.encode())
        print(path)


def check():
    texts, bad = make(), []
    for path, text in texts.items():
        stored = (HERE / path).read_bytes() if (HERE / path).exists() else None
        if stored != text.encode():
            bad.append(f"{path}: {'missing' if stored is None else 'differs'}")
    for path in sorted(HERE.rglob("*.json")):
        name = path.relative_to(HERE).as_posix()
        if name not in texts and not name.startswith("golden/"):
            bad.append(f"{name}: not made by the generator")
    for line in bad:
        print(line, file=sys.stderr)
    print(f"{len(texts)} files, {len(bad)} differ")
    return not bad


def read(path):
    return Path(path).read_bytes() if path else None


def tell(report):
    if report.detail:
        print(report.detail, file=sys.stderr)
    fields = ("verdict", "error", "t1_unix_s", "t2_unix_s")
    said = {name: getattr(report, name) for name in fields}
    if getattr(report, "recording", None):
        said["recording"] = report.recording
    print(json.dumps(said))
    return report.verdict == "valid"


def tell_history(report):
    if report.detail:
        print(report.detail, file=sys.stderr)
    fields = ("verdict", "error", "looks", "covered", "packages", "absent", "t2_unix_s")
    print(json.dumps({name: getattr(report, name) for name in fields}, ensure_ascii=False))
    return report.verdict == "valid"


def verify_package(args):
    data, trust = read(args.verify_package), read(args.trust)
    if args.verify_package.endswith(".disclosure.zip"):
        return tell(package.verify_disclosure(data, trust))
    return tell(package.verify_package(data, trust, read(args.receipt)))


def verify_history(args):
    path = Path(args.verify_history)

    def beside(name):
        found = path.parent / name
        return found.read_bytes() if found.is_file() else None

    receipt_text = read(args.receipt) or beside(path.name + history.RECEIPT_SUFFIX)
    return tell_history(history.verify(path.read_bytes(), read(args.trust), receipt_text, beside))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="re-make all vectors and compare byte for byte")
    parser.add_argument("--check-examples", action="store_true", help="compare the examples in specs/*.md")
    parser.add_argument("--write-examples", action="store_true", help="put the examples into specs/*.md")
    parser.add_argument("--verify-receipt", metavar="RECEIPT", help="print the verdict as one line of JSON")
    parser.add_argument("--evidence", metavar="FILE")
    parser.add_argument("--verify-package", metavar="PACKAGE", help="the same of NAME.evidence.zip or NAME.disclosure.zip")
    parser.add_argument("--verify-history", metavar="HISTORY", help="of NAME.history.jsonl and what stands beside it")
    parser.add_argument("--receipt", metavar="RECEIPT", help="the package's or history's, where it has another place")
    parser.add_argument("--trust", metavar="TRUST", help="the pinned trust file; none: trust not established")
    args = parser.parse_args()
    if args.verify_receipt:
        if not args.evidence:
            parser.error("--verify-receipt needs --evidence")
        return tell(receipt.verify(read(args.verify_receipt), read(args.evidence), read(args.trust)))
    if args.verify_package:
        return verify_package(args)
    if args.verify_history:
        return verify_history(args)
    if args.check:
        return check()
    if args.check_examples or args.write_examples:
        return examples.run(HERE.parent, write=args.write_examples)
    write()
    return True


if __name__ == "__main__":
    sys.exit(0 if main() else 1)

"""Change histories (specs/capture.md, "Change history"): the chain of looks, the packages that it names, its receipt."""

from dataclasses import dataclass, field

from . import crypto, formats, package, receipt, reports
from .jsonp import Bad

RECEIPT_SUFFIX = ".receipt.json"


@dataclass
class Report(receipt.Report):
    looks: int = 0
    covered: int = 0  # looks of which the receipt speaks; its header line is covered with them
    packages: list = field(default_factory=list)
    absent: list = field(default_factory=list)  # file names


def verify(data, trust_text, receipt_text, beside):
    """`receipt_text` None: there is none. `beside(name)`: the bytes of a file in the history's folder, or None."""
    report = Report("pending", "not_found")
    try:
        _verify(report, data, trust_text, receipt_text, beside)
    except Bad as bad:
        report.verdict, report.error, report.detail = "not_valid", bad.code, str(bad)
    return report


def _verify(report, data, trust_text, receipt_text, beside):
    # 1
    _, looks = reports.decode_history(data)
    report.looks = len(looks)
    # 2
    there = []
    for look in looks:
        for name in (look.get("package"), look.get("difference")):
            if name and beside(name) is None and name not in report.absent:
                report.absent.append(name)
        if "package" in look and (found := beside(look["package"])) is not None:
            there.append((look, found, _check_package(found, look)))
        if "difference" in look and (picture := beside(look["difference"])) is not None:
            if crypto.sha256(picture).hex() != look["difference_sha256"]:
                raise Bad("digest_mismatch", look["difference"])
    # 3
    failed = None
    for look, found, holds_receipt in there:
        outside = None if holds_receipt else beside(look["package"] + RECEIPT_SUFFIX)
        verified = package.verify_package(found, trust_text, outside)
        row = {"verdict": verified.verdict, "t2_unix_s": verified.t2_unix_s}
        report.packages.append({"look": look["number"], "package": look["package"], **row})
        if verified.verdict == "not_valid" and failed is None:
            failed = Bad(verified.error, f"{look['package']}: {verified.detail}")
    if failed is not None:
        raise failed
    # 4
    if receipt_text is not None:
        _check_receipt(report, data, trust_text, receipt_text)


def _check_package(found, look):
    """Step 2, of one package; whether it holds its receipt."""
    members = dict(package.read_zip(found))
    if "capture.wacz" not in members:
        raise Bad("missing_field", look["package"])
    if crypto.sha256(members["capture.wacz"]).hex() != look["wacz_sha256"]:
        raise Bad("digest_mismatch", look["package"])
    operations = dict(package.read_zip(members["capture.wacz"])).get("evidence/operations.jsonl")
    steps = reports.decode_operations(operations)[1] if operations is not None else []
    named = [step.get("detail") for step in steps if step["what"] == "history"]
    if named != ([look["previous"]] if look["number"] > 0 else []):
        raise Bad("digest_mismatch", f"{look['package']}: its operation log has another line of the history, or none")
    return "receipt.json" in members


def _check_receipt(report, data, trust_text, receipt_text):
    """Step 4: the receipt speaks of as many bytes as its record says."""
    length = formats.decode_record(receipt.decode_receipt(receipt_text)["record"])["length"]
    covered = data[:length]
    verified = receipt.verify(receipt_text, covered, trust_text)
    report.verdict, report.error, report.detail = verified.verdict, verified.error, verified.detail
    if verified.verdict == "not_valid":
        return
    if not covered.endswith(b"\n"):
        raise Bad("invalid_value", f"the receipt's {length} bytes do not end with a line")
    report.t1_unix_s, report.t2_unix_s = verified.t1_unix_s, verified.t2_unix_s
    report.covered = covered.count(b"\n") - 1

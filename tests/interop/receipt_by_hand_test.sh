#!/usr/bin/env bash
# Runs the shell lines of specs/receipt.md, "By hand", exactly as printed: they must accept RECEIPT and
# refuse every alteration of it and of the evidence.
# usage: receipt_by_hand_test.sh RECEIPT EVIDENCE TRUST
set -euo pipefail
page=$(dirname "$0")/../../specs/receipt.md
[ $# = 3 ] || { echo "usage: $0 RECEIPT EVIDENCE TRUST" >&2; exit 2; }
receipt=$1 evidence=$2 trust=$3
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

awk '/^## /{on = $0 == "## By hand"} on && /^```sh$/{copy = 1; next} /^```$/{copy = 0} copy' "$page" > "$dir/lines"
[ "$(wc -l < "$dir/lines")" -gt 50 ] || { echo "no lines found in $page" >&2; exit 1; }

check() { # RECEIPT EVIDENCE TRUST
  RECEIPT=$1 EVIDENCE=$2 TRUST=$3 bash "$dir/lines" > "$dir/out" 2>&1
}
refused=0
must_fail() { # what, RECEIPT EVIDENCE TRUST
  if check "$2" "$3" "$4"; then
    echo "FAILED: accepted although $1" >&2
    exit 1
  fi
  refused=$((refused + 1))
}

check "$receipt" "$evidence" "$trust" || { cat "$dir/out"; echo "FAILED: refused $receipt" >&2; exit 1; }
grep -q '^T2: ' "$dir/out" && tail -n 1 "$dir/out" | grep -q '^valid' || { cat "$dir/out"; exit 1; }
cat "$dir/out"

{ cat "$evidence"; printf x; } > "$dir/evidence"
must_fail "a byte was added to the evidence" "$receipt" "$dir/evidence" "$trust"
{ printf '\377'; tail -c +2 "$evidence"; } > "$dir/evidence"
must_fail "the evidence's first byte was changed" "$receipt" "$dir/evidence" "$trust"

# Every value of the receipt but the checkpoint, one at a time: another number, another last character.
jq -c 'paths(scalars) | select(.[-1] != "checkpoint")' "$receipt" > "$dir/paths"
while read -r path; do
  jq --argjson path "$path" 'setpath($path; getpath($path)
    | if type == "number" then . + 1 else .[:-1] + (if endswith("0") then "1" else "0" end) end)' \
    "$receipt" > "$dir/receipt"
  must_fail "the receipt's $path was changed" "$dir/receipt" "$evidence" "$trust"
done < "$dir/paths"

# Inside the hashed strings: every value of record, entry, header and manifest, re-encoded canonically.
alter() { # the jq path of a string that holds JSON
  jq -c "$1 | fromjson | paths(scalars)" "$receipt" > "$dir/paths"
  while read -r path; do
    jq --argjson path "$path" "$1 |= (fromjson | setpath(\$path; getpath(\$path)
      | if type == \"number\" then . + 1 else .[:-1] + (if endswith(\"0\") then \"1\" else \"0\" end) end)
      | tojson)" "$receipt" > "$dir/receipt"
    must_fail "$1 $path was changed" "$dir/receipt" "$evidence" "$trust"
  done < "$dir/paths"
}
alter .record
alter .entry
if jq -e 'has("manifest")' "$receipt" > "$dir/out"; then alter .manifest; fi

# The checkpoint: each of its three lines, and each signature.
lines=$(jq '.attestations[0].checkpoint | split("\n") | length - 1' "$receipt")
for ((i = 0; i < lines; i++)); do
  [ "$i" != 3 ] || continue
  jq --argjson i "$i" '.attestations[0].checkpoint |= (split("\n")
    | .[$i] |= .[:-6] + (if .[-6:-5] == "A" then "B" else "A" end) + .[-5:] | join("\n"))' "$receipt" > "$dir/receipt"
  must_fail "line $((i + 1)) of the checkpoint was changed" "$dir/receipt" "$evidence" "$trust"
done

jq '.k = 0' "$trust" > "$dir/trust"
must_fail "the trust file asks for no quorum" "$receipt" "$evidence" "$dir/trust"
jq '.ledger = "00" + .ledger[2:]' "$trust" > "$dir/trust"
must_fail "the trust file is another ledger's" "$receipt" "$evidence" "$dir/trust"
echo "accepted the receipt, refused $refused alterations"

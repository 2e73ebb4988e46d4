#!/usr/bin/env bash
# An outside customer, with a key and no unit, concludes a contract with a real unit and calls it, as
# docs/guides/outside-customer.md says.
#
# usage: tests/outside/test.sh BINARY; needs .venv with the package cryptography
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
binary=$(realpath "$1")
python=$root/.venv/bin/python
client=$root/docs/guides/outside_customer.py
unit=
customer=
work=$(mktemp -d)
unset CRATON_UNIT CRATON_TOKEN

clean_up() {
    for process in $customer $unit; do kill -KILL "$process" 2> /dev/null || true; done
    wait
    rm -rf "$work"
}
trap clean_up EXIT
cd "$work"

fail() {
    echo "error: $*" >&2
    for log in unit.log customer.log; do [ ! -f "$log" ] || sed "s/^/$log: /" "$log" >&2; done
    exit 1
}

# Repeats a question until it is answered with yes, for a minute at most.
wait_for() {
    local deadline=$((SECONDS + 60))
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || fail "never came true: $*"
        kill -0 "$unit" 2> /dev/null || fail "the unit has ended"
        sleep 0.1
    done
}

payment() { "$binary" --unit payment "$@"; }

is_up() { payment ps > /dev/null 2>&1; }

is_later_than() { [ "$1" -lt "$(date +%s)" ]; }

is_asked() {
    kill -0 "$customer" 2> /dev/null || fail "the customer has ended"
    [ "$(payment sql "SELECT count(*) AS orders FROM authorisations WHERE order_id = 'mine-1'" -o csv | tail -n 1 | tr -d "\r")" = 1 ]
}

# The public half of a key in a file.
public_half() {
    "$python" -c "import sys
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey as Key
print(Key.from_private_bytes(bytes.fromhex(open(sys.argv[1]).read().strip())).public_key().public_bytes_raw().hex())" "$1"
}

# 1. The payment unit of the example, on ports that are free.
read -r port port_peers port_postgres < <("$python" -c "import socket
sockets = [socket.create_server(('127.0.0.1', 0)) for _ in range(3)]
print(*[each.getsockname()[1] for each in sockets])")
url=http://127.0.0.1:$port
"$binary" init payment --bare --listen "127.0.0.1:$port" --listen-peers "127.0.0.1:$port_peers" \
    --listen-postgres "127.0.0.1:$port_postgres" > /dev/null
"$binary" up payment > unit.log 2>&1 &
unit=$!
wait_for is_up
started=$(date +%s)
payment apply -f "$root/examples/commerce/payment" > /dev/null

# 2. The operator gets to know the customer by the public half of its key. Whoever has another key stays a stranger.
for name in customer stranger; do "$python" -c "import secrets; print(secrets.token_hex(32))" > $name.key; done
payment peer add customer --public-key "$(public_half customer.key)" > /dev/null
# A unit refuses what was signed in the second of its start, because it could be a repetition.
wait_for is_later_than "$started"
input='{"order_id": "mine-1", "placed_at": "2018-01-01T00:00:00Z", "payments": [{"method": "card", "instalments": 1, "value": 129.9}]}'
if "$python" "$client" "$url" stranger.key stranger-1 "$input" > /dev/null 2> stranger.log; then
    fail "a stranger was answered"
fi
grep -q "HTTP Error 401" stranger.log || fail "the stranger was not refused as one: $(tail -n 1 stranger.log)"

# 3. The customer concludes a contract and calls; the bank approves; the call is answered.
"$python" "$client" "$url" customer.key customer-1 "$input" > answer.json 2> customer.log &
customer=$!
wait_for is_asked
approved_at=$(date -u +%Y-%m-%dT%H:%M:%SZ)
payment stream append approvals --row "{\"order_id\": \"mine-1\", \"approved_at\": \"$approved_at\"}" > /dev/null
wait_for eval '! kill -0 "$customer" 2> /dev/null'
wait "$customer" || fail "the customer was not answered"
customer=

# 4. The answer, and the books of the unit.
payment ledger --contract customer-1 -o json > ledger.json
payment sql "SELECT call, capability, side, state FROM system.calls WHERE contract = 'customer-1'" -o csv > calls.csv
"$python" - "$approved_at" <<'PYTHON' || fail "the answer or the ledger is wrong: $(cat answer.json ledger.json calls.csv)"
import json, sys
from datetime import datetime
from decimal import Decimal

def time(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))

answer = json.load(open("answer.json"), parse_float=Decimal)
assert (answer["kind"], answer["contract"], answer["call"]) == ("answer", "customer-1", "1"), answer
output = answer["output"]
assert sorted(output) == ["approved_at", "risk", "value"], output
assert time(output["approved_at"]) == time(sys.argv[1]), output
assert (Decimal(str(output["value"])), output["risk"]) == (Decimal("129.9"), "low"), output

(row,) = json.load(open("ledger.json"))["items"]
expected = {"peer": "customer", "capability": "authorise", "side": "provider", "calls": 1, "answered": 1, "open": 0}
assert {name: row[name] for name in expected} == expected, row
# 0.30 for accepting it, and 1.5 % of 129.90 for the answer.
assert (Decimal(row["owed"]), row["currency"]) == (Decimal("2.25"), "BRL"), row
assert open("calls.csv").read().split() == ["call,capability,side,state", "1,authorise,provider,answered"]
PYTHON

# 5. The unit drains, and its store is sound.
kill -TERM "$unit"
wait "$unit" || fail "the unit did not stop in order"
unit=
[ "$("$binary" verify payment)" = "the store is sound" ] || fail "the store is not sound"
echo "an outside customer was answered and billed"

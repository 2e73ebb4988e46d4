#!/usr/bin/env bash
# The clients of PostgreSQL read a real unit and find what HTTP finds. What is not installed is left out and named.
#
# usage: tests/doors/postgres/run.sh BINARY
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
binary=$(realpath "$1")
venv=$("$root/tests/doors/venv.sh")
unit=
work=$(mktemp -d)
unset CRATON_UNIT CRATON_TOKEN

clean_up() {
    [ -z "$unit" ] || kill -KILL "$unit" 2> /dev/null || true
    wait
    rm -rf "$work"
}
trap clean_up EXIT

fail() {
    echo "error: $*" >&2
    [ ! -f "$work/unit.log" ] || sed "s/^/unit.log: /" "$work/unit.log" >&2
    exit 1
}

cd "$work"

shop() { "$binary" --unit shop "$@"; }

# 1. A unit with some rows, on ports that are free.
read -r port port_peers port_postgres < <("$venv/bin/python" -c "import socket
sockets = [socket.create_server(('127.0.0.1', 0)) for _ in range(3)]
print(*[each.getsockname()[1] for each in sockets])")
"$binary" init shop --bare --listen "127.0.0.1:$port" --listen-peers "127.0.0.1:$port_peers" \
    --listen-postgres "127.0.0.1:$port_postgres" > /dev/null
"$binary" up shop > unit.log 2>&1 &
unit=$!
deadline=$((SECONDS + 60))
until shop ps > /dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || fail "the unit never came up"
    kill -0 "$unit" 2> /dev/null || fail "the unit has ended"
    sleep 0.1
done
grep -q "postgres://127.0.0.1:$port_postgres" unit.log || fail "the unit does not say where it listens"
shop apply -f "$here/shop" > /dev/null
"$venv/bin/python" - > sales.ndjson <<'PYTHON'
import json
for n in range(2000):
    row = {"id": f"s{n}", "n": n, "price": round(n + n % 100 / 100, 2), "weight": n / 8, "paid": n % 3 == 0,
           "at": f"2024-02-{n % 28 + 1:02}T10:00:00.123456Z", "notes": {"n": [n, None]}}
    if n % 10 == 9:
        row = {"id": row["id"]}
    print(json.dumps(row))
PYTHON
shop stream append sales --file sales.ndjson > /dev/null

# 2. The clients, as a user with a token of his own.
shop token create owner --summary "clients of PostgreSQL" -o json > token.json
token=$("$venv/bin/python" -c "import json; print(json.load(open('token.json'))['token'])")
"$venv/bin/python" "$here/check.py" "http://127.0.0.1:$port" "127.0.0.1:$port_postgres" owner "$token" \
    || fail "a client found something else"

# 3. A token that is revoked opens nothing any more; the unit drains with a client that is connected.
shop token revoke "$("$venv/bin/python" -c "import json; print(json.load(open('token.json'))['id'])")" > /dev/null
if "$venv/bin/python" -c "import sys, psycopg
psycopg.connect(host='127.0.0.1', port=sys.argv[1], user='owner', password=sys.argv[2], dbname='craton')" \
    "$port_postgres" "$token" 2> refused.log; then
    fail "a revoked token opens the door"
fi
grep -q "password authentication failed" refused.log || fail "refused in another way: $(cat refused.log)"
"$venv/bin/python" - "$port_postgres" "$(cat shop/owner.token)" "$unit" <<'PYTHON' || fail "it did not drain"
import os, signal, sys, psycopg
port, token, unit = sys.argv[1:]
with psycopg.connect(host="127.0.0.1", port=port, user="owner", password=token, dbname="craton", autocommit=True) as one:
    assert one.execute("SELECT 1").fetchone() == (1,)
    os.kill(int(unit), signal.SIGTERM)
    try:
        while True:
            one.execute("SELECT 1")
    except psycopg.OperationalError:
        pass
PYTHON
wait "$unit" || fail "the unit did not stop in order"
unit=
"$binary" verify shop > /dev/null || fail "the store is not sound"
echo "the clients of PostgreSQL find what HTTP finds"

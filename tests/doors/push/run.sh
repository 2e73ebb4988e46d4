#!/usr/bin/env bash
# A real unit tells browsers of tasks through a push service of its own, with TLS. What it sends is read with http-ece and cryptography
# (PyPI), as a browser reads it: each task once, also over a kill of the unit; a browser that is gone is forgotten, a service that
# fails is tried again, one that never answers holds up nobody.
#
# usage: tests/doors/push/run.sh BINARY
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
binary=$(realpath "$1")
venv=$("$root/tests/doors/venv.sh")
unit= service=
work=$(mktemp -d)
unset CRATON_UNIT CRATON_TOKEN
export NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost

clean_up() {
    for pid in $unit $service; do kill -KILL "$pid" 2> /dev/null || true; done
    wait
    rm -rf "$work"
}
trap clean_up EXIT

fail() {
    echo "error: $*" >&2
    for file in unit.log service.log; do
        [ ! -f "$work/$file" ] || tail -50 "$work/$file" | sed "s/^/$file: /" >&2
    done
    exit 1
}

cd "$work"

# 1. A push service, and a unit that believes its certificate.
read -r port port_peers port_postgres port_push port_slow < <("$venv/bin/python" -c "import socket
sockets = [socket.create_server(('127.0.0.1', 0)) for _ in range(5)]
print(*[each.getsockname()[1] for each in sockets])")
url=http://127.0.0.1:$port
"$venv/bin/python" "$here/check.py" certificates
echo '{}' > answers.json
"$venv/bin/python" "$here/service.py" "$port_push" "$port_slow" > service.log 2>&1 &
service=$!
"$binary" init shop --bare --listen "127.0.0.1:$port" --listen-peers "127.0.0.1:$port_peers" \
    --listen-postgres "127.0.0.1:$port_postgres" > /dev/null
cat >> shop/unit.toml <<TOML

[desk]
push_hosts_private = ["127.0.0.1"]
push_answer_ms_max = 2000
push_contact = "mailto:it@shop.example"
TOML
token=$(cat shop/owner.token)

up() {
    SSL_CERT_FILE=$work/authority.pem "$binary" up shop >> unit.log 2>&1 &
    unit=$!
    local deadline=$((SECONDS + 60))
    until curl --silent --fail "$url/health/ready" > /dev/null; do
        [ "$SECONDS" -lt "$deadline" ] || fail "the unit never got ready"
        kill -0 "$unit" 2> /dev/null || fail "the unit has ended"
        sleep 0.1
    done
}

check() {
    "$venv/bin/python" "$here/check.py" "$1" "$url" "$port_push" "$port_slow" "$token" || fail "step $1"
}

up
cp -r "$here/shop" app
"$binary" --unit shop apply -f app > /dev/null
check first

# 2. The unit is killed while news wait that nobody has taken, and a message is under way that nobody answers.
check cut
kill -KILL "$unit"
wait "$unit" || true

# 3. It goes on where it was.
up
check second

# 4. Ana leaves.
rm app/ana.yaml
"$binary" --unit shop apply -f app > /dev/null
check third

# 5. It stops in order, and its store is sound.
began=$SECONDS
kill -TERM "$unit"
wait "$unit" || fail "the unit did not stop in order"
unit=
[ $((SECONDS - began)) -lt 15 ] || fail "the unit waited for a push service"
"$binary" verify shop > /dev/null || fail "the store is not sound"
echo "browsers are told of tasks, each once"

#!/usr/bin/env bash
# Looks into a real unit with what others use for that: the parser of prometheus-client (PyPI) reads `/metrics`, and a collector that
# checks every request against opentelemetry-proto (PyPI) takes the spans. Health, traces, log, service levels and the support bundle
# are asked for as people would.
#
# usage: tests/doors/sight/run.sh BINARY
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
binary=$(realpath "$1")
venv=$("$root/tests/doors/venv.sh")
unit= collector=
work=$(mktemp -d)
unset CRATON_UNIT CRATON_TOKEN

clean_up() {
    for pid in $unit $collector; do kill -KILL "$pid" 2> /dev/null || true; done
    wait
    rm -rf "$work"
}
trap clean_up EXIT

fail() {
    echo "error: $*" >&2
    for file in unit.log collector.log; do
        [ ! -f "$work/$file" ] || sed "s/^/$file: /" "$work/$file" >&2
    done
    exit 1
}

cd "$work"
shop() { "$binary" --unit shop "$@"; }

"$venv/bin/python" "$here/check.py" self-test

# 1. A collector, and a unit that traces everything and logs JSON into a file.
read -r port port_peers port_postgres port_collector < <("$venv/bin/python" -c "import socket
sockets = [socket.create_server(('127.0.0.1', 0)) for _ in range(4)]
print(*[each.getsockname()[1] for each in sockets])")
url=http://127.0.0.1:$port
"$binary" init shop --bare --listen "127.0.0.1:$port" --listen-peers "127.0.0.1:$port_peers" \
    --listen-postgres "127.0.0.1:$port_postgres" > /dev/null
cat >> shop/unit.toml <<TOML
log_format = "json"
log_file = "unit.log"
trace_endpoint = "http://127.0.0.1:$port_collector/v1/traces"
trace_interval_ms = 100

[kernel]
trace_ratio = 1.0
TOML
token=$(cat shop/owner.token)
"$venv/bin/python" "$here/check.py" collect "$port_collector" spans.ndjson > collector.log 2>&1 &
collector=$!
"$binary" up shop > unit.log 2>&1 &
unit=$!
deadline=$((SECONDS + 60))
until curl --silent --fail "$url/health/ready" > ready.json; do
    [ "$SECONDS" -lt "$deadline" ] || fail "the unit never got ready"
    kill -0 "$unit" 2> /dev/null || fail "the unit has ended"
    sleep 0.1
done
[ "$(cat ready.json)" = '{"status":"ready"}' ] || fail "ready says $(cat ready.json)"
[ "$(curl --silent --fail "$url/health/live")" = '{"status":"live"}' ] || fail "it does not live"

# 2. Some work: rows, a process that they start, a query, a refusal.
shop apply -f "$here/shop" > /dev/null
curl --silent --fail -X POST "$url/v1/streams/orders/append" -H "authorization: Bearer $token" \
    -H 'content-type: application/x-ndjson' -H 'traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' \
    -H 'tracestate: rojo=00f067aa0ba902b7' --dump-header head.txt \
    --data-binary '{"id": "o-1", "value": 3}' > /dev/null || fail "rows are not taken"
grep -qi '^traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]\{16\}-01' head.txt || fail "the trace is not told: $(cat head.txt)"
grep -qi '^tracestate: rojo=00f067aa0ba902b7' head.txt || fail "tracestate is lost: $(cat head.txt)"
shop sql "SELECT count(*) FROM orders" > /dev/null
shop stream read missing > /dev/null 2>&1 && fail "a stream that is not there is read"

# 3. The metrics are for who may see them, and read as Prometheus reads them.
[ "$(curl --silent --output /dev/null --write-out '%{http_code}' "$url/metrics")" = 401 ] || fail "anybody may see the metrics"
curl --silent --fail -H "authorization: Bearer $token" "$url/metrics" > metrics.txt || fail "no metrics"
"$venv/bin/python" "$here/check.py" metrics metrics.txt || fail "the metrics are wrong: $(cat metrics.txt)"

# 4. The trace is a tree in the terminal, and the collector has it too.
deadline=$((SECONDS + 30))
for name in 'POST /v1/streams/{name}/append' 'stream.append' 'commit' 'process greet' 'element said'; do
    until shop trace 4bf92f3577b34da6a3ce929d0e0e4736 > tree.txt && grep -q "$name" tree.txt; do
        [ "$SECONDS" -lt "$deadline" ] || fail "the tree has no \`$name\`: $(cat tree.txt)"
        sleep 0.1
    done
done
deadline=$((SECONDS + 30))
until "$venv/bin/python" "$here/check.py" spans spans.ndjson 4bf92f3577b34da6a3ce929d0e0e4736 > spans.txt 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || fail "the collector lacks spans: $(cat spans.txt)"
    kill -0 "$collector" 2> /dev/null || fail "the collector refused something"
    sleep 0.2
done

# 5. Service levels count what was asked.
deadline=$((SECONDS + 30))
until shop sql -o csv "SELECT name, good, total FROM system.service_levels WHERE name = 'appending'" | grep -q '^appending,[1-9]'; do
    [ "$SECONDS" -lt "$deadline" ] || fail "nothing is measured: $(shop sql 'SELECT * FROM system.service_levels')"
    sleep 0.5
done

# 6. The bundle has everything but secrets, and the log is JSON.
shop support bundle.tar.gz > listed.txt || fail "there is no bundle"
"$venv/bin/python" "$here/check.py" bundle bundle.tar.gz "$token" || fail "the bundle is wrong"
"$venv/bin/python" "$here/check.py" log shop/unit.log || fail "the log is wrong: $(cat shop/unit.log)"

# 7. It stops, although a collector that has gone takes nothing any more.
kill -KILL "$collector"; wait "$collector" 2> /dev/null || true; collector=
kill -TERM "$unit"
wait "$unit" || fail "it does not stop in peace"
unit=
echo "sight: sound"

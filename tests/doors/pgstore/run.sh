#!/usr/bin/env bash
# The example business with its stores in a PostgreSQL server of its own: the answers are those of the oracle, also when units are
# killed meanwhile, and the stores are sound. What needs a server is left out where none is installed.
#
# usage: tests/doors/pgstore/run.sh BINARY [FOLDER OF OLIST]
#
# The take-over of one node by another is `cargo test -p craton --test nodes`, the store itself `cargo test -p store`.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
binary=$(realpath "$1")
olist=${2:-}
work=$(mktemp -d)
unset CRATON_UNIT CRATON_TOKEN
server=
life=

clean_up() {
    [ -z "$life" ] || exec {life}>&-
    [ -z "$server" ] || wait "$server" || true
    rm -rf "$work"
}
trap clean_up EXIT

# 1. A server that ends with this script.
python=$root/.venv/bin/python
[ -x "$python" ] || { echo "error: make the oracle's environment first: ./x test" >&2; exit 1; }
port=$("$python" -c "import socket; print(socket.create_server(('127.0.0.1', 0)).getsockname()[1])")
mkfifo "$work/life"
"$here/server.sh" "$port" < "$work/life" > "$work/said" &
server=$!
exec {life}> "$work/life"
deadline=$((SECONDS + 60))
until [ -s "$work/said" ]; do
    [ "$SECONDS" -lt "$deadline" ] || { echo "error: the server never came up" >&2; exit 1; }
    kill -0 "$server" 2> /dev/null || { echo "error: the server has ended" >&2; exit 1; }
    sleep 0.1
done
if grep -q absent "$work/said"; then
    echo "no PostgreSQL server is installed: stores in it are left out"
    exit 0
fi
store=postgres://craton@127.0.0.1:$port/postgres

# 2. A generated market, while units are killed.
"$binary" replay commerce --orders 400 --seed 5 --kills 4 --store "$store" --dir "$work/units" --write "$work/market" \
    --report "$work/report.json" -o json > "$work/log"
"$python" "$root/tests/oracle/expected.py" "$work/market" > "$work/expected.json"
"$python" "$root/tests/oracle/compare.py" "$work/expected.json" "$work/report.json"
for unit in retail payment logistics; do
    "$binary" verify "$work/units/$unit"
    [ ! -e "$work/units/$unit/store.db" ] || { echo "error: $unit has a file as its store" >&2; exit 1; }
done

# 3. Real data, where it is there.
if [ -n "$olist" ]; then
    "$binary" replay commerce --source olist --data "$olist" --store "$store" --report "$work/olist.json" -o json > "$work/log"
    "$python" "$root/tests/oracle/expected.py" "$olist" > "$work/olist-expected.json"
    "$python" "$root/tests/oracle/compare.py" "$work/olist-expected.json" "$work/olist.json"
fi
echo "stores in PostgreSQL give the same answers"

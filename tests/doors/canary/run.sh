#!/usr/bin/env bash
# Every secret that a unit has to do with, searched in everything that it writes and answers: files, backups, bundle, spans, logs, doors.
#
# usage: tests/doors/canary/run.sh BINARY
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
binary=$(realpath "$1")
venv=$("$here/../venv.sh")
work=$(mktemp -d)
server=
life=

clean_up() {
    [ -z "$life" ] || exec {life}>&-
    [ -z "$server" ] || wait "$server" || true
    rm -rf "$work"
}
trap clean_up EXIT
unset CRATON_UNIT CRATON_TOKEN CRATON_CERTIFICATE
export XDG_CONFIG_HOME=$work/config NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost

# A PostgreSQL server that ends with this script, where one is installed.
mkdir "$work/unit"
port=$("$venv/bin/python" -c "import socket; print(socket.create_server(('127.0.0.1', 0)).getsockname()[1])")
mkfifo "$work/life"
"$here/../pgstore/server.sh" "$port" < "$work/life" > "$work/said" &
server=$!
exec {life}> "$work/life"
deadline=$((SECONDS + 60))
until [ -s "$work/said" ]; do
    [ "$SECONDS" -lt "$deadline" ] || { echo "error: the server never came up" >&2; exit 1; }
    sleep 0.1
done
if grep -q absent "$work/said"; then
    echo "no PostgreSQL server is installed: secrets of a store in one are left out"
    port=
fi
"$venv/bin/python" "$here/check.py" "$binary" "$work/unit" $port

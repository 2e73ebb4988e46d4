#!/usr/bin/env bash
# Sends random statements of sqlsmith (Debian: sqlsmith) through the PostgreSQL door of a real unit, as somebody who sees a
# part of its rows. Afterwards the unit is alive, kept its memory, gives him his rows and no others, and nothing that was sent
# to him held a mark that stands in hidden rows and masked columns only.
# usage: tests/doors/sqlsmith/run.sh BINARY [STATEMENTS] [SEED]
# 500 statements where no number is given; `./x soak` sends 10,000. What was sent and answered stays in the folder it names.
# sqlsmith learns tables and types from the catalogue of its target. Where CRATON_SQLSMITH_SCHEMA is the connection string of a
# PostgreSQL server that may be written to, it learns them there, and psql sends what it made up to the unit.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
binary=$(realpath "$1")
statements=${2:-500} seed=${3:-1}
megabytes_max=${CRATON_MEGABYTES_MAX:-1536}
schema=${CRATON_SQLSMITH_SCHEMA:-}

need() {
    command -v "$1" > /dev/null || { echo "error: $1 is needed ($2)" >&2; exit 3; }
}
need sqlsmith "apt-get install sqlsmith"
need python3 "apt-get install python3"
need psql "apt-get install postgresql-client"

python3 "$here/watch.py" --self-test

work=$(mktemp -d)
folder=$work/unit
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2> /dev/null || true; done
    wait 2> /dev/null || true
}
trap finish EXIT

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
door=$(free_port) proxy=$(free_port)

"$binary" init "$folder" --bare --listen-postgres "127.0.0.1:$door" > /dev/null
"$binary" up "$folder" > "$work/unit.log" 2>&1 &
unit=$!
pids+=("$unit")
url=http://$(sed -n 's/^listen = "\(.*\)"/\1/p' "$folder/unit.toml")
for _ in $(seq 100); do
    curl --silent --fail "$url/health/ready" > /dev/null && break
    sleep 0.1
done

token=$(python3 "$here/unit.py" fill "$url" "$(cat "$folder/owner.token")")
python3 "$here/watch.py" "$proxy" "$door" "$work" &
watch=$!
pids+=("$watch")
for _ in $(seq 100); do
    [ -e "$work/listening" ] && break
    sleep 0.1
done

target="host=127.0.0.1 port=$proxy dbname=craton user=smith password=$token sslmode=disable gssencmode=disable"
# The control: the door answers, and the one who is looked after sees the rows that are his.
rows=$(psql "$target" --no-psqlrc --tuples-only --no-align --command 'SELECT count(*) FROM sales')
[ "$rows" = 20 ] || { echo "error: smith sees $rows rows in place of 20" >&2; exit 1; }

began=$SECONDS
if [ -n "$schema" ]; then
    psql "$schema" --no-psqlrc --quiet --file "$here/schema.sql"
    sqlsmith --target="$schema" --exclude-catalog --dry-run --max-queries="$statements" --seed="$seed" \
        > "$work/statements.sql" 2> "$work/sqlsmith.log"
    # A statement that is refused is what most of them are for.
    psql "$target" --no-psqlrc --quiet --file "$work/statements.sql" > /dev/null 2> "$work/psql.log" || true
else
    sqlsmith --target="$target" --exclude-catalog --dump-all-queries --max-queries="$statements" --seed="$seed" \
        > "$work/statements.sql" 2> "$work/sqlsmith.log" || {
        echo "error: sqlsmith ended with $?; the end of what it said:" >&2
        tail -n 20 "$work/sqlsmith.log" >&2
        exit 1
    }
fi
took=$((SECONDS - began))

kill -0 "$unit" || { echo "error: the unit is gone; see $work/unit.log" >&2; exit 1; }
megabytes=$(($(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$unit/status") / 1024))
[ "$megabytes" -le "$megabytes_max" ] || {
    echo "error: the unit took $megabytes MB; the limit is $megabytes_max" >&2
    exit 1
}
rows=$(psql "$target" --no-psqlrc --tuples-only --no-align --command 'SELECT count(*) FROM sales')
[ "$rows" = 20 ] || { echo "error: smith sees $rows rows in place of 20" >&2; exit 1; }
python3 "$here/unit.py" check "$url" "$(cat "$folder/owner.token")"
kill -TERM "$watch"
wait "$watch" || { echo "error: hidden rows were shown; see $work" >&2; exit 1; }
sent=$(sed -n 's/^statements \([0-9]*\)$/\1/p' "$work/watched")
[ "$statements" -le "$sent" ] || {
    echo "error: $sent statements reached the door in place of $statements; see $work/sqlsmith.log" >&2
    exit 1
}
echo "$sent statements in ${took} s, $(sed -n 's/^answered \([0-9]*\)$/\1/p' "$work/watched") answered; \
the unit took $megabytes MB at most; no mark was shown ($work)"

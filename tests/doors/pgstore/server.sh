#!/usr/bin/env bash
# Runs a PostgreSQL server of its own, in a folder among the temporary files, until standard input ends.
# Says `ready` once it takes connections, or `absent` where no server is installed.
#
# usage: server.sh PORT [CERTIFICATE KEY]
#
# Everybody on this machine may sign in as `craton` without a password, and `keyed` by TLS with a password only.
set -euo pipefail
port=$1

# Where distributions put what is not in the path; the newest comes last.
programs=$(dirname "$(command -v initdb || true)" 2> /dev/null)
for folder in /usr/pgsql-*/bin /usr/local/pgsql/bin /usr/lib/postgresql/*/bin; do
    if [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ]; then programs=$folder; fi
done
if [ ! -x "$programs/initdb" ] || [ ! -x "$programs/pg_ctl" ]; then
    echo absent
    exit 0
fi

# The server refuses to be run by root.
as=()
user=$(id -un)
if [ "$(id -u)" = 0 ]; then
    user=postgres
    id "$user" > /dev/null 2>&1 || user=nobody
    if command -v setpriv > /dev/null; then
        as=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --clear-groups)
    else
        as=(runuser -u "$user" --)
    fi
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/craton-pg-XXXXXX")
run() { (cd "$work" && HOME=$work "${as[@]}" "$@"); }

clean_up() {
    run "$programs/pg_ctl" -D "$work/data" -m immediate stop > /dev/null 2>&1 || true
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' INT TERM
chown "$user" "$work"

run "$programs/initdb" -D "$work/data" -U craton -A trust -E UTF8 --no-locale --no-sync > "$work/initdb.log" 2>&1 \
    || { cat "$work/initdb.log" >&2; exit 1; }
cat > "$work/data/pg_hba.conf" <<'RULES'
hostssl all keyed 127.0.0.1/32 scram-sha-256
host    all keyed all          reject
host    all all   127.0.0.1/32 trust
local   all all                trust
RULES
cat >> "$work/data/postgresql.conf" <<SETTINGS
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = '$work'
max_connections = 400
log_min_messages = fatal
SETTINGS
if [ $# -ge 3 ]; then
    cp "$2" "$work/data/server.crt"
    cp "$3" "$work/data/server.key"
    chown "$user" "$work/data/server.crt" "$work/data/server.key"
    chmod 600 "$work/data/server.key"
    echo "ssl = on" >> "$work/data/postgresql.conf"
fi
run "$programs/pg_ctl" -D "$work/data" -l "$work/server.log" -w start > "$work/start.log" 2>&1 \
    || { cat "$work/start.log" "$work/server.log" >&2; exit 1; }
echo ready
cat > /dev/null

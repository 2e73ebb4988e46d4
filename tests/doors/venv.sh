#!/bin/sh
# Makes the Python environment in which clients that we did not write try the doors.
set -eu
cd "$(dirname "$0")/../.."
VENV=target/venv-doors
WANTED="duckdb==1.5.5 duckdb-extension-delta==1.5.5 duckdb-extension-postgres-scanner==1.5.5 deltalake pyarrow pytz psycopg[binary] asyncpg sqlalchemy"
if [ "$(cat "$VENV/wanted" 2>/dev/null || true)" != "$WANTED" ]; then
    python3 -m venv "$VENV"
    # shellcheck disable=SC2086
    "$VENV/bin/pip" install --quiet --disable-pip-version-check $WANTED
    echo "$WANTED" > "$VENV/wanted"
fi

#!/usr/bin/env bash
# Every door gives the same: HTTP, the command line, psql, psycopg, asyncpg, SQLAlchemy, pgJDBC, DuckDB's ATTACH and delta_scan, and
# deltalake. A door whose client is not installed is left out and named.
#
# usage: tests/doors/same/run.sh BINARY [UNITS EXPECTED]
# UNITS holds the units into which a market was played, EXPECTED is what tests/oracle/expected.py says of it. The real data is asked
# where it lies beside the project, or where CRATON_SHARED says.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
binary=$(realpath "$1")
python=$("$root/tests/doors/venv.sh")/bin/python
shared=${CRATON_SHARED:-$root/../shared}
unset CRATON_UNIT CRATON_TOKEN

if [ $# -ge 3 ]; then "$python" "$here/check.py" olist "$binary" "$2" "$3"; fi
if [ -d "$shared/data/uci-online-retail" ]; then
    "$python" "$here/check.py" retail "$binary" "$shared/data"
else
    echo "no real data at $shared/data: its sums are left out"
fi

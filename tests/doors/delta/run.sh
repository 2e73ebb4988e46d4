#!/usr/bin/env bash
# Power cuts in the middle of seals, compactions and vacuums; afterwards deltalake and DuckDB read what SQL reads.
# usage: tests/doors/delta/run.sh [SEEDS] [CARGO OPTION...]; 25 seeds where no number is given, `./x soak` tries 1,000.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
seeds=${1:-25}
[ $# = 0 ] || shift
venv=$("$root/tests/doors/venv.sh")
dump=$root/target/tmp/delta
rm -rf "$dump"
cd "$root"
CRATON_SEEDS=$seeds CRATON_DUMP=$dump cargo test "$@" --workspace -p data --test power_cut nothing_acknowledged
"$venv/bin/python" tests/doors/delta/check.py "$dump"/*

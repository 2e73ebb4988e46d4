#!/bin/sh
# Power cuts in the middle of seals, compactions and vacuums; afterwards deltalake and DuckDB read what SQL reads.
# SEEDS says how many cuts are tried (25; the long form: 1000).
set -eu
cd "$(dirname "$0")/../../.."
SEEDS="${SEEDS:-25}"
DUMP="$PWD/target/tmp/delta"
PYTHON="$PWD/target/venv-doors/bin/python"
tests/doors/venv.sh
rm -rf "$DUMP"
CRATON_SEEDS="$SEEDS" CRATON_DUMP="$DUMP" cargo test ${PROFILE_FLAG:-} --workspace -p data --test power_cut nothing -- --nocapture
"$PYTHON" tests/doors/delta/check.py "$DUMP"/*

#!/usr/bin/env bash
# What must hold over time: backups that are refused at one changed byte, and a unit that is level and loses nothing under load and kills.
# The report of the soak with its time series is `target/endure.json`.
#
# usage: tests/doors/endure/run.sh BINARY SECONDS KILLS
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target=$(cd "$here/../../.." && pwd)/target
binary=$(realpath "$1")
unset CRATON_UNIT CRATON_TOKEN CRATON_CERTIFICATE
mkdir -p "$target/tmp"
python3 "$here/tamper.py" "$binary" --folder "$target/tmp/tamper"
python3 "$here/soak.py" "$binary" --seconds "$2" --kills "$3" --folder "$target/tmp/endure" --report "$target/endure.json"

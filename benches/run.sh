# The numbers of the README. Sourced by `./x bench`, whose arguments go to `floor.py` (`--full`: the long form, also of `things.py`); needs the real data beside the project (tests only, see its licence).
need
python_tools
cargo build --release --workspace --bin craton
strip -o target/craton-stripped target/release/craton
ls -l target/release/craton target/craton-stripped | awk '{printf "%s: %.1f MB\n", $9, $5 / 1e6}'
echo "--- a commit and what bounds it"
cargo run --release --quiet -p store --example commit_cost || true
echo "--- Olist, then Olist x 12, release build, full syncs"
for copies in 1 12; do replay target/release/craton "$copies"; done
echo "--- a unit with Olist loaded: until it is ready, and its memory after a minute"
.venv/bin/python benches/ready.py target/release/craton "$(shared)/data/olist"
python=$(benches/venv.sh)/bin/python
mkdir -p target/tmp
echo "--- one-task processes by each way in, beside others, in a full store and in PostgreSQL; decisions; revocations"
cargo build --release --quiet --workspace --examples
"$python" benches/floor.py target/release/craton --report target/floor.json "$@"
echo "--- TPC-H at scale 1: the official answers, and times beside DuckDB and DataFusion"
"$python" benches/tpch/run.py target/release/craton --fresh --report target/tpch.json \
    ${DATAFUSION_CLI:+--datafusion-cli "$DATAFUSION_CLI"}
echo "--- lookups by key in 10,000,000 rows"
"$python" benches/lookup.py target/release/craton --fresh --report target/lookup.json
echo "--- five minutes of appends over four connections: Arrow, Arrow with a derived table, NDJSON"
"$python" benches/ingest.py target/release/craton
"$python" benches/ingest.py target/release/craton --derived
"$python" benches/ingest.py target/release/craton --form ndjson
echo "--- things: messages in and out, connected and away, to a task, lists; beside mosquitto where it is installed"
things=()
for option in "$@"; do if [ "$option" = --full ]; then things=(--full); fi; done
"$python" benches/things.py target/release/craton --report target/things.json "${things[@]}"
echo "--- quiet users beside one that floods and one that joins"
"$python" benches/noisy.py target/release/craton --report target/noisy.json

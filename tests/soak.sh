# The long forms. Sourced by `./x soak`.
need
python_tools
export CRATON_SHARED; CRATON_SHARED=$(shared)
export CRATON_SEEDS=${CRATON_SEEDS:-1000}
cargo build --bin craton
echo "--- power cuts at $CRATON_SEEDS points"
cargo test -p store --test power_cut
echo "--- simulation of three units, $CRATON_SEEDS seeds"
cargo test -p craton --test simulation
echo "--- replay with kills: the same answers"
out=target/replay-kills
mkdir -p "$out"
target/debug/craton replay commerce --source olist --data "$CRATON_SHARED/data/olist" --kills 30 --report "$out/report.json"
.venv/bin/python tests/oracle/expected.py "$CRATON_SHARED/data/olist" > "$out/expected.json"
.venv/bin/python tests/oracle/compare.py "$out/expected.json" "$out/report.json"

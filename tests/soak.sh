# The long forms. Sourced by `./x soak`.
need
python_tools
export CRATON_SHARED; CRATON_SHARED=$(shared)
export CRATON_SEEDS=${CRATON_SEEDS:-1000}

# Kills the units 30 times while real data is played: the same answers, and stores that are sound.
kills_olist() {
    local binary=$1 out=target/replay-olist-kills
    rm -rf "$out"
    mkdir -p "$out"
    "$binary" replay commerce --source olist --data "$(shared)/data/olist" --kills 30 --dir "$out/units" \
        --report "$out/report.json" -o json > "$out/log"
    .venv/bin/python tests/oracle/expected.py "$(shared)/data/olist" > "$out/expected.json"
    .venv/bin/python tests/oracle/compare.py "$out/expected.json" "$out/report.json"
    for unit in retail payment logistics; do "$binary" verify "$out/units/$unit"; done
}

# Everything that the console promises, with real units, and 1,000,000 instances in one of them.
browser_full() {
    local binary=$PWD/$1
    (
        cd web
        npm test --silent
        node tests/story.mjs "$binary"
        node tests/offline.mjs "$binary"
        node tests/axe.mjs "$binary"
        node tests/roles.mjs "$binary"
        node tests/fast.mjs "$binary" 1000000
        # It is large and nothing else needs it, so that it is no dependency.
        if [ -d node_modules/lighthouse ] || npm install --no-save --ignore-scripts --no-audit --no-fund --loglevel=error lighthouse@12.8.2; then
            node tests/lighthouse.mjs "$binary"
        else
            echo "lighthouse could not be fetched: it is left out"
        fi
    )
}

web_if_possible
cargo build --release --workspace --bin craton
echo "--- power cuts at $CRATON_SEEDS points"
cargo test --release --workspace --test power_cut --test failures
echo "--- tables after power cuts, as deltalake and DuckDB read them: $CRATON_SEEDS seeds"
tests/doors/delta/run.sh "$CRATON_SEEDS" --release
echo "--- simulation of three units, $CRATON_SEEDS seeds"
cargo test --release --workspace --test simulation
echo "--- the units killed 30 times: the same answers"
kills target/release/craton 3000 30
if [ -d "$CRATON_SHARED/data/olist" ]; then
    kills_olist target/release/craton
    echo "--- the same in PostgreSQL"
    tests/doors/pgstore/run.sh target/release/craton "$CRATON_SHARED/data/olist"
fi
echo "--- each unit back to an old backup in mid-replay: ledgers end equal, nothing runs twice"
if [ -d "$CRATON_SHARED/data/olist" ]; then
    for unit in payment logistics retail; do
        setback target/release/craton "$unit" 3000 "$CRATON_SHARED/data/olist" --source olist --data "$CRATON_SHARED/data/olist"
    done
else
    echo "no real data at $CRATON_SHARED/data: it is left out"
fi
echo "--- secrets are in nothing that a unit writes or answers"
tests/doors/canary/run.sh target/release/craton
echo "--- 30 minutes at half load, 100 kills in them"
tests/doors/endure/run.sh target/release/craton 1800 100
echo "--- clients of MQTT: all readings of a machine at QoS 1 and 2, while the unit is killed again and again"
tests/doors/mqtt/run.sh target/release/craton 22695 10
echo "--- things of the example, and the rules over series with labels"
tests/doors/things/run.sh target/release/craton
echo "--- every door gives the same"
played=target/replay-kills
if [ -d "$CRATON_SHARED/data/olist" ]; then played=target/replay-olist-kills; fi
tests/doors/same/run.sh target/release/craton "$played/units" "$played/expected.json"
echo "--- TPC-H at scale 1 and lookups in a million rows: the answers are right"
python=$(benches/venv.sh)/bin/python
"$python" benches/tpch/run.py target/release/craton --fresh --repeats 1
"$python" benches/lookup.py target/release/craton --fresh --rows 1000000 --lookups 500
echo "--- a caller who sends anything: schemathesis against a real unit"
tests/doors/schemathesis/run.sh target/release/craton
echo "--- 10,000 random statements of somebody who sees a part of the rows"
if command -v sqlsmith > /dev/null; then
    tests/doors/sqlsmith/run.sh target/release/craton 10000
else
    echo "sqlsmith is not installed: they are left out"
fi
echo "--- the console in a browser"
if has_browser; then
    browser_full target/release/craton
else
    echo "no Chromium, or no console: it is left out"
fi

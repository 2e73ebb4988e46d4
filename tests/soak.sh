# The long forms. Sourced by `./x soak [PART...]`, which runs all of them, or those that are named.
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

binary=target/release/craton
olist=$CRATON_SHARED/data/olist
has_olist() { [ -d "$olist" ] || { echo "no real data at $CRATON_SHARED/data: it is left out"; return 1; }; }

power_cuts() {
    echo "--- power cuts at $CRATON_SEEDS points"
    cargo test --release --workspace --test power_cut --test failures
}

tables() {
    echo "--- tables after power cuts, as deltalake and DuckDB read them: $CRATON_SEEDS seeds"
    tests/doors/delta/run.sh "$CRATON_SEEDS" --release
}

simulation() {
    echo "--- simulation of three units, $CRATON_SEEDS seeds"
    cargo test --release --workspace --test simulation
}

killed() {
    echo "--- the units killed 30 times: the same answers"
    kills $binary 3000 30
    if has_olist; then kills_olist $binary; fi
}

postgres() {
    echo "--- the same in PostgreSQL"
    if has_olist; then tests/doors/pgstore/run.sh $binary "$olist"; fi
}

restored() {
    echo "--- each unit back to an old backup in mid-replay: ledgers end equal, nothing runs twice"
    if has_olist; then
        for unit in payment logistics retail; do
            setback $binary "$unit" 3000 "$olist" --source olist --data "$olist"
        done
    fi
}

canary() {
    echo "--- secrets are in nothing that a unit writes or answers"
    tests/doors/canary/run.sh $binary
}

endure() {
    echo "--- 30 minutes at half load, 100 kills in them"
    tests/doors/endure/run.sh $binary 1800 100
}

mqtt() {
    echo "--- clients of MQTT: all readings of a machine at QoS 1 and 2, while the unit is killed again and again"
    tests/doors/mqtt/run.sh $binary 22695 10
}

things() {
    echo "--- things of the example, and the rules over series with labels"
    tests/doors/things/run.sh $binary
}

# Looks at what `killed` has left behind.
same() {
    echo "--- every door gives the same"
    local played=target/replay-kills
    if [ -d "$olist" ]; then played=target/replay-olist-kills; fi
    tests/doors/same/run.sh $binary "$played/units" "$played/expected.json"
}

tpch() {
    echo "--- TPC-H at scale 1 and lookups in a million rows: the answers are right"
    local python
    python=$(benches/venv.sh)/bin/python
    "$python" benches/tpch/run.py $binary --fresh --repeats 1
    "$python" benches/lookup.py $binary --fresh --rows 1000000 --lookups 500
}

strangers() {
    echo "--- a caller who sends anything: schemathesis against a real unit"
    tests/doors/schemathesis/run.sh $binary
    echo "--- 10,000 random statements of somebody who sees a part of the rows"
    if command -v sqlsmith > /dev/null; then
        tests/doors/sqlsmith/run.sh $binary 10000
    else
        echo "sqlsmith is not installed: they are left out"
    fi
}

console() {
    echo "--- the console in a browser"
    if has_browser; then browser_full $binary; else echo "no Chromium, or no console: it is left out"; fi
}

parts=(power_cuts tables simulation killed postgres restored canary endure mqtt things same tpch strangers console)
for part in "$@"; do
    [[ " ${parts[*]} " == *" $part "* ]] || { echo "error: there is no part \`$part\`; there are: ${parts[*]}" >&2; exit 2; }
done
if [ $# -eq 0 ]; then set -- "${parts[@]}"; fi
web_if_possible
cargo build --release --workspace --bin craton
for part in "$@"; do $part; done

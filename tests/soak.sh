# The long forms. Sourced by `./x soak`.
need
python_tools
export CRATON_SHARED; CRATON_SHARED=$(shared)
export CRATON_SEEDS=${CRATON_SEEDS:-1000}
cargo build --bin craton
echo "--- power cuts at $CRATON_SEEDS points"
cargo test -p store --test power_cut
echo "--- simulation of three units, $CRATON_SEEDS seeds"
cargo test -p unit --test simulation
echo "--- the units killed 30 times: the same answers"
kills target/debug/craton 3000 30
echo "--- a caller who sends anything: schemathesis against a real unit"
tests/doors/soak

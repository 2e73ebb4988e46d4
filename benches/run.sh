# The numbers of the README. Sourced by `./x bench`; needs the real data beside the project (tests only, see its licence).
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

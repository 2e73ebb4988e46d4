#!/usr/bin/env bash
# Lets schemathesis (PyPI) try every operation of a real unit against its own OpenAPI document, as its owner. The unit is thrown away
# afterwards: whatever may be done is done.
# usage: tests/doors/schemathesis/run.sh BINARY [EXAMPLES]; 30 examples of each operation where no number is given
set -euo pipefail
here=$(cd "$(dirname "$0")/../../.." && pwd)
binary=$(realpath "$1")
examples=${2:-30}
venv=${CRATON_VENV:-$here/target/venv-schemathesis}
if [ ! -x "$venv/bin/st" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet schemathesis==4.32.5
fi
place=$(mktemp -d)
folder=$place/probe
"$binary" init "$folder" --bare > /dev/null
"$binary" up "$folder" > "$place/unit.log" 2>&1 &
unit=$!
trap 'kill $unit 2>/dev/null; wait $unit 2>/dev/null || true' EXIT
url=http://$(sed -n 's/^listen = "\(.*\)"/\1/p' "$folder/unit.toml")
for _ in $(seq 100); do
    curl --silent --fail "$url/health/ready" > /dev/null && break
    sleep 0.1
done
checks=not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance
checks=$checks,response_schema_conformance,unsupported_method,ignored_auth
cd "$place"
"$venv/bin/st" run "$url/v1/openapi.json" --checks "$checks" --max-examples "$examples" --seed 1 \
    --header "Authorization: Bearer $(cat "$folder/owner.token")"
kill -0 $unit # it is still alive

#!/usr/bin/env bash
# People sign in at a real unit with an identity provider that we did not write: in a browser, with the command line, and as
# programs with the provider's token. What is forged, old or for somebody else is refused.
#
# usage: tests/doors/oidc/run.sh BINARY
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
binary=$(realpath "$1")
venv=$("$root/tests/doors/venv.sh")
unit=
provider=
work=$(mktemp -d)
unset CRATON_UNIT CRATON_TOKEN CRATON_CERTIFICATE
export XDG_CONFIG_HOME=$work/config NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost

clean_up() {
    [ -z "$unit" ] || kill -KILL "$unit" 2> /dev/null || true
    [ -z "$provider" ] || kill -KILL "$provider" 2> /dev/null || true
    wait
    rm -rf "$work"
}
trap clean_up EXIT

fail() {
    echo "error: $*" >&2
    [ ! -f "$work/unit.log" ] || sed "s/^/unit.log: /" "$work/unit.log" >&2
    [ ! -f "$work/provider.log" ] || tail -20 "$work/provider.log" | sed "s/^/provider.log: /" >&2
    exit 1
}

cd "$work"

# 1. A provider with two people, and a unit that knows it.
read -r port port_peers port_postgres port_https port_provider < <("$venv/bin/python" -c "import socket
sockets = [socket.create_server(('127.0.0.1', 0)) for _ in range(5)]
print(*[each.getsockname()[1] for each in sockets])")
"$venv/bin/python" -W ignore -m oidc_provider_mock --port "$port_provider" --token-max-age 600 \
    --user-claims '{"sub": "ana", "email": "ana@example.com", "groups": ["sales"]}' \
    --user-claims '{"sub": "bob", "email": "bob@example.com", "groups": ["unknown"]}' > provider.log 2>&1 &
provider=$!
"$binary" init shop --bare --listen "127.0.0.1:$port" --listen-peers "127.0.0.1:$port_peers" \
    --listen-postgres "127.0.0.1:$port_postgres" > /dev/null
echo "listen_https = \"127.0.0.1:$port_https\"" >> shop/unit.toml
mkdir -p app
sed "s/ISSUER_PORT/$port_provider/; s/UNIT_PORT/$port/" "$here/shop/people.yaml" > app/people.yaml
"$binary" up shop > unit.log 2>&1 &
unit=$!
deadline=$((SECONDS + 60))
until "$binary" --unit shop ps > /dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || fail "the unit never came up"
    kill -0 "$unit" 2> /dev/null || fail "the unit has ended"
    sleep 0.1
done
until "$venv/bin/python" -c "import requests, sys; requests.get(sys.argv[1])" "http://localhost:$port_provider/jwks" 2> /dev/null; do
    [ "$SECONDS" -lt "$deadline" ] || fail "the provider never came up"
    sleep 0.1
done
"$binary" --unit shop apply -f app > applied.txt
echo "the secret of the unit" | "$binary" --unit shop secret set acme > /dev/null

# 2. Everybody, through every door.
"$venv/bin/python" "$here/check.py" "$binary" "http://127.0.0.1:$port" "https://127.0.0.1:$port_https" \
    "127.0.0.1:$port_postgres" "http://localhost:$port_provider" || fail "somebody came in, or did not"

# 3. The provider is gone: its people have no rights any more, and no sessions.
owner=$(cat shop/owner.token)
session=$(cat session.token)
rm app/people.yaml
cat > app/empty.yaml <<'YAML'
apiVersion: craton/v1
kind: Stream
metadata: {name: orders}
spec: {schema: [{name: id, type: text}]}
YAML
"$binary" --unit shop --token "$owner" apply -f app > /dev/null
status=$("$venv/bin/python" -c "import requests, sys
print(requests.get(sys.argv[1], headers={'authorization': 'Bearer ' + sys.argv[2]}).status_code)" \
    "http://127.0.0.1:$port/v1/units/whoami" "$session")
[ "$status" = 401 ] || fail "a session of a provider that is gone answers $status"

# 4. No secret is in what the unit keeps or says.
for file in shop/store.db* unit.log; do
    if grep -aq -e "the secret of the unit" -e "$session" "$file"; then fail "a secret is in $file"; fi
done
kill -TERM "$unit"
wait "$unit" || fail "the unit did not stop in order"
unit=
"$binary" verify shop > /dev/null || fail "the store is not sound"
echo "people of an identity provider come in, and nobody else does"

#!/usr/bin/env bash
# Every operation that a real unit lists, as everybody, through every door: what the policies say is what happens. Then bad input, at two
# units that deal with each other: certificates, tokens, messages, policies, migrations.
#
# usage: tests/doors/roles/run.sh BINARY
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
binary=$(realpath "$1")
venv=$("$root/tests/doors/venv.sh")
work=$(mktemp -d)
unset CRATON_UNIT CRATON_TOKEN CRATON_CERTIFICATE
export XDG_CONFIG_HOME=$work/config NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost

clean_up() {
    for unit in shop desk bank; do
        [ ! -f "$work/$unit.pid" ] || kill -KILL "$(cat "$work/$unit.pid")" 2> /dev/null || true
    done
    wait
    rm -rf "$work"
}
trap clean_up EXIT

fail() {
    echo "error: $*" >&2
    for unit in shop desk bank; do
        [ ! -f "$work/$unit.log" ] || tail -n 20 "$work/$unit.log" | sed "s/^/$unit.log: /" >&2
    done
    exit 1
}

# Makes a unit on these ports, and starts it.
start() {
    "$binary" init "$1" --bare --listen "127.0.0.1:$2" --listen-peers "127.0.0.1:$3" --listen-postgres "127.0.0.1:$4" > /dev/null
    echo "listen_https = \"127.0.0.1:$5\"" >> "$1/unit.toml"
    "$binary" up "$1" > "$1.log" 2>&1 &
    echo $! > "$1.pid"
    local deadline=$((SECONDS + 60))
    until "$binary" --unit "$1" ps > /dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || fail "$1 never came up"
        kill -0 "$(cat "$1.pid")" 2> /dev/null || fail "$1 has ended"
        sleep 0.1
    done
}

cd "$work"
read -r -a ports < <("$venv/bin/python" -c "import socket
sockets = [socket.create_server(('127.0.0.1', 0)) for _ in range(12)]
print(*[each.getsockname()[1] for each in sockets])")
start shop "${ports[@]:0:4}"
cp -r "$here/shop" app
"$venv/bin/python" "$here/check.py" "$binary" "127.0.0.1:${ports[0]}" "127.0.0.1:${ports[3]}" "127.0.0.1:${ports[2]}" ||
    fail "a door stood open, or was shut"

# Somebody else, who has a certificate for the same address.
"$venv/bin/python" - <<'PYTHON'
import datetime, ipaddress
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.timezone.utc)
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "somebody else")])
address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).add_extension(address, False)
made = made.serial_number(1).not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(1))
with open("impostor.pem", "wb") as file:
    file.write(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
with open("impostor.key", "wb") as file:
    file.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
PYTHON
start desk "${ports[@]:4:4}"
start bank "${ports[@]:8:4}"
"$venv/bin/python" "$here/bad_input.py" "$binary" || fail "bad input was taken, or nobody said what was wrong with it"

for unit in shop desk; do
    kill -TERM "$(cat "$unit.pid")"
    wait "$(cat "$unit.pid")" || fail "$unit did not stop in order"
    rm "$unit.pid"
done
for unit in shop desk bank; do
    "$binary" verify "$unit" > /dev/null || fail "the store of $unit is not sound"
    if grep -q "something went wrong inside" "$unit.log"; then fail "a defect in $unit"; fi
done
rm bank.pid

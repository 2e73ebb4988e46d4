#!/usr/bin/env bash
# Clients of MQTT that we did not write, at a real unit, over TCP, TLS and WebSocket: paho-mqtt (PyPI), mosquitto_pub, mosquitto_sub and
# mosquitto_rr (Debian), mqtt.js (npm). The same exchanges go on at the broker mosquitto beside it; what is bad is refused with a reason; and
# readings of a machine are published at QoS 1 and 2 while the unit is killed again and again: none is missing, at QoS 2 none is there twice.
# What is not installed is left out and named.
#
# usage: tests/doors/mqtt/run.sh BINARY [READINGS [SECONDS_BETWEEN_KILLS]]      the series has 22,695 readings
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
binary=$(realpath "$1")
readings=${2:-1500}
seconds=${3:-2}
data=${CRATON_SHARED:-$root/../shared}/data
venv=$("$root/tests/doors/venv.sh")
unset CRATON_UNIT CRATON_TOKEN
export NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost
work=$(mktemp -d)

clean_up() {
    local status=$?
    if [ "$status" -ne 0 ] && [ -f "$work/all/plant/unit.log" ]; then tail -n 20 "$work/all/plant/unit.log" | sed "s/^/unit.log: /" >&2; fi
    rm -rf "$work"
}
trap clean_up EXIT

# mqtt.js is fetched once for each version, and is no part of the console.
version=5.16.0
mqtt_js=$root/target/mqtt-js-$version
if command -v node > /dev/null && command -v npm > /dev/null && [ ! -d "$mqtt_js/node_modules/mqtt" ]; then
    mkdir -p "$mqtt_js"
    npm install --no-save --prefix "$mqtt_js" --ignore-scripts --no-audit --no-fund --loglevel=error "mqtt@$version" > /dev/null || true
fi
[ -d "$mqtt_js/node_modules/mqtt" ] || mqtt_js=

"$venv/bin/python" "$here/check.py" "$binary" "$work/all" "$data" "$readings" "$seconds" ${mqtt_js:+"$mqtt_js"}
echo "clients of MQTT find a broker that keeps what it acknowledges"

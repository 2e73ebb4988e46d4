#!/usr/bin/env bash
# Things of the example, at two real units: a logger reports over HTTP, a parcel that is too warm for too long becomes a task at logistics and a
# claim at the shop, once, also over a kill; a van is told what to do and answers. Then, where the data lies beside the project, the shipped
# rules over NAB and SKAB: each crossing is what a computation of its own finds, and the table in the documents is what came out. At last a fleet
# is played, which does what it is told, and a recorded series, of which every reading is there.
#
# usage: tests/doors/things/run.sh BINARY [DATA]      DATA has `nab/` and `skab/`; ../shared/data where absent
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
binary=$(realpath "$1")
data=${2:-${CRATON_SHARED:-$root/../shared}/data}
venv=$("$root/tests/doors/venv.sh")
python=$venv/bin/python
work=$(mktemp -d)
units="logistics retail lab fleet"
unset CRATON_UNIT CRATON_TOKEN
export NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost

clean_up() {
    for unit in $units; do
        [ ! -f "$work/$unit.pid" ] || kill -KILL "$(cat "$work/$unit.pid")" 2> /dev/null || true
    done
    wait
    rm -rf "$work"
}
trap clean_up EXIT

fail() {
    echo "error: $*" >&2
    for unit in $units; do
        [ ! -f "$work/$unit.log" ] || tail -n 20 "$work/$unit.log" | sed "s/^/$unit.log: /" >&2
    done
    exit 1
}

up() {
    "$binary" up "$1" >> "$1.log" 2>&1 &
    echo $! > "$1.pid"
    local deadline=$((SECONDS + 60))
    until "$binary" --unit "$1" ps > /dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || fail "$1 never came up"
        kill -0 "$(cat "$1.pid")" 2> /dev/null || fail "$1 has ended"
        sleep 0.1
    done
}

# Makes a unit on these ports, the last of them for MQTT, and starts it.
start() {
    "$binary" init "$1" --bare --listen "127.0.0.1:$2" --listen-peers "127.0.0.1:$3" --listen-postgres "127.0.0.1:$4" > /dev/null
    [ $# -lt 5 ] || sed -i "1i listen_mqtt = \"127.0.0.1:$5\"" "$1/unit.toml"
    up "$1"
}

say() { "$binary" --unit "$@"; }

ask() { "$binary" --unit "$1" sql "$2" -o csv | tr -d '\r'; }

# Waits until a unit answers a question so.
await() {
    local deadline=$((SECONDS + 60)) answer
    until answer=$(ask "$1" "$2") && [ "$answer" = "$3" ]; do
        [ "$SECONDS" -lt "$deadline" ] || fail "$1: $2: wanted
$3
found
$answer"
        sleep 0.1
    done
}

# Sends a request to a unit as whoever holds a token: UNIT TOKEN METHOD PATH [BODY].
send() {
    local body=()
    [ $# -lt 5 ] || body=(--data-binary "$5" --header "content-type: application/json")
    curl --silent --show-error --fail-with-body --request "$3" --header "authorization: Bearer $2" "${body[@]}" \
        "http://127.0.0.1:${port[$1]}$4"
}

value() { "$python" -c "import json, sys; print(json.load(sys.stdin)$1)"; }

cd "$work"
read -r -a ports < <("$python" -c "import socket
sockets = [socket.create_server(('127.0.0.1', 0)) for _ in range(13)]
print(*[each.getsockname()[1] for each in sockets])")
declare -A port=([logistics]=${ports[0]} [retail]=${ports[3]} [lab]=${ports[6]} [fleet]=${ports[9]})

# 1. Two units that know each other, and a contract over claims.
start logistics "${ports[@]:0:3}"
start retail "${ports[@]:3:3}"
say logistics apply -f "$root/examples/commerce/logistics" > /dev/null
# What the shop asks of tables that other units lend it needs contracts that are not tried here.
mkdir apps
cp -r "$root/examples/commerce/retail" apps/retail
rm apps/retail/answers.yaml apps/retail/queries.yaml
"$python" - apps/retail/screens.yaml <<'PYTHON'
import pathlib, sys
file = pathlib.Path(sys.argv[1])
file.write_text("---\n".join(part for part in file.read_text().split("---\n") if "kind: Form" in part))
PYTHON
say retail apply -f apps/retail > /dev/null
say logistics peer add retail retail > /dev/null
say retail peer add logistics logistics > /dev/null
say logistics contract propose retail --peer retail --offer claim > /dev/null
await logistics "SELECT state FROM system.contracts WHERE name = 'retail'" $'state\nfinalized'

# 2. A van: what is desired of it, and a command that it answers.
say logistics device list | grep -q "van-7" || fail "the van is not in the list"
token=$(say logistics device token van-7 -o json | value "['token']")
say logistics device set van-7 interval_s=20 > /dev/null
say logistics device command van-7 unlock --input seconds=5 > /dev/null
send logistics "$token" GET "/v1/devices/van-7/pending" > pending.json
[ "$(value "['desired']['state']['interval_s']" < pending.json)" = 20 ] || fail "the van does not hear what is desired"
number=$(ask logistics "SELECT command FROM system.commands WHERE device = 'van-7'" | tail -n 1)
send logistics "$token" POST "/v1/commands/$number/answer" '{"output": {"ok": true}}' > /dev/null
await logistics "SELECT name, state FROM system.commands" $'name,state\nunlock,answered'
send logistics "$token" POST "/v1/devices/van-7/tell" '{"reported": {"interval_s": 20}}' > /dev/null
await logistics "SELECT in_step FROM system.twins WHERE device = 'van-7'" $'in_step\ntrue'
if send logistics "$token" GET "/v1/devices/van-8/twin" > /dev/null 2>&1; then fail "a van sees another"; fi
if send logistics "$token" POST "/v1/streams/van_positions/append" '{}' > /dev/null 2>&1; then fail "a van writes rows"; fi

# 3. A logger: twelve minutes that are too warm, and one reading that is none.
token=$(say logistics device token logger-1 -o json | value "['token']")
"$python" - > readings.json <<'PYTHON'
import datetime, json
now = datetime.datetime.now(datetime.timezone.utc)
at = lambda minutes: (now - datetime.timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
rows = [{"at": at(30 - n), "parcel": "o-1", "temperature": 5.0 if n < 3 else 9.5} for n in range(16)]
print(json.dumps(rows + [{"at": at(1), "parcel": "o-1", "temperature": "warm"}]))
PYTHON
send logistics "$token" POST "/v1/devices/logger-1/report?channel=temperature" "@readings.json" > reported.json
[ "$(value "['appended']" < reported.json) $(value "['set_aside']" < reported.json)" = "16 1" ] || fail "$(cat reported.json)"
await logistics "SELECT rule, device FROM system.crossings" $'rule,device\ntoo-warm,logger-1'
await logistics "SELECT name, process, state FROM system.tasks" $'name,process,state\nToo warm: parcel o-1,open-task,created'
await logistics "SELECT parcel, temperature FROM cold_chain_breaches" $'parcel,temperature\no-1,9.5'
await retail "SELECT name, state FROM system.tasks WHERE process = 'claims'" $'name,state\nDecide on a claim,created'

# 4. Killed, it goes on where it was: nothing is done twice, and what was asked is answered.
kill -KILL "$(cat logistics.pid)"
wait "$(cat logistics.pid)" 2> /dev/null || true
up logistics
task=$(ask retail "SELECT task FROM system.tasks WHERE process = 'claims'" | tail -n 1)
send retail "$(cat retail/owner.token)" POST "/v1/tasks/$task/complete" '{"variables": {"accepted": true}}' > /dev/null
await logistics "SELECT state FROM system.process_instances WHERE process = 'cold_chain_claim'" $'state\ncompleted'
await logistics "SELECT count(*) AS crossings FROM system.crossings" $'crossings\n1'
await logistics "SELECT operation, outcome FROM system.rule_actions ORDER BY action" \
    $'operation,outcome\ntask.open,done\nstream.append,done\nprocess.start,done'
await logistics "SELECT count(*) AS aside FROM parcel_temperatures_set_aside" $'aside\n1'

# 5. The shipped rules over real series.
if [ -d "$data/nab" ] && [ -d "$data/skab" ]; then
    start lab "${ports[@]:6:3}"
    say lab apply -f "$root/examples/anomalies" > /dev/null
    for set in nab skab; do
        "$python" "$here/anomalies.py" rows "$set" "$data" > "$set.ndjson"
        split --lines 20000 "$set.ndjson" "$set."
        for part in "$set".??; do say lab stream append "$set" --file "$part" > /dev/null; done
        rows=$(wc -l < "$set.ndjson")
        await lab "SELECT min(cursor) AS cursor FROM system.rules WHERE stream = '$set'" "cursor
$rows"
        ask lab "SELECT rule, device, crossing FROM system.crossings WHERE stream = '$set' ORDER BY rule, device, crossing" > "$set.csv"
    done
    for rule in $(ask lab "SELECT rule FROM system.rules" | tail -n +2); do
        send lab "$(cat lab/owner.token)" GET "/v1/rules/$rule" > "rule.$rule.json"
    done
    "$python" "$here/anomalies.py" check "$data" "$root/docs/guides/rules.md" rule.*.json || fail "the rules found something else"
else
    echo "note: no data in $data: the rules over NAB and SKAB are left out" >&2
fi

# 6. A fleet that is played until somebody ends it, and a recorded series.
start fleet "${ports[@]:9:4}"
# A shell has what runs beside it ignore Ctrl-C.
"$python" -c "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])" \
    "$binary" --unit fleet device simulate --count 3 --speed 50 -o json > played.json 2> played.log &
player=$!
await fleet "SELECT count(*) AS vans FROM system.devices WHERE state = 'connected'" $'vans\n3'
say fleet device command simulated-van-001 unlock --input seconds=10 --wait 30 > /dev/null
await fleet "SELECT name, state FROM system.commands" $'name,state\nunlock,answered'
say fleet device set simulated-van-002 mode=eco > /dev/null
await fleet "SELECT in_step FROM system.twins WHERE device = 'simulated-van-002'" $'in_step\ntrue'
await fleet "SELECT count(DISTINCT device) AS vans FROM simulated_van_positions" $'vans\n3'
kill -INT "$player"
wait "$player" || fail "playing a fleet has not ended well: $(cat played.log)"
[ "$("$python" -c "import json; print(sum(one['set_aside'] for one in json.load(open('played.json'))['items']))")" = 0 ] || fail "$(cat played.json)"
if [ -d "$data/nab" ]; then
    say fleet device simulate --data "$data/nab" --count 2 --readings 400 --speed 0 --qos 2 > /dev/null
    await fleet "SELECT count(*) AS readings, count(DISTINCT device) AS devices FROM nab" $'readings,devices\n800,2'
fi

for unit in logistics retail fleet; do
    kill -TERM "$(cat "$unit.pid")"
    wait "$(cat "$unit.pid")" || fail "$unit did not stop in order"
    rm "$unit.pid"
    "$binary" verify "$unit" > /dev/null || fail "the store of $unit is not sound"
    if grep -q "something went wrong inside" "$unit.log"; then fail "a defect in $unit"; fi
done

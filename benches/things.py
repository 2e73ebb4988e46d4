"""Things: how much devices can say, how fast it is heard, and what they cost.

usage: things.py BINARY [PART ...] [--seconds 10] [--full] [--folder target/tmp/things] [--report FILE]

PART, all where none is named:
  in          200 devices, each with 100 messages of QoS 1 on their way: 100 bytes of JSON, schema checked, twin updated; each second the rows
              that SQL counts are held against the messages that were acknowledged. Beside it mosquitto with persistence, where it is installed
  fan         one publisher to 1,000 subscribers, and 1,000 publishers to one; beside it mosquitto
  idle        10,000 connected devices: bytes of memory without TLS, and with it
  offline     1,000 clients that are away, for whom 10,000 messages each come: bytes of memory, and how long until one has them
  task        from a message of QoS 1 to the open task in the list of tasks, while 5,000 messages a second come
  list        100,000 devices with twins: pages of lists and filters
  noisy       people over HTTP, alone and beside 200 devices that say more than ten times what they may

--full takes 300 seconds for `in`. BINARY lies beside `examples/` with the generator: `cargo build --release -p unit --examples`. The
generator shares the machine with what it measures. What cannot be had is left out, and the report says so. A wrong count or a bar that
is not held ends it with 1.
"""

import argparse
import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from unit import Unit, free_port, listen, manifest, stream

WRITES = 'permit (principal in Role::"fleet-writer", action in [Action::"stream.append", Action::"task.open"], resource);'
COLUMNS = [("device", "text"), ("received_at", "time"), ("sent", "int"), ("n", "int"), ("value", "float"), ("pad", "text")]
PUBLISHERS, WINDOW, BYTES = 200, 100, 100
IN_PER_S_MIN = 40_000
IDLE, IDLE_MB_MAX = 10_000, 400
AWAY, AWAY_MESSAGES, AWAY_MB_MAX = 1_000, 10_000, 200
TASK_RATE, TASK_P99_MS_MAX = 5_000, 100
# As many as one page of tasks holds.
PROBES_PER_S, PROBES_MAX = 20, 1_000
LISTED, LIST_MS_MAX = 100_000, 200
FACTOR_MAX, MORE_MS_MAX = 1.5, 20
# Messages a second of each device that floods; alone one says some thousand.
ALLOWED_PER_S = 100
APPLY_MAX, TOPIC = 500, "devices/{client}/telemetry/reading"
LIMITS = f"[device]\nconnections_max = {IDLE * 2}\nconnections_principal_max = {IDLE * 2}\n"


class Things:
    """What every part needs: the binary, the generator, and a folder."""

    def __init__(self, options):
        self.binary, self.seconds, self.is_full = options.binary.resolve(), options.seconds, options.full
        self.load = self.binary.parent / "examples/mqtt_load"
        self.place = options.folder.resolve()
        shutil.rmtree(self.place, ignore_errors=True)
        self.place.mkdir(parents=True)

    def unit(self, name: str, **limits: int) -> Unit:
        """Returns a unit with a stream, a type with these limits, a topic, and its doors for things."""
        unit = Unit(self.binary, self.place / name, LIMITS)
        unit.stop()
        settings = self.place / name / "unit.toml"
        unit.mqtt, unit.mqtts = listen(settings, "listen_mqtt"), listen(settings, "listen_mqtts")
        unit.start()
        meter = {"limits": limits, "roles": ["fleet-writer"], "telemetry": [{"name": "reading", "stream": "readings"}],
                 "properties": [{"name": "battery", "type": "float", "indexed": True}]}
        unit.apply([
            manifest("Role", "fleet-writer", {"summary": "Acts for things", "policies": WRITES}),
            stream("readings", COLUMNS), manifest("DeviceType", "meter", meter),
            manifest("Topic", "plant", {"filter": "plant/#"}),
        ])
        return unit

    def clients(self, name: str, lines: list) -> Path:
        path = self.place / f"{name}.clients"
        path.write_text("".join(f"{client} {password}\n" for client, password in lines))
        return path

    def devices(self, unit: Unit, count: int) -> Path:
        """Declares devices and gives each a token."""
        names = [f"meter-{number:06}" for number in range(count)]
        declare(unit, names, lambda name: {"type": "meter"})

        def token(name):
            status, text = unit.call("POST", f"/v1/devices/{name}/add_credential", json.dumps({"kind": "token"}))
            assert status == 200, text
            return name, json.loads(text)["token"]

        with ThreadPoolExecutor(16) as pool:
            return self.clients(f"devices-{count}", list(pool.map(token, names)))

    def users(self, unit: Unit, count: int) -> Path:
        """Returns clients that all are the owner."""
        return self.clients(f"users-{count}", [(f"client-{number}", unit.token) for number in range(count)])

    def begin(self, mode: str, at: str, clients: Path, **keys) -> subprocess.Popen:
        command = [self.load, mode, "--at", at, "--clients", clients]
        for key, value in keys.items():
            command += [f"--{key}", value]
        return subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def generate(self, mode: str, at: str, clients: Path, **keys) -> dict:
        """Runs the generator to its end, and returns its figures."""
        generator = self.begin(mode, at, clients, **keys)
        told, _ = generator.communicate()
        assert generator.returncode == 0, f"the generator has ended with {generator.returncode}"
        return json.loads(told.splitlines()[-1])


def declare(unit: Unit, names: list, spec):
    for start in range(0, len(names), APPLY_MAX):
        unit.apply([manifest("Device", name, spec(name)) for name in names[start:start + APPLY_MAX]])


class Mosquitto:
    """A broker beside the unit, with its messages on the disk."""

    def __init__(self, place: Path):
        program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
        self.process = None
        if program is None:
            return
        place.mkdir(parents=True, exist_ok=True)
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        settings = place / "mosquitto.conf"
        settings.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {place}/\n"
            "max_inflight_messages 1000\nmax_queued_messages 0\n"
        )
        self.log = open(place / "mosquitto.log", "w")
        self.process = subprocess.Popen([program, "-c", str(settings)], stdout=self.log, stderr=self.log)
        time.sleep(1)
        assert self.process.poll() is None, f"mosquitto has ended: see {place}/mosquitto.log"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.terminate()
            self.process.wait(20)
            self.log.close()


def incoming(things: Things) -> dict:
    seconds = 300 if things.is_full else things.seconds
    unit = things.unit("in")
    try:
        clients = things.devices(unit, PUBLISHERS)
        load = things.begin("publish", unit.mqtt, clients, topic=TOPIC, seconds=seconds, window=WINDOW, bytes=BYTES)
        faults, line, connection = [], "", unit.connect()
        # What was acknowledged when a line was written is there when SQL is asked after it was read.
        for line in load.stdout:
            told = json.loads(line)
            if "until_now" in told:
                rows = unit.sql("SELECT count(*) AS n FROM readings", connection)[0]["n"]
                if rows < told["until_now"]:
                    faults.append(f"{told['until_now']} were acknowledged, and SQL counts {rows}")
        assert load.wait() == 0, "the generator failed"
        figures = json.loads(line)
        rows = unit.sql("SELECT count(*) AS n FROM readings")[0]["n"]
        if rows != figures["acknowledged"] or figures["refused"]:
            faults.append(f"{figures} at the end, and SQL counts {rows}")
        twins = unit.sql("SELECT count(*) AS n FROM system.twins WHERE seen IS NOT NULL")[0]["n"]
        if twins != PUBLISHERS:
            faults.append(f"{twins} twins have telemetry")
        if figures["acknowledged_per_s"] < IN_PER_S_MIN:
            faults.append(f"{figures['acknowledged_per_s']:.0f} messages a second, {IN_PER_S_MIN} at least")
        report = {"unit": figures, "rows": rows, "memory_mb": unit.memory() >> 20, "faults": faults}
    finally:
        unit.stop()
    with Mosquitto(things.place / "mosquitto-in") as other:
        if other.process is None:
            return {**report, "mosquitto": "left out: it is not installed"}
        clients = things.clients("others", [(f"client-{number}", "-") for number in range(PUBLISHERS)])
        keys = {"topic": TOPIC, "seconds": seconds, "window": WINDOW, "bytes": BYTES}
        return {**report, "mosquitto": things.generate("publish", other.address, clients, **keys)}


def fan(things: Things) -> dict:
    """One to many, and many to one; more than can be heard is not published."""
    shapes = {"1 to 1,000": (1, 1_000, 50), "1,000 to 1": (1_000, 1, 10_000)}
    report, unit = {}, things.unit("fan")

    def measured(at: str, clients, faults: list | None) -> dict:
        found = {}
        for name, (publishers, subscribers, rate) in shapes.items():
            keys = {"publishers": publishers, "topic": "plant/{client}", "filter": "plant/#", "rate": rate}
            found[name] = things.generate("fan", at, clients(publishers + subscribers), seconds=things.seconds, **keys)
            if faults is not None and found[name]["missing"]:
                faults.append(f"{name}: {found[name]['missing']} messages never came")
        return found

    try:
        report["faults"] = []
        report["unit"] = measured(unit.mqtt, lambda count: things.users(unit, count), report["faults"])
    finally:
        unit.stop()
    with Mosquitto(things.place / "mosquitto-fan") as other:
        if other.process is None:
            return {**report, "mosquitto": "left out: it is not installed"}
        nobody = lambda count: things.clients(f"others-{count}", [(f"client-{number}", "-") for number in range(count)])
        return {**report, "mosquitto": measured(other.address, nobody, None)}


def idle(things: Things) -> dict:
    unit, report = things.unit("idle"), {"faults": []}
    try:
        clients = things.devices(unit, IDLE)
        report["memory_before_mb"] = unit.memory() >> 20
        for name, at, more in [("plain", unit.mqtt, {}), ("tls", unit.mqtts, {"tls": things.place / "idle/tls.pem"})]:
            holding = things.begin("idle", at, clients, subscribe="devices/{client}/commands/#", **more)
            told = json.loads(holding.stdout.readline())
            connected = unit.sql("SELECT count(*) AS n FROM system.mqtt_sessions WHERE connected")[0]["n"]
            report[name] = {**told, "memory_mb": unit.memory() >> 20}
            if connected != IDLE:
                report["faults"].append(f"{name}: {connected} devices are connected")
            holding.communicate()
        if IDLE_MB_MAX < report["plain"]["memory_mb"]:
            report["faults"].append(f"{report['plain']['memory_mb']} MB, {IDLE_MB_MAX} at most")
        return report
    finally:
        unit.stop()


def offline(things: Things) -> dict:
    unit, faults = things.unit("offline"), []
    try:
        away = things.users(unit, AWAY)
        things.generate("leave", unit.mqtt, away, filter="plant/#")
        before = unit.memory()
        sender = things.clients("sender", [("sender", unit.token)])
        # So many that each has more than enough.
        sent = 0
        while sent < AWAY_MESSAGES:
            keys = {"topic": "plant/line", "seconds": 1, "bytes": BYTES}
            sent += things.generate("publish", unit.mqtt, sender, **keys)["acknowledged"]
        # Each message is noted for each client after its commit.
        deadline, waiting = time.monotonic() + 120, {"least": -1, "most": 0}
        while waiting["least"] != sent and time.monotonic() < deadline:
            waiting = unit.sql("SELECT min(queued + dropped) AS least, max(queued) AS most FROM system.mqtt_sessions WHERE client <> 'sender'")[0]
            time.sleep(0.2)
        if waiting["least"] != sent or AWAY_MESSAGES < waiting["most"]:
            faults.append(f"{sent} were sent, and {waiting} wait")
        after = unit.memory()
        if AWAY_MB_MAX << 20 < after - before:
            faults.append(f"{(after - before) >> 20} MB more, {AWAY_MB_MAX} at most")
        return {"sent": sent, "memory_before_mb": before >> 20, "memory_mb": after >> 20, "faults": faults}
    finally:
        unit.stop()


class Probe:
    """A device that says rows over MQTT 3.1.1 at QoS 1."""

    def __init__(self, address: str, name: str, token: str):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), 30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answers, self.packet = self.socket.makefile("rb"), 0
        # Name, level 4, a clean session with user name and password, no keep alive.
        self.socket.sendall(packet(0x10, b"\0\4MQTT\4\xc2\0\0" + text(name) + text(name) + text(token)))
        assert self.answers.read(4) == b"\x20\2\0\0", f"`{name}` is not let in"

    def say(self, topic: str, rows: list):
        """Publishes rows, a message each, and waits until all are acknowledged."""
        sent = b""
        for row in rows:
            self.packet = self.packet % 0xFFFF + 1
            sent += packet(0x32, text(topic) + self.packet.to_bytes(2, "big") + json.dumps(row).encode())
        self.socket.sendall(sent)
        for _ in rows:
            assert self.answers.read(4)[:2] == b"\x40\2", "a message is not acknowledged"


def packet(first: int, body: bytes) -> bytes:
    size, left = b"", len(body)
    while 0x7F < left:
        size, left = size + bytes([left & 0x7F | 0x80]), left >> 7
    return bytes([first]) + size + bytes([left]) + body


def text(value: str) -> bytes:
    return len(value.encode()).to_bytes(2, "big") + value.encode()


def watch(unit: Unit, seen: dict, is_over: threading.Event):
    """Lists the open tasks again and again, and notes when each was first there."""
    connection = unit.connect()
    while not is_over.is_set():
        status, answer = unit.call("GET", "/v1/tasks?limit=1000", connection=connection)
        assert status == 200, answer
        now = time.monotonic()
        for item in json.loads(answer)["items"]:
            seen.setdefault(item["title"], now)
        time.sleep(0.002)


def task(things: Things) -> dict:
    unit, faults = things.unit("task"), []
    try:
        rule = {"on": {"stream": "probes"}, "when": {"becomes": "=hot"}, "do": [{"task": {"title": "=string(row.number)"}}],
                "roles": ["fleet-writer"]}
        probe = {"roles": ["fleet-writer"], "telemetry": [{"name": "probe", "stream": "probes"}]}
        unit.apply([
            stream("probes", [("device", "text"), ("received_at", "time"), ("number", "int"), ("hot", "bool")]),
            manifest("DeviceType", "probe", probe), manifest("Device", "probe", {"type": "probe"}), manifest("Rule", "hot", rule),
        ])
        status, answer = unit.call("POST", "/v1/devices/probe/add_credential", json.dumps({"kind": "token"}))
        assert status == 200, answer
        probe = Probe(unit.mqtt, "probe", json.loads(answer)["token"])
        clients = things.devices(unit, PUBLISHERS)
        keys = {"topic": TOPIC, "rate": TASK_RATE, "bytes": BYTES, "seconds": things.seconds + 2}
        load = threading.Thread(target=things.generate, args=("publish", unit.mqtt, clients), kwargs=keys)
        load.start()
        due, seen, is_over = {}, {}, threading.Event()
        watching = threading.Thread(target=watch, args=(unit, seen, is_over))
        watching.start()
        begin = time.monotonic()
        for number in range(min(int(things.seconds * PROBES_PER_S), PROBES_MAX)):
            # What is late counts from when it was due.
            due[str(number)] = begin + number / PROBES_PER_S
            time.sleep(max(0, due[str(number)] - time.monotonic()))
            probe.say("devices/probe/telemetry/probe", [{"number": number, "hot": hot} for hot in [True, False]])
        load.join()
        deadline = time.monotonic() + 30
        while len(seen) < len(due) and watching.is_alive() and time.monotonic() < deadline:
            time.sleep(0.1)
        is_over.set()
        watching.join()
        if seen.keys() != due.keys():
            faults.append(f"{len(due)} crossings, {len(seen)} tasks")
        times = sorted(1e3 * (seen[number] - due[number]) for number in seen.keys() & due.keys())
        report = {"tasks": len(seen), "p50_ms": part(times, 0.5), "p99_ms": part(times, 0.99), "faults": faults}
        if TASK_P99_MS_MAX < report["p99_ms"]:
            faults.append(f"p99 is {report['p99_ms']:.1f} ms, {TASK_P99_MS_MAX} at most")
        return report
    finally:
        unit.stop()


def part(values: list, share: float):
    return values[min(int(len(values) * share), len(values) - 1)] if values else 0


def listed(things: Things) -> dict:
    unit, faults, report = things.unit("list"), [], {}
    try:
        names = [f"meter-{number:06}" for number in range(LISTED)]
        declare(unit, names, lambda name: {"type": "meter", "groups": [f"group-{int(name[-6:]) % 100}"],
                                           "place": {"name": f"place-{int(name[-6:]) % 1_000}"}})
        # All have a twin.
        for start in range(0, LISTED, APPLY_MAX):
            calls = [{"operation": "device.tell", "name": name, "args": {"reported": {"battery": int(name[-6:]) % 97}}}
                     for name in names[start:start + APPLY_MAX]]
            status, text = unit.call("POST", "/v1/units/batch", json.dumps({"calls": calls}))
            assert status == 200, text
        twins = unit.sql("SELECT count(*) AS n FROM system.twins WHERE reported_version = 1")[0]["n"]
        assert twins == LISTED, f"{twins} devices have a twin"
        state = unit.sql(f"SELECT state FROM system.devices WHERE name = '{names[0]}'")[0]["state"]
        asked = {
            "all": "limit=100", "far behind": f"limit=100&after={names[LISTED // 2]}", "group": "limit=100&group=group-7",
            "place": "limit=100&place=place-77", "group and place": "limit=100&group=group-7&place=place-107",
            "property": "limit=100&property=battery&value=0", "state": f"limit=100&state={state}",
        }
        connection = unit.connect()
        for name, query in asked.items():
            times = []
            for _ in range(10):
                begin = time.monotonic()
                status, text = unit.call("GET", f"/v1/devices?{query}", connection=connection)
                times.append((time.monotonic() - begin) * 1e3)
                assert status == 200 and json.loads(text)["items"], f"{query}: {text[:300]}"
            report[name] = {"median_ms": round(part(sorted(times), 0.5), 1), "worst_ms": round(max(times), 1)}
            if LIST_MS_MAX < report[name]["median_ms"]:
                faults.append(f"{name}: {report[name]['median_ms']} ms, {LIST_MS_MAX} at most")
        return {"lists": report, "memory_mb": unit.memory() >> 20, "faults": faults}
    finally:
        unit.stop()


def noisy(things: Things) -> dict:
    """People append and read over HTTP, in an open loop at half of what they can, alone and beside devices which each say as much as they
    can, more than ten times as much as their type allows."""
    unit, faults = things.unit("noisy", messages=ALLOWED_PER_S), []
    program = things.binary.parent / "examples/callers"

    def callers(rate: float) -> dict:
        command = [program, "http", unit.address, things.seconds, 16, rate, f"owner={unit.token}"]
        told = subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True).stdout
        return {key: round(value, 2) for key, value in json.loads(told).items()}

    try:
        unit.apply([stream("orders", [("id", "text"), ("state", "text"), ("n", "int")], key=["id"])])
        clients = things.devices(unit, PUBLISHERS)
        rate = callers(0)["done_per_s"] / 2
        alone = callers(rate)
        keys = {"topic": TOPIC, "bytes": BYTES, "seconds": things.seconds + 1}
        with ThreadPoolExecutor(1) as pool:
            flood = pool.submit(things.generate, "publish", unit.mqtt, clients, **keys)
            beside = callers(rate)
            said = round(flood.result()["acknowledged_per_s"])
        if said > PUBLISHERS * ALLOWED_PER_S * FACTOR_MAX:
            faults.append(f"devices said {said} messages/s, {PUBLISHERS * ALLOWED_PER_S} are allowed")
        most = max(alone["p99_ms"] * FACTOR_MAX, alone["p99_ms"] + MORE_MS_MAX)
        if most < beside["p99_ms"]:
            faults.append(f"p99 is {beside['p99_ms']} ms beside the flood, {most:.1f} at most")
        return {"alone": alone, "beside": beside, "devices_per_s": said, "faults": faults}
    finally:
        unit.stop()


PARTS = {"in": incoming, "fan": fan, "idle": idle, "offline": offline, "task": task, "list": listed, "noisy": noisy}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=Path)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--folder", type=Path, default=Path("target/tmp/things"))
    parser.add_argument("--report", type=Path)
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(unknown)}")
    things = Things(options)
    report = {name: PARTS[name](things) for name in options.parts or PARTS}
    text = json.dumps(report, indent=1)
    if options.report:
        options.report.write_text(text)
    print(text)
    return 1 if any(found["faults"] for found in report.values()) else 0


if __name__ == "__main__":
    sys.exit(main())

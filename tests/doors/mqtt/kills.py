"""Acknowledged means kept: readings of a machine, published by mosquitto_pub and by paho at QoS 1 and at QoS 2, while the unit is killed again and
again. Afterwards none is missing, and at QoS 2 none is there twice; neither in the stream, nor with somebody who listens.
"""

import csv
import gzip
import json
import random
import subprocess
import threading
import time
from collections import Counter

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes

import programs
from client import PROTOCOLS, Client, prepare, properties
from places import PATIENCE, until

SERIES = "nab/realKnownCause/machine_temperature_system_failure.csv"
READINGS_OF_A_KILL, KILLS_MIN, STEPS = 2_500, 4, 10


def readings(data, count):
    """Returns the first readings of the series as payloads; others like them where it does not lie beside the project."""
    for path, opened in [(data / SERIES, open), (data / f"{SERIES}.gz", gzip.open)]:
        if path.exists():
            with opened(path, "rt") as file:
                rows = [(row["timestamp"].replace(" ", "T") + "Z", float(row["value"])) for row in csv.DictReader(file)]
            break
    else:
        print(f"note: no {SERIES} in {data}: readings that are made up take its place")
        day = lambda number: f"2014-01-{1 + number // 1440 % 28:02}T{number // 60 % 24:02}:{number % 60:02}:00Z"  # noqa: E731
        rows = [(day(number), 70 + number % 97 / 8) for number in range(22_695)]
    assert count <= len(rows), f"the series has {len(rows)} readings"
    return [json.dumps({"at": at, "n": number, "value": value}) for number, (at, value) in enumerate(rows[:count])]


class Paho:
    """Publishes with paho-mqtt, which connects again by itself."""

    def __init__(self, place, name, version, qos):
        # Identifiers are not used twice: there are more of them than readings.
        self.name, self.qos, self.numbers, self.taken = name, qos, {}, set()
        more = {"clean_session": False} if version == 3 else {}
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, name, protocol=PROTOCOLS[version], transport=place.transport, **more)
        prepare(self.client, place)
        self.client.reconnect_delay_set(1, 1)
        self.client.on_publish = self.note
        asked = {"clean_start": paho.MQTT_CLEAN_START_FIRST_ONLY, "properties": properties(PacketTypes.CONNECT, {"SessionExpiryInterval": 3_600})}
        self.client.connect("127.0.0.1", place.port, **(asked if version == 5 else {}))
        self.client.loop_start()

    def note(self, _client, _data, mid, code, _about):
        # A refusal is never taken, and waited for in vain.
        if not code.is_failure:
            self.taken.add(mid)

    def acknowledged(self):
        return {self.numbers[mid] for mid in list(self.taken) if mid in self.numbers}

    def say(self, numbers, payloads):
        for number in numbers:
            mid = self.client.publish(f"devices/{self.name}/telemetry/reading", payloads[number], self.qos).mid
            self.numbers[mid] = number

    def rest(self):
        until(f"all that {self.name} has said is acknowledged", lambda: len(self.taken) == len(self.numbers))

    def end(self):
        self.rest()
        self.client.disconnect()
        self.client.loop_stop()


class Program:
    """Publishes with mosquitto_pub, which reads lines."""

    def __init__(self, place, name, version, qos):
        self.name, self.qos = name, qos
        more = ["-x", "3600"] if version == 5 else []
        # Quiet: that the unit knows nothing any more of what it has released is no failure after a kill.
        line = programs.command("pub", place, version, "--quiet", "-i", name, "-c", *more, "-q", str(qos), "-t",
                                f"devices/{name}/telemetry/reading", "-l")
        self.process = subprocess.Popen(line, stdin=subprocess.PIPE, text=True)

    def say(self, numbers, payloads):
        self.process.stdin.writelines(f"{payloads[number]}\n" for number in numbers)
        self.process.stdin.flush()

    def end(self):
        self.process.stdin.close()
        assert self.process.wait(PATIENCE) == 0, f"{self.name} has ended with {self.process.returncode}"


class Listener:
    """A session that hears all of it, at the quality in which it was said."""

    def __init__(self, place):
        self.heard = Counter()
        self.order = {}
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, "listener", protocol=paho.MQTTv5)
        prepare(self.client, place)
        self.client.reconnect_delay_set(1, 1)
        self.client.on_message = self.hear
        self.granted = threading.Event()
        self.client.on_subscribe = lambda *_: self.granted.set()
        self.client.connect("127.0.0.1", place.port, clean_start=paho.MQTT_CLEAN_START_FIRST_ONLY,
                            properties=properties(PacketTypes.CONNECT, {"SessionExpiryInterval": 3_600}))
        self.client.loop_start()
        until("it is connected", self.client.is_connected)
        self.client.subscribe("devices/+/telemetry/reading", 2)
        assert self.granted.wait(PATIENCE)

    def hear(self, _client, _data, message):
        name, number = message.topic.split("/")[1], json.loads(message.payload)["n"]
        self.heard[name, number] += 1
        if self.heard[name, number] == 1:
            self.order.setdefault(name, []).append(number)

    def end(self, wanted):
        until("all is heard", lambda: wanted <= sum(len(numbers) for numbers in self.order.values()))
        self.client.disconnect()
        self.client.loop_stop()


def play(plant, data, count, seconds):
    payloads = readings(data, count)
    kinds = [("paho-1", Paho, "mqtt_ws", 5, 1), ("paho-2", Paho, "mqtts", 3, 2)]
    if programs.ARE_THERE:
        # Without TLS: there mosquitto_pub 2.0 gives up where the other side is gone without a word.
        kinds += [("mosquitto-1", Program, "mqtt", 3, 1), ("mosquitto-2", Program, "mqtt", 5, 2)]
    plant.tokens["owner"] = plant.unit.token
    listener = Listener(plant.place("owner"))
    publishers = []
    for name, kind, door, version, qos in kinds:
        plant.device(name, "machine")
        publishers.append(kind(plant.place(name, door), name, version, qos))
    kills = max(KILLS_MIN, count // READINGS_OF_A_KILL)
    under_way = publish(plant, publishers, payloads, kills, seconds)
    assert under_way, "whenever the unit was killed nothing was under way"
    for one in publishers:
        one.end()
    listener.end(count * len(publishers))
    again = [look(plant, one, listener, payloads) for one in publishers]
    dropped = plant.sql("SELECT dropped FROM system.mqtt_sessions WHERE client = 'listener'")
    assert dropped == [{"dropped": 0}], dropped
    at_once(plant)
    told = ", ".join(f"{one.name} (QoS {one.qos}, {times} again)" for one, times in zip(publishers, again))
    print(f"{count} readings of each over {kills} kills, at which paho waited for {under_way} acknowledgements, none missing: {told}")


def publish(plant, publishers, payloads, kills, seconds):
    """Has a part of the readings published, kills the unit in the middle of it, and so on; returns how many were not acknowledged then."""
    chance, size, killed, under_way = random.Random(6), -(-len(payloads) // (kills + 1)), time.monotonic(), 0
    gauge = publishers[0]
    for part in range(kills + 1):
        numbers = range(part * size, min((part + 1) * size, len(payloads)))
        until("all are connected", lambda: connected(plant) == len(publishers) + 1)
        # What is new goes out behind what comes again; paho lets it overtake while it is not told yet that it is connected.
        for one in publishers:
            if isinstance(one, Paho):
                one.rest()
        # Half of it over the time until the next kill, the rest at once.
        half, step = len(numbers) // 2, -(-len(numbers) // (2 * STEPS))
        for at in range(0, half, step):
            say(publishers, numbers[at:min(at + step, half)], payloads)
            time.sleep(max(0.0, min(seconds / STEPS, killed + seconds - time.monotonic())))
        before = len(gauge.taken)
        say(publishers, numbers[half:], payloads)
        if part < kills:
            wanted = before + int(0.7 * chance.random() * (len(numbers) - half))
            until("some are acknowledged", lambda: wanted <= len(gauge.taken), 0.001)
            known = {one.name: one.acknowledged() for one in publishers if isinstance(one, Paho)}
            plant.kill()
            under_way += sum(len(one.numbers) - len(one.taken) for one in publishers if isinstance(one, Paho))
            killed = time.monotonic()
            plant.unit.start()
            for name, numbers in known.items():
                lost = numbers - {row["n"] for row in plant.sql(f"SELECT n FROM readings WHERE device = '{name}'")}
                assert not lost, f"{name}: {sorted(lost)} were acknowledged before the kill, and are lost"
    return under_way


def say(publishers, numbers, payloads):
    for one in publishers:
        one.say(numbers, payloads)


def connected(plant):
    return plant.sql("SELECT count(*) AS n FROM system.mqtt_sessions WHERE connected")[0]["n"]


def look(plant, one, listener, payloads):
    """Looks at what the stream has of a publisher, and what was heard of it; returns how many rows came again."""
    rows = plant.sql(f"SELECT n, value FROM readings WHERE device = '{one.name}' ORDER BY _offset")
    found = Counter(row["n"] for row in rows)
    lost = [number for number in range(len(payloads)) if number not in found]
    assert not lost, f"{one.name}: {len(lost)} readings are missing: {lost[:10]}"
    twice = [number for number, times in found.items() if 1 < times]
    assert one.qos == 1 or not twice, f"{one.name}: {len(twice)} readings are there twice at QoS 2: {twice[:10]}"
    values = {json.loads(payload)["n"]: json.loads(payload)["value"] for payload in payloads}
    wrong = [row for row in rows if row["value"] != values[row["n"]]]
    assert not wrong, f"{one.name}: {wrong[:10]} are other readings"
    first = list(dict.fromkeys(row["n"] for row in rows))
    assert first == sorted(first), f"{one.name}: the readings are in another order"
    heard = {number: listener.heard[one.name, number] for number in range(len(payloads))}
    unheard = [number for number, times in heard.items() if times < 1]
    assert not unheard, f"{one.name}: {len(unheard)} readings were not heard: {unheard[:10]}"
    more = [number for number, times in heard.items() if 1 < times]
    assert one.qos == 1 or not more, f"{one.name}: {len(more)} readings were heard twice at QoS 2: {more[:10]}"
    assert listener.order[one.name] == sorted(listener.order[one.name]), f"{one.name}: heard in another order"
    assert plant.sql(f"SELECT count(*) AS n FROM readings_set_aside WHERE row LIKE '%{one.name}%'") == [{"n": 0}]
    return len(rows) - len(found)


def at_once(plant):
    """The reading of an acknowledgement is in the next query."""
    place = plant.device("at-once", "machine")
    for version in (3, 5):
        one = Client(place, f"at-once-{version}", version)
        for number in range(40):
            payload = json.dumps({"at": "2026-01-01T00:00:00Z", "n": 100 * version + number, "value": 1.5})
            assert one.say("devices/at-once/telemetry/reading", payload, 1 + number % 2) == 0
            found = plant.sql("SELECT max(n) AS n, count(*) AS rows FROM readings WHERE device = 'at-once'")
            assert found == [{"n": 100 * version + number, "rows": number + 1 + (40 if version == 5 else 0)}], (version, number, found)
        one.leave()

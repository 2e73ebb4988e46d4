"""Clients of MQTT that others wrote, at a real unit: over TCP, TLS and WebSocket, in 3.1.1 and 5, beside mosquitto where it is installed.

usage: check.py BINARY FOLDER DATA READINGS SECONDS_BETWEEN_KILLS [MQTT_JS]      FOLDER is to be made; MQTT_JS has node_modules/mqtt

What is held here of the standards: MQTT-7.0.0-2 (no extension is needed: these clients know nothing of the unit), MQTT-7.1.1-1 and 4.2.0-1 of
MQTT 5 (an ordered transport that loses nothing: `order`, `large` and `kills` go over each of the three). The other exchanges name theirs.
"""

import sys
import time
from pathlib import Path

import browser
import devices
import kills
import messages  # noqa: F401  (they declare exchanges)
import packets  # noqa: F401
import programs
import refused
import scene
import sessions  # noqa: F401
from places import Mosquitto, Plant

# Where mosquitto 2.0 does otherwise: by exchange and what is looked at there. Of all this the unit does what the standard says.
MOSQUITTO = {
    ("order", "order at QoS 1"): "where many are under way some are in another order, now and then",
    ("order", "order at QoS 2"): "as at QoS 1",
    ("overlapping", "heard"): "a copy for each subscription in MQTT 5, which may be; in 3.1.1 the quality of whichever comes first",
    ("flow", "under way"): "two more for each acknowledgement: more than the client takes",
    ("shared_beside", "retained"): "it is sent",
    ("shared_beside", "one of each"): "one in 3.1.1",
    ("takeover", "the first hears"): "it closes without a word",
    ("too_many", "one more"): "it takes more than it has said",
    ("keep_alive", "the end"): "it closes without a word",
    ("malformed", "reserved flags of PINGREQ"): "it is not looked at",
    ("malformed", "a subscription identifier of a client"): "it is not looked at",
    ("malformed", "a wildcard in a response topic"): "it is not looked at",
    ("malformed", "no local on a shared subscription"): "it is not looked at",
    ("malformed", "filter `$share//open/x`"): "it is taken",
}


class Report:
    """What went wrong, and how long each part took."""

    def __init__(self):
        self.faults = []

    def part(self, name, play):
        began, before = time.monotonic(), len(self.faults)
        try:
            self.faults += play() or []
        except AssertionError as fault:
            self.faults.append(f"{name}: {fault}")
        told = "as it should be" if before == len(self.faults) else f"{len(self.faults) - before} faults"
        print(f"{name}: {told}, {time.monotonic() - began:.0f} s", flush=True)


def side_by_side(places, restart):
    """Plays the exchanges, and says where a place does otherwise; mosquitto may where we know why."""
    scenes = scene.play(places, restart)
    names = {each.function.__name__ for each in scenes}
    print(f"{len(names)} exchanges at {', '.join(place.name for place in places)}, {len(scenes)} in all")
    return [f"{each.name} at {each.place.name}: {fault}" for each in scenes for what, fault in each.faults
            if each.place.is_unit or (each.function.__name__, what) not in MOSQUITTO]


def main():
    binary, folder, data, count, seconds, *mqtt_js = sys.argv[1:]
    folder = Path(folder)
    folder.mkdir()
    plant, report = Plant(binary, folder / "plant"), Report()
    mosquitto = Mosquitto(folder / "mosquitto") if Mosquitto.PROGRAM else None
    if not mosquitto:
        print("note: mosquitto is not installed: it is not compared with")
    if not programs.ARE_THERE:
        print("note: mosquitto_pub, mosquitto_sub and mosquitto_rr are not installed: they are left out")
    doors = [plant.place(door=door) for door in ("mqtt", "mqtts", "mqtt_ws")]

    def restart():
        plant.restart()
        if mosquitto:
            mosquitto.restart()

    try:
        report.part("exchanges", lambda: side_by_side(doors + ([mosquitto.place()] if mosquitto else []), restart))
        if mqtt_js:
            places = doors + ([mosquitto.place(), mosquitto.place("mosquitto_ws")] if mosquitto else [])
            report.part("mqtt.js", lambda: browser.play(Path(mqtt_js[0]), places, restart))
        else:
            print("note: Node is not installed, or mqtt.js could not be fetched: it is left out")
        report.part("bad input", lambda: refused.play(plant))
        report.part("devices", lambda: devices.play(plant))
        report.part("kills", lambda: kills.play(plant, Path(data), int(count), float(seconds)))
        report.part("the end", plant.stop)
        defects = [line for line in plant.logged().splitlines() if "something went wrong inside" in line or "panicked" in line]
        report.faults += [f"a defect: {line}" for line in defects]
    finally:
        plant.kill()
        if mosquitto:
            mosquitto.stop()
    for fault in report.faults:
        print(fault, file=sys.stderr)
    sys.exit(1 if report.faults else 0)


main()

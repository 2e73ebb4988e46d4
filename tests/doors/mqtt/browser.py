"""mqtt.js, as it runs in Node and speaks as in a browser."""

import json
import subprocess

from places import HERE, PATIENCE


def play(folder, places, restart):
    """Plays its exchanges at all places; returns what went wrong."""
    urls = {"mqtt": "mqtt://127.0.0.1:{}", "mqtts": "mqtts://127.0.0.1:{}", "mqtt_ws": "ws://127.0.0.1:{}/mqtt", "mosquitto": "mqtt://127.0.0.1:{}",
            "mosquitto_ws": "ws://127.0.0.1:{}/mqtt"}
    listed = [{"name": place.name, "url": urls[place.name].format(place.port), "user": place.user, "password": place.password,
               "ca": place.authority, "is_unit": place.is_unit} for place in places]
    file = folder / "places.json"
    file.write_text(json.dumps(listed))
    line = ["node", str(HERE / "web.mjs"), str(folder), str(file)]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as node:
        said = node.stdout.readline()
        if said == "restart\n":
            restart()
        _, faults = node.communicate("go\n", timeout=3 * PATIENCE)
    return [faults] if node.returncode or said != "restart\n" else []

"""Where clients go: a real unit with its doors for things, and mosquitto, where it is installed, beside it."""

import json
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(ROOT / "benches"))

from unit import Unit, free_port, listen  # noqa: E402

# How long anything may take before the test has failed.
PATIENCE = 60
SETTINGS = "\n[device]\nconnections_principal_max = 1000\n"


def until(what, is_so, pause=0.02):
    """Waits until something is so, and returns it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = is_so()
        if found:
            return found
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(pause)


@dataclass(frozen=True)
class Place:
    """A door of a broker, and with what one comes in there."""

    name: str
    port: int
    user: str | None = None
    password: str | None = None
    transport: str = "tcp"
    authority: str | None = None
    certificate: tuple | None = None
    is_unit: bool = True

    @property
    def is_web(self):
        return self.transport == "websockets"


class Plant:
    """A unit with the plant applied, killed and started again on the same ports."""

    def __init__(self, binary, folder):
        self.folder, self.binary = Path(folder), str(Path(binary).resolve())
        make = [self.binary, "init", str(folder), "--bare", "--name", "plant"]
        subprocess.run(make, check=True, stdout=subprocess.DEVNULL)
        settings = self.folder / "unit.toml"
        settings.write_text(settings.read_text() + SETTINGS)
        self.ports = {door: int(listen(settings, f"listen_{door}").rsplit(":", 1)[1])
                      for door in ("peers", "postgres", "mqtt", "mqtts", "mqtt_ws")}
        self.unit = Unit(binary, self.folder)
        apply = [self.binary, "--unit", str(folder), "apply", "-f", str(HERE / "plant")]
        subprocess.run(apply, check=True, stdout=subprocess.DEVNULL)
        self.tokens = {"tina": self.call("tokens", user="tina")["token"]}

    def call(self, path, **body):
        status, text = self.unit.call("POST", f"/v1/{path}", json.dumps(body))
        assert status == 200, (path, status, text)
        return json.loads(text)

    def get(self, path):
        status, text = self.unit.call("GET", f"/v1/{path}")
        assert status == 200, (path, status, text)
        return json.loads(text)

    def device(self, name, of):
        """Registers a device with a token of its own; returns the place at which it comes in."""
        self.call("devices", name=name, type=of)
        self.tokens[name] = self.call(f"devices/{name}/add_credential", kind="token")["token"]
        return self.place(name)

    def place(self, user="tina", door="mqtt", **more):
        if door == "mqtts":
            more["authority"] = str(self.folder / "tls.pem")
        if door == "mqtt_ws":
            more["transport"] = "websockets"
        return Place(door, self.ports[door], user, self.tokens.get(user), **more)

    def sql(self, text):
        return self.unit.sql(text)

    def logged(self):
        return (self.folder / "unit.log").read_text()

    def metric(self, name):
        """Returns the sum of a metric over its labels."""
        status, text = self.unit.call("GET", "/metrics")
        assert status == 200, text
        lines = [line.split() for line in text.decode().splitlines() if line.split("{")[0].split(" ")[0] == name]
        return sum(float(line[-1]) for line in lines)

    def kill(self):
        self.unit.process.kill()
        self.unit.process.wait()

    def restart(self):
        self.kill()
        self.unit.start()

    def stop(self):
        self.unit.stop()
        assert self.unit.process.returncode == 0, f"it has not stopped in order: {self.unit.process.returncode}"
        done = subprocess.run([self.binary, "verify", str(self.folder)], capture_output=True, text=True)
        assert done.returncode == 0, f"the store is not sound: {done.stdout}{done.stderr}"


class Mosquitto:
    """The broker that others use, with persistence."""

    PROGRAM = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir()
        self.port, self.port_web = free_port(), free_port()
        (self.folder / "mosquitto.conf").write_text(
            f"listener {self.port} 127.0.0.1\nlistener {self.port_web} 127.0.0.1\nprotocol websockets\n"
            f"allow_anonymous true\npersistence true\npersistence_location {self.folder}/\n"
            f"user root\nlog_dest file {self.folder}/mosquitto.log\nlog_type all\n")
        self.start()

    def place(self, door="mosquitto"):
        """Returns the door without TLS, or `mosquitto_ws`, that for WebSocket."""
        if door == "mosquitto":
            return Place(door, self.port, is_unit=False)
        return Place(door, self.port_web, transport="websockets", is_unit=False)

    def start(self):
        with open(self.folder / "mosquitto.err", "a") as file:
            self.process = subprocess.Popen([self.PROGRAM, "-c", str(self.folder / "mosquitto.conf")], stderr=file)
        until("mosquitto listens", lambda: self.process.poll() is not None or is_open(self.port) and is_open(self.port_web))
        assert self.process.poll() is None, "mosquitto has ended"

    def restart(self):
        # It writes down what it has when it ends.
        self.stop()
        self.start()

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0

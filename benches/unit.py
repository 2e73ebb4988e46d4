"""A unit of its own for a measurement: made, started, asked and stopped. Needs no package."""

import http.client
import json
import socket
import subprocess
import threading
import time
from pathlib import Path

ARROW = "application/vnd.apache.arrow.stream"
NDJSON = "application/x-ndjson"
START_SECONDS_MAX = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def manifest(kind: str, name: str, spec: dict) -> dict:
    return {"apiVersion": "craton/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def stream(name: str, columns: list, **spec) -> dict:
    """Returns the manifest of a stream; `columns` are pairs of a name and a type."""
    schema = [{"name": column, "type": kind} for column, kind in columns]
    return manifest("Stream", name, {"schema": schema, **spec})


def listen(settings: Path, door: str) -> str:
    """Has a door of a unit listen on a port that is free now; returns the address."""
    address = f"127.0.0.1:{free_port()}"
    kept = [line for line in settings.read_text().splitlines() if not line.startswith(f"{door} = ")]
    settings.write_text("\n".join([f'{door} = "{address}"', *kept, ""]))
    return address


class Unit:
    """A running unit in a folder, made there where it is not yet. People reach it on ports that are free; where its peers find it is
    not changed any more. Limits that are not the defaults are given as TOML when it is made."""

    def __init__(self, binary: str, folder: Path, tables: str = "", has_postgres: bool = False):
        self.binary, self.folder = str(Path(binary).resolve()), Path(folder)
        settings = self.folder / "unit.toml"
        if not settings.exists():
            make = [self.binary, "init", str(self.folder), "--bare", "--name", "probe"]
            subprocess.run(make, check=True, stdout=subprocess.DEVNULL)
            settings.write_text(f"{settings.read_text()}\n{tables}\n")
            listen(settings, "listen_peers")
        self.address = listen(settings, "listen")
        postgres = listen(settings, "listen_postgres")
        self.postgres = postgres if has_postgres else None
        self.token = (self.folder / "owner.token").read_text().strip()
        self.start()

    def start(self):
        self.log = open(self.folder / "unit.log", "a")
        up = [self.binary, "up", str(self.folder)]
        self.process = subprocess.Popen(up, stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self.is_ready():
            assert self.process.poll() is None, f"the unit has ended: see {self.folder}/unit.log"
            assert time.monotonic() < deadline, "the unit is not ready"
            time.sleep(0.05)

    def is_ready(self) -> bool:
        try:
            return self.call("GET", "/health/ready")[0] == 200
        except OSError:
            return False

    def connect(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(self.address, timeout=120)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def call(self, method, path, body=None, media="application/json", connection=None):
        """Makes a call; returns the status and the bytes of the answer."""
        own = connection or self.connect()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": media}
        own.request(method, path, body, headers)
        answer = own.getresponse()
        status, content = answer.status, answer.read()
        if connection is None:
            own.close()
        return status, content

    def apply(self, manifests: list):
        status, text = self.call("POST", "/v1/resources/apply", json.dumps({"manifests": manifests}))
        assert status == 200, text

    def append(self, name: str, body: bytes, media: str = ARROW, connection=None):
        status, text = self.call("POST", f"/v1/streams/{name}/append", body, media, connection)
        assert status == 200, f"{name}: {status} {text[:500]}"

    def append_all(self, name: str, items, connections: int, make=lambda item: item):
        """Appends over several connections: `make` turns an item into a body, beside the other connections."""
        items, lock, faults = iter(items), threading.Lock(), []

        def send():
            connection = self.connect()
            try:
                while not faults:
                    with lock:
                        item = next(items, None)
                    if item is None:
                        return
                    self.append(name, make(item), connection=connection)
            except Exception as fault:  # it belongs to the thread that waits
                faults.append(fault)

        threads = [threading.Thread(target=send) for _ in range(connections)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        if faults:
            raise faults[0]

    def ask(self, sql: str, form: str = "json", connection=None) -> bytes:
        body = json.dumps({"sql": sql, "format": form})
        status, text = self.call("POST", "/v1/sql/query", body, connection=connection)
        assert status == 200, f"{status} {text[:1000]}: {sql}"
        return text

    def sql(self, sql: str, connection=None) -> list:
        return json.loads(self.ask(sql, "json", connection))

    def seal(self, stream: str, is_latest: bool = False, seconds_max: float = 3_600) -> dict:
        """Has all rows of a stream put into files, waits for it, and returns how the table stands; of a keyed stream also the
        newest rows, where wanted."""
        wanted = self.sql(f"SELECT rows, first_offset FROM system.streams WHERE name = '{stream}'")[0]
        wanted = wanted["rows"] + wanted["first_offset"]
        deadline = time.monotonic() + seconds_max
        for table in [stream, f"{stream}_latest"] if is_latest else [stream]:
            status, text = self.call("POST", f"/v1/tables/{table}/seal", "{}")
            assert status == 200, text
            while True:
                stands = self.sql(f"SELECT * FROM system.tables WHERE name = '{table}'")
                if stands and wanted <= stands[0]["sealed"]:
                    break
                assert time.monotonic() < deadline, f"{table} is not sealed: {stands}"
                time.sleep(0.1)
        return stands[0]

    def memory(self) -> int:
        """Returns the bytes of memory that the unit holds now."""
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith("VmRSS"):
                return int(line.split()[1]) * 1024
        return 0

    def stop(self):
        self.process.terminate()
        self.process.wait(60)
        self.log.close()

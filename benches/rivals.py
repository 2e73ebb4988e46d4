"""What measurements run beside a unit: a PostgreSQL server, Restate, DBOS. Each ends with its `with`. Needs no package; what Restate and
DBOS need is installed in a folder that is given, from the lists in `rivals/`."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import venv
from pathlib import Path

from unit import free_port

HERE = Path(__file__).resolve().parent
READY_SECONDS_MAX = 60


class Absent(Exception):
    """It cannot be had on this machine."""


class Program:
    """A program with what it starts, until it is told to end. What it says goes into a file."""

    def __init__(self, command: list, log: Path, folder: Path | None = None, **variables):
        self.log = open(log, "w")
        environment = {**os.environ, **variables}
        self.process = subprocess.Popen(
            list(map(str, command)), cwd=folder, env=environment, stdout=self.log, stderr=self.log, start_new_session=True,
        )

    def until(self, is_ready):
        deadline = time.monotonic() + READY_SECONDS_MAX
        while not is_ready():
            assert self.process.poll() is None, f"it has ended: see {self.log.name}"
            assert time.monotonic() < deadline, f"it is not ready: see {self.log.name}"
            time.sleep(0.1)

    def end(self):
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        except ProcessLookupError:
            self.process.wait()
        self.log.close()


def ask(address: str, method: str, path: str, body: dict | None = None) -> int:
    """Returns the status of an answer; 0 where nobody answers."""
    connection = http.client.HTTPConnection(address, timeout=30)
    try:
        connection.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def installed(command: list, folder: Path):
    if subprocess.run(list(map(str, command)), cwd=folder, stdout=sys.stderr).returncode != 0:
        raise Absent(f"its packages could not be installed: {command[0]} has failed")


class Postgres:
    """A PostgreSQL server of its own, as the tests start it."""

    def __enter__(self):
        port = free_port()
        script = HERE.parent / "tests/doors/pgstore/server.sh"
        self.process = subprocess.Popen([str(script), str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        said = self.process.stdout.readline().strip()
        if said != "ready":
            self.__exit__()
            raise Absent("no PostgreSQL server is installed" if said == "absent" else "the PostgreSQL server does not start")
        self.url = f"postgres://craton@127.0.0.1:{port}"
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Restate:
    """Restate's server, and a worker in Node with a workflow of one step."""

    what = "a workflow with one durable step, its own storage"

    def __init__(self, tools: Path, place: Path):
        self.tools, self.place, self.running = tools / "restate", place, []

    def __enter__(self):
        self.install()
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def install(self):
        if not shutil.which("npm"):
            raise Absent("Node and npm are not installed")
        self.tools.mkdir(parents=True, exist_ok=True)
        wanted, there = HERE / "rivals/package.json", self.tools / "installed.json"
        if not there.exists() or there.read_bytes() != wanted.read_bytes():
            there.unlink(missing_ok=True)
            shutil.copy(wanted, self.tools / "package.json")
            command = ["npm", "install", "--silent", "--no-fund", "--no-audit", "--ignore-scripts"]
            installed(command, self.tools)
            shutil.copy(wanted, there)
        shutil.copy(HERE / "rivals/one.mjs", self.tools)

    def start(self):
        worker, admin, ingress, node = (free_port() for _ in range(4))
        work = ["node", "one.mjs", worker]
        self.running.append(Program(work, self.place / "restate-worker.log", self.tools, RESTATE_LOGGING="ERROR"))
        serve = [
            self.tools / "node_modules/.bin/restate-server", "--no-logo", "--node-name", "one", "--listen-mode", "tcp",
            "--base-dir", self.place / "restate", "--bind-ip", "127.0.0.1", "--bind-port", node,
        ]
        server = Program(
            serve, self.place / "restate.log", RUST_LOG="error", RESTATE_DISABLE_TELEMETRY="true", DO_NOT_TRACK="1",
            RESTATE_ADMIN__BIND_PORT=str(admin), RESTATE_INGRESS__BIND_PORT=str(ingress),
        )
        self.running.append(server)
        self.address, self.path = f"127.0.0.1:{ingress}", "/one/{n}/run"
        known = {"uri": f"http://127.0.0.1:{worker}"}
        server.until(lambda: ask(f"127.0.0.1:{admin}", "POST", "/deployments", known) in (200, 201))
        server.until(lambda: ask(self.address, "POST", "/one/first/run", {"id": 0}) == 200)

    def __exit__(self, *_):
        for program in self.running:
            program.end()


class Dbos:
    """DBOS behind a small HTTP server, with PostgreSQL where a server is installed, else with SQLite."""

    def __init__(self, tools: Path, place: Path):
        self.tools, self.place, self.server, self.program = tools / "dbos", place, None, None

    def __enter__(self):
        self.install()
        try:
            self.server = Postgres().__enter__()
            database, self.what = f"{self.server.url}/dbos", "a workflow with one durable step, PostgreSQL"
        except Absent:
            database, self.what = f"sqlite:///{self.place / 'dbos.sqlite'}", "a workflow with one durable step, SQLite"
        # Its driver knows the address by its long name only.
        database = database.replace("postgres://", "postgresql://")
        port = free_port()
        self.address, self.path = f"127.0.0.1:{port}", "/"
        command = [self.tools / "bin/python", HERE / "rivals/one.py", port, database]
        self.program = Program(command, self.place / "dbos.log")
        try:
            self.program.until(lambda: ask(self.address, "POST", "/", {"id": 0}) == 200)
        except BaseException:
            self.__exit__()
            raise
        return self

    def install(self):
        wanted, there = HERE / "rivals/requirements.txt", self.tools / "requirements.txt"
        if not there.exists() or there.read_bytes() != wanted.read_bytes():
            venv.create(self.tools, with_pip=True)
            command = [self.tools / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "-r", wanted]
            installed(command, self.tools)
            shutil.copy(wanted, there)

    def __exit__(self, *_):
        if self.program:
            self.program.end()
        if self.server:
            self.server.__exit__()


ALL = {"restate": Restate, "dbos": Dbos}

"""A soak: a unit at half of the measured load, killed meanwhile. Afterwards nothing that was acknowledged is lost or there twice, and the unit
is level by the rules of `level.py`.

usage: soak.py BINARY [--seconds 60] [--kills 3] [--senders 2] [--connections 8] [--folder target/tmp/endure] [--report FILE]

One *operation* is a one-task process and a row over HTTP, each command a request of its own: start, fetch a job, complete it, append. First the
load that the unit takes is measured: every connection as fast as it can. Then operations are due at fixed moments, half as many a second, whether
the ones before were answered or not. Every change has an idempotency key and is sent again under it until it is acknowledged, so that the
sender knows what must be there. SIGKILL comes at random moments of the first 45 % of the run, and once more at its end, under load; what lies
between is one life of the process, in which memory, files and handles are compared.

The senders are processes of their own on the same machine, and take processor time from the unit. Needs no package.
"""

import argparse
import http.client
import json
import multiprocessing
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from statistics import quantiles

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "benches"))

import level  # noqa: E402
from unit import Unit  # noqa: E402

KILLED_UNTIL = 0.45
MEASURE_SECONDS = 5
SAMPLES = 240
AWAY_SECONDS_MAX, DRAIN_SECONDS_MAX = 120, 300
JOB_SECONDS = 10
# Work that comes round often is seen in a soak: files are made, made one and removed within a part of it. At its end the history of
# more than a million instances is read from its beginning.
TABLES = "[data]\nquery_ms_max = 600_000\nseal_ms = 2_000\nseal_rows_min = 100\nvacuum_ms = 5_000\nsweep_ms = 5_000\n"


class Sender:
    """A connection that sends a change until it is acknowledged."""

    def __init__(self, place: dict):
        self.place, self.connection, self.away = place, None, 0

    def post(self, path: str, body: str, key: str, media: str = "application/json") -> tuple[int, dict]:
        """Sends a change under a key; returns the answer that is no refusal for now."""
        headers = {"Authorization": f"Bearer {self.place['token']}", "Content-Type": media, "Idempotency-Key": key}
        deadline, pause = time.monotonic() + AWAY_SECONDS_MAX, 0.01
        while True:
            try:
                if self.connection is None:
                    self.connection = http.client.HTTPConnection(self.place["address"], timeout=30)
                self.connection.request("POST", path, body, headers)
                answer = self.connection.getresponse()
                status, text = answer.status, answer.read()
                if status not in (408, 429, 503):
                    return status, json.loads(text)
            except (OSError, http.client.HTTPException):
                self.connection.close()
                self.connection = None
            self.away += 1
            assert time.monotonic() < deadline, f"{path} is not answered for {AWAY_SECONDS_MAX} s"
            time.sleep(pause)
            pause = min(2 * pause, 0.2)

    def operate(self, sender: int, number: int):
        """Starts a process, does a job of whichever, and appends a row; all three are acknowledged when it returns."""
        name = f"{sender:03}-{number:09}"
        body = json.dumps({"business_key": name, "variables": {"text": "x" * 100}})
        status, told = self.post("/v1/processes/work/start", body, f"start-{name}")
        assert status == 200, told
        self.work(f"fetch-{name}")
        row = json.dumps({"sender": sender, "number": number, "text": "y" * 100})
        status, told = self.post("/v1/streams/events/append", row, f"append-{name}", "application/x-ndjson")
        assert status == 200, told

    def work(self, key: str, count: int = 1) -> int:
        """Fetches jobs and completes them. A job whose worker was away may have been done by another."""
        body = json.dumps({"type": "do", "max": count, "timeout": JOB_SECONDS})
        status, told = self.post("/v1/jobs/activate", body, key)
        assert status == 200, told
        for job in told["jobs"]:
            body = json.dumps({"variables": {"by": key}})
            status, done = self.post(f"/v1/jobs/{job['job']}/complete", body, f"{key}-{job['job']}")
            assert status == 200 or done["code"] in ("resource.not_found", "job.not_found", "job.state"), done
        return len(told["jobs"])


def send(place: dict, sender: int, connections: int, rate: float, seconds: float, shared, results):
    """Operates for some seconds over several connections: at a rate, or as fast as it can where that is 0."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lock, late, faults, away = threading.Lock(), [], [], []
    begin = time.monotonic()

    def serve(place_in_rate: int):
        own, step = Sender(place), connections / rate if rate else 0.0
        due = begin + (place_in_rate / rate if rate else 0.0)
        try:
            while due < begin + seconds and not faults:
                time.sleep(max(0.0, due - time.monotonic()))
                with lock:
                    number = shared[sender]["next"].value
                    shared[sender]["next"].value += 1
                own.operate(sender, number)
                with lock:
                    shared[sender]["done"].value += 1
                    late.append(time.monotonic() - due)
                due = due + step if rate else time.monotonic()
        except Exception as fault:  # it belongs to the process that waits
            faults.append(repr(fault))
        away.append(own.away)

    threads = [threading.Thread(target=serve, args=(number,)) for number in range(connections)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    results.put({"faults": faults, "late": late, "sent_again": sum(away)})


class Load:
    """Senders, each a process of its own."""

    def __init__(self, unit: Unit, senders: int, connections: int):
        self.place = {"address": unit.address, "token": unit.token}
        self.connections = connections
        self.shared = [{name: multiprocessing.Value("q", 0) for name in ("next", "done")} for _ in range(senders)]

    def begin(self, rate: float, seconds: float):
        self.results = multiprocessing.Queue()
        arguments = [(self.place, sender, self.connections, rate / len(self.shared), seconds, self.shared, self.results)
                     for sender in range(len(self.shared))]
        self.processes = [multiprocessing.Process(target=send, args=held, daemon=True) for held in arguments]
        [process.start() for process in self.processes]

    def end(self) -> tuple[list, int]:
        """Waits for the senders; returns how late each operation was acknowledged, and how often something was sent again."""
        told = [self.results.get(timeout=3_600) for _ in self.processes]
        [process.join() for process in self.processes]
        faults = [fault for held in told for fault in held["faults"]]
        assert not faults, faults[:3]
        return [late for held in told for late in held["late"]], sum(held["sent_again"] for held in told)

    def acknowledged(self) -> int:
        return sum(held["done"].value for held in self.shared)


def kind_of(path: Path) -> str:
    """Returns whether the bytes of a file stay or come and go."""
    if path.name.endswith((".db-wal", ".db-shm")):
        return "log_ahead_bytes"
    passing = path.name.endswith((".tmp", ".log")) or "spill" in path.parts
    return "passing_bytes" if passing else "kept_bytes"


def sample(unit: Unit, life: int, at: float, acknowledged: int) -> dict:
    """Measures the process and its folder."""
    proc = Path(f"/proc/{unit.process.pid}")
    found = dict.fromkeys(("kept_bytes", "log_ahead_bytes", "passing_bytes", "files", "store_bytes"), 0)
    lines = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
    for path in unit.folder.rglob("*"):
        try:
            if path.is_file():
                bytes_now = path.stat().st_size
                found[kind_of(path.relative_to(unit.folder))] += bytes_now
                found["store_bytes"] += bytes_now if path.name == "store.db" else 0
                found["files"] += 1
        except FileNotFoundError:  # it went in between
            continue
    return {
        "at": round(at, 2), "life": life, "acknowledged": acknowledged, "memory_bytes": int(lines["VmRSS"].split()[0]) * 1024,
        "threads": int(lines["Threads"]), "handles": len(list((proc / "fd").iterdir())), **found,
    }


def play(unit: Unit, load: Load, rate: float, seconds: float, kills: int, chance: random.Random) -> tuple[list, list, tuple]:
    """Plays the load, kills and measures; returns the samples, the moments of the kills, and what the senders say."""
    first, span = 0.05 * seconds, (KILLED_UNTIL - 0.05) * seconds
    part = span / max(kills - 1, 1)
    moments = [first + part * (number + 0.8 * chance.random()) for number in range(kills - 1)] + [0.999 * seconds]
    samples, killed, step, due = [], [], seconds / SAMPLES, 0.0
    load.begin(rate, seconds)
    begin = time.monotonic()
    while (at := time.monotonic() - begin) < seconds or len(killed) < len(moments):
        if len(killed) < len(moments) and moments[len(killed)] <= at:
            unit.process.kill()
            unit.process.wait()
            unit.log.close()
            unit.start()
            killed.append({"at": round(at, 2), "away_seconds": round(time.monotonic() - begin - at, 2)})
        elif due <= at:
            samples.append(sample(unit, len(killed), at, load.acknowledged()))
            due = at + step
        time.sleep(max(0.0, min(due, moments[len(killed)] if len(killed) < len(moments) else seconds) - (time.monotonic() - begin)))
    return samples, killed, load.end()


def drain(unit: Unit, load: Load):
    """Does the jobs that are left: of workers that were away."""
    sender, deadline, number = Sender(load.place), time.monotonic() + DRAIN_SECONDS_MAX, 0
    while unit.sql("SELECT count(*) AS n FROM system.jobs")[0]["n"]:
        assert time.monotonic() < deadline, "jobs are left that nobody gets"
        number += 1
        if not sender.work(f"drain-{number}", 100):
            time.sleep(0.2)


def rows(unit: Unit, sql: str) -> list:
    return [tuple(int(cell) for cell in row.values()) for row in unit.sql(sql)]


def lost_or_twice(unit: Unit, load: Load) -> list:
    """Returns what is not there exactly once."""
    wanted = [(sender, held["next"].value) for sender, held in enumerate(load.shared)]
    assert load.acknowledged() == sum(count for _, count in wanted), "something was sent and never acknowledged"
    expected = [(sender, count, count, 0, count - 1) for sender, count in wanted]
    number, sender = "CAST(substr(business_key, 5) AS BIGINT)", "CAST(substr(business_key, 1, 3) AS BIGINT)"
    shape = "count(*) AS c, count(DISTINCT {0}) AS d, min({0}) AS a, max({0}) AS z"
    checks = {
        "process instances that were completed":
            f"SELECT {sender} AS sender, {shape.format(number)} FROM system.process_instances "
            "WHERE process = 'work' AND state = 'completed' GROUP BY 1 ORDER BY 1",
        "process instances": f"SELECT {sender} AS sender, {shape.format(number)} FROM system.process_instances GROUP BY 1 ORDER BY 1",
        "rows": f"SELECT sender, {shape.format('number')} FROM events GROUP BY 1 ORDER BY 1",
    }
    wrong = [f"{what}: {found} in place of {expected}" for what, sql in checks.items() if (found := rows(unit, sql)) != expected]
    done = rows(unit, "SELECT count(*) AS c, count(DISTINCT instance) AS d FROM system.elements WHERE element = 'do' AND state = 'completed'")
    total = load.acknowledged()
    return wrong + ([] if done == [(total, total)] else [f"tasks that were done: {done} in place of {total}"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--senders", type=int, default=2)
    parser.add_argument("--connections", type=int, default=8, help="of each sender")
    parser.add_argument("--seed", type=int, default=1, help="of the moments of the kills")
    parser.add_argument("--folder", default="target/tmp/endure")
    parser.add_argument("--report", help="where to write everything as JSON")
    options = parser.parse_args()
    level.self_test()
    folder = Path(options.folder).resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    unit = Unit(options.binary, folder, TABLES, has_postgres=True)
    try:
        report = soak(unit, options)
        unit.stop()
    finally:
        unit.process.kill()
        unit.process.wait()
    verified = subprocess.run([unit.binary, "verify", str(folder)], capture_output=True, text=True)
    report["wrong"] += [] if verified.returncode == 0 else [verified.stdout + verified.stderr]
    if options.report:
        Path(options.report).write_text(json.dumps(report, indent=1) + "\n")
    for found in report["levels"]:
        print(f"{'level' if found['level'] else 'NOT LEVEL':9} {found['what']:20} middle {found['middle']:14,.1f}  end {found['end']:14,.1f}"
              f"  bound {found['bound']:14,.1f}")
    if report["wrong"]:
        sys.exit("\n".join(report["wrong"]))
    print(f"soak: {report['acknowledged']} operations in {options.seconds:.0f} s, {len(report['kills'])} kills: all there, each once; level")


def soak(unit: Unit, options) -> dict:
    """Does it all with a unit that runs; returns the report."""
    apply = [unit.binary, "--unit", str(unit.folder), "apply", "-f", str(HERE / "shop")]
    subprocess.run(apply, check=True, stdout=subprocess.DEVNULL)
    load = Load(unit, options.senders, options.connections)
    load.begin(0, MEASURE_SECONDS)
    load.end()
    capacity = load.acknowledged() / MEASURE_SECONDS
    print(f"measured: {capacity:.0f} operations a second; played: half of it", flush=True)
    samples, killed, (late, again) = play(unit, load, capacity / 2, options.seconds, options.kills, random.Random(options.seed))
    drain(unit, load)
    levels, not_level = level.judge(samples, options.seconds)
    wrong = lost_or_twice(unit, load) + [f"not level: {what}" for what in not_level]
    if len(killed) != options.kills:
        wrong.append(f"{len(killed)} kills in place of {options.kills}")
    percents = quantiles(late, n=100)
    return {
        "seconds": options.seconds, "capacity_second": capacity, "rate_second": capacity / 2, "acknowledged": load.acknowledged(),
        "sent_again": again, "late_seconds": {"p50": percents[49], "p99": percents[98], "most": max(late)},
        "kills": killed, "rules": level.__doc__, "levels": levels, "wrong": wrong, "series": samples,
    }


if __name__ == "__main__":
    main()

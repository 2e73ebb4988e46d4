"""A noisy neighbour: quiet users at half of the measured capacity, over HTTP and over PostgreSQL's protocol, while one user sends ten times
its quota through each door in turn and an analyst runs the largest join that is allowed.

usage: noisy.py BINARY [--seconds 30] [--users 4] [--rows 200000] [--folder target/tmp/noisy] [--report FILE]

BINARY lies beside `examples/` with the generator: `cargo build --release -p unit --examples`. The generator shares the machine with
what it measures. All is asked in an open loop: calls are due at fixed moments, whether the one before was answered or not, and a latency
counts from the moment at which its call was due. First the capacity is measured: the largest rate at which 99 % of the quiet users' calls
are answered within 50 ms, found by halving between nothing and what a closed loop does (which is more, since everybody waits in it, and
the unit does whole batches at a time; the report has both). Then each door is asked at half of its capacity, alone and beside each
neighbour. The bar: the 99th percentile beside a neighbour is at most 1.5 times the
one alone, or 20 ms more, whichever is larger; whoever floods is refused, each refusal says when to come again; the unit stays within
its memory. Needs pyarrow.
"""

import argparse
import io
import json
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pyarrow as pa

from unit import ARROW, Unit, manifest, stream

CLERK = """
permit(principal in Role::"clerk", action in [Action::"Read", Action::"Write"],
       resource in Kind::"stream");
permit(principal in Role::"clerk", action in Action::"Read", resource)
when { resource in [Kind::"sql", Kind::"table", Kind::"relation"] };
"""
FLOODER_RATE = 200
FLOOD = 10
FACTOR_MAX, MORE_S_MAX = 1.5, 0.020
MEMORY_MB = 1_536
# A rate is borne where so many of its calls are answered so soon.
BORNE_P99_MS, BORNE_PART, PROBES, PROBE_S, TRIES = 50, 0.98, 6, 8, 2
APPEND_ROWS, PRICES = 50_000, 1_000
# Through each door, of all users of a kind. Of 16 queries at a time, each of six users has a right to two.
CONNECTIONS = {"http": 128, "postgres": 8}
# The largest result of a join that is not refused by its rows alone; it ends at the time limit of the unit.
JOIN = "SELECT count(*) FROM ledger a JOIN ledger b ON a.bucket = b.bucket AND a.n < b.n"


def user(name: str, roles: list) -> dict:
    return manifest("User", name, {"roles": roles})


def body(numbers: range) -> bytes:
    """Returns rows of `ledger` and `prices` as an Arrow stream."""
    numbers = list(numbers)
    batch = pa.record_batch({
        "n": pa.array(numbers, pa.int64()), "bucket": pa.array([number % 50 for number in numbers], pa.int64()),
    })
    out = io.BytesIO()
    with pa.ipc.new_stream(out, batch.schema) as writer:
        writer.write_batch(batch)
    return out.getvalue()


def prepare(unit: Unit, users: int, rows: int) -> dict:
    """Declares who calls and what they call, and returns the tokens."""
    names = [f"quiet{number}" for number in range(users)]
    unit.apply([
        manifest("Role", "clerk", {"policies": CLERK}),
        stream("orders", [("id", "text"), ("state", "text"), ("n", "int")], key=["id"]),
        stream("ledger", [("n", "int"), ("bucket", "int")]),
        stream("prices", [("n", "int"), ("bucket", "int")]),
        *[user(name, ["clerk"]) for name in [*names, "flooder"]],
        user("ana", ["analyst"]),
    ])
    unit.apply([manifest("Quota", "flooder", {"for": "user/flooder", "rate": FLOODER_RATE})])
    for start in range(0, rows, APPEND_ROWS):
        unit.append("ledger", body(range(start, min(start + APPEND_ROWS, rows))), ARROW)
    unit.append("prices", body(range(PRICES)), ARROW)
    tokens = {}
    for name in [*names, "flooder", "ana"]:
        status, text = unit.call("POST", "/v1/tokens", json.dumps({"user": name}))
        assert status == 200, text
        tokens[name] = json.loads(text)["token"]
    return tokens


class Callers:
    """Users who call through a door, in a process of their own."""

    def __init__(self, options, place: dict, door: str, names: list, rate: float, seconds: float):
        users = [f"{name}={place['tokens'][name]}" for name in names]
        program = options.binary.resolve().parent / "examples/callers"
        command = [program, door, place[door], seconds, CONNECTIONS[door] // len(names), rate, *users]
        self.process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def figures(self) -> dict:
        told, _ = self.process.communicate()
        assert self.process.returncode == 0, "the generator failed"
        return {key: round(value, 2) for key, value in json.loads(told).items()}


class Analyst:
    """Somebody who runs the largest join, again and again, until the end of a block."""

    def __init__(self, place: dict):
        self.unit, self.ended, self.asked, self.fault = place["unit"], threading.Event(), 0, None
        self.headers = {"Authorization": f"Bearer {place['tokens']['ana']}", "Content-Type": "application/json"}
        self.thread = threading.Thread(target=self.serve)

    def serve(self):
        try:
            while not self.ended.is_set():
                connection = self.unit.connect()
                connection.request("POST", "/v1/sql/query", json.dumps({"sql": JOIN}), self.headers)
                answer = connection.getresponse()
                content = answer.read()
                assert answer.status == 200, content
                self.asked += 1
        except BaseException as fault:  # it belongs to the thread that waits
            self.fault = fault

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
        if self.fault:
            raise self.fault


def probed(options, place, door, names, rate, seconds) -> dict:
    return Callers(options, place, door, names, rate, seconds).figures()


def is_borne(options, place, door, names, rate) -> bool:
    """Tells whether a rate is borne; what fails is tried again, since one moment of the machine says little of the unit."""
    for _ in range(TRIES):
        found = probed(options, place, door, names, rate, PROBE_S)
        if found["p99_ms"] <= BORNE_P99_MS and rate * BORNE_PART <= found["done_per_s"]:
            return True
    return False


def capacity(options, place, door, names) -> dict:
    """Returns what a closed loop does, and the largest rate that is borne in an open loop, both in calls/s."""
    closed = probed(options, place, door, names, 0, PROBE_S)["done_per_s"]
    borne, over = 0, closed
    for _ in range(PROBES):
        rate = (borne + over) / 2
        if is_borne(options, place, door, names, rate):
            borne = rate
        else:
            over = rate
    return {"closed": round(closed), "borne": round(borne)}


def flooded(options, place, door, names, rate, through) -> dict:
    """Measures quiet users while one sends ten times its quota through a door."""
    with Callers(options, place, through, ["flooder"], FLOODER_RATE * FLOOD, options.seconds) as flooder:
        result = probed(options, place, door, names, rate, options.seconds)
        return {**result, "flooder": flooder.figures()}


def cases(options, place, names, rates) -> dict:
    report = {}
    for door in CONNECTIONS:
        quiet = lambda: probed(options, place, door, names, rates[door], options.seconds)
        report[f"{door} alone"] = quiet()
        for through in CONNECTIONS:
            report[f"{door} beside a flood through {through}"] = flooded(options, place, door, names, rates[door], through)
        with Analyst(place) as analyst:
            report[f"{door} beside an analyst"] = quiet()
        report[f"{door} beside an analyst"]["joins"] = analyst.asked
    return report


def judge(report: dict, memory: int) -> list[str]:
    faults = []
    for name, found in report.items():
        alone = report[f"{name.split()[0]} alone"]["p99_ms"]
        most = max(alone * FACTOR_MAX, alone + MORE_S_MAX * 1e3)
        if most < found["p99_ms"]:
            faults.append(f"{name}: p99 is {found['p99_ms']} ms, {most:.1f} at most")
        if found["refused"]:
            faults.append(f"{name}: {found['refused']} calls of quiet users were refused")
        if found.get("joins") == 0:
            faults.append(f"{name}: no join has ended")
        flooder = found.get("flooder")
        if flooder and not flooder["refused"]:
            faults.append(f"{name}: the flooder was not refused")
        if flooder and flooder["told_when"] != flooder["refused"]:
            faults.append(f"{name}: a refusal did not say when to come again")
    if MEMORY_MB << 20 < memory:
        faults.append(f"the unit holds {memory >> 20} MB, {MEMORY_MB} at most")
    return faults


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=Path)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--users", type=int, default=4)
    parser.add_argument("--rows", type=int, default=200_000, help="that the analyst joins with themselves")
    parser.add_argument("--folder", type=Path, default=Path("target/tmp/noisy"))
    parser.add_argument("--report", type=Path)
    options = parser.parse_args()
    place = options.folder.resolve()
    shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    unit = Unit(options.binary, place, has_postgres=True)
    try:
        # A key before the tables of the file that `init` has written.
        settings = place / "unit.toml"
        unit.stop()
        settings.write_text(f"memory_megabytes_max = {MEMORY_MB}\n{settings.read_text()}")
        unit.start()
        tokens = prepare(unit, options.users, options.rows)
        there = {"unit": unit, "http": unit.address, "postgres": unit.postgres, "tokens": tokens}
        names = [name for name in tokens if name.startswith("quiet")]
        found = {door: capacity(options, there, door, names) for door in CONNECTIONS}
        rates = {door: each["borne"] / 2 for door, each in found.items()}
        report = cases(options, there, names, rates)
        memory = unit.memory()
    finally:
        unit.stop()
    faults = judge(report, memory)
    whole = {"capacity_per_s": found, "cases": report,
             "memory_mb": memory >> 20, "faults": faults}
    if options.report:
        options.report.write_text(json.dumps(whole, indent=1))
    print(json.dumps(whole, indent=1))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

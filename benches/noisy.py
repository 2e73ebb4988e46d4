"""A noisy neighbour: quiet users at half of the measured capacity, over HTTP and over PostgreSQL's protocol, while one user sends ten times
its quota through each door in turn and an analyst runs the largest join that is allowed.

usage: noisy.py BINARY [--seconds 30] [--users 4] [--connections 4] [--rows 200000] [--folder target/tmp/noisy]
                [--report FILE]

Every part of the generator is a process of its own on the same machine, and takes processor time from the unit. First the capacity is
measured: all quiet users as fast as they can. Then each door is asked at half of that in an open loop: requests are due at fixed moments,
whether the one before was answered or not, and a latency counts from the moment at which its request was due. That is done alone, and
beside each neighbour. The bar: the 99th percentile beside a neighbour is at most 1.5 times the one alone, or 20 ms more, whichever is
larger; whoever floods is refused, each refusal says when to come again; the unit stays within its memory. Needs psycopg and pyarrow.
"""

import argparse
import io
import json
import multiprocessing
import os
import re
import shutil
import socket
import sys
import threading
import time
from pathlib import Path

import psycopg
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
APPEND_ROWS, PRICES = 50_000, 1_000
PAYLOAD = json.dumps({"id": "o-1", "state": "SP", "n": 1}).encode()
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


class Http:
    """A connection over HTTP/1.1, by hand: what the generator takes of the processors, the unit has not. Every third call reads, the
    others append."""

    def __init__(self, place: dict, name: str):
        host, port = place["http"].split(":")
        self.address, self.socket, self.number = (host, int(port)), None, 0
        head = f"Host: {place['http']}\r\nAuthorization: Bearer {place['tokens'][name]}\r\n"
        self.read = f"GET /v1/streams/orders/read?limit=1 HTTP/1.1\r\n{head}\r\n".encode()
        append = f"POST /v1/streams/orders/append HTTP/1.1\r\n{head}Content-Type: application/x-ndjson\r\nContent-Length: {len(PAYLOAD)}\r\n\r\n"
        self.append = append.encode() + PAYLOAD

    def ask(self) -> tuple[bool, float | None]:
        """Makes a call; returns whether it was done, and after how many seconds it is worth repeating."""
        self.number += 1
        if self.socket is None:
            self.socket = socket.create_connection(self.address, timeout=60)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(self.read if self.number % 3 == 0 else self.append)
        head, content = self.answer()
        if b"\r\nconnection: close" in head:
            self.socket.close()
            self.socket = None
        if head.startswith(b"HTTP/1.1 200 "):
            return True, None
        assert head[9:12] in (b"429", b"503"), head + content
        assert b"\r\nretry-after: " in head, "a refusal says when to come again"
        return False, json.loads(content).get("retry_ms", 1_000) / 1_000

    def answer(self) -> tuple[bytes, bytes]:
        """Reads an answer: its head, and its body of known length or in chunks."""
        held = b""
        while (end := held.find(b"\r\n\r\n")) < 0:
            held += self.more()
        head, rest = held[:end].lower().replace(b"http/1.1", b"HTTP/1.1", 1), held[end + 4:]
        found = re.search(rb"\r\ncontent-length: (\d+)", head)
        if found is None:
            while not rest.endswith(b"0\r\n\r\n"):
                rest += self.more()
            return head, rest
        while len(rest) < int(found[1]):
            rest += self.more()
        return head, rest

    def more(self) -> bytes:
        part = self.socket.recv(65_536)
        assert part, "the connection was closed without a word"
        return part


class Postgres:
    """A connection over PostgreSQL's protocol: psycopg begins it, simple queries go by hand."""

    ASK = b"SELECT count(*) FROM prices WHERE bucket = 7\0"

    def __init__(self, place: dict, name: str):
        host, port = place["postgres"].split(":")
        self.connection = psycopg.connect(
            host=host, port=port, user=name, password=place["tokens"][name], dbname="craton", sslmode="disable", autocommit=True,
        )
        self.socket = socket.socket(fileno=os.dup(self.connection.fileno()))
        self.socket.setblocking(True)
        self.question = b"Q" + (len(self.ASK) + 4).to_bytes(4, "big") + self.ASK

    def ask(self) -> tuple[bool, float | None]:
        self.socket.sendall(self.question)
        held, at, refusal = b"", 0, None
        while True:
            while len(held) < at + 5 or len(held) < at + 1 + int.from_bytes(held[at + 1:at + 5], "big"):
                part = self.socket.recv(65_536)
                assert part, "the connection was closed without a word"
                held += part
            end = at + 1 + int.from_bytes(held[at + 1:at + 5], "big")
            kind, content, at = held[at:at + 1], held[at + 5:end], end
            if kind == b"E":
                refusal = {field[:1]: field[1:] for field in content.split(b"\0")}
            elif kind == b"Z":
                break
        if refusal is None:
            return True, None
        assert refusal[b"C"].startswith(b"53"), refusal
        assert refusal.get(b"H"), "a refusal says when to come again"
        return False, None


DOORS = {"http": Http, "postgres": Postgres}


def closed_loop(place, door, name, connections, seconds, results):
    """Asks as fast as it can, over a few connections; puts how many calls were done a second."""
    counts, began = [0] * connections, time.monotonic()

    def serve(number: int):
        connection = DOORS[door](place, name)
        while time.monotonic() - began < seconds:
            counts[number] += connection.ask()[0]

    run_all(serve, connections)
    results.put(sum(counts) / (time.monotonic() - began))


def open_loop(place, door, name, connections, rate, seconds, results):
    """Asks at a rate, whatever is answered; puts latencies, refusals, and whether each refusal said when to come again."""
    done, refused, lock = [], [0, 0], threading.Lock()
    began = time.monotonic() + 0.5

    def serve(number: int):
        connection = DOORS[door](place, name)
        step, due, own, own_refused, told = connections / rate, began + number / rate, [], 0, 0
        while due < began + seconds:
            time.sleep(max(0.0, due - time.monotonic()))
            is_done, retry = connection.ask()
            if is_done:
                own.append(time.monotonic() - due)
            else:
                own_refused += 1
                told += retry is not None or door == "postgres"
            due += step
        with lock:
            done.extend(own)
            refused[0] += own_refused
            refused[1] += told

    run_all(serve, connections)
    results.put((done, refused[0], refused[1]))


def run_all(serve, count: int):
    faults = []

    def guarded(number: int):
        try:
            serve(number)
        except BaseException as fault:  # it belongs to the process that waits
            faults.append(fault)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    if faults:
        raise faults[0]


def processes(target, calls: list) -> list:
    """Runs a function in as many processes as there are calls; returns what they put."""
    queue = multiprocessing.Queue()
    running = [multiprocessing.Process(target=target, args=(*call, queue)) for call in calls]
    [process.start() for process in running]
    results = [queue.get(timeout=600) for _ in running]
    [process.join() for process in running]
    assert all(process.exitcode == 0 for process in running), "a part of the generator failed"
    return results


def percentile(times: list[float], part: float) -> float:
    ordered = sorted(times)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)] if ordered else 0.0


class Analyst:
    """Somebody who runs the largest join, again and again, until the end of a block."""

    def __init__(self, place: dict):
        self.place, self.ended, self.asked = place, threading.Event(), 0
        self.thread = threading.Thread(target=self.serve)

    def serve(self):
        import http.client
        headers = {"Authorization": f"Bearer {self.place['tokens']['ana']}", "Content-Type": "application/json"}
        while not self.ended.is_set():
            connection = http.client.HTTPConnection(self.place["http"], timeout=120)
            connection.request("POST", "/v1/sql/query", json.dumps({"sql": JOIN}), headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status in (200, 429), answer.status
            self.asked += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()


def told(times: list[float]) -> dict:
    return {"p50_ms": round(percentile(times, 0.5) * 1e3, 2), "p99_ms": round(percentile(times, 0.99) * 1e3, 2), "calls": len(times)}


def quiet(options, place, door, names, rate) -> dict:
    calls = [(place, door, name, options.connections, rate / len(names), options.seconds) for name in names]
    done = [latency for part in processes(open_loop, calls) for latency in part[0]]
    return told(done)


def flooded(options, place, door, names, rate, through) -> dict:
    """Measures quiet users while one sends ten times its quota through a door."""
    flood = (place, through, "flooder", 8, FLOODER_RATE * FLOOD, options.seconds)
    queue = multiprocessing.Queue()
    flooder = multiprocessing.Process(target=open_loop, args=(*flood, queue))
    flooder.start()
    result = quiet(options, place, door, names, rate)
    done, refused, said = queue.get(timeout=600)
    flooder.join()
    return {**result, "flooder": {"done": len(done), "refused": refused, "told_when": said}}


def cases(options, place, names, rates) -> dict:
    report = {}
    for door in DOORS:
        alone = quiet(options, place, door, names, rates[door])
        report[f"{door} alone"] = alone
        for through in DOORS:
            report[f"{door} beside a flood through {through}"] = flooded(options, place, door, names, rates[door], through)
        with Analyst(place) as analyst:
            report[f"{door} beside an analyst"] = quiet(options, place, door, names, rates[door])
        report[f"{door} beside an analyst"]["joins"] = analyst.asked
    return report


def judge(report: dict, memory: int) -> list[str]:
    faults = []
    for name, found in report.items():
        alone = report[f"{name.split()[0]} alone"]["p99_ms"]
        most = max(alone * FACTOR_MAX, alone + MORE_S_MAX * 1e3)
        if most < found["p99_ms"]:
            faults.append(f"{name}: p99 is {found['p99_ms']} ms, {most:.1f} at most")
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
    parser.add_argument("binary")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--users", type=int, default=4)
    parser.add_argument("--connections", type=int, default=4, help="of each user")
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
        there = {"http": unit.address, "postgres": unit.postgres, "tokens": tokens}
        names = [name for name in tokens if name.startswith("quiet")]
        capacity = {}
        for door in DOORS:
            calls = [(there, door, name, options.connections, min(options.seconds, 15)) for name in names]
            capacity[door] = sum(processes(closed_loop, calls))
        rates = {door: most / 2 for door, most in capacity.items()}
        report = cases(options, there, names, rates)
        memory = unit.memory()
    finally:
        unit.stop()
    faults = judge(report, memory)
    whole = {"capacity_per_s": {door: round(most) for door, most in capacity.items()}, "cases": report,
             "memory_mb": memory >> 20, "faults": faults}
    if options.report:
        options.report.write_text(json.dumps(whole, indent=1))
    print(json.dumps(whole, indent=1))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

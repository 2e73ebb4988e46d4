"""Appends rows for minutes over several connections while seals and compaction keep up, and holds every count against what was
acknowledged.

Usage: ingest.py BINARY [--form arrow|ndjson] [--seconds 300] [--connections 4] [--derived]
A row has 10 columns and about 120 bytes. Needs pyarrow.
"""

import argparse
import io
import json
import os
import random
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

import pyarrow as pa

from unit import ARROW, NDJSON, Unit

ARROW_ROWS = 5_000
NDJSON_BYTES = 1 << 20

COLUMNS = [
    ("id", "int"), ("device", "text"), ("site", "text"), ("kind", "text"), ("value", "float"),
    ("low", "float"), ("high", "float"), ("count", "int"), ("note", "text"), ("at", "time"),
]


def columns(rows: int, seed: int) -> dict:
    chance = random.Random(seed)
    base = 1_700_000_000_000 + seed * 1_000_000
    return {
        "id": [seed * rows + n for n in range(rows)],
        "device": [f"device-{chance.randrange(5_000):06}" for _ in range(rows)],
        "site": [f"site-{chance.randrange(40):03}" for _ in range(rows)],
        "kind": [chance.choice(["temperature", "pressure", "humidity"]) for _ in range(rows)],
        "value": [chance.random() * 100 for _ in range(rows)],
        "low": [chance.random() for _ in range(rows)],
        "high": [chance.random() + 1 for _ in range(rows)],
        "count": [chance.randrange(1_000) for _ in range(rows)],
        "note": [f"batch {seed} row {n} of the line" for n in range(rows)],
        "at": [base + n * 10 for n in range(rows)],
    }


def arrow_body(seed: int) -> tuple[bytes, int]:
    table = columns(ARROW_ROWS, seed)
    table["at"] = pa.array(table["at"], pa.timestamp("ms", tz="UTC"))
    batch = pa.record_batch(table)
    out = io.BytesIO()
    with pa.ipc.new_stream(out, batch.schema) as writer:
        writer.write_batch(batch)
    return out.getvalue(), ARROW_ROWS


def ndjson_body(seed: int) -> tuple[bytes, int]:
    table = columns(6_000, seed)
    table["at"] = [time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at / 1000)) + "Z" for at in table["at"]]
    lines, size = [], 0
    for row in zip(*table.values()):
        line = json.dumps(dict(zip(table, row)), separators=(",", ":")).encode() + b"\n"
        if NDJSON_BYTES < size + len(line):
            break
        lines.append(line)
        size += len(line)
    return b"".join(lines), len(lines)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--form", default="arrow", choices=["arrow", "ndjson"])
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--derived", action="store_true")
    parser.add_argument("--rate", type=float, default=0, help="rows a second at most; as fast as it goes where 0")
    options = parser.parse_args()
    make, media = (arrow_body, ARROW) if options.form == "arrow" else (ndjson_body, NDJSON)
    bodies = [make(seed) for seed in range(16)]
    folder = Path(tempfile.mkdtemp(prefix="ingest-", dir="target/tmp")) / "unit"
    unit = Unit(options.binary, folder)
    manifests = [{
        "apiVersion": "craton/v1", "kind": "Stream", "metadata": {"name": "readings"},
        "spec": {"schema": [{"name": name, "type": kind} for name, kind in COLUMNS], "time": "at"},
    }]
    if options.derived:
        manifests.append({
            "apiVersion": "craton/v1", "kind": "View", "metadata": {"name": "by_site"},
            "spec": {"sql": "SELECT site, count(*) AS n, max(value) AS most FROM readings GROUP BY site",
                     "materialized": {}},
        })
    status, text = unit.call("POST", "/v1/resources/apply", json.dumps({"manifests": manifests}))
    assert status == 200, text
    state = {"acknowledged": 0, "memory": 0, "checks": 0, "faults": []}
    lock, end = threading.Lock(), time.monotonic() + options.seconds
    began = time.monotonic()

    def send(number: int):
        connection, at = unit.connect(), number
        while time.monotonic() < end:
            body, rows = bodies[at % len(bodies)]
            at += 1
            status, text = unit.call("POST", "/v1/streams/readings/append", body, media, connection)
            if status != 200:
                state["faults"].append(f"append: {status} {text[:200]}")
                return
            with lock:
                state["acknowledged"] += rows
                ahead = options.rate and state["acknowledged"] / options.rate - (time.monotonic() - began)
            if ahead and 0 < ahead:
                time.sleep(ahead)

    def watch():
        connection = unit.connect()
        most = options.connections * max(rows for _, rows in bodies)
        tables = ["SELECT count(*) AS n FROM readings"]
        if options.derived:
            tables.append("SELECT sum(n) AS n FROM by_site")
        while time.monotonic() < end:
            for sql in tables:
                with lock:
                    before = state["acknowledged"]
                count = unit.sql(sql, connection)[0]["n"] or 0
                with lock:
                    after = state["acknowledged"]
                if not before <= count <= after + most:
                    state["faults"].append(f"{sql}: {count}, acknowledged {before} to {after}")
                state["checks"] += 1
            state["memory"] = max(state["memory"], unit.memory())
            time.sleep(1)

    threads = [threading.Thread(target=send, args=(n,)) for n in range(options.connections)]
    threads.append(threading.Thread(target=watch))
    [thread.start() for thread in threads]
    shown = 0
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.5)
        took = time.monotonic() - began
        if shown + 10 <= took:
            shown = took
            print(f"{took:5.0f} s  {state['acknowledged'] / took:9.0f} rows/s  {unit.memory() / 1e6:6.0f} MB", file=sys.stderr)
    took = time.monotonic() - began
    rows = state["acknowledged"]
    table = unit.sql("SELECT * FROM system.tables WHERE name = 'readings'")
    count = unit.sql("SELECT count(*) AS n FROM readings")[0]["n"]
    if count != rows:
        state["faults"].append(f"at the end {count} rows, acknowledged {rows}")
    tail = count - (table[0]["sealed"] if table else 0)
    report = {
        "form": options.form, "seconds": round(took, 1), "rows": rows, "rows_per_s": round(rows / took),
        "bytes_per_row": round(len(bodies[0][0]) / bodies[0][1]), "memory_mb": round(state["memory"] / 1e6),
        "tail_rows": tail, "tail_s": round(tail / (rows / took), 1), "checks": state["checks"],
        "files": table[0]["files"] if table else 0, "faults": state["faults"][:5],
    }
    unit.stop()
    shutil.rmtree(folder.parent)
    print(json.dumps(report))
    return 1 if state["faults"] else 0


if __name__ == "__main__":
    os.makedirs("target/tmp", exist_ok=True)
    sys.exit(main())

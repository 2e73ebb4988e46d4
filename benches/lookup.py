"""Point lookups in a latest-per-key table: one key at a time over one connection, while nothing else happens and while rows are appended.

usage: lookup.py BINARY [--rows 10000000] [--lookups 2000] [--append-rate 20000]
                 [--folder target/tmp/lookup] [--fresh] [--report FILE]

Every key is written once; a part of them again, some of these behind the last seal, so that newest rows lie in files, in newer files and
in the log. Each answer is held against what was written. The aim is a 99th percentile under 10 ms; the same lookups by DuckDB's
`delta_scan` over the files stand beside it where its extension is installed. Needs pyarrow. Wrong answers end it with 1; times never do.
"""

import argparse
import io
import json
import random
import shutil
import sys
import threading
import time
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from unit import ARROW, Unit, stream

STREAM = "accounts"
COLUMNS = [
    ("account", "text"), ("owner", "text"), ("balance", "decimal(14,2)"), ("limits", "int"), ("score", "float"),
    ("changed_at", "time"),
]
HUNDREDTH = pa.scalar(Decimal("0.01"), pa.decimal128(3, 2))
BODY_ROWS = 50_000
CONNECTIONS = 2
BEGAN_MS = 1_700_000_000_000
# One key in this many is written again before the seal, and one in so many behind it.
AGAIN_EVERY, BEHIND_EVERY = 10, 1_000
DELTA_LOOKUPS = 20
APPEND_ROWS = 1_000


def key(number: int) -> str:
    """Returns a key. Their order is not the one in which they are written."""
    return f"acc-{(number * 2_654_435_761) % (1 << 32):010}"


def balance(number: int, version: int) -> int:
    """Returns the hundredths that a version of a row holds."""
    return (number * 7 + version * 1_000_003) % 10_000_000


def body(numbers, version: int) -> bytes:
    """Returns rows as an Arrow stream."""
    numbers = list(numbers)
    cents = pa.array([balance(number, version) for number in numbers], pa.int64())
    at = pa.array([BEGAN_MS + version * 1_000 + number % 1_000 for number in numbers], pa.int64())
    table = pa.record_batch({
        "account": pa.array([key(number) for number in numbers]),
        "owner": pa.array([f"owner {number % 500_000:06} of branch {number % 89}" for number in numbers]),
        "balance": pc.multiply(cents.cast(pa.decimal128(19, 0)), HUNDREDTH).cast(pa.decimal128(14, 2)),
        "limits": pa.array([number % 9 * 1_000 for number in numbers], pa.int64()),
        "score": pa.array([number % 1_000 / 7 for number in numbers]),
        "changed_at": at.cast(pa.timestamp("ms", tz="UTC")),
    })
    out = io.BytesIO()
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_batch(table)
    return out.getvalue()


def append(unit: Unit, numbers: range, version: int):
    """Appends a version of rows over a few connections."""
    starts = range(0, len(numbers), BODY_ROWS)
    make = lambda start: body(numbers[start:start + BODY_ROWS], version)
    unit.append_all(STREAM, starts, CONNECTIONS, make)


def load(unit: Unit, rows: int) -> dict:
    """Writes every key, a part of them again, seals, and writes a few more."""
    unit.apply([stream(STREAM, COLUMNS, key=["account"], time="changed_at")])
    began = time.monotonic()
    append(unit, range(rows), 0)
    append(unit, range(0, rows, AGAIN_EVERY), 1)
    appended = time.monotonic()
    table = unit.seal(STREAM, is_latest=True)
    sealed = time.monotonic()
    assert table["rows"] == rows, f"{table['rows']} newest rows in files, not {rows}"
    append(unit, range(0, rows, BEHIND_EVERY), 2)
    return {
        "append_s": round(appended - began, 1), "seal_s": round(sealed - appended, 1), "files": table["files"],
        "mb": round(table["bytes"] / 1e6),
    }


def version_of(number: int) -> int:
    return 2 if number % BEHIND_EVERY == 0 else 1 if number % AGAIN_EVERY == 0 else 0


def wanted(rows: int, count: int, seed: int) -> list[int]:
    """Returns the numbers of rows to look up: as many of each version, and some that are not there."""
    chance = random.Random(seed)
    steps = [1, AGAIN_EVERY, BEHIND_EVERY]
    numbers = [chance.randrange(rows // step) * step for n in range(count) for step in [steps[n % 3]]]
    return [number if n % 50 else rows + number for n, number in enumerate(numbers)]


def look_up(unit: Unit, rows: int, numbers: list[int], connection, faults: list) -> list[float]:
    """Asks for one key after the other; returns the seconds of each, and notes what is wrong."""
    times = []
    for number in numbers:
        sql = f"SELECT * FROM {STREAM}_latest WHERE account = '{key(number)}'"
        began = time.perf_counter()
        found = unit.sql(sql, connection)
        times.append(time.perf_counter() - began)
        right = [round(balance(number, version_of(number)) / 100, 2)] if number < rows else []
        if [row["balance"] for row in found] != right:
            faults.append(f"{key(number)} is {found}, right is {right}")
    return times


def told(times: list[float]) -> dict:
    ordered = sorted(times)
    at = {"median_ms": 0.5, "p99_ms": 0.99, "most_ms": 1}
    return {name: round(ordered[min(int(len(ordered) * part), len(ordered) - 1)] * 1e3, 2) for name, part in at.items()}


def beside_appends(unit: Unit, rows: int, numbers: list[int], rate: int, faults: list) -> dict:
    """Looks up while another connection appends rows that are there already."""
    ended, sent = threading.Event(), [0]
    began = time.monotonic()

    def send():
        connection = unit.connect()
        part = range(0, min(rows, APPEND_ROWS * BEHIND_EVERY), BEHIND_EVERY)
        rows_sent = body(part, 2)
        while not ended.wait(sent[0] / rate - (time.monotonic() - began)):
            unit.append(STREAM, rows_sent, ARROW, connection)
            sent[0] += len(part)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        times = look_up(unit, rows, numbers, unit.connect(), faults)
    finally:
        ended.set()
        thread.join()
    return {**told(times), "rows_appended_per_s": round(sent[0] / (time.monotonic() - began))}


def by_delta_scan(folder: Path, rows: int, faults: list) -> dict:
    """Looks keys up by DuckDB over the same files; nothing where its extension is not installed."""
    try:
        import duckdb
        import duckdb_extension_delta
    except ImportError:
        return {}
    place = Path(duckdb_extension_delta.__file__).parent / "extensions" / f"v{duckdb.__version__}"
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true", "threads": 2})
    connection.execute(f"LOAD '{place / 'delta.duckdb_extension'}'")
    times = []
    for number in wanted(rows, DELTA_LOOKUPS, 3):
        sql = f"SELECT balance FROM delta_scan('{folder}') WHERE account = '{key(number)}'"
        began = time.perf_counter()
        found = connection.execute(sql).fetchall()
        times.append(time.perf_counter() - began)
        # What lies behind the seal is not in the files.
        version = min(version_of(number), 1) if number % AGAIN_EVERY == 0 else 0
        right = [balance(number, version)] if number < rows else []
        if [int(row[0] * 100) for row in found] != right:
            faults.append(f"delta_scan: {key(number)} is {found}, right is {right}")
    return told(times)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--lookups", type=int, default=2_000)
    parser.add_argument("--append-rate", type=int, default=20_000, help="rows a second, beside lookups")
    parser.add_argument("--folder", type=Path, default=Path("target/tmp/lookup"))
    parser.add_argument("--fresh", action="store_true", help="load anew")
    parser.add_argument("--report", type=Path)
    options = parser.parse_args()
    place = options.folder.resolve() / f"unit-{options.rows}"
    loaded = place / "loaded.json"
    if options.fresh or not loaded.exists():
        shutil.rmtree(place, ignore_errors=True)
        place.parent.mkdir(parents=True, exist_ok=True)
    unit, faults = Unit(options.binary, place), []
    try:
        if not loaded.exists():
            loaded.write_text(json.dumps(load(unit, options.rows)))
        table = unit.sql(f"SELECT * FROM system.tables WHERE name = '{STREAM}_latest'")[0]
        connection = unit.connect()
        look_up(unit, options.rows, wanted(options.rows, 100, 0), connection, faults)
        alone = told(look_up(unit, options.rows, wanted(options.rows, options.lookups, 1), connection, faults))
        delta = by_delta_scan(place / table["folder"], options.rows, faults)
        appending = beside_appends(unit, options.rows, wanted(options.rows, options.lookups, 2), options.append_rate, faults)
        memory = unit.memory()
    finally:
        unit.stop()
    report = {
        "rows": options.rows, "lookups": options.lookups, "loaded": json.loads(loaded.read_text()), "alone": alone,
        "while_appending": appending, "delta_scan": delta, "memory_mb": round(memory / 1e6), "faults": faults[:5],
    }
    if options.report:
        options.report.write_text(json.dumps(report, indent=1))
    print(json.dumps(report))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

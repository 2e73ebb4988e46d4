"""Every door gives the same: real data is imported, and each door is asked for sums that are known.

usage: check.py retail BINARY DATA          imports `uci-online-retail` and `nycflights13` with `craton import` and asks
       check.py olist BINARY UNITS EXPECTED asks units into which the Olist market was played, for all their views

DATA holds the folders of the data sets, UNITS those of the units, EXPECTED is what tests/oracle/expected.py has calculated. A door
whose client is not installed is left out and named. Ends with 1 where an answer is another.
"""

import json
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

import doors

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "benches"), str(ROOT / "tests" / "oracle")]
import compare  # noqa: E402
from unit import Unit  # noqa: E402

KNOWN = {
    # What is known of the data, and what it takes to add it up: counts, exact products, groups, nulls, instants.
    "SELECT count(*) AS lines, round(sum(quantity * unitprice), 2) AS total FROM online_retail": [("541909", "9747747.93")],
    "SELECT count(DISTINCT invoiceno) AS invoices, count(DISTINCT stockcode) AS articles, count(DISTINCT customerid) AS customers,"
    " count(DISTINCT country) AS countries, count(*) - count(customerid) AS strangers FROM online_retail": [
        ("25900", "4070", "4372", "38", "135080")
    ],
    "SELECT count(*) AS lines FROM online_retail WHERE quantity < 0": [("10624",)],
    "SELECT min(invoicedate) AS first, max(invoicedate) AS last FROM online_retail": [
        ("2010-12-01T08:26:00+00:00", "2011-12-09T12:50:00+00:00")
    ],
}
BY_COUNTRY = (
    "SELECT country, count(*) AS lines, sum(quantity) AS pieces, sum(quantity * unitprice) AS total, max(invoicedate) AS last "
    "FROM online_retail GROUP BY country ORDER BY country"
)
FLIGHTS = {"flights": 336_776, "weather": 26_115, "planes": 3_322, "airports": 1_458, "airlines": 16}
JOIN = (
    "SELECT a.name, count(DISTINCT o.order_id) AS orders, count(*) AS meetings, sum(f.distance) AS miles "
    "FROM orders o JOIN flights f ON date_part('month', {placed}) = f.month AND date_part('day', {placed}) = f.day "
    "AND date_part('hour', {placed}) = f.hour JOIN airlines a ON a.carrier = f.carrier "
    "WHERE o.order_status = 'canceled' GROUP BY a.name ORDER BY a.name"
)


def is_same(wanted, found) -> bool:
    """Returns whether two rows agree; numbers count, not how they are written."""
    if len(wanted) != len(found):
        return False
    for left, right in zip(wanted, found):
        numbers = compare.number(left), compare.number(right)
        if numbers[0] != numbers[1] if None not in numbers else left != right:
            return False
    return True


def differs(wanted, found) -> str | None:
    """Returns the first difference of two lists of rows."""
    if len(wanted) != len(found):
        return f"{len(found)} rows in place of {len(wanted)}"
    for number, (left, right) in enumerate(zip(wanted, found), 1):
        if not is_same(left, right):
            return f"row {number} is {right}, right is {left}"
    return None


class Findings:
    def __init__(self):
        self.faults = 0

    def ask(self, name, door, unit, statements, look):
        """Asks a door and looks at each answer; a fault is printed and counted."""
        try:
            answers = door(unit, statements)
        except (doors.Missing, ModuleNotFoundError) as missing:
            print(f"left out: {name}: {missing}")
            return
        faults = [fault for number, found in enumerate(answers) for fault in look(number, *found)]
        self.faults += len(faults)
        for fault in faults:
            print(f"DIFFERENT {name}: {fault}")
        if not faults:
            print(f"ok: {name}: {len(answers)} answers", flush=True)


def run(unit, *arguments) -> str:
    return doors.told([unit.binary, "--unit", str(unit.folder), *map(str, arguments)])


def retail(binary: str, data: Path) -> int:
    findings = Findings()
    with tempfile.TemporaryDirectory() as work:
        unit = Unit(binary, Path(work) / "shop", has_postgres=True)
        try:
            print(run(unit, "import", data / "uci-online-retail" / "online_retail.parquet").strip())
            unit.seal("online_retail")
            statements = [*KNOWN, BY_COUNTRY]
            wanted = [*KNOWN.values(), doors.by_http(unit, [BY_COUNTRY])[0][1]]

            def look(number, _columns, rows):
                fault = differs(wanted[number], rows)
                return [f"{statements[number]}: {fault}"] if fault else []

            for name, door in {**doors.LIVE, **doors.FILES}.items():
                findings.ask(name, door, unit, statements, look)
            findings.faults += flights(unit, data)
        finally:
            unit.stop()
    return findings.faults


def flights(unit, data: Path) -> int:
    """Imports a folder with one command and joins it with orders in one query; DuckDB over the files says what is right."""
    import duckdb

    print(run(unit, "import", data / "nycflights13").strip())
    print(run(unit, "import", data / "olist" / "olist_orders_dataset.csv.gz", "--into", "orders", "--key", "order_id").strip())
    own = duckdb.connect()
    for table in FLIGHTS:
        own.execute(f"CREATE VIEW {table} AS FROM '{data}/nycflights13/{table}.parquet'")
    own.execute(f"CREATE VIEW orders AS FROM read_csv('{data}/olist/olist_orders_dataset.csv.gz')")
    faults = []
    for table, rows in FLIGHTS.items():
        count = unit.sql(f"SELECT count(*) AS n FROM {table}")[0]["n"]
        if count != rows:
            faults.append(f"{table} has {count} rows, {rows} are right")
    sql = JOIN.format(placed="o.order_purchase_timestamp")
    wanted, found = doors.asked(own, [sql])[0][1], doors.by_http(unit, [sql])[0][1]
    assert wanted, "no order meets a flight"
    fault = differs(wanted, found)
    faults += [f"flights and orders: {fault}"] if fault else []
    for fault in faults:
        print(f"DIFFERENT {fault}")
    if not faults:
        print(f"ok: nycflights13 with one command, joined with orders: {len(found)} rows")
    return len(faults)


def olist(binary: str, units: Path, expected: Path) -> int:
    findings = Findings()
    views = json.loads(expected.read_text(), parse_float=Decimal)["units"]
    running = {}
    try:
        # All of them: a view may ask a peer.
        for name in views:
            running[name] = Unit(binary, units / name, has_postgres=True)
        # A unit refuses what was signed in the second of its start, because it could be a repetition.
        started = int(time.time())
        while int(time.time()) <= started:
            time.sleep(0.05)
        for name, unit in running.items():
            of_unit(unit, name, views[name], findings)
    finally:
        for unit in running.values():
            unit.stop()
    return findings.faults


def of_unit(unit, name: str, views: dict, findings: Findings):
    """Asks a unit for its views, and the files of its streams for what SQL says of them."""
    names = sorted(views)

    def look(number, columns, rows):
        wanted = [{column: doors.cell(value) for column, value in row.items()} for row in views[names[number]]]
        found = [dict(zip(columns, row)) for row in rows]
        return [f"{names[number]}: {fault}" for fault in compare.compare_view(names[number], wanted, found)[:3]]

    for door, ask in doors.LIVE.items():
        statements = [f"SELECT * FROM answers.{view}" for view in names]
        findings.ask(f"{name}, {door}", ask, unit, statements, look)
    streams = unit.sql("SELECT name FROM system.streams WHERE rows > 0 ORDER BY name")
    for stream in streams:
        unit.seal(stream["name"])
    sums = [sums_of(unit, stream["name"]) for stream in streams]
    wanted = doors.by_http(unit, sums)

    def look_at_sums(number, _columns, rows):
        fault = differs(wanted[number][1], rows)
        return [f"{streams[number]['name']}: {fault}"] if fault else []

    for door, ask in doors.FILES.items():
        findings.ask(f"{name}, {door}", ask, unit, sums, look_at_sums)


def sums_of(unit, stream: str) -> str:
    """Returns a question for what all columns of a stream come to."""
    columns = unit.sql(
        f"SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'public' AND table_name = '{stream}'"
    )
    parts = ["count(*) AS all_rows"]
    for number, column in enumerate(columns):
        is_number = column["data_type"].startswith(("Int", "Decimal", "bigint", "numeric"))
        how = "sum" if is_number else "count"
        parts.append(f"{how}(\"{column['column_name']}\") AS c{number}")
    return f"SELECT {', '.join(parts)} FROM \"{stream}\""


def main() -> int:
    kind, binary, *rest = sys.argv[1:]
    faults = {"retail": retail, "olist": olist}[kind](binary, *map(Path, rest))
    print("every door gives the same" if not faults else f"{faults} answers are others")
    return 1 if faults else 0


if __name__ == "__main__":
    try:
        code = main()
    except subprocess.TimeoutExpired as late:
        sys.exit(f"error: {late}")
    sys.exit(code)

"""The floor: how fast one-task processes go, by each way in, beside others, in a full store and in a database; decisions; revocations.

usage: floor.py BINARY [PART ...] [--seconds 10] [--finished 50000] [--waiting 50000] [--full] [--folder target/tmp/floor]
                [--report FILE]

PART, all where none is named:
  kernel      the kernel path: closed loop, then open loop at half of that; 200 policies of which 20 match, audit and history by SQL
  http        HTTP, 128 connections: one command a request, then batches of 100
  rivals      the same generator against Restate and DBOS, each doing the same: start, one durable step, complete
  filled      a store full of finished and waiting instances, cold: its rate against that of an empty one, bytes, pages of lists
  postgres    as `kernel`, with the store in a PostgreSQL server of its own
  decisions   decisions of policies on one core, with their reasons
  revocation  rights that end under 20,000 calls a second

--full takes 120 seconds for each loop, 1,000,000 finished and 1,000,000 waiting instances. BINARY lies beside `examples/` with the generators:
`cargo build --release -p unit --examples`, and `-p kernel --example decisions`. Generators share the machine with what they measure.
What cannot be had (a server, Node) is left out, and the report says so. A wrong count ends it with 1; figures never do.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import rivals
from unit import Unit

ROOT = Path(__file__).resolve().parent.parent
CONNECTIONS, BATCH = 128, 100
CALLS_PER_S = 20_000
LIST_MS_MAX, LIST_TRIES, PAGE = 100, 10, 100
# The history of millions of instances is read from its beginning.
LIMITS = "[data]\nquery_ms_max = 600000\n"


class Floor:
    """What every part needs: the binary, the generators, and a folder."""

    def __init__(self, options):
        self.binary, self.seconds = options.binary.resolve(), options.seconds
        self.finished, self.waiting = options.finished, options.waiting
        self.place = options.folder.resolve()
        self.examples = self.binary.parent / "examples"
        shutil.rmtree(self.place, ignore_errors=True)
        self.place.mkdir(parents=True)

    def generate(self, name: str, *arguments) -> dict:
        """Runs a generator to its end, and returns its figures."""
        command = [str(self.examples / name), *map(str, arguments)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        assert done.returncode == 0, f"{' '.join(command)}: it has ended with {done.returncode}: {done.stdout[-1000:]}"
        return json.loads(done.stdout.splitlines()[-1])

    def one_task(self, folder: Path, *arguments) -> dict:
        return self.generate("one_task", folder, "--seconds", self.seconds, *arguments)


def kernel(floor: Floor) -> dict:
    return floor.one_task(floor.place / "kernel")


def http(floor: Floor) -> dict:
    report = {}
    for name, batch in [("one", 1), ("batch", BATCH)]:
        unit = Unit(floor.binary, floor.place / f"http-{name}", LIMITS)
        try:
            unit.apply(floor.generate("one_task", "--manifests")["manifests"])
            status, text = unit.call("POST", "/v1/tokens", json.dumps({"user": "ana"}))
            assert status == 200, text
            token = json.loads(text)["token"]
            figures = floor.generate("http_one_task", unit.address, token, floor.seconds, CONNECTIONS, batch)
            sql = "SELECT count(*) AS n FROM system.process_instances WHERE process = 'one' AND state = 'completed'"
            figures["found_by_sql"] = unit.sql(sql)[0]["n"]
            assert figures["found_by_sql"] == figures["instances"], figures
            report[name] = {**figures, "memory_mb": unit.memory() >> 20}
        finally:
            unit.stop()
    return report


def against_rivals(floor: Floor) -> dict:
    """Has the generator of `http` drive others."""
    report = {}
    for name, start in rivals.ALL.items():
        try:
            with start(ROOT / "target/rivals", floor.place) as rival:
                request = ["--post", rival.path, '{"id":{n},"customer":"c-4711","amount":129.9,"note":"one of many"}']
                figures = floor.generate("http_one_task", rival.address, *request, floor.seconds, CONNECTIONS)
                report[name] = {**figures, "is": rival.what}
        except rivals.Absent as reason:
            report[name] = {"left_out": str(reason)}
    return report


def postgres(floor: Floor) -> dict:
    try:
        with rivals.Postgres() as server:
            return floor.one_task(floor.place / "postgres", "--database", f"{server.url}/postgres")
    except rivals.Absent as reason:
        return {"left_out": str(reason)}


def decisions(floor: Floor) -> dict:
    command = [str(floor.examples / "decisions"), str(min(floor.seconds, 10))]
    text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found = dict(re.findall(r"(\w+):\s+(\d+) decisions/s", text))
    return {f"{name}_per_s": int(found[name]) for name in ("cached", "uncached")}


def revocation(floor: Floor) -> dict:
    return floor.generate("revocation", floor.place / "revocation", floor.seconds, CALLS_PER_S)


def filled(floor: Floor) -> dict:
    """Measures a store that is full against one that is empty."""
    empty = floor.one_task(floor.place / "empty", "--keyed")
    folder = floor.place / "filled"
    unit = Unit(floor.binary, folder, LIMITS)
    unit.stop()
    sizes = [size(folder)]
    fill = {}
    for what, count in [("finished", floor.finished), ("waiting", floor.waiting)]:
        fill[what] = floor.generate("one_task", folder, f"--{what}", count)[what]
        sizes.append(size(folder))
    forget(folder)
    full = floor.one_task(folder, "--keyed")
    forget(folder)
    began = time.monotonic()
    try:
        unit.start()
        ready = time.monotonic() - began
        pages = lists(unit, floor)
        began = time.monotonic()
        states = unit.sql("SELECT process, state, count(*) AS n FROM system.process_instances GROUP BY process, state")
        by_sql = time.monotonic() - began
        found = {(row["process"], row["state"]): row["n"] for row in states}
        run = full["closed"]["instances"] + full["open"]["instances"]
        # One more waits: `lists` has started it.
        assert found == {("one", "completed"): floor.finished + run, ("waits", "active"): floor.waiting + 1}, found
        memory = unit.memory() >> 20
    finally:
        unit.stop()
    rates = [one["closed"]["instances_per_s"] for one in (empty, full)]
    return {
        "empty": empty, "full": full, "fill": fill, "rate_against_empty": rates[1] / rates[0],
        "bytes_per_finished": (sizes[1] - sizes[0]) / floor.finished,
        "bytes_per_waiting": (sizes[2] - sizes[1]) / floor.waiting, "ready_s": ready, "memory_mb": memory,
        "lists": pages, "list_max_ms": max(page["most_ms"] for page in pages.values()), "count_by_sql_s": by_sql,
    }


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def forget(folder: Path):
    """Has the system drop what it keeps of the files in memory. It may keep some: dropping all takes rights that a bench has not."""
    for path in filter(Path.is_file, folder.rglob("*")):
        with open(path, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def lists(unit: Unit, floor: Floor) -> dict:
    """Asks for pages of lists, each some times, the first time cold. A page must have on it what it should."""
    start = json.dumps({"business_key": "the last", "variables": {"key": "the last"}})
    status, text = unit.call("POST", "/v1/processes/waits/start", start)
    assert status == 200, text
    last = json.loads(text)["instance"]
    # Numbers of instances rise by one: first those that are over now, then those that wait.
    middle = floor.finished + floor.waiting // 2
    most = PAGE
    cases = {
        "first": (f"instances?limit={PAGE}", most), "middle": (f"instances?limit={PAGE}&after={middle}", most),
        "last": (f"instances?limit={PAGE}&after={last - 1}", 1),
        "of a process, first": (f"instances?limit={PAGE}&process=waits", most),
        "of a process, middle": (f"instances?limit={PAGE}&process=waits&after={middle}", most),
        "of a process, last": (f"instances?limit={PAGE}&process=waits&after={last - 1}", 1),
        "of a business key": ("instances?process=waits&business_key=the%20last", 1),
        "of a state that all have": (f"instances?limit={PAGE}&state=active", most),
        "of a state that none has": (f"instances?limit={PAGE}&state=suspended", 0),
        "of a process and a state that none has": (f"instances?limit={PAGE}&process=waits&state=failed", 0),
        "of a version": (f"instances?limit={PAGE}&process=waits&version=1&state=all", most),
        "of a version that none runs": (f"instances?limit={PAGE}&process=waits&version=2&state=all", 0),
        "at an element": (f"instances?limit={PAGE}&process=waits&element=answered", most),
        "at an element where none is": (f"instances?limit={PAGE}&process=waits&element=end", 0),
        "that are over, of a version": (f"instances?limit={PAGE}&process=one&version=1&state=finished", most),
        "jobs": ("jobs?type=work", 0), "tasks": ("tasks?process=waits", 0), "incidents": ("incidents?process=waits", 0),
    }
    connection, report = unit.connect(), {}
    for name, (path, count) in cases.items():
        times = []
        for _ in range(LIST_TRIES):
            began = time.perf_counter()
            status, text = unit.call("GET", f"/v1/{path}", connection=connection)
            times.append((time.perf_counter() - began) * 1e3)
            assert status == 200, text
            assert len(json.loads(text)["items"]) == count, f"{path}: {text[:500]}"
        report[name] = {"cold_ms": round(times[0], 1), "most_ms": round(max(times), 1)}
    return report


PARTS = {
    "kernel": kernel, "http": http, "rivals": against_rivals, "filled": filled, "postgres": postgres,
    "decisions": decisions, "revocation": revocation,
}

# What is shown of each part: where it stands in the report, its unit, and the bar.
SHOWN = [
    ("kernel path, closed loop", "kernel closed instances_per_s", "instances/s", ">=", 10_000),
    ("kernel path, open loop at half: p50 of a start", "kernel open start p50_ms", "ms", "", 0),
    ("kernel path, open loop at half: p99 of a start", "kernel open start p99_ms", "ms", "<", 50),
    ("kernel path, open loop at half: longest start", "kernel open start max_ms", "ms", "", 0),
    ("kernel path, open loop at half: p99 of an instance", "kernel open instance p99_ms", "ms", "<", 50),
    ("HTTP, 128 connections, one command a request", "http one instances_per_s", "instances/s", ">=", 3_000),
    ("HTTP, 128 connections, batches of 100", "http batch instances_per_s", "instances/s", ">=", 8_000),
    ("beside it: Restate", "rivals restate instances_per_s", "instances/s", "", 0),
    ("beside it: DBOS", "rivals dbos instances_per_s", "instances/s", "", 0),
    ("full and cold, rate against the empty store's", "filled rate_against_empty", "", ">=", 0.8),
    ("bytes of a finished instance", "filled bytes_per_finished", "bytes", "<=", 2_048),
    ("slowest page of a list", "filled list_max_ms", "ms", "<", LIST_MS_MAX),
    ("PostgreSQL, kernel path, closed loop", "postgres closed instances_per_s", "instances/s", ">=", 3_000),
    ("PostgreSQL, open loop at half: p99 of a start", "postgres open start p99_ms", "ms", "", 0),
    ("decisions on one core with reasons, cached", "decisions cached_per_s", "decisions/s", ">=", 250_000),
    ("revocation: load", "revocation calls_per_s", "calls/s", ">=", 0.98 * CALLS_PER_S),
    ("revocation: rights ended", "revocation revocations", "times", "", 0),
    ("revocation: admitted after its answer", "revocation late_by_answer", "calls", "<=", 0),
    ("revocation: admitted behind its commit", "revocation late_by_audit", "calls", "<=", 0),
]


def told(report: dict) -> list[list[str]]:
    """Returns the lines of the table: what, how much, the bar, and whether it is met."""
    is_met = {">=": lambda one, bar: bar <= one, "<=": lambda one, bar: one <= bar, "<": lambda one, bar: one < bar}
    lines = []
    for what, path, of, sign, bar in SHOWN:
        found = report
        for name in path.split():
            found = found.get(name) if isinstance(found, dict) else None
        if found is None:
            continue
        shown = f"{found:,.2f}" if found < 100 and isinstance(found, float) else f"{found:,.0f}"
        judged = ["", ""] if not sign else [f"{sign} {bar:,}", "met" if is_met[sign](found, bar) else "not met"]
        lines.append([what, f"{shown} {of}".strip(), *judged])
    left_out = [(part, found) for part, found in report.items()] + list(report.get("rivals", {}).items())
    lines += [[name, "left out", found["left_out"], ""] for name, found in left_out if "left_out" in found]
    return lines


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=Path)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--seconds", type=int, default=10, help="of each loop")
    parser.add_argument("--finished", type=int, default=50_000)
    parser.add_argument("--waiting", type=int, default=50_000)
    parser.add_argument("--full", action="store_true", help="120 seconds, 1,000,000 and 1,000,000 instances")
    parser.add_argument("--folder", type=Path, default=Path("target/tmp/floor"))
    parser.add_argument("--report", type=Path)
    options = parser.parse_args()
    unknown = [part for part in options.parts if part not in PARTS]
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    if options.full:
        options.seconds, options.finished, options.waiting = 120, 1_000_000, 1_000_000
    if options.waiting < 4 * PAGE or options.finished < 1:
        parser.error(f"at least one instance is finished, and {4 * PAGE} wait")
    floor, report, faults = Floor(options), {}, 0
    for name in options.parts or PARTS:
        print(f"{name} ...", file=sys.stderr)
        try:
            report[name] = PARTS[name](floor)
        except AssertionError as fault:
            report[name], faults = {"fault": str(fault)}, faults + 1
            print(f"error: {name}: {fault}", file=sys.stderr)
    if not faults:
        shutil.rmtree(floor.place)
    print(json.dumps(report, indent=1))
    if options.report:
        options.report.write_text(json.dumps(report, indent=1))
    lines = told(report)
    widths = [max((len(line[place]) for line in lines), default=0) for place in range(3)]
    for what, figure, bar, met in lines:
        print(f"{what:{widths[0]}}  {figure:>{widths[1]}}  {bar:{widths[2]}}  {met}".rstrip())
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

"""The rules of examples/anomalies over NAB and SKAB, computed a second time: shares no code with Craton.

usage: anomalies.py rows nab|skab DATA               the rows of a series, as JSON lines
       anomalies.py check DATA RULES.md RULE.json…   compares `nab.csv` and `skab.csv` (rule, device, crossing: what a unit has found) with what the
                                                     rules must find, and the table in RULES.md with what that says of the labels
       anomalies.py table DATA RULE.json…            prints that table without a unit
"""

import csv
import datetime
import gzip
import json
import pathlib
import re
import sys

NAB = {
    "machine-temperature": "realKnownCause/machine_temperature_system_failure.csv",
    "ambient-temperature": "realKnownCause/ambient_temperature_system_failure.csv",
    "taxi-passengers": "realKnownCause/nyc_taxi.csv",
    "speed-7578": "realTraffic/speed_7578.csv",
}
COLUMNS = {
    "Accelerometer1RMS": "accelerometer_1",
    "Accelerometer2RMS": "accelerometer_2",
    "Current": "current",
    "Pressure": "pressure",
    "Temperature": "temperature",
    "Thermocouple": "thermocouple",
    "Voltage": "voltage",
    "Volume Flow RateRMS": "flow",
}
MARK = "<!-- anomalies: made by tests/doors/things/anomalies.py -->"


def millis(text):
    """Reads an instant in UTC as milliseconds since 1970."""
    instant = datetime.datetime.fromisoformat(text.strip().replace("Z", ""))
    return round(instant.replace(tzinfo=datetime.timezone.utc).timestamp() * 1000)


def written(ms):
    instant = datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc)
    return instant.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03}Z"


def nab(data):
    """Yields (device, [(ms, {column: value})], [(from, to)]) of each series."""
    windows = json.loads((data / "nab/combined_windows.json").read_text())
    for device, path in NAB.items():
        with gzip.open(data / "nab" / f"{path}.gz", "rt") as file:
            rows = [(millis(row["timestamp"]), {"value": float(row["value"])}) for row in csv.DictReader(file)]
        yield device, rows, [(millis(begin), millis(end)) for begin, end in windows[path]]


def skab(data):
    import pyarrow.parquet

    series = {}
    for row in pyarrow.parquet.read_table(data / "skab/skab.parquet").to_pylist():
        series.setdefault(row["experiment"], []).append(row)
    for experiment, found in sorted(series.items()):
        found.sort(key=lambda row: str(row["datetime"]))
        rows, labels, begin = [], [], None
        for row in found:
            at = millis(str(row["datetime"]))
            rows.append((at, {name: row[column] for column, name in COLUMNS.items()}))
            if row["anomaly"] and begin is None:
                begin = at
            if not row["anomaly"] and begin is not None:
                labels.append((begin, rows[-2][0]))
                begin = None
        if begin is not None:
            labels.append((begin, rows[-1][0]))
        yield experiment.removesuffix(".csv").replace("/", "-"), rows, labels


SETS = {"nab": nab, "skab": skab}


def considered(rows):
    """Leaves out what is late: rows stand in the order of the stream, with their places in it."""
    seen = None
    for place, at, values in rows:
        if seen is None or seen <= at:
            seen = at
            yield place, at, values


def period(text):
    parts = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", text).groups("0")
    days, hours, minutes, seconds = map(int, parts)
    return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000


def edges(markers, first=False):
    """Yields the crossings of (is on, crossing): on, and not on before."""
    before = first
    for is_on, crossing in markers:
        if is_on and not before:
            yield crossing
        before = is_on


def leaves(rows, spec):
    low, high = spec.get("low", float("-inf")), spec.get("high", float("inf"))
    slack = spec.get("hysteresis", 0)
    for place, at, values in rows:
        value = values[spec["value"]]
        if value is None:
            continue
        if value < low or high < value:
            yield True, (place, at)
        elif low + slack <= value <= high - slack:
            yield False, (place, at)


def changes(rows, spec, sign):
    recent, within = [], period(spec["within"])
    for place, at, values in rows:
        value = values[spec["value"]]
        if value is None:
            continue
        recent = [(then, held) for then, held in recent if at - within < then] + [(at, sign * value)]
        yield spec["by"] <= sign * value - min(held for _, held in recent), (place, at)


def windows(rows, spec):
    every, held = period(spec["every"]), None
    made = {
        "avg": lambda values: sum(values) / len(values),
        "sum": sum,
        "min": min,
        "max": max,
        "count": len,
    }[spec["of"]]
    for _, at, values in rows:
        begin = at // every * every
        if held is not None and held[0] < begin:
            if held[1] or spec["of"] == "count":
                value = made(held[1])
                is_on = spec["above"] < value if "above" in spec else value < spec["below"]
                yield is_on, (held[0] + every, held[0] + every)
            held = None
        held = held or (begin, [])
        if values[spec["value"]] is not None:
            held[1].append(values[spec["value"]])


def crossings(rule, rows):
    """Returns [(number, ms)] of a series."""
    ((word, spec),) = rule["spec"]["when"].items()
    rows = list(considered(rows))
    if word == "leaves":
        # What was never inside cannot leave.
        return list(edges(leaves(rows, spec), first=True))
    if word in ("rises", "falls"):
        return list(edges(changes(rows, spec, 1 if word == "rises" else -1)))
    if word == "window":
        return list(edges(windows(rows, spec)))
    raise SystemExit(f"error: nobody computes `{word}` here")


def meant(rule, device, rows):
    """Returns the rows of a series that count: `where` is absent, names the device, or bounds a column."""
    where = rule["spec"].get("where")
    if where is None:
        return rows
    if named := re.fullmatch(r'=device = "(.*)"', where):
        return rows if named[1] == device else []
    column, bound = re.fullmatch(r"=(\w+) < ([\d.]+)", where).groups()
    return [row for row in rows if row[2][column] is not None and row[2][column] < float(bound)]


def score(data, rules):
    """Returns what the rules must find, as {set: [(rule, device, number)]}, and the lines of the table."""
    found, lines = {name: [] for name in SETS}, []
    for name, series in SETS.items():
        place, counts = 0, {}
        for device, rows, labels in series(data):
            placed = [(place + number, at, values) for number, (at, values) in enumerate(rows)]
            place += len(rows)
            for rule in rules:
                counted = meant(rule, device, placed) if rule["spec"]["on"]["stream"] == name else []
                if not counted:
                    continue
                crossed = crossings(rule, counted)
                found[name] += [(rule["name"], device, number) for number, _ in crossed]
                is_in = lambda at: any(begin <= at <= end for begin, end in labels)
                hits = sum(any(begin <= at <= end for _, at in crossed) for begin, end in labels)
                count = counts.setdefault(rule["name"], [0, 0, 0, 0])
                for number, more in enumerate([len(counted), hits, len(labels), sum(not is_in(at) for _, at in crossed)]):
                    count[number] += more
        for rule in rules:
            if rule["name"] in counts:
                rows, hits, labels, outside = counts[rule["name"]]
                when = json.dumps(rule["spec"]["when"], sort_keys=True).replace('"', "")
                lines.append(f"| `{rule['name']}` | `{when}` | {rows:,} | {hits} of {labels} | {outside} |")
        found[name].sort()
    head = ["| rule | condition | rows | found | outside |", "|---|---|---|---|---|"]
    return found, head + lines


def main():
    command, *arguments = sys.argv[1:]
    if command == "rows":
        series = SETS[arguments[0]](pathlib.Path(arguments[1]))
        for device, rows, _ in series:
            for at, values in rows:
                row = {"device": device, "received_at": written(at), "at": written(at), **values}
                print(json.dumps({name: value for name, value in row.items() if value is not None}))
        return
    data = pathlib.Path(arguments[0])
    files = arguments[2:] if command == "check" else arguments[1:]
    rules = sorted((json.loads(pathlib.Path(file).read_text()) for file in files), key=lambda rule: rule["name"])
    found, table = score(data, rules)
    if command == "table":
        print("\n".join(table))
        return
    for name, expected in found.items():
        with open(f"{name}.csv", newline="") as file:
            unit = sorted((row["rule"], row["device"], int(row["crossing"])) for row in csv.DictReader(file))
        assert unit, f"{name}: the unit has found nothing"
        assert unit == expected, f"{name}: {sorted(set(unit) ^ set(expected))[:10]}"
    documented = pathlib.Path(arguments[1]).read_text().split(MARK)[1].strip().splitlines()
    assert documented == table, "the table in the documents is another:\n" + "\n".join(table)


if __name__ == "__main__":
    main()

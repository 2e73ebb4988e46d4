"""Holds what other engines read of tables against the rows that SQL saw.

Usage: check.py FOLDER...   each with tables/NAME (a Delta table) and NAME.ndjson (the rows, by offset)
"""

import json
import os
import sys
from pathlib import Path

import duckdb
from deltalake import DeltaTable

COLUMNS = {
    "readings": ["id", "sensor", "value", "at", "_offset"],
    "visits": ["id", "person", "room", "at", "_offset"],
}


def duck() -> duckdb.DuckDBPyConnection:
    """Returns a connection that knows Delta. The extension comes with a wheel: nothing is fetched."""
    import duckdb_extension_delta

    place = Path(duckdb_extension_delta.__file__).parent / "extensions" / f"v{duckdb.__version__}"
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    connection.execute(f"LOAD '{place / 'delta.duckdb_extension'}'")
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def columns(path: Path) -> list[str]:
    return COLUMNS[path.name.removesuffix(".ndjson").removesuffix("_latest")]


def plain(names: list[str], row) -> tuple:
    """Returns a row as text that all readers agree on; its offset is a number and comes last."""
    shown = {"value": lambda value: f"{float(value):.2f}", "at": lambda value: str(value)[:19].replace(" ", "T"), "_offset": int}
    return tuple(None if value is None else shown.get(name, str)(value) for name, value in zip(names, row))


def expected(path: Path) -> list[tuple]:
    rows, names = [json.loads(line) for line in path.read_text().splitlines()], columns(path)
    return [plain(names, [row[name] for name in names]) for row in rows]


def of_deltalake(path: Path) -> list[tuple]:
    names = columns(path)
    rows = DeltaTable(str(path)).to_pyarrow_table(columns=names).to_pylist()
    return sorted((plain(names, [row[name] for name in names]) for row in rows), key=lambda row: row[-1])


def of_duckdb(connection, path: Path) -> list[tuple]:
    names = columns(path)
    listed = ", ".join(f'"{name}"' for name in names)
    sql = f"SELECT {listed} FROM delta_scan('{path}') ORDER BY _offset"
    return [plain(names, row) for row in connection.execute(sql).fetchall()]


def main() -> int:
    connection, tables, rows, faults = duck(), 0, 0, []
    for folder in map(Path, sys.argv[1:]):
        for path in sorted((folder / "tables").glob("*")):
            wanted = expected(folder / f"{path.name}.ndjson")
            for name, found in [
                ("deltalake", of_deltalake(path)),
                ("delta_scan", of_duckdb(connection, path)),
            ]:
                if found != wanted:
                    faults.append(f"{path}: {name} reads {len(found)} rows, SQL {len(wanted)}")
            tables += 1
            rows += len(wanted)
    for fault in faults:
        print(f"fault: {fault}")
    print(f"delta: {tables} tables, {rows} rows, by deltalake and delta_scan: {len(faults)} faults")
    return 1 if faults or not tables else 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # Some wheels cannot end their threads.
    os._exit(code)

"""TPC-H through a unit: the 22 queries over sealed streams, their answers held against the official ones and DuckDB's, their times
beside DuckDB and DataFusion on the same Parquet files.

usage: run.py BINARY [--scale 1] [--folder target/tmp/tpch] [--fresh] [--repeats 3] [--queries 1,6]
              [--datafusion-cli PATH] [--report FILE]

Needs pyarrow, duckdb, tpchgen-cli, and datafusion where no datafusion-cli is named. The folder keeps files and a loaded unit, which is
used again unless `--fresh`. Answers that are not right end it with 1; times never do.
"""

import argparse
import io
import json
import math
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import answers
import engines

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from unit import Unit, stream  # noqa: E402

# DuckDB's extension brings answers to the data of its own generator, whose addresses and comments are not those of the official one.
# In these columns the official answers are held against the text of DuckDB over the same files only; what comes of comments (query 13)
# stands in a file here.
OTHER_TEXTS = {"s_address", "s_comment", "c_address", "c_comment"}

# Bytes of an append: less than what a unit takes at once.
BODY_BYTES = 4 << 20
CONNECTIONS = 2
# As many as a unit has for queries where nothing else is set.
THREADS = 2


def generated(folder: Path, scale: float) -> Path:
    """Returns the folder of the eight Parquet files, which are made where they are not there."""
    data = folder / f"sf{scale:g}"
    if not all((data / f"{table}.parquet").exists() for table in engines.TABLES):
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(parents=True)
        tool = shutil.which("tpchgen-cli", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        assert tool, "tpchgen-cli is needed (pip install tpchgen-cli)"
        make = [tool, "parquet", "--scale-factor", f"{scale:g}", "--output-dir", str(data), "--quiet"]
        subprocess.run(make, check=True)
    return data


def word(kind: pa.DataType) -> str:
    """Returns the type of a stream's column that holds a type of Arrow's. Days become instants, their midnights."""
    if pa.types.is_integer(kind):
        return "int"
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if pa.types.is_date(kind):
        return "time"
    assert pa.types.is_string(kind) or pa.types.is_string_view(kind) or pa.types.is_large_string(kind), kind
    return "text"


def arrow_type(kind: str, own: pa.DataType) -> pa.DataType:
    return {"int": pa.int64(), "time": pa.timestamp("ms", tz="UTC"), "text": pa.string()}.get(kind, own)


def bodies(path: Path):
    """Yields the rows of a file as Arrow streams, each with the number of its rows."""
    file = pq.ParquetFile(path)
    fields = [(field.name, arrow_type(word(field.type), field.type)) for field in file.schema_arrow]
    for batch in file.iter_batches(batch_size=1 << 16):
        columns = [pc.cast(batch.column(name), kind) for name, kind in fields]
        table = pa.table(columns, names=[name for name, _ in fields])
        rows = max(1, table.num_rows * BODY_BYTES // max(table.nbytes, 1))
        for part in table.to_batches(max_chunksize=rows):
            out = io.BytesIO()
            with pa.ipc.new_stream(out, part.schema) as writer:
                writer.write_batch(part)
            yield out.getvalue()


def load(unit: Unit, data: Path) -> dict:
    """Loads the tables and seals them; returns what it took."""
    files = {table: pq.ParquetFile(data / f"{table}.parquet") for table in engines.TABLES}
    unit.apply([
        stream(table, [(field.name, word(field.type)) for field in file.schema_arrow]) for table, file in files.items()
    ])
    began = time.monotonic()
    for table in engines.TABLES:
        unit.append_all(table, bodies(data / f"{table}.parquet"), CONNECTIONS)
    appended = time.monotonic()
    for table in engines.TABLES:
        unit.seal(table)
    rows = sum(file.metadata.num_rows for file in files.values())
    ended = time.monotonic()
    return {"rows": rows, "append_s": round(appended - began, 1), "seal_s": round(ended - appended, 1)}


def check_loaded(unit: Unit, data: Path) -> list[dict]:
    """Fails unless every row is there, in files."""
    stands = {row["name"]: row for row in unit.sql("SELECT * FROM system.tables")}
    for table in engines.TABLES:
        rows = pq.ParquetFile(data / f"{table}.parquet").metadata.num_rows
        count = unit.sql(f"SELECT count(*) AS n FROM {table}")[0]["n"]
        sealed = stands.get(table, {}).get("rows")
        assert rows == count == sealed, f"{table}: {rows} rows in the file, {count} in the unit, {sealed} sealed"
    return [stands[table] for table in engines.TABLES]


def start(binary: str, folder: Path, data: Path, is_fresh: bool) -> tuple[Unit, dict]:
    """Returns a unit with all tables sealed, and what loading took."""
    place = folder / f"unit-{data.name}"
    told = place / "loaded.json"
    if is_fresh or not told.exists():
        shutil.rmtree(place, ignore_errors=True)
    unit = Unit(binary, place)
    try:
        if not told.exists():
            told.write_text(json.dumps(load(unit, data)))
    except BaseException:
        unit.stop()
        raise
    return unit, json.loads(told.read_text())


def official_answers(duckdb, scale: float) -> dict[int, str]:
    """Returns the official answers as text, by the number of the query. There are none but at scale 1."""
    if scale != 1:
        return {}
    return {**duckdb.official(), 13: (HERE / "q13.official").read_text()}


def is_wanted(number: int, options) -> bool:
    return options.queries is None or number in options.queries


def measure(number: int, all_engines: list, options, official: dict) -> dict:
    """Answers one query by all engines."""
    sql = (HERE / f"q{number:02}.sql").read_text()
    craton, duckdb = all_engines[:2]
    try:
        found, right = answers.of_arrow(craton.answer(sql)[0]), answers.of_arrow(duckdb.answer(sql)[0])
    except AssertionError as refused:
        return {"query": number, "rows": 0, "faults": [str(refused)[:200]], "seconds": {}}
    faults = [f"not DuckDB's: {fault}" for fault in answers.differences(right, found)]
    if number in official:
        columns, wanted = answers.of_text(official[number])
        wanted, kept = (answers.without(columns, rows, OTHER_TEXTS) for rows in (wanted, found))
        faults += [f"not the official answer: {fault}" for fault in answers.differences(wanted, kept)]
    result = {"query": number, "rows": len(found), "faults": faults, "seconds": {}}
    for engine in all_engines:
        engine.times(sql, 1)
        result["seconds"][engine.name] = min(engine.times(sql, options.repeats))
    return result


def show(results: list[dict], names: list[str]) -> dict:
    """Prints the table of times; returns the totals."""
    craton, datafusion = names[0], names[2]
    print(f"{'query':>5} {'rows':>6} " + " ".join(f"{name.split(' (')[0]:>20}" for name in names) + "   ratio  answer")
    for result in results:
        seconds = {name: result["seconds"].get(name, math.nan) for name in names}
        cells = " ".join(f"{seconds[name] * 1e3:17.1f} ms" for name in names)
        ratio = seconds[craton] / seconds[datafusion]
        right = "right" if not result["faults"] else "WRONG: " + result["faults"][0]
        print(f"{result['query']:>5} {result['rows']:>6} {cells} {ratio:7.2f}  {right}")
    totals = {name: sum(result["seconds"].get(name, math.nan) for result in results) for name in names}
    cells = " ".join(f"{totals[name] * 1e3:17.1f} ms" for name in names)
    print(f"{'all':>5} {'':>6} {cells} {totals[craton] / totals[datafusion]:7.2f}")
    return totals


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--folder", type=Path, default=Path("target/tmp/tpch"))
    parser.add_argument("--fresh", action="store_true", help="load anew")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--queries", type=lambda text: {int(number) for number in text.split(",")})
    parser.add_argument("--datafusion-cli", metavar="PATH")
    parser.add_argument("--report", type=Path)
    options = parser.parse_args()
    data = generated(options.folder.resolve(), options.scale)
    unit, loaded = start(options.binary, options.folder.resolve(), data, options.fresh)
    try:
        tables = check_loaded(unit, data)
        duckdb = engines.DuckDb(data, THREADS)
        if options.datafusion_cli:
            datafusion = engines.DataFusionCli(options.datafusion_cli, data, THREADS)
        else:
            datafusion = engines.DataFusion(data, THREADS)
        all_engines = [engines.Craton(unit), duckdb, datafusion]
        official = official_answers(duckdb, options.scale)
        wanted = [number for number in range(1, 23) if is_wanted(number, options)]
        results = [measure(number, all_engines, options, official) for number in wanted]
        memory = unit.memory()
    finally:
        unit.stop()
    names = [engine.name for engine in all_engines]
    totals = show(results, names)
    wrong = [result["query"] for result in results if result["faults"]]
    report = {
        "scale": options.scale, "threads": THREADS, "loaded": loaded, "official_answers": len(official),
        "bytes": {table["name"]: table["bytes"] for table in tables}, "memory_mb": round(memory / 1e6),
        "queries": results, "seconds": totals, "ratio": round(totals[names[0]] / totals[names[2]], 3), "wrong": wrong,
    }
    if options.report:
        options.report.write_text(json.dumps(report, indent=1))
    rows, took = loaded["rows"], loaded["append_s"] + loaded["seal_s"]
    print(f"{rows} rows loaded and sealed in {took:.0f} s; {len(results) - len(wrong)} of {len(results)} answers right")
    if not official:
        print("the official answers of this scale are not known: held against DuckDB's only")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

"""The engines that answer the queries: each with the same files, the same number of threads, and a clock around the answer."""

import re
import subprocess
import tempfile
import time
from pathlib import Path

import pyarrow as pa

TABLES = ["region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem"]


class Craton:
    """A unit with the tables as sealed streams, asked by HTTP on one connection."""

    def __init__(self, unit):
        self.name, self.unit, self.connection = "craton", unit, unit.connect()

    def answer(self, sql: str) -> tuple[pa.Table, float]:
        began = time.perf_counter()
        body = self.unit.ask(sql, "arrow", self.connection)
        took = time.perf_counter() - began
        return pa.ipc.open_stream(body).read_all(), took

    def times(self, sql: str, repeats: int) -> list[float]:
        return [self.answer(sql)[1] for _ in range(repeats)]


class DuckDb:
    """DuckDB over the Parquet files, in this process. It also knows the official answers, where its extension is installed."""

    def __init__(self, data: Path, threads: int):
        import duckdb

        self.name = f"duckdb {duckdb.__version__}"
        self.connection = duckdb.connect(config={"allow_unsigned_extensions": "true", "threads": threads})
        for table in TABLES:
            self.connection.execute(f"CREATE VIEW {table} AS FROM read_parquet('{data}/{table}.parquet')")

    def answer(self, sql: str) -> tuple[pa.Table, float]:
        began = time.perf_counter()
        table = self.connection.execute(sql).to_arrow_table()
        return table, time.perf_counter() - began

    def times(self, sql: str, repeats: int) -> list[float]:
        return [self.answer(sql)[1] for _ in range(repeats)]

    def official(self) -> dict[int, str]:
        """Returns the answers at scale 1 that come with its extension, by the number of the query; none where it is not installed."""
        try:
            import duckdb
            import duckdb_extension_tpch
        except ImportError:
            return {}
        place = Path(duckdb_extension_tpch.__file__).parent / "extensions" / f"v{duckdb.__version__}"
        self.connection.execute(f"LOAD '{place / 'tpch.duckdb_extension'}'")
        rows = self.connection.execute("FROM tpch_answers()").fetchall()
        return {number: text for number, factor, text in rows if factor == 1}


class DataFusion:
    """DataFusion's Python package over the Parquet files: the engine of its command line, with that one's settings."""

    def __init__(self, data: Path, threads: int):
        import datafusion

        self.name = f"datafusion {datafusion.__version__} (Python package)"
        settings = datafusion.SessionConfig().with_target_partitions(threads)
        self.session = datafusion.SessionContext(settings)
        for table in TABLES:
            self.session.register_parquet(table, str(data / f"{table}.parquet"))

    def answer(self, sql: str) -> tuple[pa.Table, float]:
        began = time.perf_counter()
        frame = self.session.sql(sql)
        batches = frame.collect()
        took = time.perf_counter() - began
        return pa.Table.from_batches(batches, schema=frame.schema()), took

    def times(self, sql: str, repeats: int) -> list[float]:
        return [self.answer(sql)[1] for _ in range(repeats)]


class DataFusionCli:
    """DataFusion's own command line over the Parquet files: a process for each query, the times are those that it prints."""

    def __init__(self, binary: str, data: Path, threads: int):
        version = subprocess.run([binary, "--version"], check=True, capture_output=True, text=True).stdout
        self.name, self.binary = version.strip(), binary
        self.before = [f"SET datafusion.execution.target_partitions = {threads}"] + [
            f"CREATE EXTERNAL TABLE {table} STORED AS PARQUET LOCATION '{data}/{table}.parquet'" for table in TABLES
        ]

    def times(self, sql: str, repeats: int) -> list[float]:
        """Returns the times behind a first run, which is none of them."""
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
            file.write(";\n".join(self.before + [sql] * (repeats + 1)) + ";\n")
            file.flush()
            run = [self.binary, "--format", "csv", "--file", file.name]
            told = subprocess.run(run, check=True, capture_output=True, text=True).stdout
        times = [float(seconds) for seconds in re.findall(r"^Elapsed ([0-9.]+) seconds", told, re.MULTILINE)]
        assert repeats < len(times) and "Error" not in told, f"{self.name} did not run all: {told[-500:]}"
        return times[-repeats:]

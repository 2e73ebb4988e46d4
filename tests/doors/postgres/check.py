"""Reads a unit with the clients of PostgreSQL and compares what they find with what HTTP finds.

usage: check.py HTTP_URL POSTGRES_ADDRESS USER TOKEN

The unit has the stream `sales` and the view `answers.revenue` of the folder `shop`, with rows. What is not installed is left out
and named.
"""

import asyncio
import csv
import glob
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from datetime import datetime, timezone
from decimal import Decimal

SUMS = "SELECT count(*) AS rows, count(n) AS full, sum(n) AS n, sum(price) AS price, sum(weight) AS weight FROM sales"
# More than any machine counts in the time that the test takes.
ENDLESS = "WITH RECURSIVE t AS (SELECT n FROM sales WHERE n = 1 UNION ALL SELECT n + 0 FROM t) SELECT count(*) FROM t"
JARS = ["/usr/share/java/postgresql.jar", "/usr/share/java/postgresql-jdbc.jar"]


class Unit:
    """A unit with its two doors."""

    def __init__(self, url, address, user, token):
        self.url, self.user, self.token = url, user, token
        self.host, self.port = address.rsplit(":", 1)

    def http(self, path, body=None):
        """Asks by HTTP."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        request = urllib.request.Request(self.url + path, data=data, headers=headers)
        with urllib.request.urlopen(request) as answer:
            return answer.read().decode()

    def rows(self, sql):
        """Returns the rows of a query by HTTP, as texts."""
        text = self.http("/v1/sql/query", {"sql": sql, "format": "csv"})
        return list(csv.reader(io.StringIO(text)))[1:]

    def sums(self):
        (row,) = self.rows(SUMS)
        return numbers(row)

    def runs(self, sql):
        """Returns whether a query runs now."""
        return any(one["sql"] == sql for one in json.loads(self.http("/v1/sql"))["items"])


def numbers(row):
    """Returns a row of sums in one form, whatever types a client gives."""
    return [Decimal(str(value)).normalize() for value in row]


def same(found, expected, what):
    assert found == expected, f"{what}: {found!r} is not {expected!r}"


def has(text, *parts):
    for part in parts:
        assert part in text, f"`{part}` is not in:\n{text}"


def wait_for(question, what):
    deadline = time.monotonic() + 60
    while not question():
        assert time.monotonic() < deadline, f"never came true: {what}"
        time.sleep(0.05)


def psql(unit):
    if shutil.which("psql") is None:
        return "psql (apt-get install postgresql-client)"
    environment = {**os.environ, "PGPASSWORD": unit.token, "PGHOST": unit.host, "PGPORT": unit.port,
                   "PGUSER": unit.user, "PGDATABASE": "craton", "PAGER": "cat"}
    command = ["psql", "--no-psqlrc", "--no-align", "--set=ON_ERROR_STOP=1"]

    def ask(*statements, status=0):
        given = [argument for one in statements for argument in ("--command", one)]
        done = subprocess.run(command + given, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == status, f"{statements}: {done.stderr}"
        return done.stdout + done.stderr

    same(numbers(ask(SUMS).splitlines()[1].split("|")), unit.sums(), "psql")
    has(ask(r"\d"), "public|sales|table", "public|sales_latest|")
    has(ask(r"\dt"), "public|sales|table")
    has(ask(r"\dv answers.*"), "answers|revenue|view")
    has(ask(r"\dn"), "answers", "public")
    has(ask(r"\d sales"), "price|numeric(12,2)", "at|timestamp with time zone", "id|text||not null", "notes|text")
    has(ask(r"\d+ answers.revenue"), "total|numeric", "View definition")
    has(ask(r"\l"), "craton")
    has(ask(r"\du"), unit.user)
    for listing in [r"\df", r"\dT", r"\di", r"\ds", r"\dm", r"\dp", r"\db", r"\dx", r"\do", r"\dC", r"\d pg_class",
                    r"\d information_schema.columns", r"\dn+", r"\dt+", r"\l+", r"\du+", r"\conninfo", r"\encoding"]:
        ask(listing)
    lines = ask("COPY sales (id, n) TO STDOUT").splitlines()
    same(sorted(lines)[0], "s0\t0", "a copy as text")
    same(len(lines), int(unit.sums()[0]), "the lines of a copy")
    has(ask(r"\copy (SELECT id, price FROM sales WHERE n = 7) TO STDOUT CSV HEADER"), "id,price\ns7,7.07\n")
    same(ask(r"\set FETCH_COUNT 100", "SELECT id FROM sales").count("\n"), len(lines) + 2, "psql with a cursor")
    has(ask(r"\set VERBOSITY verbose", "INSERT INTO sales VALUES ('x')", status=1), "25006", "stream.append")
    has(ask(r"\set VERBOSITY verbose", "SELECT\n  wrong FROM sales", status=1), "42703", "LINE 2")
    has(ask(r"\set VERBOSITY sqlstate", "SELECT * FROM hidden", status=1), "42P01")
    running = subprocess.Popen(command + ["--command", ENDLESS], env=environment, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: unit.runs(ENDLESS), "the query runs")
    running.send_signal(signal.SIGINT)
    (_, error) = running.communicate(timeout=60)
    has(error, "cancel")
    wait_for(lambda: not unit.runs(ENDLESS), "the query is cancelled")
    return None


def with_psycopg(unit):
    import psycopg

    def connect(**further):
        return psycopg.connect(host=unit.host, port=unit.port, user=unit.user, password=unit.token, dbname="craton",
                               application_name="check", **further)

    with connect() as one:
        same(numbers(one.execute(SUMS).fetchone()), unit.sums(), "psycopg")
        row = one.execute("SELECT n, price, weight, paid, at, notes FROM sales WHERE id = %s AND n = %s", ("s7", 7)).fetchone()
        at = datetime(2024, 2, 8, 10, 0, 0, 123000, timezone.utc)
        same(row, (7, Decimal("7.07"), 0.875, False, at, '{"n":[7,null]}'), "values as text")
        with one.cursor(binary=True) as binary:
            found = binary.execute("SELECT n, price, weight, paid, at, notes FROM sales WHERE id = %b", ("s7",)).fetchone()
            same(found, row, "values in binary")
        same(one.execute("SELECT count(*) FROM sales WHERE n = ANY(%s)", ([1, 2, 3],)).fetchone(), (3,), "a list")
        with one.cursor("some") as cursor:
            cursor.itersize = 100
            cursor.execute("SELECT n FROM sales WHERE n IS NOT NULL")
            same(sum(n for (n,) in cursor), int(unit.sums()[2]), "a cursor")
        with one.cursor().copy("COPY (SELECT id, n FROM sales) TO STDOUT (FORMAT binary)") as copy:
            copy.set_types(["text", "int8"])
            same(sum(n or 0 for (_, n) in copy.rows()), int(unit.sums()[2]), "a copy in binary")
        with one.pipeline():
            cursors = [one.execute("SELECT %s::int8", (number,)) for number in range(20)]
            same([cursor.fetchone()[0] for cursor in cursors], list(range(20)), "a pipeline")
    with connect(autocommit=True) as one:
        try:
            one.execute("DELETE FROM sales")
        except psycopg.errors.ReadOnlySqlTransaction as error:
            has(str(error), "read")
        else:
            raise AssertionError("rows were deleted")
        same(one.execute("SELECT 1").fetchone(), (1,), "the session goes on")
    try:
        psycopg.connect(host=unit.host, port=unit.port, user=unit.user, password="wrong", dbname="craton")
    except psycopg.OperationalError as error:
        has(str(error), "password authentication failed")
    else:
        raise AssertionError("a wrong password opens the door")
    return None


def with_asyncpg(unit):
    import asyncpg

    async def check():
        pool = await asyncpg.create_pool(host=unit.host, port=int(unit.port), user=unit.user, password=unit.token,
                                         database="craton", min_size=1, max_size=2)
        async with pool.acquire() as one:
            same(numbers((await one.fetchrow(SUMS)).values()), unit.sums(), "asyncpg")
            row = await one.fetchrow("SELECT n, price, paid, at FROM sales WHERE id = $1 AND n = $2", "s7", 7)
            at = datetime(2024, 2, 8, 10, 0, 0, 123000, timezone.utc)
            same(tuple(row), (7, Decimal("7.07"), False, at), "values")
            statement = await one.prepare("SELECT id, price FROM sales WHERE n > $1")
            types = [attribute.type.name for attribute in statement.get_attributes()]
            same(types, ["text", "numeric"], "types")
            same(await one.fetchval("SELECT array_agg(n ORDER BY n) FROM sales WHERE n < $1", 3), "[0,1,2]", "a list is JSON")
            total = 0
            async with one.transaction(readonly=True):
                async for (n,) in one.cursor("SELECT n FROM sales WHERE n IS NOT NULL", prefetch=100):
                    total += n
            same(total, int(unit.sums()[2]), "a cursor")
            out = io.BytesIO()
            await one.copy_from_query("SELECT id FROM sales WHERE n < 2 ORDER BY n", output=out, format="csv")
            same(out.getvalue(), b"s0\ns1\n", "a copy")
            try:
                await one.fetch(ENDLESS, timeout=1)
            except (TimeoutError, asyncio.TimeoutError):
                pass
            else:
                raise AssertionError("the query was not cancelled")
            same(await one.fetchval("SELECT 1"), 1, "the session goes on")
        wait_for(lambda: not unit.runs(ENDLESS), "the query is cancelled")
        await pool.close()

    asyncio.run(check())
    return None


def with_sqlalchemy(unit):
    import sqlalchemy as sa

    url = sa.URL.create("postgresql+psycopg", unit.user, unit.token, unit.host, int(unit.port), "craton")
    engine = sa.create_engine(url)
    inspector = sa.inspect(engine)
    has(inspector.get_schema_names(), "public", "answers")
    has(inspector.get_table_names(), "sales")
    same(inspector.get_view_names("answers"), ["revenue"], "views")
    columns = {column["name"]: column for column in inspector.get_columns("sales")}
    same(str(columns["price"]["type"]), "NUMERIC(12, 2)", "a type")
    same(columns["id"]["nullable"], False, "a column that is required")
    same(inspector.get_pk_constraint("sales_latest")["constrained_columns"], ["id"], "a key")
    for ask in (inspector.get_indexes, inspector.get_foreign_keys, inspector.get_unique_constraints,
                inspector.get_check_constraints, inspector.get_table_comment):
        ask("sales")
    assert inspector.has_table("sales") and not inspector.has_table("hidden")
    has(inspector.get_view_definition("revenue", "answers"), "sum(price)")
    tables = sa.MetaData()
    tables.reflect(engine, views=True)
    sales = tables.tables["sales"]
    with engine.connect() as one:
        asked = sa.select(sa.func.count(), sa.func.sum(sales.c.price)).where(sales.c.n > 100)
        found = numbers(one.execute(asked).one())
        same(found, numbers(unit.rows("SELECT count(*), sum(price) FROM sales WHERE n > 100")[0]), "SQLAlchemy")
        streamed = one.execution_options(stream_results=True).execute(sa.select(sales.c.n).where(sales.c.n.is_not(None)))
        same(sum(streamed.scalars()), int(unit.sums()[2]), "a stream of rows")
    engine.dispose()
    return None


def with_duckdb(unit):
    import duckdb
    import duckdb_extension_postgres_scanner as extension

    folder = os.path.dirname(extension.__file__)
    (file,) = glob.glob(f"{folder}/extensions/v{duckdb.__version__}/postgres_scanner.duckdb_extension")
    one = duckdb.connect()
    one.execute(f"LOAD '{file}'")
    place = f"host={unit.host} port={unit.port} user={unit.user} password={unit.token} dbname=craton"
    one.execute(f"ATTACH '{place}' AS unit (TYPE postgres, READ_ONLY)")
    same(numbers(one.sql(SUMS.replace("FROM sales", "FROM unit.sales")).fetchone()), unit.sums(), "DuckDB")
    found = one.sql("SELECT count(*), sum(price) FROM unit.sales WHERE n > 100 AND paid").fetchone()
    expected = unit.rows("SELECT count(*), sum(price) FROM sales WHERE n > 100 AND paid")[0]
    same(numbers(found), numbers(expected), "DuckDB with a filter")
    found = one.sql("SELECT paid, total FROM unit.answers.revenue WHERE paid ORDER BY paid").fetchall()
    expected = unit.rows("SELECT total FROM answers.revenue WHERE paid")
    same([numbers([total]) for (_, total) in found], [numbers(row) for row in expected], "a view")
    row = one.sql("SELECT n, price, weight, paid, \"at\" FROM unit.sales WHERE id = 's7'").fetchone()
    same(row[:4], (7, Decimal("7.07"), 0.875, False), "values")
    same(row[4].astimezone(timezone.utc), datetime(2024, 2, 8, 10, 0, 0, 123000, timezone.utc), "a time")
    same(one.sql("SELECT a FROM postgres_query('unit', 'SELECT 1 AS a')").fetchall(), [(1,)], "a query that is passed on")
    return None


def jdbc(unit):
    jar = next((jar for jar in JARS if os.path.exists(jar)), None)
    if jar is None or shutil.which("java") is None:
        return "pgJDBC (apt-get install default-jdk-headless libpostgresql-jdbc-java)"
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "Check.java")
    address = f"jdbc:postgresql://{unit.host}:{unit.port}/craton"
    done = subprocess.run(["java", "-cp", jar, program, address, unit.user, unit.token, SUMS], capture_output=True, text=True,
                          timeout=300)
    assert done.returncode == 0, done.stderr
    said = dict(line.split("=", 1) for line in done.stdout.splitlines())
    same(numbers(said["sums"].split("|")), unit.sums(), "pgJDBC")
    same(int(said["fetched"]), int(unit.sums()[2]), "rows in portions")
    has(said["tables"], "sales", "revenue")
    has(said["columns"], "price numeric 12 2", "at timestamptz", "id text")
    same(said["key"], "id", "a key")
    same(said["refused"], "25006", "a change")
    return None


CLIENTS = [("psql", psql), ("psycopg", with_psycopg), ("asyncpg", with_asyncpg), ("SQLAlchemy", with_sqlalchemy),
           ("DuckDB", with_duckdb), ("pgJDBC", jdbc)]


def main():
    unit = Unit(*sys.argv[1:5])
    for name, check in CLIENTS:
        missing = check(unit)
        print(f"left out: {missing}" if missing else f"ok: {name}", flush=True)


if __name__ == "__main__":
    main()

"""The doors of a unit. Each takes statements and returns, for each, the names of its columns and its rows; cells are in one form
whatever a client makes of them. A door whose client is not installed raises `Missing`.
"""

import asyncio
import csv
import io
import json
import os
import re
import shutil
import subprocess
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path

USER, DATABASE = "owner", "craton"
JARS = ["/usr/share/java/postgresql.jar", "/usr/share/java/postgresql-jdbc4.jar"]
MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}(:?\d{2})?)?")


class Missing(Exception):
    """What has to be installed for a door."""


def cell(value):
    """Returns a value in one form: texts, and None for null and for an empty text, which CSV cannot tell apart."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or value in ("true", "false", "t", "f"):
        return str(value)[0].lower()
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
        return moment.astimezone(timezone.utc).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return cell(datetime.fromisoformat(value)) if MOMENT.fullmatch(value) else value
    if isinstance(value, (int, float, Decimal)):
        return str(value)
    return json.dumps(value, default=str)


def answer(columns, rows):
    return [str(column) for column in columns], [tuple(cell(value) for value in row) for row in rows]


def of_csv(text: str):
    rows = list(csv.reader(io.StringIO(text)))
    return answer(rows[0], rows[1:])


def by_http(unit, statements):
    connection, answers = unit.connect(), []
    for sql in statements:
        table = json.loads(unit.ask(sql, "table", connection), parse_float=Decimal)
        answers.append(answer([column["name"] for column in table["columns"]], table["rows"]))
    return answers


def by_command_line(unit, statements):
    ask = [unit.binary, "--unit", str(unit.folder), "-o", "csv", "sql"]
    return [of_csv(told([*ask, sql])) for sql in statements]


def by_psql(unit, statements):
    if shutil.which("psql") is None:
        raise Missing("psql (apt-get install postgresql-client)")
    host, port = unit.postgres.rsplit(":", 1)
    environment = {**os.environ, "PGHOST": host, "PGPORT": port, "PGUSER": USER, "PGDATABASE": DATABASE, "PGPASSWORD": unit.token}
    ask = ["psql", "--no-psqlrc", "--csv", "--set=ON_ERROR_STOP=1", "--command"]
    return [of_csv(told([*ask, sql], env=environment)) for sql in statements]


def told(command, **further) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, **further)
    assert done.returncode == 0, f"{command[0]}: {done.stderr}"
    return done.stdout


def by_psycopg(unit, statements):
    import psycopg

    host, port = unit.postgres.rsplit(":", 1)
    with psycopg.connect(host=host, port=port, user=USER, password=unit.token, dbname=DATABASE) as connection:
        cursors = (connection.execute(sql) for sql in statements)
        return [answer([column.name for column in cursor.description], cursor.fetchall()) for cursor in cursors]


def by_asyncpg(unit, statements):
    import asyncpg

    async def ask():
        host, port = unit.postgres.rsplit(":", 1)
        connection = await asyncpg.connect(host=host, port=int(port), user=USER, password=unit.token, database=DATABASE)
        answers = []
        for sql in statements:
            prepared = await connection.prepare(sql)
            columns = [attribute.name for attribute in prepared.get_attributes()]
            answers.append(answer(columns, [row.values() for row in await prepared.fetch()]))
        await connection.close()
        return answers

    return asyncio.run(ask())


def by_sqlalchemy(unit, statements):
    import sqlalchemy

    host, port = unit.postgres.rsplit(":", 1)
    engine = sqlalchemy.create_engine(
        sqlalchemy.URL.create("postgresql+psycopg", USER, unit.token, host, int(port), DATABASE)
    )
    with engine.connect() as connection:
        results = (connection.exec_driver_sql(sql) for sql in statements)
        answers = [answer(result.keys(), result.all()) for result in results]
    engine.dispose()
    return answers


def by_jdbc(unit, statements):
    jar = next((jar for jar in JARS if os.path.exists(jar)), None)
    if jar is None or shutil.which("java") is None:
        raise Missing("pgJDBC (apt-get install default-jdk-headless libpostgresql-jdbc-java)")
    program = str(Path(__file__).with_name("Ask.java"))
    address = f"jdbc:postgresql://{unit.postgres}/{DATABASE}"
    lines = "".join(" ".join(sql.split()) + "\n" for sql in statements)
    text = told(["java", "-cp", jar, program, address, USER, unit.token], input=lines)
    answers = []
    for block in text.split("\n\n")[:len(statements)]:
        rows = [line.split("\t") for line in block.split("\n")]
        answers.append(answer(rows[0], [[of_java(value) for value in row] for row in rows[1:]]))
    return answers


def of_java(text: str):
    signs = {"\\t": "\t", "\\n": "\n", "\\r": "\r", "\\\\": "\\"}
    return None if text == "\\N" else re.sub(r"\\.", lambda sign: signs[sign.group()], text)


def duckdb_with(extension: str):
    """Returns DuckDB with an extension that comes as a wheel: nothing is fetched."""
    import importlib

    import duckdb

    try:
        module = importlib.import_module(f"duckdb_extension_{extension}")
    except ImportError:
        raise Missing(f"duckdb-extension-{extension}") from None
    place = Path(module.__file__).parent / "extensions" / f"v{duckdb.__version__}"
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"LOAD '{place / f'{extension}.duckdb_extension'}'")
    return connection


def asked(connection, statements):
    answers = []
    for sql in statements:
        result = connection.execute(sql)
        answers.append(answer([column[0] for column in result.description], result.fetchall()))
    return answers


def by_attach(unit, statements):
    connection = duckdb_with("postgres_scanner")
    host, port = unit.postgres.rsplit(":", 1)
    place = f"host={host} port={port} user={USER} password={unit.token} dbname={DATABASE}"
    connection.execute(f"ATTACH '{place}' AS unit (TYPE postgres, READ_ONLY)")
    connection.execute("USE unit.public")
    return asked(connection, statements)


def folders(unit):
    """Returns where the files of the unit's tables lie."""
    tables = unit.sql("SELECT name, folder FROM system.tables WHERE rows > 0")
    return {table["name"]: unit.folder / table["folder"] for table in tables}


def by_delta_scan(unit, statements):
    connection = duckdb_with("delta")
    for name, folder in folders(unit).items():
        connection.execute(f"CREATE VIEW \"{name}\" AS FROM delta_scan('{folder}')")
    return asked(connection, statements)


def by_deltalake(unit, statements):
    """Reads by deltalake; DuckDB only adds up."""
    import duckdb
    from deltalake import DeltaTable

    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for name, folder in folders(unit).items():
        connection.register(name, DeltaTable(str(folder)).to_pyarrow_table())
    return asked(connection, statements)


# Those that see all relations, and those that see the tables as they lie in files.
LIVE = {
    "HTTP": by_http, "command line": by_command_line, "psql": by_psql, "psycopg": by_psycopg, "asyncpg": by_asyncpg,
    "SQLAlchemy": by_sqlalchemy, "pgJDBC": by_jdbc, "DuckDB ATTACH": by_attach,
}
FILES = {"DuckDB delta_scan": by_delta_scan, "deltalake": by_deltalake}

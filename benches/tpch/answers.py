"""Holds answers of queries against each other, row by row in their order.

What a decimal says must be right to its last digit, a float to 1e-9 of its size, an instant at midnight stands for its day.
"""

import csv
import datetime
import decimal
import io
from decimal import Decimal

NEAR = Decimal("1e-9")
SHOWN_MAX = 3

# Sums of decimals have more digits than Python calculates with by default.
decimal.getcontext().prec = 60


def of_arrow(table) -> list[tuple]:
    """Returns the rows of an Arrow table."""
    return list(zip(*(column.to_pylist() for column in table.columns))) if table.num_rows else []


def of_text(text: str) -> tuple[list[str], list[tuple]]:
    """Returns the columns and rows of an answer as official ones are written: a line of names, then cells between `|`."""
    rows = list(csv.reader(io.StringIO(text), delimiter="|", quoting=csv.QUOTE_NONE))
    return rows[0], [tuple(row) for row in rows[1:]]


def without(columns: list[str], rows: list[tuple], left_out: set[str]) -> list[tuple]:
    kept = [number for number, column in enumerate(columns) if column not in left_out]
    return [tuple(row[number] for number in kept) for row in rows]


def is_equal(wanted, found) -> bool:
    """Returns whether a cell says what is wanted."""
    if wanted is None or found is None:
        return wanted is None and found is None
    if isinstance(found, (datetime.datetime, datetime.date)):
        return day(wanted) == day(found)
    if isinstance(found, float):
        wanted, found = Decimal(str(wanted)), Decimal(found)
        return abs(wanted - found) <= NEAR * max(abs(wanted), Decimal("1e-9"))
    if isinstance(found, Decimal):
        wanted, last = Decimal(str(wanted)), Decimal(1).scaleb(found.as_tuple().exponent)
        if last <= Decimal(1).scaleb(wanted.as_tuple().exponent):
            return wanted == found
        # An average has more digits than the type of the column holds.
        return abs(wanted - found) < last
    if isinstance(found, int):
        return Decimal(str(wanted)) == found
    return str(wanted) == str(found)


def day(cell) -> str:
    if isinstance(cell, datetime.datetime):
        assert cell.time() == datetime.time(), f"{cell} is no day"
        return cell.date().isoformat()
    return cell.isoformat() if isinstance(cell, datetime.date) else str(cell)


def differences(wanted: list[tuple], found: list[tuple]) -> list[str]:
    """Returns what is wrong with the rows that were found; nothing where they are right."""
    if len(wanted) != len(found):
        return [f"{len(found)} rows, {len(wanted)} are right"]
    wrong = []
    for number, (left, right) in enumerate(zip(wanted, found), 1):
        if len(left) != len(right) or not all(map(is_equal, left, right)):
            wrong.append(f"row {number} is {right}, right is {left}")
    return wrong[:SHOWN_MAX]

"""Compares the report of a replay with the expected answers.

    python3 compare.py EXPECTED REPORT [UNIT]

A provider that went back to an old backup in the middle of the replay is named as UNIT: what its processes wrote for calls that had ended
meanwhile is lost, and nobody else has it. Of its views only what it shares with others is compared: its side of the contracts.

Rows are compared as sets. Counts, texts and money must be equal; averages, medians and shares may differ by 1e-9 of
their size. Prints every difference and ends with 1 where there is one.
"""

import json
import sys
from decimal import Decimal, InvalidOperation

TOLERANCE = Decimal("1e-9")

# The columns of each view that name a row, and those that are averages, medians or shares.
KEYS = {
    "order_paths": ["path"],
    "order_late": [],
    "orders_by_month": ["month", "state"],
    "reviews_by_category": ["category"],
    "tasks": ["kind"],
    "compensations": [],
    "payments_by_method": ["method"],
    "risk": ["level"],
    "services": ["service"],
    "deliveries_by_state": ["state"],
    "on_time_by_month": ["month", "state"],
    "on_time_breaches": ["month", "state"],
    "contracts": ["contract", "capability", "side"],
}
NEAR = {"on_time_share", "score", "median_hours", "median_days", "late_share"}
DIFFERENCES_SHOWN_MAX = 20


def number(cell):
    """Returns a cell as an exact number, or None where it is none."""
    if isinstance(cell, bool) or cell is None:
        return None
    try:
        value = Decimal(cell)
    except (InvalidOperation, TypeError, ValueError):
        return None
    return value if value.is_finite() else None


def is_equal(column, expected, actual):
    """Returns whether two cells of a column agree."""
    if expected is None or actual is None:
        return expected is None and actual is None
    left, right = number(expected), number(actual)
    if left is None or right is None:
        return expected == actual
    if column in NEAR:
        return abs(left - right) <= TOLERANCE * max(Decimal(1), abs(left))
    return left == right


def by_key(view, rows, differences):
    """Returns rows by what names them; two rows of one name are a difference."""
    found = {}
    for row in rows:
        key = tuple(str(row.get(column)) for column in KEYS[view])
        if key in found:
            differences.append(f"two rows {key}")
        found[key] = row
    return found


def compare_view(view, expected, actual):
    """Returns the differences between two lists of rows."""
    differences = []
    left, right = by_key(view, expected, differences), by_key(view, actual, differences)
    for key in sorted(left.keys() - right.keys()):
        differences.append(f"missing {dict(left[key])}")
    for key in sorted(right.keys() - left.keys()):
        differences.append(f"unexpected {dict(right[key])}")
    for key in sorted(left.keys() & right.keys()):
        columns = list(left[key])
        columns += [column for column in right[key] if column not in columns]
        for column in columns:
            if column not in left[key] or column not in right[key]:
                differences.append(f"{' '.join(key) or view}: column {column} is only on one side")
            elif not is_equal(column, left[key][column], right[key][column]):
                differences.append(
                    f"{' '.join(key) or view}: {column} is {right[key][column]}, expected {left[key][column]}"
                )
    return differences


def agreement(units):
    """Returns where a provider's and a consumer's ledger rows differ."""
    sides = {}
    for unit, views in units.items():
        for row in views.get("contracts", []):
            sides.setdefault(row.get("capability"), {})[row.get("side")] = (unit, row)
    differences = []
    for capability, side in sorted(sides.items()):
        if set(side) != {"provider", "consumer"}:
            differences.append(f"{capability} stands in the ledger of one side only")
            continue
        (provider, left), (consumer, right) = side["provider"], side["consumer"]
        for column in ("calls", "answered", "cancelled", "open", "owed"):
            if not is_equal(column, left.get(column), right.get(column)):
                differences.append(
                    f"{capability}: {column} is {left.get(column)} at {provider}, {right.get(column)} at {consumer}"
                )
    return differences


def compare(expected, actual, restored=None):
    """Returns how many views differ, and prints how."""
    failed = 0
    for unit, views in expected["units"].items():
        for view, rows in views.items():
            if unit == restored and view != "contracts":
                continue
            found = actual.get("units", {}).get(unit, {}).get(view)
            differences = ["the view is missing"] if found is None else compare_view(view, rows, found)
            failed += report(f"{unit} {view}", differences, f"{len(rows)} rows")
    failed += report("ledgers", agreement(actual.get("units", {})), "both sides agree")
    return failed


def report(name, differences, good):
    """Prints a line for a view, or what is wrong with it."""
    if not differences:
        print(f"ok        {name}: {good}")
        return 0
    print(f"DIFFERENT {name}: {len(differences)} differences")
    for difference in differences[:DIFFERENCES_SHOWN_MAX]:
        print(f"          {difference}")
    if DIFFERENCES_SHOWN_MAX < len(differences):
        print(f"          and {len(differences) - DIFFERENCES_SHOWN_MAX} more")
    return 1


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit("usage: compare.py EXPECTED REPORT [UNIT]")
    files = []
    for path in sys.argv[1:3]:
        with open(path, encoding="utf-8") as file:
            files.append(json.load(file, parse_float=Decimal))
    failed = compare(*files, *sys.argv[3:])
    if failed:
        sys.exit(f"{failed} views differ")


if __name__ == "__main__":
    main()

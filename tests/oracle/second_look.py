"""Looks at the oracle a second time: plays the market event by event in plain Python and compares with `expected.py`.

    python3 second_look.py DIR [--copies N]

No SQL: every order is a small state machine that handles its events in order and fires its timer before anything that
happens later. Also counts the windows of the replay. Ends with 1 where the two disagree.
"""

import argparse
import collections
import csv
import datetime
import fractions
import gzip
import pathlib
import statistics
import sys
from decimal import ROUND_HALF_UP, Decimal

import compare
import expected as oracle

CENT = Decimal("0.01")
PLACED, APPROVED, HANDED_OVER, DELIVERED, CANCELLED, REVIEWED = range(1, 7)


def table(directory, stem):
    """Returns the rows of a CSV file."""
    zipped = directory / f"{stem}.csv.gz"
    opened = gzip.open(zipped, "rt", encoding="utf-8", newline="") if zipped.exists() else open(
        directory / f"{stem}.csv", encoding="utf-8", newline="")
    with opened as file:
        return list(csv.DictReader(file))


def grouped(rows, column):
    """Returns rows by the value of a column."""
    groups = collections.defaultdict(list)
    for row in rows:
        groups[row[column]].append(row)
    return groups


def moment(text, copy):
    """Returns an instant of a copy, or None."""
    if not text:
        return None
    return datetime.datetime.fromisoformat(text) + datetime.timedelta(minutes=copy)


def events(market, copies):
    """Yields (time, number of the kind, order, copy, row), unsorted."""
    stages = (
        (PLACED, "order_purchase_timestamp"),
        (APPROVED, "order_approved_at"),
        (HANDED_OVER, "order_delivered_carrier_date"),
        (DELIVERED, "order_delivered_customer_date"),
    )
    for copy in range(copies):
        suffix = f"-{copy}" if copy else ""
        for row in market["orders"]:
            times = {kind: moment(row[column], copy) for kind, column in stages if row[column]}
            for kind, time in times.items():
                yield time, kind, row["order_id"] + suffix, copy, row
            if row["order_status"] in ("canceled", "unavailable") and DELIVERED not in times:
                time = max(times.values()) + datetime.timedelta(seconds=1)
                yield time, CANCELLED, row["order_id"] + suffix, copy, row
        for row in market["reviews"]:
            yield moment(row["review_creation_date"], copy), REVIEWED, row["order_id"] + suffix, copy, row


class Order:
    """One order of one copy, across the three units."""

    def __init__(self, row, copy):
        self.row, self.copy = row, copy
        self.at = {}
        self.late_timer = None
        self.is_late = self.is_cancelled = self.is_answered = False

    def until(self, time):
        """Fires the timer where it is due before an instant."""
        if self.late_timer is not None and self.late_timer < time:
            self.late_timer, self.is_late = None, True

    def handle(self, kind, time):
        """Handles an event."""
        if kind in (APPROVED, CANCELLED) or self.late_timer is not None:
            self.until(time)
        self.at[kind] = time
        if kind == CANCELLED:
            self.is_cancelled, self.late_timer = True, None
        if kind == APPROVED:
            self.late_timer = moment(self.row["order_estimated_delivery_date"], self.copy)
        if all(stage in self.at for stage in (APPROVED, HANDED_OVER, DELIVERED)) and not self.is_answered:
            self.until(time)
            self.is_answered, self.late_timer = True, None

    def path(self):
        """Returns the order's path."""
        if self.is_cancelled:
            return "cancelled_after_payment" if APPROVED in self.at else "cancelled_before_payment"
        for stage, name in ((APPROVED, "payment"), (HANDED_OVER, "handover"), (DELIVERED, "delivery")):
            if stage not in self.at:
                return f"waiting_{name}"
        return "late" if self.is_late else "on_time"


def play(market, copies):
    """Returns the orders after the last moment, and the number of windows."""
    orders, windows, inside = {}, 0, None
    time = None
    for time, kind, name, copy, row in sorted(events(market, copies), key=lambda event: event[:3]):
        if inside is None or name in inside:
            windows, inside = windows + 1, set()
        inside.add(name)
        if kind == REVIEWED:
            continue
        orders.setdefault(name, Order(row, copy)).handle(kind, time)
    end = max(event[0] for event in events(market, copies)) + datetime.timedelta(seconds=1)
    for order in orders.values():
        order.until(end + datetime.timedelta(milliseconds=1))
    return orders, windows, end


def ledger(capability, calls, answered, cancelled, owed):
    """Returns the two ledger rows of a capability."""
    provider = oracle.PROVIDERS[capability]
    line = {"capability": capability, "calls": calls, "answered": answered, "cancelled": cancelled,
            "open": calls - answered - cancelled, "owed": str(owed)}
    return [
        ("retail", {"contract": oracle.CONTRACTS["retail"][provider], "side": "consumer", **line}),
        (provider, {"contract": oracle.CONTRACTS[provider], "side": "provider", **line}),
    ]


def on_time(orders, homes, end):
    """Returns what the KPI of logistics finds in each month that has closed, by month and state."""
    flags = collections.defaultdict(list)
    for order in orders.values():
        if not order.is_answered:
            continue
        arrived = order.at[DELIVERED]
        month = arrived.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        following = (month + datetime.timedelta(days=32)).replace(day=1)
        closes = following + datetime.timedelta(days=oracle.ON_TIME["grace_days"])
        assert max(order.at[kind] for kind in (APPROVED, HANDED_OVER, DELIVERED)) < closes
        if closes <= end:
            promised = moment(order.row["order_estimated_delivery_date"], order.copy)
            flags[f"{month:%Y-%m}", homes[order.row["customer_id"]]].append(arrived <= promised)
    values = []
    for (month, state), group in flags.items():
        share = fractions.Fraction(sum(group), len(group))
        is_low = share < fractions.Fraction(oracle.ON_TIME["target_percent"], 100)
        values.append({"month": month, "state": state, "deliveries": len(group), "on_time_share": float(share),
                       "breach": oracle.ON_TIME["samples"] <= len(group) and is_low})
    breaches = [{**{name: cell for name, cell in value.items() if name != "breach"}, "reviews": 1, "tasks": 1}
                for value in values if value["breach"]]
    return {"on_time_by_month": values, "on_time_breaches": breaches}


def answers(market, orders, copies, end):
    """Returns the views, computed row by row."""
    payments, items = grouped(market["payments"], "order_id"), grouped(market["items"], "order_id")
    reviews = market["reviews"]
    product = {row["product_id"]: row for row in market["products"]}
    seller = {row["seller_id"]: row["seller_state"] for row in market["sellers"]}
    state = {row["customer_id"]: row["customer_state"] for row in market["customers"]}
    english = {row["product_category_name"]: row["product_category_name_english"] for row in market["translation"]}
    paths, risk, services = collections.Counter(), collections.Counter(), collections.Counter()
    months, states = collections.defaultdict(list), collections.defaultdict(list)
    methods, hours = collections.defaultdict(list), collections.defaultdict(list)
    owed_payment, owed_logistics, refunded = Decimal(0), Decimal(0), Decimal(0)
    for order in orders.values():
        name, path = order.row["order_id"], order.path()
        paths[path] += 1
        value = sum((Decimal(row["payment_value"]) for row in payments[name]), Decimal(0))
        instalments = max((int(row["payment_installments"]) for row in payments[name]), default=0)
        risk["high" if value > 500 or instalments > 8 else "medium" if value > 150 else "low"] += 1
        lines = sorted(items[name], key=lambda row: int(row["order_item_id"]))
        freight = sum((Decimal(row["freight_value"]) for row in lines), Decimal(0))
        weight = sum((Decimal(product[row["product_id"]]["product_weight_g"] or 0) for row in lines), Decimal(0))
        home = state[order.row["customer_id"]]
        owed_payment += Decimal("0.30")
        for method in {row["payment_type"] for row in payments[name]}:
            if APPROVED in order.at:
                waited = order.at[APPROVED] - order.at[PLACED]
                hours[method].append(waited.total_seconds() / 3600)
        for row in payments[name]:
            methods[row["payment_type"]].append((Decimal(row["payment_value"]), APPROVED in order.at))
        if APPROVED in order.at:
            owed_payment += (value * Decimal("0.015")).quantize(CENT, ROUND_HALF_UP)
            owed_logistics += Decimal("0.10")
            is_local = bool(lines) and seller[lines[0]["seller_id"]] == home
            services["freight" if weight > 20000 else "local" if is_local else "standard"] += 1
        gross = sum((Decimal(row["price"]) for row in lines), Decimal(0))
        months[order.at[PLACED].strftime("%Y-%m"), home].append((order, gross, freight))
        if order.is_answered:
            owed_logistics += freight
            states[home].append((order, freight))
        if path == "cancelled_after_payment":
            refunded += value
    promised = lambda order: moment(order.row["order_estimated_delivery_date"], order.copy)
    share = lambda flags: sum(flags) / len(flags) if flags else None
    late = sum(order.is_late for order in orders.values())
    scores = collections.defaultdict(list)
    for row in reviews:
        names = {english.get(product[line["product_id"]]["product_category_name"]) or "unknown"
                 for line in items[row["order_id"]]} or {"unknown"}
        for name in names:
            scores[name] += [int(row["review_score"])] * copies
    answered = paths["late"] + paths["on_time"]
    back = paths["cancelled_after_payment"]
    approved = len(orders) - paths["cancelled_before_payment"] - paths["waiting_payment"]
    units = {
        "retail": {
            "order_paths": [{"path": path, "orders": count} for path, count in paths.items()],
            "order_late": [{"orders": late}],
            "orders_by_month": [{
                "month": month, "state": home, "orders": len(group),
                "gross": str(sum(line[1] for line in group)), "freight": str(sum(line[2] for line in group)),
                "cancelled": sum(line[0].is_cancelled for line in group),
                "delivered": sum(line[0].is_answered for line in group),
                "on_time_share": share(
                    [line[0].at[DELIVERED] <= promised(line[0]) for line in group if line[0].is_answered]),
            } for (month, home), group in months.items()],
            "reviews_by_category": [
                {"category": name, "reviews": len(all_), "score": sum(all_) / len(all_)}
                for name, all_ in scores.items()],
            "tasks": [{"kind": "late", "created": late, "open": late}],
            "compensations": [{"refunds_asked": back, "refunds_confirmed": back, "value": str(refunded)}],
        },
        "payment": {
            "payments_by_method": [{
                "method": method, "payments": len(lines), "value": str(sum(line[0] for line in lines)),
                "approved_value": str(sum((line[0] for line in lines if line[1]), Decimal(0))),
                "median_hours": statistics.median(hours[method]) if hours[method] else None,
            } for method, lines in methods.items()],
            "risk": [{"level": level, "orders": count} for level, count in risk.items()],
        },
        "logistics": {
            "services": [{"service": service, "calls": count} for service, count in services.items()],
            "deliveries_by_state": [{
                "state": home, "deliveries": len(group),
                "median_days": statistics.median(
                    (order.at[DELIVERED] - order.at[HANDED_OVER]).total_seconds() / 86400 for order, _ in group),
                "late_share": share([order.at[DELIVERED] > promised(order) for order, _ in group]),
                "freight": str(sum(freight for _, freight in group)),
            } for home, group in states.items()],
            **on_time(orders, state, end),
        },
    }
    for unit, row in (
        ledger("authorise", len(orders), approved, paths["cancelled_before_payment"], owed_payment)
        + ledger("refund", back, back, 0, Decimal("0.00"))
        + ledger("deliver", approved, answered, back, owed_logistics)
    ):
        units[unit].setdefault("contracts", []).append(row)
    return {"units": units}


def main():
    parser = argparse.ArgumentParser(description="Plays the market in plain Python and compares with the oracle.")
    parser.add_argument("dir", type=pathlib.Path)
    parser.add_argument("--copies", type=int, default=1)
    options = parser.parse_args()
    market = {name: table(options.dir, stem) for name, stem in oracle.FILES.items()}
    orders, windows, end = play(market, options.copies)
    failed = compare.compare(oracle.expected(options.dir, options.copies), answers(market, orders, options.copies, end))
    print(f"{len(orders)} orders, {windows} windows, the last moment is {end}")
    if failed:
        sys.exit(f"{failed} views differ")


if __name__ == "__main__":
    main()

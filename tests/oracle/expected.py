"""Computes from the CSV files of a market what every view of the example business must answer.

Shares no code with Craton: DuckDB over the files, by the rules of the example (`examples/commerce`).

    python3 expected.py DIR [--copies N] [--out FILE]

DIR holds files in the layout of the Olist data set, `.csv` or `.csv.gz`. The answer is JSON:
{"units": {UNIT: {VIEW: [ROW, ...]}}}. Money is text with two decimals, so that nothing is rounded on the way.
"""

import argparse
import json
import pathlib
import sys
from decimal import Decimal

import duckdb

# Which names the three units give to their contracts.
CONTRACTS = {"retail": {"payment": "payment", "logistics": "logistics"}, "payment": "payment", "logistics": "logistics"}

# The KPI `on_time` of logistics: of the parcels that arrive in a month in a state, so many of a hundred are on time; fewer
# parcels than these tell nothing; a month is evaluated so many days after its end.
ON_TIME = {"target_percent": 92, "samples": 10, "grace_days": 2}

FILES = {
    "orders": "olist_orders_dataset",
    "items": "olist_order_items_dataset",
    "payments": "olist_order_payments_dataset",
    "reviews": "olist_order_reviews_dataset",
    "customers": "olist_customers_dataset",
    "products": "olist_products_dataset",
    "sellers": "olist_sellers_dataset",
    "translation": "product_category_name_translation",
}

# One row per order of every copy. Times of copy k are k minutes later; ids do not matter to any answer.
# `cancelled_at` is one second after the latest event of an order that was given up and never delivered.
BASE = """
CREATE TABLE copy AS SELECT range AS k FROM range($copies);

CREATE TABLE base AS
SELECT
    orders.order_id || '-' || k AS id,
    orders.order_id AS order_id,
    k,
    customer_state AS state,
    order_purchase_timestamp::TIMESTAMP + k * INTERVAL 1 MINUTE AS placed_at,
    order_approved_at::TIMESTAMP + k * INTERVAL 1 MINUTE AS approved_at,
    order_delivered_carrier_date::TIMESTAMP + k * INTERVAL 1 MINUTE AS handed_over_at,
    order_delivered_customer_date::TIMESTAMP + k * INTERVAL 1 MINUTE AS delivered_at,
    order_estimated_delivery_date::TIMESTAMP + k * INTERVAL 1 MINUTE AS estimated_at,
    order_status IN ('canceled', 'unavailable') AND order_delivered_customer_date IS NULL AS is_cancelled
FROM csv_orders AS orders JOIN csv_customers USING (customer_id) CROSS JOIN copy;

CREATE TABLE timed AS
SELECT *,
    CASE WHEN is_cancelled THEN greatest(placed_at, approved_at, handed_over_at) + INTERVAL 1 SECOND END
        AS cancelled_at
FROM base;

-- The last moment of a replay: one second after the latest event of all.
CREATE TABLE last_moment AS
SELECT max(moment) + INTERVAL 1 SECOND AS moment FROM (
    SELECT greatest(placed_at, approved_at, handed_over_at, delivered_at, cancelled_at) AS moment FROM timed
    UNION ALL
    SELECT review_creation_date::TIMESTAMP + k * INTERVAL 1 MINUTE FROM csv_reviews CROSS JOIN copy
);

-- An approved order is answered at the latest of approval, handover and delivery. Its late timer stands from the
-- approval on and fires when it is due before the answer or before the cancellation; for an order that has neither,
-- when it is due by the last moment.
CREATE TABLE market AS
WITH answered AS (
    SELECT *,
        approved_at IS NOT NULL AND handed_over_at IS NOT NULL AND delivered_at IS NOT NULL AS is_answered,
        greatest(approved_at, handed_over_at, delivered_at) AS answered_at
    FROM timed
)
SELECT answered.*,
    coalesce(approved_at IS NOT NULL AND CASE
        WHEN is_cancelled THEN estimated_at < cancelled_at
        WHEN is_answered THEN estimated_at < answered_at
        ELSE estimated_at <= (SELECT moment FROM last_moment)
    END, false) AS is_late,
    CASE
        WHEN is_cancelled AND approved_at IS NOT NULL THEN 'cancelled_after_payment'
        WHEN is_cancelled THEN 'cancelled_before_payment'
        WHEN approved_at IS NULL THEN 'waiting_payment'
        WHEN handed_over_at IS NULL THEN 'waiting_handover'
        WHEN delivered_at IS NULL THEN 'waiting_delivery'
        WHEN estimated_at < answered_at THEN 'late'
        ELSE 'on_time'
    END AS path,
    coalesce(paid.value, 0)::DECIMAL(18, 2) AS value,
    coalesce(paid.instalments, 0) AS instalments,
    coalesce(sold.gross, 0)::DECIMAL(18, 2) AS gross,
    coalesce(sold.freight, 0)::DECIMAL(18, 2) AS freight,
    coalesce(sold.weight_g, 0) AS weight_g,
    sold.seller_state
FROM answered
LEFT JOIN (
    SELECT order_id, sum(payment_value::DECIMAL(18, 2)) AS value, max(payment_installments::INTEGER) AS instalments
    FROM csv_payments GROUP BY order_id
) AS paid USING (order_id)
LEFT JOIN (
    SELECT
        order_id,
        sum(price::DECIMAL(18, 2)) AS gross,
        sum(freight_value::DECIMAL(18, 2)) AS freight,
        sum(coalesce(product_weight_g::DECIMAL(18, 2), 0)) AS weight_g,
        arg_min(seller_state, order_item_id::INTEGER) AS seller_state
    FROM csv_items LEFT JOIN csv_products USING (product_id) LEFT JOIN csv_sellers USING (seller_id)
    GROUP BY order_id
) AS sold USING (order_id);

-- What the KPI `on_time` finds: the months of delivery that have closed by the last moment, by state.
CREATE TABLE on_time AS
WITH deliveries AS (
    SELECT date_trunc('month', delivered_at)::TIMESTAMP AS month, state, delivered_at <= estimated_at AS is_on_time
    FROM market WHERE path IN ('late', 'on_time')
)
SELECT
    strftime(month, '%Y-%m') AS month,
    state,
    count(*) AS deliveries,
    avg(is_on_time::INTEGER::DOUBLE) AS on_time_share,
    -- In whole numbers, so that a share of exactly the target is no breach.
    count(*) >= {samples} AND 100 * count(*) FILTER (is_on_time) < {target_percent} * count(*) AS breach
FROM deliveries
WHERE month + INTERVAL 1 MONTH + INTERVAL {grace_days} DAY <= (SELECT moment FROM last_moment)
GROUP BY ALL;
"""

VIEWS = {
    ("retail", "order_paths"): "SELECT path, count(*) AS orders FROM market GROUP BY path",
    ("retail", "order_late"): "SELECT count(*) AS orders FROM market WHERE is_late",
    ("retail", "orders_by_month"): """
        SELECT
            strftime(placed_at, '%Y-%m') AS month,
            state,
            count(*) AS orders,
            sum(gross) AS gross,
            sum(freight) AS freight,
            count(*) FILTER (is_cancelled) AS cancelled,
            count(*) FILTER (path IN ('late', 'on_time')) AS delivered,
            avg((delivered_at <= estimated_at)::INTEGER::DOUBLE) FILTER (path IN ('late', 'on_time')) AS on_time_share
        FROM market GROUP BY ALL""",
    ("retail", "reviews_by_category"): """
        WITH categories AS (
            SELECT DISTINCT order_id, product_category_name_english AS category
            FROM csv_items
            LEFT JOIN csv_products USING (product_id)
            LEFT JOIN csv_translation USING (product_category_name)
        )
        SELECT
            coalesce(category, 'unknown') AS category,
            count(*) AS reviews,
            avg(review_score::DOUBLE) AS score
        FROM csv_reviews LEFT JOIN categories USING (order_id) CROSS JOIN copy
        GROUP BY ALL""",
    ("retail", "tasks"): """
        SELECT 'late' AS kind, count(*) AS created, count(*) AS open FROM market WHERE is_late""",
    ("retail", "compensations"): """
        SELECT
            count(*) AS refunds_asked,
            count(*) AS refunds_confirmed,
            coalesce(sum(value), 0)::DECIMAL(18, 2) AS value
        FROM market WHERE path = 'cancelled_after_payment'""",
    ("payment", "payments_by_method"): """
        WITH lines AS (
            SELECT id, payment_type AS method, payment_value::DECIMAL(18, 2) AS amount, placed_at, approved_at
            FROM csv_payments JOIN market USING (order_id)
        ),
        waits AS (
            SELECT DISTINCT id, method, (epoch_ms(approved_at) - epoch_ms(placed_at)) / 3600000.0::DOUBLE AS hours
            FROM lines WHERE approved_at IS NOT NULL
        )
        SELECT
            method,
            count(*) AS payments,
            sum(amount) AS value,
            coalesce(sum(amount) FILTER (approved_at IS NOT NULL), 0)::DECIMAL(18, 2) AS approved_value,
            (SELECT median(hours) FROM waits WHERE waits.method = lines.method) AS median_hours
        FROM lines GROUP BY method""",
    ("payment", "risk"): """
        SELECT
            CASE WHEN value > 500 OR instalments > 8 THEN 'high' WHEN value > 150 THEN 'medium' ELSE 'low' END
                AS level,
            count(*) AS orders
        FROM market GROUP BY level""",
    ("logistics", "services"): """
        SELECT
            CASE
                WHEN weight_g > 20000 THEN 'freight'
                WHEN seller_state IS NULL OR seller_state <> state THEN 'standard'
                ELSE 'local'
            END AS service,
            count(*) AS calls
        FROM market WHERE approved_at IS NOT NULL GROUP BY service""",
    ("logistics", "deliveries_by_state"): """
        SELECT
            state,
            count(*) AS deliveries,
            median((epoch_ms(delivered_at) - epoch_ms(handed_over_at)) / 86400000.0::DOUBLE) AS median_days,
            avg((delivered_at > estimated_at)::INTEGER::DOUBLE) AS late_share,
            sum(freight) AS freight
        FROM market WHERE path IN ('late', 'on_time') GROUP BY state""",
    ("logistics", "on_time_by_month"): "SELECT * FROM on_time",
    # Each breach has started one instance, whose task nobody completes.
    ("logistics", "on_time_breaches"): """
        SELECT month, state, deliveries, on_time_share, 1 AS reviews, 1 AS tasks FROM on_time WHERE breach""",
}

# A delivery that became a row of `shipments` only after its month was evaluated would be missing there.
TOLD_TOO_LATE = """
SELECT count(*) FROM market
WHERE path IN ('late', 'on_time')
    AND date_trunc('month', delivered_at) + INTERVAL 1 MONTH + INTERVAL {grace_days} DAY <= answered_at"""

# What each capability did and earned. A withdrawn call was accepted, so that its first price stays owed.
LEDGER = {
    "authorise": """
        SELECT
            count(*) AS calls,
            count(approved_at) AS answered,
            count(*) FILTER (path = 'cancelled_before_payment') AS cancelled,
            count(*) FILTER (path = 'waiting_payment') AS open,
            -- In cents: 1.5 % of the value, rounded half up.
            coalesce(sum(30 + CASE WHEN approved_at IS NULL THEN 0 ELSE floor(value * 1.5 + 0.5)::BIGINT END), 0)
                * 0.01::DECIMAL(18, 2) AS owed
        FROM market""",
    "refund": """
        SELECT count(*) AS calls, count(*) AS answered, 0 AS cancelled, 0 AS open, 0::DECIMAL(18, 2) AS owed
        FROM market WHERE path = 'cancelled_after_payment'""",
    "deliver": """
        SELECT
            count(*) AS calls,
            count(*) FILTER (path IN ('late', 'on_time')) AS answered,
            count(*) FILTER (is_cancelled) AS cancelled,
            count(*) FILTER (path IN ('waiting_handover', 'waiting_delivery')) AS open,
            coalesce(sum(0.10::DECIMAL(18, 2) + CASE WHEN path IN ('late', 'on_time') THEN freight ELSE 0 END), 0)
                ::DECIMAL(18, 2) AS owed
        FROM market WHERE approved_at IS NOT NULL""",
}

PROVIDERS = {"authorise": "payment", "refund": "payment", "deliver": "logistics"}


def load(directory: pathlib.Path, copies: int) -> duckdb.DuckDBPyConnection:
    """Returns a connection that has the files as `csv_*` tables and the table `market`."""
    connection = duckdb.connect()
    for name, stem in FILES.items():
        path = next((p for p in (directory / f"{stem}.csv.gz", directory / f"{stem}.csv") if p.exists()), None)
        if path is None:
            sys.exit(f"{directory / stem}.csv[.gz] is missing")
        # Quoted texts hold line breaks, so the file is read by one thread.
        connection.execute(
            f"CREATE TABLE csv_{name} AS SELECT * FROM read_csv(?, header=true, all_varchar=true, parallel=false, "
            "delim=',', quote='\"', escape='\"', nullstr='')",
            [str(path)],
        )
    create, rest = BASE.format(**ON_TIME).split(";", 1)
    connection.execute(create, {"copies": copies})
    connection.execute(rest)
    late = connection.execute(TOLD_TOO_LATE.format(**ON_TIME)).fetchone()[0]
    if late:
        sys.exit(f"{late} deliveries are told after their month was evaluated: the grace of `on_time` is too short")
    return connection


def rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[dict]:
    """Returns the rows of a query as objects; decimals become text."""
    cursor = connection.execute(sql)
    names = [column[0] for column in cursor.description]
    return [
        {name: str(cell) if isinstance(cell, Decimal) else cell for name, cell in zip(names, row)}
        for row in cursor.fetchall()
    ]


def expected(directory: pathlib.Path, copies: int = 1) -> dict:
    """Returns every view of every unit."""
    connection = load(directory, copies)
    units: dict = {"retail": {}, "payment": {}, "logistics": {}}
    for (unit, view), sql in VIEWS.items():
        units[unit][view] = rows(connection, sql)
    for capability, sql in LEDGER.items():
        provider = PROVIDERS[capability]
        line = rows(connection, sql)[0]
        for unit, contract, side in (
            ("retail", CONTRACTS["retail"][provider], "consumer"),
            (provider, CONTRACTS[provider], "provider"),
        ):
            row = {"contract": contract, "capability": capability, "side": side, **line}
            units[unit].setdefault("contracts", []).append(row)
    for views in units.values():
        for view in views.values():
            view.sort(key=lambda row: [str(cell) for cell in row.values()])
    return {"units": units}


def main() -> None:
    parser = argparse.ArgumentParser(description="Computes what the example business must answer.")
    parser.add_argument("dir", type=pathlib.Path, help="a folder in the layout of the Olist data set")
    parser.add_argument("--copies", type=int, default=1, help="how many times the data is played")
    parser.add_argument("--out", type=pathlib.Path, help="where to write; standard output where absent")
    options = parser.parse_args()
    text = json.dumps(expected(options.dir, options.copies), indent=1)
    if options.out is None:
        print(text)
    else:
        options.out.write_text(text + "\n")


if __name__ == "__main__":
    main()

-- The tables of the test, for a PostgreSQL server from which sqlsmith learns them.
CREATE TABLE IF NOT EXISTS sales (
    id text, region text, seller text, phone text, amount numeric, n bigint, weight double precision,
    at timestamp with time zone, notes text, _time timestamp with time zone, _offset bigint
);
CREATE TABLE IF NOT EXISTS sales_latest (LIKE sales);
CREATE TABLE IF NOT EXISTS northern (id text, seller text, n bigint);

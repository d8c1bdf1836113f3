CREATE TABLE IF NOT EXISTS customers (
    id                   TEXT PRIMARY KEY,
    tenant               TEXT NOT NULL,
    name                 TEXT NOT NULL,
    plan                 TEXT NOT NULL,
    status               TEXT NOT NULL,
    notes                TEXT NOT NULL,
    account_manager      TEXT NOT NULL,
    lifetime_value_cents INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS customers_by_name ON customers (tenant, name COLLATE NOCASE);

CREATE TABLE IF NOT EXISTS orders (
    id           TEXT PRIMARY KEY,
    tenant       TEXT NOT NULL,
    customer_id  TEXT NOT NULL REFERENCES customers (id),
    amount_cents INTEGER NOT NULL,
    status       TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS tickets (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id TEXT NOT NULL REFERENCES customers (id),
    subject     TEXT NOT NULL,
    body        TEXT NOT NULL,
    priority    TEXT NOT NULL,
    status      TEXT NOT NULL,
    by          TEXT NOT NULL,
    at          TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ'))
) STRICT;
CREATE INDEX IF NOT EXISTS tickets_by_customer ON tickets (customer_id, status);

CREATE TABLE IF NOT EXISTS refunds (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id     TEXT NOT NULL REFERENCES orders (id),
    amount_cents INTEGER NOT NULL,
    reason       TEXT NOT NULL,
    status       TEXT NOT NULL,
    by           TEXT NOT NULL,
    at           TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ'))
) STRICT;
CREATE INDEX IF NOT EXISTS refunds_by_order ON refunds (order_id);

CREATE TABLE IF NOT EXISTS status_changes (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id TEXT NOT NULL REFERENCES customers (id),
    from_status TEXT NOT NULL,
    to_status   TEXT NOT NULL,
    reason      TEXT NOT NULL,
    by          TEXT NOT NULL,
    at          TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ'))
) STRICT;

CREATE TABLE IF NOT EXISTS notifications (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id TEXT NOT NULL REFERENCES customers (id),
    recipient   TEXT NOT NULL,
    summary     TEXT NOT NULL,
    by          TEXT NOT NULL,
    at          TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ'))
) STRICT;

CREATE TABLE IF NOT EXISTS articles (
    slug  TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    body  TEXT NOT NULL
) STRICT;

-- What really happened: one row for each effect, written in the effect's own transaction.
CREATE TABLE IF NOT EXISTS effects (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    request_id TEXT NOT NULL,
    tool       TEXT NOT NULL,
    kind       TEXT NOT NULL,
    subject    TEXT NOT NULL,
    by         TEXT NOT NULL,
    at         TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ'))
) STRICT;

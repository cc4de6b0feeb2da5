-- +goose Up

CREATE TABLE IF NOT EXISTS charges
(
    tenant           LowCardinality(String) COMMENT 'Whose ledger',
    charge_id        String COMMENT 'Natural key of the charge; the sum of its lines is the truth' CODEC(ZSTD(1)),
    line_id          String COMMENT 'This line' CODEC(ZSTD(1)),
    predecessor      String COMMENT 'The line before it; empty for the first' CODEC(ZSTD(1)),
    kind             LowCardinality(String) COMMENT 'CHARGE, REVERSAL, ADJUSTMENT or HELD',
    type             LowCardinality(String) COMMENT 'What is charged',
    direction        LowCardinality(String) COMMENT 'RECEIVABLE or PAYABLE',
    shipment_id      String COMMENT 'The shipment' CODEC(ZSTD(1)),
    load_id          String COMMENT 'The load' CODEC(ZSTD(1)),
    stop_sequence    Nullable(Int32) COMMENT 'The stop',
    party            LowCardinality(String) COMMENT 'Who pays or is paid',
    quantity         Decimal(18, 4) COMMENT 'Charged quantity',
    unit             LowCardinality(String) COMMENT 'UN/ECE Rec 20 code',
    rate             Decimal(18, 4) COMMENT 'Rate per unit, major units',
    amount_minor     Int64 COMMENT 'Amount in minor units; negative on a reversal',
    currency         LowCardinality(String) COMMENT 'ISO 4217',
    contract_id      LowCardinality(String) COMMENT 'Contract applied',
    contract_version Int64 COMMENT 'Its version',
    clause           String COMMENT 'The clause applied' CODEC(ZSTD(1)),
    arithmetic       String COMMENT 'How the amount came about' CODEC(ZSTD(1)),
    reason           String COMMENT 'Why it is held or was reversed' CODEC(ZSTD(1)),
    service_at       DateTime64(6, 'UTC') COMMENT 'When the service was given' CODEC(Delta, ZSTD(1)),
    period           LowCardinality(String) COMMENT 'Accounting period, YYYY-MM',
    fact_ids         Array(String) COMMENT 'The facts it rests on' CODEC(ZSTD(1)),
    known_at         DateTime64(6, 'UTC') COMMENT 'When Waybill said so: emission time' CODEC(Delta, ZSTD(1)),
    k_topic          LowCardinality(String),
    k_topic_id       UUID CODEC(ZSTD(1)),
    k_part           Int32 CODEC(T64, ZSTD(1)),
    k_off            Int64 CODEC(Delta, ZSTD(1)),
    INDEX ix_charge charge_id TYPE bloom_filter(0.01) GRANULARITY 2,
    INDEX ix_off k_off TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree
-- A line says the same wherever it is said again, so its own service date is what never changes for it.
PARTITION BY toYYYYMM(service_at)
ORDER BY (tenant, shipment_id, charge_id, line_id)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'The charge ledger: lines are never changed, a correction is a reversal and a new line';

CREATE VIEW IF NOT EXISTS charge_balance AS
SELECT tenant, charge_id, any(shipment_id) AS shipment_id, any(type) AS type, any(direction) AS direction, any(party) AS party, currency,
       sum(amount_minor) AS net_minor, count() AS lines, countIf(kind = 'HELD') AS held_lines, max(known_at) AS last_known_at
FROM charges FINAL
GROUP BY tenant, charge_id, currency
COMMENT 'What each charge comes to: the sum of its lines';

-- +goose Down
DROP VIEW IF EXISTS charge_balance;
DROP TABLE IF EXISTS charges;

-- +goose Up

CREATE TABLE IF NOT EXISTS gap_events
(
    tenant           LowCardinality(String) COMMENT 'Whose data this is',
    gap_id           String COMMENT 'The same across transitions' CODEC(ZSTD(1)),
    revision         UInt64 COMMENT 'Transition, from 1' CODEC(T64, ZSTD(1)),
    kind             LowCardinality(String) COMMENT 'What kind of hole',
    status           LowCardinality(String) COMMENT 'OPEN, CLOSED or WAIVED',
    shipment_id      String COMMENT 'The shipment' CODEC(ZSTD(1)),
    order_ids        Array(String) COMMENT 'Its orders, sorted' CODEC(ZSTD(1)),
    load_id          String COMMENT 'The load' CODEC(ZSTD(1)),
    stop_sequence    Nullable(Int32) COMMENT 'The stop',
    milestone        LowCardinality(String) COMMENT 'What is missing or in conflict',
    subject_kind     LowCardinality(String) COMMENT 'Kind of the identifier concerned, where no shipment',
    subject_issuer   LowCardinality(String) COMMENT 'Its issuer',
    subject          String COMMENT 'Its value' CODEC(ZSTD(1)),
    template         LowCardinality(String) COMMENT 'The template that expects it',
    template_version Int64 COMMENT 'Its version',
    due_at           DateTime64(6, 'UTC') COMMENT 'The deadline it missed' CODEC(Delta, ZSTD(1)),
    occurred_at      Nullable(DateTime64(6, 'UTC')) COMMENT 'When the milestone that closed it occurred' CODEC(ZSTD(1)),
    fact_ids         Array(String) COMMENT 'Facts that closed it or are in conflict' CODEC(ZSTD(1)),
    reason           String COMMENT 'Why it was closed or waived' CODEC(ZSTD(1)),
    billing          Bool COMMENT 'Finance cannot close without it',
    lagging          Bool COMMENT 'The stage was behind when it concluded this',
    created_at       DateTime64(6, 'UTC') COMMENT 'First transition; never changes' CODEC(Delta, ZSTD(1)),
    known_at         DateTime64(6, 'UTC') COMMENT 'When Waybill said so: emission time' CODEC(Delta, ZSTD(1)),
    k_topic          LowCardinality(String),
    k_topic_id       UUID CODEC(ZSTD(1)),
    k_part           Int32 CODEC(T64, ZSTD(1)),
    k_off            Int64 CODEC(Delta, ZSTD(1)),
    INDEX ix_orders order_ids TYPE bloom_filter(0.01) GRANULARITY 2,
    INDEX ix_off k_off TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(created_at)
ORDER BY (tenant, shipment_id, gap_id, revision, k_topic_id, k_part, k_off)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Gaps as transitions: opened, closed, waived';

CREATE VIEW IF NOT EXISTS gaps AS
SELECT * FROM gap_events FINAL ORDER BY revision DESC, k_off DESC LIMIT 1 BY tenant, gap_id
COMMENT 'Each gap as it stands; status = ''OPEN'' is what is missing';

CREATE TABLE IF NOT EXISTS parked_events
(
    tenant      LowCardinality(String) COMMENT 'Whose data this is',
    fact_id     String COMMENT 'The fact that waits' CODEC(ZSTD(1)),
    kind        LowCardinality(String) COMMENT 'Kind of the identifier it waits under',
    issuer      LowCardinality(String) COMMENT 'Its issuer',
    value       String COMMENT 'Its value' CODEC(ZSTD(1)),
    released    Bool COMMENT 'A link came and it went on',
    reason      LowCardinality(String) COMMENT 'NO_LINK or NO_IDENTIFIER',
    milestone   LowCardinality(String) COMMENT 'What it tells',
    occurred_at DateTime64(6, 'UTC') COMMENT 'When it happened' CODEC(Delta, ZSTD(1)),
    known_at    DateTime64(6, 'UTC') COMMENT 'When Waybill said so: emission time' CODEC(Delta, ZSTD(1)),
    k_topic     LowCardinality(String),
    k_topic_id  UUID CODEC(ZSTD(1)),
    k_part      Int32 CODEC(T64, ZSTD(1)),
    k_off       Int64 CODEC(Delta, ZSTD(1)),
    INDEX ix_off k_off TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(known_at)
ORDER BY (tenant, kind, issuer, value, fact_id, k_topic_id, k_part, k_off)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Facts that wait for a link, and their releases';

CREATE VIEW IF NOT EXISTS parked AS
SELECT * FROM (SELECT * FROM parked_events FINAL ORDER BY known_at DESC, k_off DESC LIMIT 1 BY tenant, kind, issuer, value, fact_id)
WHERE NOT released
COMMENT 'Facts that wait for a link now';

-- +goose Down
DROP VIEW IF EXISTS parked;
DROP TABLE IF EXISTS parked_events;
DROP VIEW IF EXISTS gaps;
DROP TABLE IF EXISTS gap_events;

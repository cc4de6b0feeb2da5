-- +goose Up

CREATE TABLE IF NOT EXISTS dead_letters
(
    topic      LowCardinality(String) COMMENT 'Where the dead record was read',
    partition  Int32 COMMENT 'Its partition',
    offset     Int64 COMMENT 'Its offset',
    stage      LowCardinality(String) COMMENT 'The stage or sink that refused it',
    reason     LowCardinality(String) COMMENT 'Reason code',
    causes     Array(String) COMMENT 'Chain of errors, outermost first' CODEC(ZSTD(3)),
    schema_id  Nullable(Int32) COMMENT 'Writer schema id',
    attempt    UInt32 COMMENT 'How often it was tried',
    key        Nullable(String) COMMENT 'Its key, byte for byte' CODEC(ZSTD(3)),
    value      Nullable(String) COMMENT 'Its value, byte for byte' CODEC(ZSTD(6)),
    headers    Nested(key String, value String) COMMENT 'Its headers',
    record_at  DateTime64(6, 'UTC') COMMENT 'Its timestamp',
    known_at   DateTime64(3, 'UTC') COMMENT 'When it was buried',
    k_topic    LowCardinality(String),
    k_topic_id UUID CODEC(ZSTD(1)),
    k_part     Int32 CODEC(T64, ZSTD(1)),
    k_off      Int64 CODEC(Delta, ZSTD(1)),
    INDEX ix_off k_off TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(record_at)
-- One letter a dead record, stage and attempt: a sink that crashed may bury a record twice.
ORDER BY (topic, partition, offset, stage, attempt)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Records that could not be used';

CREATE VIEW IF NOT EXISTS sink_audit AS
SELECT 'milestones' AS tbl, k_topic, k_topic_id, k_part, count() AS row_count, uniqExact(k_off) AS offsets, min(k_off) AS first_off, max(k_off) AS last_off FROM milestones GROUP BY ALL
UNION ALL SELECT 'timeline_history', k_topic, k_topic_id, k_part, count(), uniqExact(k_off), min(k_off), max(k_off) FROM timeline_history GROUP BY ALL
UNION ALL SELECT 'order_timeline_history', k_topic, k_topic_id, k_part, count(), uniqExact(k_off), min(k_off), max(k_off) FROM order_timeline_history GROUP BY ALL
UNION ALL SELECT 'charges', k_topic, k_topic_id, k_part, count(), uniqExact(k_off), min(k_off), max(k_off) FROM charges GROUP BY ALL
UNION ALL SELECT 'gap_events', k_topic, k_topic_id, k_part, count(), uniqExact(k_off), min(k_off), max(k_off) FROM gap_events GROUP BY ALL
UNION ALL SELECT 'parked_events', k_topic, k_topic_id, k_part, count(), uniqExact(k_off), min(k_off), max(k_off) FROM parked_events GROUP BY ALL
UNION ALL SELECT 'positions', k_topic, k_topic_id, k_part, count(), uniqExact(k_off), min(k_off), max(k_off) FROM positions GROUP BY ALL
UNION ALL SELECT 'dead_letters', k_topic, k_topic_id, k_part, count(), uniqExact(k_off), min(k_off), max(k_off) FROM dead_letters GROUP BY ALL;

-- +goose Down
DROP VIEW IF EXISTS sink_audit;
DROP TABLE IF EXISTS dead_letters;

-- +goose Up

-- Rules behind every table here:
--  * (k_topic, k_topic_id, k_part, k_off) say which Kafka record a row is; a row for every record, once;
--  * the sorting key ends in what tells one record from another, so that a repetition that slips past the deduplication
--    window still collapses under FINAL;
--  * PARTITION BY uses values that never change for a record, never now(): Replacing collapses inside one partition only;
--  * the deduplication window is set on every table an INSERT reaches; its default is 0.

CREATE TABLE IF NOT EXISTS milestones
(
    tenant         LowCardinality(String) COMMENT 'Whose data this is',
    milestone_id   String COMMENT 'The same across versions' CODEC(ZSTD(1)),
    revision       UInt64 COMMENT 'Version of this milestone, from 1' CODEC(T64, ZSTD(1)),
    shipment_id    String COMMENT 'The shipment' CODEC(ZSTD(1)),
    order_ids      Array(String) COMMENT 'Its orders, sorted' CODEC(ZSTD(1)),
    carrier        LowCardinality(String) COMMENT 'SCAC',
    customer       LowCardinality(String) COMMENT 'Customer',
    milestone      LowCardinality(String) COMMENT 'What happened; UNMAPPED where no table knows the code',
    classifier     LowCardinality(String) COMMENT 'REQUESTED, PLANNED, ESTIMATED or ACTUAL',
    load_id        String COMMENT 'The load, where it belongs to one' CODEC(ZSTD(1)),
    stop_sequence  Nullable(Int32) COMMENT 'The stop of the load',
    subject_kind   LowCardinality(String) COMMENT 'Kind of the part concerned, where narrower than the shipment',
    subject_issuer LowCardinality(String) COMMENT 'Its issuer',
    subject        String COMMENT 'Its value' CODEC(ZSTD(1)),
    place_id       LowCardinality(String) COMMENT 'Where',
    occurred_at    DateTime64(6, 'UTC') COMMENT 'When, by the believed source' CODEC(Delta, ZSTD(1)),
    planned_at     Nullable(DateTime64(6, 'UTC')) COMMENT 'Planned or appointed time' CODEC(ZSTD(1)),
    source_system  LowCardinality(String) COMMENT 'Who is believed',
    source_partner LowCardinality(String) COMMENT 'Which partner of that kind',
    agreement      LowCardinality(String) COMMENT 'SINGLE, CORROBORATED or CONFLICT',
    code           LowCardinality(String) COMMENT 'The believed source''s own code',
    reports        Nested(source_system LowCardinality(String), source_partner LowCardinality(String), occurred_at DateTime64(6, 'UTC'), fact_id String)
                   COMMENT 'Every report, believed first',
    retracted      Bool COMMENT 'It no longer stands',
    known_at       DateTime64(6, 'UTC') COMMENT 'When Waybill said so: emission time' CODEC(Delta, ZSTD(1)),
    k_topic        LowCardinality(String) COMMENT 'Kafka topic',
    k_topic_id     UUID COMMENT 'Its id' CODEC(ZSTD(1)),
    k_part         Int32 COMMENT 'Partition' CODEC(T64, ZSTD(1)),
    k_off          Int64 COMMENT 'Offset' CODEC(Delta, ZSTD(1)),
    delay_s        Nullable(Int64) ALIAS dateDiff('second', planned_at, occurred_at) COMMENT 'Seconds after plan',
    INDEX ix_orders order_ids TYPE bloom_filter(0.01) GRANULARITY 2,
    INDEX ix_load load_id TYPE bloom_filter(0.01) GRANULARITY 2,
    INDEX ix_occurred occurred_at TYPE minmax GRANULARITY 1,
    INDEX ix_off k_off TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(known_at)
ORDER BY (tenant, shipment_id, milestone, milestone_id, revision, k_topic_id, k_part, k_off)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Every version of every milestone, append-only, bitemporal: occurred_at and known_at';

CREATE VIEW IF NOT EXISTS milestones_current AS
SELECT * FROM (SELECT * FROM milestones FINAL ORDER BY revision DESC, k_off DESC LIMIT 1 BY tenant, milestone_id)
WHERE NOT retracted
COMMENT 'The last version of each milestone that stands';

CREATE VIEW IF NOT EXISTS milestones_as_known AS
SELECT * FROM (SELECT * FROM milestones FINAL WHERE known_at <= {at:DateTime64(6, 'UTC')} ORDER BY revision DESC, k_off DESC LIMIT 1 BY tenant, milestone_id)
WHERE NOT retracted;

-- +goose Down
DROP VIEW IF EXISTS milestones_as_known;
DROP VIEW IF EXISTS milestones_current;
DROP TABLE IF EXISTS milestones;

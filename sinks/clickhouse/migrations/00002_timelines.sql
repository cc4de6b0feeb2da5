-- +goose Up

CREATE TABLE IF NOT EXISTS timeline_history
(
    tenant        LowCardinality(String) COMMENT 'Whose data this is',
    shipment_id   String COMMENT 'The shipment' CODEC(ZSTD(1)),
    issuer        LowCardinality(String) COMMENT 'Issuer of the shipment id',
    revision      UInt64 COMMENT 'Version, from 1' CODEC(T64, ZSTD(1)),
    created_at    DateTime64(6, 'UTC') COMMENT 'First record of the shipment; never changes' CODEC(Delta, ZSTD(1)),
    known_at      DateTime64(6, 'UTC') COMMENT 'When Waybill said so: emission time' CODEC(Delta, ZSTD(1)),
    order_ids     Array(String) COMMENT 'Orders, sorted' CODEC(ZSTD(1)),
    load_ids      Array(String) COMMENT 'Loads, sorted' CODEC(ZSTD(1)),
    equipment     Nested(kind LowCardinality(String), issuer LowCardinality(String), value String) COMMENT 'SSCCs, containers, vehicles',
    refs          Nested(kind LowCardinality(String), issuer LowCardinality(String), value String) COMMENT 'BOL, PRO, delivery, invoice numbers',
    carrier       LowCardinality(String) COMMENT 'SCAC',
    customer      LowCardinality(String) COMMENT 'Customer',
    service_level LowCardinality(String) COMMENT 'Service-level template',
    state         LowCardinality(String) COMMENT 'The actual milestone that happened last',
    stops         Nested(load_id String, sequence Int32, type LowCardinality(String), place_id String, planned_at Nullable(DateTime64(6, 'UTC')),
                         appointment_at Nullable(DateTime64(6, 'UTC')), arrived_at Nullable(DateTime64(6, 'UTC')), departed_at Nullable(DateTime64(6, 'UTC')))
                  COMMENT 'Stops by load and sequence',
    entries       Nested(milestone LowCardinality(String), classifier LowCardinality(String), load_id String, stop_sequence Nullable(Int32),
                         subject_kind LowCardinality(String), subject String, place_id String, occurred_at DateTime64(6, 'UTC'), planned_at Nullable(DateTime64(6, 'UTC')),
                         source_system LowCardinality(String), source_partner LowCardinality(String), agreement LowCardinality(String), code String, fact_ids Array(String))
                  COMMENT 'Milestones by time',
    expectations  Nested(milestone LowCardinality(String), load_id String, stop_sequence Nullable(Int32), due_at DateTime64(6, 'UTC'), met_at Nullable(DateTime64(6, 'UTC')),
                         state LowCardinality(String), billing Bool, template LowCardinality(String), template_version Int64)
                  COMMENT 'What is expected, by deadline',
    facts         UInt32 COMMENT 'How many facts it rests on' CODEC(T64, ZSTD(1)),
    k_topic       LowCardinality(String),
    k_topic_id    UUID CODEC(ZSTD(1)),
    k_part        Int32 CODEC(T64, ZSTD(1)),
    k_off         Int64 CODEC(Delta, ZSTD(1)),
    INDEX ix_orders order_ids TYPE bloom_filter(0.01) GRANULARITY 2,
    INDEX ix_loads load_ids TYPE bloom_filter(0.01) GRANULARITY 2,
    INDEX ix_off k_off TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(known_at)
ORDER BY (tenant, shipment_id, revision, k_topic_id, k_part, k_off)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Every version of every shipment timeline';

CREATE VIEW IF NOT EXISTS timeline AS
SELECT * FROM timeline_history FINAL ORDER BY revision DESC, k_off DESC LIMIT 1 BY tenant, shipment_id
COMMENT 'Each shipment''s timeline as it stands';

CREATE VIEW IF NOT EXISTS timeline_as_known AS
SELECT * FROM timeline_history FINAL WHERE known_at <= {at:DateTime64(6, 'UTC')} ORDER BY revision DESC, k_off DESC LIMIT 1 BY tenant, shipment_id;

CREATE TABLE IF NOT EXISTS order_timeline_history
(
    tenant        LowCardinality(String) COMMENT 'Whose data this is',
    order_id      String COMMENT 'The order' CODEC(ZSTD(1)),
    issuer        LowCardinality(String) COMMENT 'Issuer of the order id',
    revision      UInt64 COMMENT 'Version, from 1' CODEC(T64, ZSTD(1)),
    created_at    DateTime64(6, 'UTC') COMMENT 'First record of the order; never changes' CODEC(Delta, ZSTD(1)),
    known_at      DateTime64(6, 'UTC') COMMENT 'When Waybill said so: emission time' CODEC(Delta, ZSTD(1)),
    customer      LowCardinality(String) COMMENT 'Customer',
    service_level LowCardinality(String) COMMENT 'Service level asked for',
    requested_delivery_at Nullable(DateTime64(6, 'UTC')) COMMENT 'Requested delivery',
    shipment_ids  Array(String) COMMENT 'Shipments, sorted' CODEC(ZSTD(1)),
    load_ids      Array(String) COMMENT 'Loads, sorted' CODEC(ZSTD(1)),
    equipment     Nested(kind LowCardinality(String), issuer LowCardinality(String), value String) COMMENT 'SSCCs, containers, vehicles',
    state         LowCardinality(String) COMMENT 'The actual milestone that happened last',
    entries       Nested(milestone LowCardinality(String), classifier LowCardinality(String), load_id String, stop_sequence Nullable(Int32),
                         subject_kind LowCardinality(String), subject String, place_id String, occurred_at DateTime64(6, 'UTC'), planned_at Nullable(DateTime64(6, 'UTC')),
                         source_system LowCardinality(String), source_partner LowCardinality(String), agreement LowCardinality(String), code String, fact_ids Array(String))
                  COMMENT 'Its own milestones and its shipments'', by time',
    facts         UInt32 COMMENT 'How many facts of its own it rests on' CODEC(T64, ZSTD(1)),
    k_topic       LowCardinality(String),
    k_topic_id    UUID CODEC(ZSTD(1)),
    k_part        Int32 CODEC(T64, ZSTD(1)),
    k_off         Int64 CODEC(Delta, ZSTD(1)),
    INDEX ix_shipments shipment_ids TYPE bloom_filter(0.01) GRANULARITY 2,
    INDEX ix_off k_off TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(known_at)
ORDER BY (tenant, order_id, revision, k_topic_id, k_part, k_off)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Every version of every order timeline';

CREATE VIEW IF NOT EXISTS order_timeline AS
SELECT * FROM order_timeline_history FINAL ORDER BY revision DESC, k_off DESC LIMIT 1 BY tenant, order_id
COMMENT 'Each order''s timeline as it stands';

-- +goose Down
DROP VIEW IF EXISTS order_timeline;
DROP TABLE IF EXISTS order_timeline_history;
DROP VIEW IF EXISTS timeline_as_known;
DROP VIEW IF EXISTS timeline;
DROP TABLE IF EXISTS timeline_history;

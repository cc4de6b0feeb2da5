-- +goose Up

-- Partitioned by append time: devices' clocks are wrong by years, and one insert would touch a hundred partitions.
-- For the same reason nothing expires by device_at. The key ends in the offset: two fixes in one second are two rows.
CREATE TABLE IF NOT EXISTS positions
(
    tenant       LowCardinality(String) COMMENT 'Whose data this is',
    issuer       LowCardinality(String) COMMENT 'Who numbers the device',
    device_id    LowCardinality(String) COMMENT 'The device',
    device_at    DateTime64(6, 'UTC') COMMENT 'The device''s clock; may be wrong' CODEC(DoubleDelta, ZSTD(1)),
    received_at  DateTime64(6, 'UTC') COMMENT 'When first seen' CODEC(Delta, ZSTD(1)),
    lat_e6       Int32 COMMENT 'WGS 84 latitude, micro-degrees' CODEC(Delta, ZSTD(1)),
    lon_e6       Int32 COMMENT 'WGS 84 longitude, micro-degrees' CODEC(Delta, ZSTD(1)),
    speed_mm_s   Nullable(Int32) COMMENT 'Speed, mm/s; NULL is not standing still' CODEC(T64, ZSTD(1)),
    heading_deg  Nullable(Int32) COMMENT 'Course, degrees' CODEC(T64, ZSTD(1)),
    accuracy_mm  Nullable(Int32) COMMENT 'Horizontal accuracy, mm' CODEC(T64, ZSTD(1)),
    odometer_m   Nullable(Int64) COMMENT 'Odometer, m' CODEC(Delta, ZSTD(1)),
    ignition     Nullable(Bool) COMMENT 'Ignition, where wired' CODEC(ZSTD(1)),
    door_open    Nullable(Bool) COMMENT 'Any door open, where wired' CODEC(ZSTD(1)),
    valid        Bool COMMENT 'False: the device distrusts the fix' CODEC(ZSTD(1)),
    appended_at  DateTime64(3, 'UTC') COMMENT 'When Kafka took it' CODEC(Delta, ZSTD(1)),
    k_topic      LowCardinality(String),
    k_topic_id   UUID CODEC(ZSTD(1)),
    k_part       Int32 CODEC(T64, ZSTD(1)),
    k_off        Int64 CODEC(Delta, ZSTD(1)),
    lat          Float64 ALIAS lat_e6 / 1e6,
    lon          Float64 ALIAS lon_e6 / 1e6,
    INDEX ix_lat lat_e6 TYPE minmax GRANULARITY 1,
    INDEX ix_lon lon_e6 TYPE minmax GRANULARITY 1,
    INDEX ix_off k_off TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMMDD(appended_at)
ORDER BY (tenant, issuer, device_id, device_at, k_topic_id, k_part, k_off)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Every position as it came';

-- +goose Down
DROP TABLE IF EXISTS positions;

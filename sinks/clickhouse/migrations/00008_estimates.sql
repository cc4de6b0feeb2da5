-- +goose Up

-- When a shipment is expected at its stops, as said last and by whom, and what went wrong on the way.
ALTER TABLE timeline_history
    ADD COLUMN IF NOT EXISTS `estimates.shipment_id` Array(String) COMMENT 'The shipment expected' AFTER `entries.fact_ids`,
    ADD COLUMN IF NOT EXISTS `estimates.load_id` Array(String) COMMENT 'Its load' AFTER `estimates.shipment_id`,
    ADD COLUMN IF NOT EXISTS `estimates.stop_sequence` Array(Int32) COMMENT 'The stop' AFTER `estimates.load_id`,
    ADD COLUMN IF NOT EXISTS `estimates.expected_at` Array(DateTime64(6, 'UTC')) COMMENT 'When it is expected there, as said last' AFTER `estimates.stop_sequence`,
    ADD COLUMN IF NOT EXISTS `estimates.said_at` Array(Nullable(DateTime64(6, 'UTC'))) COMMENT 'When that was said, where the source tells' AFTER `estimates.expected_at`,
    ADD COLUMN IF NOT EXISTS `estimates.source_system` Array(LowCardinality(String)) COMMENT 'Who said it' AFTER `estimates.said_at`,
    ADD COLUMN IF NOT EXISTS `estimates.source_partner` Array(LowCardinality(String)) COMMENT 'Which partner' AFTER `estimates.source_system`,
    ADD COLUMN IF NOT EXISTS `estimates.fact_id` Array(String) COMMENT 'The fact' AFTER `estimates.source_partner`,
    ADD COLUMN IF NOT EXISTS `estimates.words` Array(Int32) COMMENT 'How many estimates were said for the stop' AFTER `estimates.fact_id`,
    ADD COLUMN IF NOT EXISTS `incidents.shipment_id` Array(String) COMMENT 'The shipment that something went wrong with' AFTER `estimates.words`,
    ADD COLUMN IF NOT EXISTS `incidents.milestone` Array(LowCardinality(String)) COMMENT 'What: DELAYED, DAMAGED, REFUSED, …' AFTER `incidents.shipment_id`,
    ADD COLUMN IF NOT EXISTS `incidents.load_id` Array(String) COMMENT 'Its load' AFTER `incidents.milestone`,
    ADD COLUMN IF NOT EXISTS `incidents.stop_sequence` Array(Nullable(Int32)) COMMENT 'The stop' AFTER `incidents.load_id`,
    ADD COLUMN IF NOT EXISTS `incidents.occurred_at` Array(DateTime64(6, 'UTC')) COMMENT 'When' AFTER `incidents.stop_sequence`,
    ADD COLUMN IF NOT EXISTS `incidents.source_system` Array(LowCardinality(String)) COMMENT 'Who is believed' AFTER `incidents.occurred_at`,
    ADD COLUMN IF NOT EXISTS `incidents.source_partner` Array(LowCardinality(String)) COMMENT 'Which partner' AFTER `incidents.source_system`,
    ADD COLUMN IF NOT EXISTS `incidents.code` Array(String) COMMENT 'Its own code' AFTER `incidents.source_partner`,
    ADD COLUMN IF NOT EXISTS `incidents.reason_code` Array(LowCardinality(String)) COMMENT 'Why, where anybody said so' AFTER `incidents.code`,
    ADD COLUMN IF NOT EXISTS `incidents.fact_ids` Array(Array(String)) COMMENT 'Every report, believed first' AFTER `incidents.reason_code`;

ALTER TABLE order_timeline_history
    ADD COLUMN IF NOT EXISTS `estimates.shipment_id` Array(String) COMMENT 'The shipment expected' AFTER `entries.fact_ids`,
    ADD COLUMN IF NOT EXISTS `estimates.load_id` Array(String) COMMENT 'Its load' AFTER `estimates.shipment_id`,
    ADD COLUMN IF NOT EXISTS `estimates.stop_sequence` Array(Int32) COMMENT 'The stop' AFTER `estimates.load_id`,
    ADD COLUMN IF NOT EXISTS `estimates.expected_at` Array(DateTime64(6, 'UTC')) COMMENT 'When it is expected there, as said last' AFTER `estimates.stop_sequence`,
    ADD COLUMN IF NOT EXISTS `estimates.said_at` Array(Nullable(DateTime64(6, 'UTC'))) COMMENT 'When that was said, where the source tells' AFTER `estimates.expected_at`,
    ADD COLUMN IF NOT EXISTS `estimates.source_system` Array(LowCardinality(String)) COMMENT 'Who said it' AFTER `estimates.said_at`,
    ADD COLUMN IF NOT EXISTS `estimates.source_partner` Array(LowCardinality(String)) COMMENT 'Which partner' AFTER `estimates.source_system`,
    ADD COLUMN IF NOT EXISTS `estimates.fact_id` Array(String) COMMENT 'The fact' AFTER `estimates.source_partner`,
    ADD COLUMN IF NOT EXISTS `estimates.words` Array(Int32) COMMENT 'How many estimates were said for the stop' AFTER `estimates.fact_id`,
    ADD COLUMN IF NOT EXISTS `incidents.shipment_id` Array(String) COMMENT 'The shipment that something went wrong with' AFTER `estimates.words`,
    ADD COLUMN IF NOT EXISTS `incidents.milestone` Array(LowCardinality(String)) COMMENT 'What: DELAYED, DAMAGED, REFUSED, …' AFTER `incidents.shipment_id`,
    ADD COLUMN IF NOT EXISTS `incidents.load_id` Array(String) COMMENT 'Its load' AFTER `incidents.milestone`,
    ADD COLUMN IF NOT EXISTS `incidents.stop_sequence` Array(Nullable(Int32)) COMMENT 'The stop' AFTER `incidents.load_id`,
    ADD COLUMN IF NOT EXISTS `incidents.occurred_at` Array(DateTime64(6, 'UTC')) COMMENT 'When' AFTER `incidents.stop_sequence`,
    ADD COLUMN IF NOT EXISTS `incidents.source_system` Array(LowCardinality(String)) COMMENT 'Who is believed' AFTER `incidents.occurred_at`,
    ADD COLUMN IF NOT EXISTS `incidents.source_partner` Array(LowCardinality(String)) COMMENT 'Which partner' AFTER `incidents.source_system`,
    ADD COLUMN IF NOT EXISTS `incidents.code` Array(String) COMMENT 'Its own code' AFTER `incidents.source_partner`,
    ADD COLUMN IF NOT EXISTS `incidents.reason_code` Array(LowCardinality(String)) COMMENT 'Why, where anybody said so' AFTER `incidents.code`,
    ADD COLUMN IF NOT EXISTS `incidents.fact_ids` Array(Array(String)) COMMENT 'Every report, believed first' AFTER `incidents.reason_code`;

-- A view keeps the columns that its table had when it was made.
CREATE OR REPLACE VIEW timeline AS
SELECT * FROM timeline_history FINAL ORDER BY revision DESC, k_off DESC LIMIT 1 BY tenant, shipment_id
COMMENT 'Each shipment''s timeline as it stands';

CREATE OR REPLACE VIEW timeline_as_known AS
SELECT * FROM timeline_history FINAL WHERE known_at <= {at:DateTime64(6, 'UTC')} ORDER BY revision DESC, k_off DESC LIMIT 1 BY tenant, shipment_id
COMMENT 'Timelines of shipments as Waybill knew them at a moment: timeline_as_known(at = …)';

CREATE OR REPLACE VIEW order_timeline AS
SELECT * FROM order_timeline_history FINAL ORDER BY revision DESC, k_off DESC LIMIT 1 BY tenant, order_id
COMMENT 'Each order''s timeline as it stands';

-- +goose Down
-- The columns do no harm to the steps before them.
SELECT 1;

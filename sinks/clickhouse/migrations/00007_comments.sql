-- +goose Up

-- An analyst reads these in the client: what a column is stands with the column, on every table and view.
ALTER TABLE milestones
    COMMENT COLUMN k_topic 'Kafka topic that the row came from',
    COMMENT COLUMN k_topic_id 'Its id: another one after the topic was made anew',
    COMMENT COLUMN k_part 'Its partition',
    COMMENT COLUMN k_off 'Offset in it: topic, partition and offset name the row';
ALTER TABLE charges
    COMMENT COLUMN k_topic 'Kafka topic that the row came from',
    COMMENT COLUMN k_topic_id 'Its id: another one after the topic was made anew',
    COMMENT COLUMN k_part 'Its partition',
    COMMENT COLUMN k_off 'Offset in it: topic, partition and offset name the row';
ALTER TABLE dead_letters
    COMMENT COLUMN k_topic 'Kafka topic that the row came from',
    COMMENT COLUMN k_topic_id 'Its id: another one after the topic was made anew',
    COMMENT COLUMN k_part 'Its partition',
    COMMENT COLUMN k_off 'Offset in it: topic, partition and offset name the row';
ALTER TABLE gap_events
    COMMENT COLUMN k_topic 'Kafka topic that the row came from',
    COMMENT COLUMN k_topic_id 'Its id: another one after the topic was made anew',
    COMMENT COLUMN k_part 'Its partition',
    COMMENT COLUMN k_off 'Offset in it: topic, partition and offset name the row';
ALTER TABLE order_timeline_history
    COMMENT COLUMN k_topic 'Kafka topic that the row came from',
    COMMENT COLUMN k_topic_id 'Its id: another one after the topic was made anew',
    COMMENT COLUMN k_part 'Its partition',
    COMMENT COLUMN k_off 'Offset in it: topic, partition and offset name the row';
ALTER TABLE parked_events
    COMMENT COLUMN k_topic 'Kafka topic that the row came from',
    COMMENT COLUMN k_topic_id 'Its id: another one after the topic was made anew',
    COMMENT COLUMN k_part 'Its partition',
    COMMENT COLUMN k_off 'Offset in it: topic, partition and offset name the row';
ALTER TABLE positions
    COMMENT COLUMN k_topic 'Kafka topic that the row came from',
    COMMENT COLUMN k_topic_id 'Its id: another one after the topic was made anew',
    COMMENT COLUMN k_part 'Its partition',
    COMMENT COLUMN k_off 'Offset in it: topic, partition and offset name the row',
    COMMENT COLUMN lat 'WGS 84 latitude, degrees',
    COMMENT COLUMN lon 'WGS 84 longitude, degrees';
ALTER TABLE timeline_history
    COMMENT COLUMN k_topic 'Kafka topic that the row came from',
    COMMENT COLUMN k_topic_id 'Its id: another one after the topic was made anew',
    COMMENT COLUMN k_part 'Its partition',
    COMMENT COLUMN k_off 'Offset in it: topic, partition and offset name the row';

ALTER TABLE milestones_as_known MODIFY COMMENT 'Milestones as Waybill knew them at a moment: milestones_as_known(at = …)';
ALTER TABLE timeline_as_known MODIFY COMMENT 'Timelines of shipments as Waybill knew them at a moment: timeline_as_known(at = …)';
ALTER TABLE sink_audit MODIFY COMMENT 'Rows and offsets of each table by topic and partition; row_count above offsets is a row twice, until it is merged';

-- +goose Down
-- A comment does no harm to the steps before it.
SELECT 1;

package clickhouse

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"waybill/avro"
	"waybill/sinks"
)

// writer writes blocks: positions through ch-go's columns, everything else row by row through clickhouse-go.
type writer struct {
	conn    driver.Conn
	bulk    *bulk
	timeout time.Duration

	// The two lines of defence that a test takes away one at a time.
	ask, token bool
}

// pinned are the settings whose defaults moved between versions (25.9, 25.10, 26.2) or on which recognising a repetition
// depends. The DDL pins the deduplication window.
func (w *writer) pinned(token string) map[string]string {
	settings := map[string]string{
		"async_insert":       "0", // 26.2 made it 1: the server would cut its own blocks
		"insert_deduplicate": "1",
		"deduplicate_insert": "enable", // newer than insert_deduplicate and stronger
		"deduplicate_blocks_in_dependent_materialized_views": "1", // any other value tripled views on a retry
		"max_partitions_per_insert_block":                    "0", // one record with an odd date must not stop the table
		"optimize_on_insert":                                 "0", // rows are records: nothing collapses on the way in
		"insert_quorum_parallel":                             "1",
	}
	if w.token {
		settings["insert_deduplication_token"] = token
	} else {
		settings["deduplicate_insert"] = "disable" // or the server would go by the block's content
	}
	return settings
}

// Write implements [sinks.Writer]. Errors are marked by package fault.
//
// A permanent error of one row fails its whole block here. Finding the row by halving the block goes between insert and its
// caller; each half must first be announced as an intent of its own (see the design's clickhouse.md).
func (w *writer) Write(ctx context.Context, b *sinks.Block) error {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	for _, part := range split(b) {
		if err := w.insert(ctx, part); err != nil {
			return fmt.Errorf("insert %d rows into %s: %w", len(part.rows), part.table, remedied(classified(err)))
		}
	}
	return nil
}

// part is the rows of a block that go to one table: one INSERT goes to one table.
type part struct {
	block *sinks.Block
	table string
	rows  []sinks.Row
}

// split sorts a block's rows by table; a record type without a table (ticks) has no rows.
func split(b *sinks.Block) []*part {
	var parts []*part
	byTable := map[string]*part{}
	for _, r := range b.Rows {
		table := tableOf(r.Value)
		if table == "" {
			continue
		}
		p := byTable[table]
		if p == nil {
			p = &part{block: b, table: table}
			byTable[table] = p
			parts = append(parts, p)
		}
		p.rows = append(p.rows, r)
	}
	return parts
}

func (w *writer) insert(ctx context.Context, p *part) error {
	if p.block.Replay && w.ask {
		there, err := w.there(ctx, p)
		if err != nil || there {
			return err
		}
	}
	if p.table == positionsTable {
		return w.bulk.insert(ctx, p, w.pinned(p.block.Token()))
	}
	return w.insertRows(ctx, p)
}

// there asks whether the table holds every row of the part. A table that feeds materialized views is never trusted: the
// server may have died between table and view, and only the token repairs that.
func (w *writer) there(ctx context.Context, p *part) (bool, error) {
	b := p.block
	var rows, views uint64
	err := w.conn.QueryRow(ctx, `SELECT count(), (SELECT toUInt64(sum(length(dependencies_table))) FROM system.tables WHERE database = currentDatabase() AND name = ?)
		FROM `+p.table+` WHERE k_topic_id = ? AND k_part = ? AND k_off >= ? AND k_off < ?`,
		p.table, uuid.UUID(b.TopicID), b.Partition, b.From, b.Next).Scan(&rows, &views)
	if err != nil {
		return false, fmt.Errorf("ask for %s: %w", b, err)
	}
	return rows == uint64(len(p.rows)) && views == 0, nil
}

// insertRows sends the part in one block: one Send, never Flush.
func (w *writer) insertRows(ctx context.Context, p *part) (err error) {
	settings := clickhouse.Settings{}
	for k, v := range w.pinned(p.block.Token()) {
		settings[k] = v
	}
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(settings))
	first := p.columns(p.rows[0])
	batch, err := w.conn.PrepareBatch(ctx, "INSERT INTO "+p.table+" ("+strings.Join(first.names(), ", ")+")")
	if err != nil {
		return err
	}
	defer func() { _ = batch.Close() }() // after Send it does nothing; before, err says what happened
	for _, r := range p.rows {
		if err := batch.Append(p.columns(r).values()...); err != nil {
			return fmt.Errorf("offset %d: %w", r.Offset, err)
		}
	}
	return batch.Send()
}

// columns is a row with its Kafka coordinates.
func (p *part) columns(r sinks.Row) columns {
	b := p.block
	return append(columnsOf(r),
		column{"k_topic", string(b.Topic)}, column{"k_topic_id", uuid.UUID(b.TopicID)}, column{"k_part", b.Partition}, column{"k_off", r.Offset})
}

// column is a named value of a row.
type column struct {
	name  string
	value any
}

type columns []column

func (c columns) names() []string {
	out := make([]string, len(c))
	for i := range c {
		out[i] = "`" + c[i].name + "`"
	}
	return out
}

func (c columns) values() []any {
	out := make([]any, len(c))
	for i := range c {
		out[i] = c[i].value
	}
	return out
}

const positionsTable = "positions"

// tableOf is where a record goes; empty: nowhere.
func tableOf(r avro.Record) string {
	switch r.(type) {
	case *avro.Position:
		return positionsTable
	case *avro.Milestone:
		return "milestones"
	case *avro.Timeline:
		return "timeline_history"
	case *avro.OrderTimeline:
		return "order_timeline_history"
	case *avro.Charge:
		return "charges"
	case *avro.Gap:
		return "gap_events"
	case *avro.Parked:
		return "parked_events"
	case *avro.DeadLetter:
		return "dead_letters"
	}
	return ""
}

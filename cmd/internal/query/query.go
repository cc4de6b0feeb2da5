// Package query asks ClickHouse what the pipeline landed there, and gives it back as the records it was.
package query

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"waybill/avro"
)

// ErrNone is wrapped where what was asked for is not there.
var ErrNone = errors.New("there is none")

// patience is how long the server may take to answer the first question.
const patience = 5 * time.Second

// DB is a connection to the database that the sink writes.
type DB struct{ conn driver.Conn }

// Open connects and waits for an answer.
func Open(ctx context.Context, dsn string) (*DB, error) {
	o, err := clickhouse.ParseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("clickhouse.dsn: write it as clickhouse://user:password@host:9000/database: %w", err)
	}
	conn, err := clickhouse.Open(o)
	if err != nil {
		return nil, fmt.Errorf("open ClickHouse at %s: %w", address(dsn), err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := conn.Ping(ctx); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("reach ClickHouse at %s: it does not answer; start it (`waybill dev` does), or name another with --clickhouse: %w", address(dsn), err)
	}
	return &DB{conn}, nil
}

// Close ends the connection.
func (db *DB) Close() error { return db.conn.Close() }

// address leaves out the password.
func address(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		return "the given DSN"
	}
	return u.Host
}

// each runs a query and calls scan for every row.
func (db *DB) each(ctx context.Context, what, sql string, args []any, scan func(driver.Rows) error) error {
	rows, err := db.conn.Query(ctx, sql, args...)
	if err != nil {
		return fmt.Errorf("query %s: %w", what, explain(err))
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return fmt.Errorf("read %s: %w", what, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read %s: %w", what, err)
	}
	return nil
}

// Codes of server errors that have a remedy (src/Common/ErrorCodes.cpp).
const (
	unknownTable    = 60
	unknownDatabase = 81
)

func explain(err error) error {
	var e *clickhouse.Exception
	if errors.As(err, &e) && (e.Code == unknownTable || e.Code == unknownDatabase) {
		return fmt.Errorf("the tables are not there: create them with `waybill clickhouse migrate`: %w", err)
	}
	return err
}

func opt[T any](v *T) avro.Opt[T] {
	if v == nil {
		return avro.Opt[T]{}
	}
	return avro.Some(*v)
}

func micros(t *time.Time) avro.Opt[avro.Micros] {
	if t == nil {
		return avro.Opt[avro.Micros]{}
	}
	return avro.Some(avro.MicrosOf(*t))
}

// Counts is how many rows each table holds, duplicates that no merge has collapsed yet left out.
func (db *DB) Counts(ctx context.Context, tables ...string) (map[string]int64, error) {
	out := map[string]int64{}
	for _, t := range tables {
		var n uint64
		if err := db.conn.QueryRow(ctx, "SELECT count() FROM "+t+" FINAL").Scan(&n); err != nil {
			return nil, fmt.Errorf("count the rows of %s: %w", t, explain(err))
		}
		out[t] = int64(n)
	}
	return out, nil
}

// Try runs a query and reads its answer to the end, to know that it can be shown to people.
func (db *DB) Try(ctx context.Context, sql string) error {
	return db.each(ctx, "the example", sql, nil, func(driver.Rows) error { return nil })
}

// Raw is how many rows a table holds, those included that a merge would collapse.
func (db *DB) Raw(ctx context.Context, table string) (int64, error) {
	var n uint64
	if err := db.conn.QueryRow(ctx, "SELECT count() FROM "+table).Scan(&n); err != nil {
		return 0, fmt.Errorf("count the rows of %s: %w", table, explain(err))
	}
	return int64(n), nil
}

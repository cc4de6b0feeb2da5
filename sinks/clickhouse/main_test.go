package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"waybill/bench/rig"
)

// server is the one ClickHouse of this package's tests; every test has a database of its own.
var server *rig.ClickHouse

func TestMain(m *testing.M) {
	rig.Child()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var err error
	server, err = rig.StartClickHouse(ctx, rig.ClickHouseOptions{Revive: true})
	if err != nil && !errors.Is(err, rig.ErrNoEngine) {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		if err := server.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}()
	return m.Run()
}

// database makes a migrated database for the test and returns how to reach it, with a connection to look in.
func database(t testing.TB) (Config, driver.Conn) {
	t.Helper()
	cfg, conn := emptyDatabase(t)
	if _, err := Migrate(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	return cfg, conn
}

func emptyDatabase(t testing.TB) (Config, driver.Conn) {
	t.Helper()
	if server == nil {
		t.Skip("the ClickHouse engine is not installed: run `make tools`")
	}
	options, err := clickhouse.ParseDSN(server.DSN())
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("t%d", time.Now().UnixNano())
	admin := connect(t, options)
	if err := admin.Exec(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Exec(context.WithoutCancel(t.Context()), "DROP DATABASE "+name+" SYNC") })
	cfg := DefaultConfig()
	cfg.DSN = fmt.Sprintf("clickhouse://%s:%s@%s/%s", options.Auth.Username, options.Auth.Password, options.Addr[0], name)
	of := *options
	of.Auth.Database = name
	return cfg, connect(t, &of)
}

func connect(t testing.TB, options *clickhouse.Options) driver.Conn {
	t.Helper()
	of := *options
	conn, err := clickhouse.Open(&of)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// ask returns the one value of a query.
func ask[T any](t *testing.T, conn driver.Conn, query string, args ...any) (v T) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), query, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

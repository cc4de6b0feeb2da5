package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	sink "waybill/sinks/clickhouse"
)

// tables makes a database of the trial's own, with Waybill's tables. check drops it; a trial that went well must have left every position.
func tables(ctx context.Context, f *field, s *site, o *order) (check func(well bool) error, err error) {
	perDevice := min(f.perDevice, fullRounds)
	o.Records = devices * perDevice
	o.BlockRows = min(fullBlock, o.Records/partitions)
	if err := s.load(ctx, perDevice, f.every); err != nil {
		return nil, err
	}
	u, err := url.Parse(f.clickhouse.DSN())
	if err != nil {
		return nil, err
	}
	options, err := clickhouse.ParseDSN(u.String())
	if err != nil {
		return nil, err
	}
	conn, err := clickhouse.Open(options)
	if err != nil {
		return nil, err
	}
	if err := conn.Exec(ctx, "CREATE DATABASE "+o.App); err != nil {
		return nil, errors.Join(fmt.Errorf("make database %s: %w", o.App, err), conn.Close())
	}
	u.Path = o.App
	o.DSN = u.String()
	cfg := sink.DefaultConfig()
	cfg.DSN = o.DSN
	check = func(well bool) error {
		var err error
		if well {
			err = complete(ctx, conn, *o)
		}
		return errors.Join(err, conn.Exec(context.WithoutCancel(ctx), "DROP DATABASE "+o.App+" SYNC"), conn.Close())
	}
	if _, err := sink.Migrate(ctx, cfg); err != nil {
		return nil, errors.Join(err, check(false))
	}
	return check, nil
}

func complete(ctx context.Context, conn driver.Conn, o order) error {
	var rows uint64
	if err := conn.QueryRow(ctx, "SELECT count() FROM "+o.App+".positions").Scan(&rows); err != nil {
		return fmt.Errorf("count rows: %w", err)
	}
	if rows != uint64(o.Records) {
		return fmt.Errorf("ClickHouse has %d rows of %d positions: the figures would be of something else", rows, o.Records)
	}
	return nil
}

package clickhouse

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// versions is the table of applied migrations.
const versions = "waybill_migrations"

// Migration is one versioned step of the schema.
type Migration struct {
	Version int64
	Name    string // file name
	SQL     string
}

// Migrate applies the migrations that the database lacks, in order, and returns them. Run twice, it does nothing the
// second time; after a step that went half way it may be run again.
func Migrate(ctx context.Context, cfg Config) (applied []Migration, err error) {
	err = withProvider(cfg, func(p *goose.Provider) error {
		results, err := p.Up(ctx)
		for _, r := range results {
			applied = append(applied, Migration{Version: r.Source.Version, Name: path.Base(r.Source.Path)})
		}
		return err
	})
	if err != nil {
		return applied, fmt.Errorf("migrate ClickHouse: %w", classified(err))
	}
	return applied, nil
}

// Pending lists what Migrate would apply, with its SQL, and changes nothing but makes the table of versions.
func Pending(ctx context.Context, cfg Config) (pending []Migration, err error) {
	err = withProvider(cfg, func(p *goose.Provider) error {
		states, err := p.Status(ctx)
		if err != nil {
			return err
		}
		for _, s := range states {
			if s.State != goose.StatePending {
				continue
			}
			text, err := fs.ReadFile(migrations, path.Join("migrations", path.Base(s.Source.Path)))
			if err != nil {
				return err
			}
			pending = append(pending, Migration{Version: s.Source.Version, Name: path.Base(s.Source.Path), SQL: string(text)})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list ClickHouse migrations: %w", classified(err))
	}
	return pending, nil
}

func withProvider(cfg Config, f func(*goose.Provider) error) (err error) {
	options, err := cfg.options()
	if err != nil {
		return err
	}
	options.Settings = clickhouse.Settings{
		"flatten_nested": 1, // the sink inserts into Nested columns part by part
		"async_insert":   0, // a version must be recorded when its INSERT returns
	}
	db := clickhouse.OpenDB(options)
	defer func() { err = errors.Join(err, db.Close()) }()
	p, err := provider(db)
	if err != nil {
		return err
	}
	return f(p)
}

func provider(db *sql.DB) (*goose.Provider, error) {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectClickHouse, db, dir, goose.WithTableName(versions), goose.WithDisableGlobalRegistry(true))
}

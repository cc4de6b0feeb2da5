package clickhouse

import (
	"testing"
)

func TestMigrateTwice(t *testing.T) {
	cfg, conn := emptyDatabase(t)
	pending, err := Pending(t.Context(), cfg)
	if err != nil || len(pending) == 0 {
		t.Fatalf("%d pending (%v)", len(pending), err)
	}
	for _, p := range pending {
		if p.SQL == "" {
			t.Errorf("%s is pending without SQL", p.Name)
		}
	}
	applied, err := Migrate(t.Context(), cfg)
	if err != nil || len(applied) != len(pending) {
		t.Fatalf("applied %d of %d (%v)", len(applied), len(pending), err)
	}
	applied, err = Migrate(t.Context(), cfg)
	if err != nil || len(applied) != 0 {
		t.Errorf("the second run applied %v (%v)", applied, err)
	}
	if n := ask[uint64](t, conn, "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'milestones'"); n != 1 {
		t.Error("no table milestones")
	}
}

// A run that died between a step and the record of it is repeated.
func TestMigrateAfterHalfAStep(t *testing.T) {
	cfg, conn := database(t)
	if err := conn.Exec(t.Context(), "TRUNCATE TABLE "+versions); err != nil {
		t.Fatal(err)
	}
	if err := conn.Exec(t.Context(), "DROP VIEW gaps"); err != nil {
		t.Fatal(err)
	}
	if _, err := Migrate(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	ask[uint64](t, conn, "SELECT count() FROM gaps")
}

// The default of the window is 0: a table without it doubles on every retry.
func TestEveryTableHasTheDeduplicationWindow(t *testing.T) {
	_, conn := database(t)
	without := ask[[]string](t, conn, `SELECT groupArray(name) FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'
		AND name != ? AND create_table_query NOT LIKE '%non_replicated_deduplication_window = 10000%'`, versions)
	if len(without) > 0 {
		t.Errorf("no deduplication window on %v", without)
	}
	total := ask[uint64](t, conn, "SELECT count() FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%ReplacingMergeTree'")
	if total < 8 {
		t.Errorf("%d tables looked at, want at least 8", total)
	}
}

// Analysts learn what a column is from the column.
func TestEveryTableAndColumnHasAComment(t *testing.T) {
	_, conn := database(t)
	without := ask[[]string](t, conn, `SELECT groupArray(name) FROM system.tables WHERE database = currentDatabase() AND name != ? AND comment = ''`, versions)
	if len(without) > 0 {
		t.Errorf("no comment on %v", without)
	}
	without = ask[[]string](t, conn, `SELECT groupArray(table || '.' || name) FROM system.columns WHERE database = currentDatabase() AND comment = ''
		AND table IN (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND name != ?)`, versions)
	if len(without) > 0 {
		t.Errorf("no comment on %v", without)
	}
}

package rig_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"waybill/bench/rig"
)

func TestStartAllThree(t *testing.T) {
	if _, err := rig.FindEngine(); errors.Is(err, rig.ErrNoEngine) {
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dir := t.TempDir()
	r, err := rig.Start(ctx, rig.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range r.Addresses() {
		t.Logf("%-18s %s", a.Name, a.Value)
	}
	dsn := r.ClickHouse.DSN()
	if n := count(t, open(t, dsn), "SELECT count() FROM system.databases WHERE name = 'waybill'"); n != 1 {
		t.Errorf("%d databases named waybill, want 1", n)
	}
	if err := r.Stop(); err != nil {
		t.Fatal(err)
	}
}

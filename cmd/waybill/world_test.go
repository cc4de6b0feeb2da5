package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"waybill/avro"
	"waybill/bench/world"
)

// What stands in the file is what the world delivers, record for record.
func TestWorldToAFile(t *testing.T) {
	alone(t)
	a, err := ask(t.Context(), "world", "--vehicles", "2", "--loads", "3", "--seed", "7", "--damage", "2", "--rate", "notation=1", "--out", "day.jsonl")
	if err != nil {
		t.Fatal(err, a.err)
	}
	cfg := world.DefaultConfig()
	cfg.Seed, cfg.Vehicles, cfg.Loads, cfg.Damage = 7, 2, 3, cfg.Damage.Times(2)
	cfg.Damage.Notation = 1
	w, err := world.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile("day.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	lines := json.NewDecoder(bytes.NewReader(written))
	n := 0
	for d := range w.Deliveries() {
		var l struct {
			At               time.Time
			Topic, Key, Type string
			Record           json.RawMessage
		}
		if err := lines.Decode(&l); err != nil {
			t.Fatalf("line %d: %v", n+1, err)
		}
		rec, ok := avro.New(l.Type)
		if !ok || json.Unmarshal(l.Record, rec) != nil || !bytes.Equal(rec.Append(nil), d.Record.Append(nil)) || l.Key != d.Key || l.Topic != string(d.Topic) || !l.At.Equal(d.DeliverAt) {
			t.Fatalf("line %d is %+v, want %+v", n+1, l, d)
		}
		n++
	}
	if lines.More() || n < 1000 {
		t.Errorf("%d records, and more in the file: %v", n, lines.More())
	}
}

// A day of a word every ten minutes takes a minute at 1440 times the clock. A month of silence behind it takes what an hour does.
func TestWorldKeepsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, day := pace{speed: 1440, begin: time.Now()}, time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
		begin := time.Now()
		for at := time.Duration(0); at <= 24*time.Hour; at += 10 * time.Minute {
			if err := p.wait(t.Context(), day.Add(at)); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begin); took != time.Minute {
			t.Errorf("a day took %v", took)
		}
		if err := p.wait(t.Context(), day.AddDate(0, 1, 0)); err != nil || time.Since(begin) != time.Minute+2500*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		stopped, stop := context.WithCancel(t.Context())
		stop()
		if err := p.wait(stopped, day.AddDate(0, 2, 0)); err == nil {
			t.Error("what is stopped goes on")
		}
	})
}

func TestWorldRefuses(t *testing.T) {
	alone(t)
	for _, c := range []struct{ want, flag string }{{"there are late", "--rate=nonsense=1"}, {"from 0 to 1", "--rate=late=7"}, {"must not be negative", "--speed=-1"}, {"at least one is needed", "--vehicles=0"}} {
		if a, err := ask(t.Context(), "world", c.flag, "--out", "-"); err == nil || a.code != exitUsage || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: code %d, %v; want %q", c.flag, a.code, err, c.want)
		}
	}
}

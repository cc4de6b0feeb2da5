package feed_test

import (
	"bytes"
	"encoding/csv"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"waybill/avro"
	"waybill/cmd/internal/feed"
	"waybill/processors/normalise/hsl"
	"waybill/processors/normalise/ocel"
)

func outside(t *testing.T, set string) string {
	t.Helper()
	root := os.Getenv("WAYBILL_DATA")
	for dir := "."; root == ""; dir = filepath.Join(dir, "..") {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			root = filepath.Join(dir, "..", "shared", "data")
		}
	}
	path := filepath.Join(root, set)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("SKIPPED: no %s data under $WAYBILL_DATA: %v", set, err)
	}
	return path
}

// count sums what a function counts in the files of a folder that have an extension.
func count(t *testing.T, root, extension string, of func(raw []byte) int) int {
	t.Helper()
	n := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != extension || filepath.Base(filepath.Dir(path)) == "entities" {
			return err
		}
		raw, err := os.ReadFile(path)
		n += of(raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

type adapter interface {
	Adapt(*avro.PartnerMessage) ([]avro.Record, error)
}

// TestOutsideFolders: a folder fed whole gives a message per event or line, and each is adapted.
func TestOutsideFolders(t *testing.T) {
	logs, err := ocel.New()
	if err != nil {
		t.Fatal(err)
	}
	dumps, err := hsl.New()
	if err != nil {
		t.Fatal(err)
	}
	rows := func(raw []byte) int {
		all, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return len(all) - 1
	}
	lines := func(raw []byte) int { return len(bytes.Split(bytes.TrimSpace(raw), []byte("\n"))) }
	for _, c := range []struct {
		set, format, extension string
		adapter                adapter
		of                     func([]byte) int
	}{{"ocel", "ocel", ".csv", logs, rows}, {"hsl-hfp-apc", "hsl", ".dump", dumps, lines}} {
		t.Run(c.set, func(t *testing.T) {
			root := outside(t, c.set)
			n := 0
			for m, err := range (feed.Source{Tenant: "acme", Format: c.format, Paths: []string{root}}).Messages() {
				if err != nil {
					t.Fatal(err)
				}
				if said, err := c.adapter.Adapt(m); err != nil || len(said) != 1 {
					t.Errorf("%s:%d: %d records, %v", m.Name, m.Line, len(said), err)
				}
				n++
			}
			if want := count(t, root, c.extension, c.of); n != want {
				t.Errorf("%d messages, want %d", n, want)
			}
		})
	}
}

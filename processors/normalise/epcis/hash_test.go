package epcis

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// outside gives the files of a data set; the test is skipped where there are none.
func outside(t testing.TB, set, pattern string) []string {
	t.Helper()
	root := os.Getenv("WAYBILL_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "..", "..", "shared", "data")
	}
	files, err := filepath.Glob(filepath.Join(root, set, pattern))
	if err != nil || len(files) == 0 {
		t.Skipf("SKIPPED: no %s data under $WAYBILL_DATA (%s): %v", set, root, err)
	}
	return files
}

func load(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestOutsideEventHashes: every event of every form has the hash that the reference implementation gives it.
func TestOutsideEventHashes(t *testing.T) {
	documents, events := map[string]int{}, 0
	for _, file := range outside(t, "epcis-event-hash", "*.hashes") {
		base := strings.TrimSuffix(file, ".hashes")
		want := strings.Fields(string(load(t, file)))
		for _, ext := range []string{".jsonld", ".xml"} {
			payload, err := os.ReadFile(base + ext)
			if err != nil {
				continue
			}
			documents[ext]++
			doc, err := read(payload)
			if err != nil || len(doc.events) != len(want) || len(doc.faults) > 0 {
				t.Errorf("%s: %d events, want %d: %v %v", filepath.Base(base+ext), len(doc.events), len(want), err, doc.faults)
				continue
			}
			for i, e := range doc.events {
				events++
				if got := hashID(e.kind, e.node); got != want[i] {
					t.Errorf("%s event %d: got %s, want %s, of %s", filepath.Base(base+ext), i, got, want[i], prehash(e.kind, e.node))
				}
			}
		}
	}
	t.Logf("%d events of %d JSON and %d XML documents have the reference's hash", events, documents[".jsonld"], documents[".xml"])
}

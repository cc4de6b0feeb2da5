package feed_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"waybill/cmd/internal/feed"
)

// FuzzFile: whatever a file holds, it is read to its end, and no message holds more than may be sent.
func FuzzFile(f *testing.F) {
	f.Add(0, []byte("h1,h2\n1,\"a\nb\"\n3,\"4\n"))
	f.Add(1, []byte("[{\"a\":\"]\\\"\"},[,]]}x"))
	f.Add(1, []byte("{\"a\":1}\n{\n"))
	f.Add(2, []byte("one\r\n\n\x00two"))
	formats := []string{"csv", "json", "hsl"}
	f.Fuzz(func(t *testing.T, format int, raw []byte) {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		n := 0
		for m, err := range (feed.Source{Format: formats[uint(format)%3], Mapping: "m", Paths: []string{path}}).Messages() {
			if err != nil {
				continue // an empty CSV file
			}
			if n += len(m.Payload); n > len(raw) || len(m.Payload) > feed.MaxPayload {
				t.Fatalf("%d bytes gave payloads of %d", len(raw), n)
			}
		}
	})
}

func ExampleSource_Messages() {
	dir, err := os.MkdirTemp("", "feed")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	log := "id,type,time,orders\ne1,place_order,2023-04-05T04:24:56,o1\ne2,pay_order,2023-04-09T10:00:00,o1\n"
	if err := os.WriteFile(filepath.Join(dir, "log.csv"), []byte(log), 0o600); err != nil {
		panic(err)
	}
	for m, err := range (feed.Source{Tenant: "acme", Format: "ocel", Paths: []string{dir}}).Messages() {
		fmt.Println(err, m.Mapping, m.Line, string(m.Payload))
	}
	// Output:
	// <nil> ocel-order-management 2 e1,place_order,2023-04-05T04:24:56,o1
	// <nil> ocel-order-management 3 e2,pay_order,2023-04-09T10:00:00,o1
}

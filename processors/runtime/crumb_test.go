package runtime

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
)

// A record that kills the process is found and buried, on whatever partition it lies and whatever is worked on beside it; the rest is done as if it had
// died of itself. Nothing else is taken for deadly.
func TestARecordThatKillsIsFound(t *testing.T) {
	for _, name := range []string{"tally", "tally by snapshots", "prices"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRun(t, startKfake(t, &faultCount{}), ClassicProtocol, subjectOf(name), 5, false)
			r.load(200)
			r.line++
			r.produce(t, &kgo.Record{Topic: string(r.topics.inbox().Name), Partition: byKey, Key: []byte("key-7"), Timestamp: r.clock,
				Value: encoded(&avro.PartnerMessage{Name: "deadly", Line: r.line, Format: toKill})})
			r.load(200)
			deaths := 0
			for k := r.start(order{Instance: "a"}); ; k = r.start(order{Instance: "a"}) {
				r.until("it died, or all is done", func() bool { return k.over() || r.idle() })
				if !k.over() {
					break
				}
				if k.alive = false; !wasKilled(k) {
					t.Fatalf("it ended with %v: %q", k.ended, k.words)
				}
				deaths++
			}
			if deaths != 1+deadlyAfter {
				t.Errorf("it died %d times, want %d: unaware, and then so often over one record", deaths, 1+deadlyAfter)
			}
			r.finish()
			for _, left := range []string{crumbFile, deathsFile} {
				if _, err := os.Stat(filepath.Join(r.folder, "a", left)); err == nil {
					t.Errorf("%s is there after an end in order", left)
				}
			}
		})
	}
}

package state

import (
	"bytes"
	"fmt"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// byKey is how keys are ordered, byte for byte, and what of them filters know: the key whose state it is, so that one look at a filter says
// that a table holds nothing of it.
var byKey = func() *pebble.Comparer {
	c := *pebble.DefaultComparer
	c.Name = "waybill.state"
	c.Split = func(k []byte) int {
		if len(k) == 0 || k[0] != keyState {
			return len(k)
		}
		if end := bytes.IndexByte(k, 0); end >= 0 {
			return end + 1
		}
		return len(k)
	}
	return &c
}()

// options: bloom filters because most reads of a growing state are for keys that are not there [measured: without them and
// a cache, reads fall from 100,000 to 26,000 a second]; no log and no sync because the changelog is both.
func (d *Disk) options(lock *pebble.Lock, t *trouble) *pebble.Options {
	o := &pebble.Options{
		FS: unsynced{vfs.Default}, Comparer: byKey, Cache: d.cache, DisableWAL: true, Lock: lock, FormatMajorVersion: pebble.FormatNewest,
		MemTableSize: 8 << 20, MaxOpenFiles: 256, Logger: quiet{d.log, t},
		// Without this Pebble ends the process, and each one after it. The read that met the damage returns it.
		EventListener: &pebble.EventListener{DataCorruption: func(i pebble.DataCorruptionInfo) {
			d.log.Error("state is damaged", "file", i.Path, "cause", i.Details)
		}, BackgroundError: t.listen(d.log)},
	}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		o.Levels[i].BlockSize = 8 << 10 // twice Pebble's: a restore takes a tenth less, a read out of the cache a tenth more [measured]
	}
	// Pebble takes what shares a prefix for versions of one value and would put all but the first away from their keys.
	o.Experimental.SpanPolicyFunc = func([]byte) (pebble.SpanPolicy, []byte, error) {
		return pebble.SpanPolicy{DisableValueSeparationBySuffix: true}, nil, nil
	}
	o.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionFastest })
	return o
}

// quiet passes on what is wrong, not what is going on.
type quiet struct {
	log *slog.Logger
	*trouble
}

func (quiet) Infof(string, ...any) {}

func (q quiet) Errorf(format string, args ...any) {
	q.log.Error("state", "pebble", fmt.Sprintf(format, args...))
}

// Fatalf does not return: Pebble calls it when going on would damage what it holds.
func (q quiet) Fatalf(format string, args ...any) {
	why := surrender{text: "pebble: " + fmt.Sprintf(format, args...)}
	for _, a := range args {
		if err, ok := a.(error); ok {
			why.cause = err
		}
	}
	q.giveUp(why)
}

// surrender is what Pebble gives up with: a sentence with an error in it.
type surrender struct {
	text  string
	cause error
}

func (s surrender) Error() string { return s.text }
func (s surrender) Unwrap() error { return s.cause }

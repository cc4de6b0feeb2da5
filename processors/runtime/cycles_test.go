package runtime

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A part of a cycle has not happened, however long it is; whole cycles whose seals are compacted away have, and are not kept waiting.
func TestCyclesOfAnyLength(t *testing.T) {
	const many = 300_000
	handed, most := 0, 0
	c := cycles{whole: func(*kgo.Record) { handed++ }}
	take := func(key, cycle string) {
		r := &kgo.Record{Key: []byte(key)}
		if cycle != "" {
			r.Headers = []kgo.RecordHeader{{Key: cycleHeader, Value: []byte(cycle)}}
		}
		c.take(r)
		most = max(most, len(c.open))
	}
	for range many {
		take("a", "long")
	}
	take(fenceKey, "")
	if handed != 0 {
		t.Errorf("%d changes of a part were taken for whole", handed)
	}
	for range many {
		take("a", "long")
	}
	take(sealKey, "")
	if handed != many || len(c.open) != 0 {
		t.Errorf("%d changes of a whole cycle handed over and %d kept, want %d and none", handed, len(c.open), many)
	}
	most = 0
	for i := range 1000 {
		take("a", fmt.Sprint(i))
		take("b", fmt.Sprint(i))
	}
	if most != 2 {
		t.Errorf("%d changes waited for a seal, want those of one cycle", most)
	}
}

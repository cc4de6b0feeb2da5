package runtime

import (
	"iter"
	"strings"
	"testing"
)

func splitNUL(s string) iter.Seq[string] { return strings.SplitSeq(s, "\x00") }

func TestCountsEachRecordOnce(t *testing.T) {
	k := newCluster(t, counting())
	k.send(t, 500, 7)
	in := start(t, testConfig(k, "a", t.TempDir()), nil, counting())
	k.outputs(t)
	k.send(t, 500, 7)
	k.check(t)
	in.halt(t)
}

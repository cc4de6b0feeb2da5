package runtime

import (
	"log/slog"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
)

// An output that is deleted and made anew under a running stage is written to again.
func TestAnOutputMadeAnewIsWrittenTo(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	var said journal
	in := startWith(t, testConfig(k, "a", t.TempDir()), Deps{Log: slog.New(slog.NewTextHandler(&said, nil))}, counting())
	k.send(t, 20, 5)
	k.check(t)
	k.anew(t, string(numbered), 4, nil)
	k.send(t, 20, 5)
	eventually(t, "the output has what came after", func() bool {
		n := 0
		for _, rs := range k.read(t, string(numbered)) {
			n += len(rs)
		}
		return n == 20
	})
	in.halt(t)
	if n := said.count("an output was deleted and made anew"); n != 1 {
		t.Errorf("said %d times: %s", n, said.said.String())
	}
	if got := k.changelog(t); !mapsEqual(got, k.want) {
		t.Errorf("the changelog says %v, want %v", got, k.want)
	}
}

// Where what is read, or what is remembered, is another topic under the old name, the stage ends with a sentence and has said nothing more.
func TestAnInboxOrChangelogMadeAnewEndsTheStage(t *testing.T) {
	for _, c := range []struct {
		name, topic string
		config      map[string]*string
		want        string
	}{
		{"inbox", string(inbox.Name), map[string]*string{"message.timestamp.type": kadm.StringPtr("LogAppendTime")}, "inbox test.inbox was deleted and made anew while stage counting ran"},
		{"changelog", "test.counting.changelog", map[string]*string{"cleanup.policy": kadm.StringPtr("compact")}, "changelog test.counting.changelog was deleted and made anew while stage counting ran"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := newCluster(t, counting())
			in := start(t, testConfig(k, "a", t.TempDir()), nil, counting())
			k.send(t, 20, 5)
			k.check(t)
			k.anew(t, c.topic, 4, c.config)
			k.send(t, 20, 5)
			in.ended(t, c.want)
			n := 0
			for _, rs := range k.read(t, string(numbered)) {
				n += len(rs)
			}
			if n != 20 {
				t.Errorf("%d outputs, want the 20 of before", n)
			}
		})
	}
}

package demo

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"waybill/avro"
	"waybill/bench/rig"
	"waybill/cmd/internal/audit"
	"waybill/cmd/internal/config"
	"waybill/cmd/internal/page"
	"waybill/cmd/internal/pipeline"
	"waybill/cmd/internal/show"
	"waybill/topics"
	"waybill/topics/wire"
)

func TestMain(m *testing.M) {
	rig.Child()
	os.Exit(m.Run())
}

// broken is a source whose producers do everything wrong once.
type broken struct {
	values map[string][]byte // by the reason it is to be refused for
	judged *audit.Audit
}

func (b *broken) Title() string { return "broken" }
func (b *broken) Total() int64  { return -1 }

func (b *broken) Feed(ctx context.Context, line *pipeline.Line, sent func(int)) ([]page.Count, error) {
	good, err := line.Codec.Append(ctx, nil, topics.Orders.Name, &avro.Order{Tenant: "demo", OrderID: "4711", EventID: "e1", OccurredAt: 1})
	if err != nil {
		return nil, err
	}
	unknown := slices.Clone(good)
	binary.BigEndian.PutUint32(unknown[1:], 1<<30)
	b.values = map[string][]byte{
		wire.ReasonShort: {0, 1}, wire.ReasonMagic: append([]byte{9}, good[1:]...), wire.ReasonUnknownSchema: unknown, wire.ReasonAvro: good[:len(good)-3],
	}
	for reason, value := range b.values {
		if err := line.SendRaw(ctx, topics.Orders.Name, []byte(reason), value); err != nil {
			return nil, err
		}
	}
	// One good order, and the same again: what is broken must not stop it.
	for range 2 {
		if err := line.SendRaw(ctx, topics.Orders.Name, []byte("good"), good); err != nil {
			return nil, err
		}
	}
	sent(len(b.values) + 2)
	return []page.Count{{Name: string(topics.Orders.Name), N: int64(len(b.values) + 2)}}, nil
}

func (b *broken) Judge(a *audit.Audit) []page.Check {
	b.judged = a
	return nil
}

func run(t *testing.T, s Source) Result {
	t.Helper()
	if _, err := rig.FindEngine(); errors.Is(err, rig.ErrNoEngine) {
		t.Skip(err)
	}
	res, err := Run(t.Context(), Options{Config: config.Default(), Log: slog.New(slog.DiscardHandler), Progress: show.NewProgress(io.Discard), Source: s})
	if res.Rig != nil {
		t.Cleanup(func() { _ = res.Rig.Stop() })
	}
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// What no codec can read ends as a dead letter with its reason and its bytes; everything adds up; and what stands behind it
// in the partition goes through.
func TestBrokenRecordsBecomeDeadLettersAndEverythingAddsUp(t *testing.T) {
	s := &broken{}
	res := run(t, s)
	if res.Err != nil {
		t.Error(res.Err)
	}
	for reason, value := range s.values {
		i := slices.IndexFunc(s.judged.Letters, func(l avro.DeadLetter) bool { return l.Reason == reason })
		if i < 0 {
			t.Errorf("no dead letter says %s", reason)
			continue
		}
		if l := s.judged.Letters[i]; !bytes.Equal(l.Value.V, value) || string(l.Key.V) != reason || len(l.Causes) == 0 {
			t.Errorf("%s: the letter holds %x under %s with causes %v, sent was %x", reason, l.Value.V, l.Key.V, l.Causes, value)
		}
	}
	if got := s.judged.RecordFates(); got.Dead != 4 || got.New != 1 || got.Duplicate != 1 {
		t.Errorf("records: %+v, want 4 dead, 1 new, 1 duplicate", got)
	}
	if got := len(s.judged.Orders); got == 0 {
		t.Error("the good order has no timeline")
	}
}

// Files that make no sense are refused message by message, with a reason a person can act on.
func TestBrokenFilesBecomeDeadLetters(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{
		"traccar/cut.json":   `{"position":{"deviceId":1,"latitude":`,
		"traccar/empty.json": `{}`,
		"hsl/cut.dump":       "{\"APC\"\nno json at all\n",
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := NewFiles("demo", dir)
	if err != nil {
		t.Fatal(err)
	}
	res := run(t, s)
	if res.Err != nil {
		t.Error(res.Err)
	}
	var letters int64
	for _, l := range res.Page.Letters {
		letters += l.N
		if l.Note == "" {
			t.Errorf("%s says nothing", l.Name)
		}
	}
	if letters == 0 || letters != res.Page.Accounting[0].Total {
		t.Errorf("%d dead letters of %d records: %+v", letters, res.Page.Accounting[0].Total, res.Page.Letters)
	}
}

func TestVerdict(t *testing.T) {
	in := []page.Count{{Name: "x", N: 1}}
	off := page.Sum{Name: recordsIn, Total: 2, Parts: []page.Count{{N: 1}}}
	tests := []struct {
		name string
		page page.Page
		want string
	}{
		{"all holds", page.Page{In: in}, "demo: ok"},
		{"a sum is off", page.Page{In: in, Accounting: []page.Sum{off}}, "demo: FAILED: records do not add up"},
		{"a check is off", page.Page{In: in, Truth: []page.Check{{Name: "gaps", Want: 3, Got: 2}}}, "demo: FAILED: gaps: 3 expected, 2 found"},
		{"nothing went in", page.Page{}, "demo: FAILED: nothing went in"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			var out strings.Builder
			Finish(&out, judge(tc.page, &audit.Audit{}))
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if last := lines[len(lines)-1]; !strings.HasPrefix(last, tc.want) {
				t.Errorf("the last line is %q, want %q", last, tc.want)
			}
		})
	}
	var out strings.Builder
	Finish(&out, fmt.Errorf("first\nsecond"))
	if !strings.HasSuffix(out.String(), "demo: FAILED: first; second\n") {
		t.Errorf("a reason of two lines: %q", out.String())
	}
}

func TestFilesSaysWhatItWants(t *testing.T) {
	for _, dir := range []string{t.TempDir(), filepath.Join(t.TempDir(), "none")} {
		if _, err := NewFiles("demo", dir); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

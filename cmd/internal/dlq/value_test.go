package dlq

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"waybill/avro"
	"waybill/topics"
)

// seen is a letter of the value as `dlq show` prints it.
func (d *desk) seen(t *testing.T, value []byte) (View, string) {
	t.Helper()
	id := d.bury(t, d.letter(func(l *avro.DeadLetter) { l.Value = avro.Some(value) }))[0]
	w, err := d.box().Find(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	v, err := d.box().View(t.Context(), w, Guard{MaxAttempts: 3})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := v.Print(&out); err != nil {
		t.Fatal(err)
	}
	if _, err := json.Marshal(v); err != nil {
		t.Errorf("as JSON: %v", err)
	}
	return v, out.String()
}

func TestValuesAreMadeOut(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	order := must(d.codec.Append(t.Context(), nil, topics.Orders.Name, &avro.Order{Tenant: "acme", OrderID: "SO1"}))
	message := must(d.codec.Append(t.Context(), nil, topics.PartnerMessages.Name, &avro.PartnerMessage{Tenant: "acme", Format: "csv", Payload: []byte("a;b\n\"1\"")}))
	damaged := bytes.Clone(message)
	damaged[5] = 0xfe // the length of tenant
	tests := []struct {
		name  string
		value []byte
		at    int
		want  []string
	}{
		{"a record", order, -1, []string{"value: waybill.orders.Order, schema ", `"order_id": "SO1"`, `"tenant": "acme"`}},
		{"bytes that are text", message, -1, []string{`"payload": "a;b\n\"1\""`}},
		{"text", []byte("<order>\n  <id/>\n</order>"), -1, []string{"not decoded: record starts with byte 0x3c", "  <order>\n    <id/>"}},
		{"bytes of nothing", []byte{0xff, 0, 'a'}, -1, []string{"  00000000  ff 00 61", "..a"}},
		{"too short", []byte{0, 0}, -1, []string{"record of 2 bytes", "00000000  00 00"}},
		{"an id that nobody knows", append([]byte{0, 0, 0, 99, 99}, order[5:]...), 1, []string{"schema 25443", "▶ 00000000  00 00 00 63 63"}},
		{"damaged at the beginning", damaged, 5, []string{"not decoded: ", "▶ 00000000"}},
		{"cut off", order[:len(order)-3], len(order) - 4, []string{"not decoded: ", "▶ 000000"}},
		{"bytes left over", append(bytes.Clone(order), make([]byte, 40)...), len(order), []string{"40 bytes are left over", "▶ 000000"}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			v, said := d.seen(t, tc.value)
			if !bytes.Equal(v.Value.Bytes, tc.value) {
				t.Errorf("the bytes are %x, want %x", v.Value.Bytes, tc.value)
			}
			if v.Value.At != tc.at && !(tc.at > 6 && v.Value.At >= tc.at-16 && v.Value.At <= tc.at+1) {
				t.Errorf("decoding failed at %d, want %d", v.Value.At, tc.at)
			}
			for _, want := range tc.want {
				if !strings.Contains(said, want) {
					t.Errorf("nothing of %q in\n%s", want, said)
				}
			}
		})
	}
}

func TestShowTellsAllThereIs(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.bury(t, d.letter(func(l *avro.DeadLetter) {
		l.Causes = []string{"adapt csv message: orders.csv line 3 asks for mapping x: there are none", "orders.csv line 3 asks for mapping x: there are none"}
		l.Reason, l.Attempt, l.Headers = "NO_MAPPING", 2, []avro.Header{{Key: "traceparent", Value: []byte("00-ab")}, {Key: "bin", Value: []byte{0xff}}}
	}))[0]
	w, err := d.box().Find(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	v, err := d.box().View(t.Context(), w, Guard{MaxAttempts: 3})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	_ = v.Print(&out)
	for _, want := range []string{
		"dead letter 0-0, open", "in normalise of NO_MAPPING, attempt 2", "erp.orders.v1/1@1, stamped 2023-11-14 22:13:20", "waybill dlq replay 0-0", "processors.normalise.mapping_dir",
		"  adapt csv message\n    orders.csv line 3 asks", "traceparent: 00-ab", "bin: 0xff", "key: 5 bytes\n  key-1",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("nothing of %q in\n%s", want, &out)
		}
	}
	if _, err := replay(t, d.box()); err != nil {
		t.Fatal(err)
	}
	w, _ = d.box().Find(t.Context(), id)
	v, _ = d.box().View(t.Context(), w, Guard{MaxAttempts: 3})
	out.Reset()
	_ = v.Print(&out)
	if !strings.Contains(out.String(), "dead letter 0-0, replayed by test at 20") {
		t.Errorf("it does not say that it was replayed:\n%s", &out)
	}
}

func TestDumpOfLongContent(t *testing.T) {
	c := Content{Bytes: make([]byte, 5000), At: 3000}
	said := c.Dump()
	if lines := strings.Count(said, "\n"); lines != 34 {
		t.Errorf("%d lines", lines)
	}
	for _, want := range []string{"2864 bytes before", "▶ 00000bb0", "1624 bytes behind"} {
		if !strings.Contains(said, want) {
			t.Errorf("nothing of %q in\n%s", want, said)
		}
	}
}

var reasonCode = regexp.MustCompile(`^[A-Z]+(_[A-Z]+)+$|^PANIC$|^TOMBSTONE$|^OVERSIZE$`)

// Every reason code that the code gives has its advice.
func TestEveryReasonHasAdvice(t *testing.T) {
	found := map[string]bool{}
	for _, root := range []string{"processors", "topics", "sinks"} {
		err := filepath.WalkDir(filepath.Join("..", "..", "..", root), func(path string, e fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "/sim/") {
				return err
			}
			return reasons(path, found)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(found) < 20 {
		t.Errorf("only %d reasons were found: the test looks in the wrong places", len(found))
	}
	for r := range found {
		if advice[r] == "" {
			t.Errorf("reason %s has no advice: add it to advice.go", r)
		}
	}
}

// reasons finds the codes given to poison errors, by name of the function, and the constants named Reason….
func reasons(path string, found map[string]bool) error {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		return err
	}
	takes := []string{"Poisonf", "Poisoned", "require"}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if sel, ok := n.Fun.(*ast.SelectorExpr); ok && slices.Contains(takes, sel.Sel.Name) {
				for _, arg := range n.Args[:min(2, len(n.Args))] {
					note(arg, found)
				}
			}
		case *ast.ValueSpec:
			for i, name := range n.Names {
				if strings.HasPrefix(name.Name, "Reason") && i < len(n.Values) {
					note(n.Values[i], found)
				}
			}
		}
		return true
	})
	return nil
}

func note(e ast.Expr, found map[string]bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return
	}
	if s, err := strconv.Unquote(lit.Value); err == nil && reasonCode.MatchString(s) {
		found[s] = true
	}
}

func ExampleChain() {
	for _, c := range Chain([]string{"handle orders/0@7: adapt: row 3: no time", "adapt: row 3: no time", "row 3: no time", "no time"}) {
		fmt.Println(c)
	}
	// Output:
	// handle orders/0@7
	// adapt
	// row 3
	// no time
}

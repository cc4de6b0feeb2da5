package feed_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"waybill/avro"
	"waybill/cmd/internal/feed"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, s feed.Source) []*avro.PartnerMessage {
	t.Helper()
	var out []*avro.PartnerMessage
	for m, err := range s.Messages() {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
	}
	return out
}

func TestPayloads(t *testing.T) {
	for _, c := range []struct {
		name, format, file, text string
		want                     []string // line, then payload
	}{
		{"rows", "csv", "a.csv", "h1,h2\r\n1,2\r\n\r\n3,4", []string{"2 1,2", "4 3,4"}},
		{"a quoted value over lines", "csv", "a.csv", "h1,h2\n1,\"a\nb\"\n3,4\n", []string{"2 1,\"a\nb\"", "4 3,4"}},
		{"quotes within quotes", "csv", "a.csv", "h\n\"a \"\"b\"\" c\"\nd\n", []string{`2 "a ""b"" c"`, "3 d"}},
		{"a quote that never closes is one bad row", "csv", "a.csv", "h\n\"a\nb\nc\n", []string{`2 "a`, "3 b", "4 c"}},
		{"HSL lines", "hsl", "a.dump", "one {\n\ntwo\n", []string{"1 one {", "3 two"}},
		{"JSON lines, one malformed", "json", "a.jsonl", "{\"a\":1}\n{\"a\":\n{\"a\":3}\n", []string{`1 {"a":1}`, `2 {"a":`, `3 {"a":3}`}},
		{"a list", "json", "a.json", "[\n {\"a\":\"],}\"},\n {\"b\":[1,{}]}\n , 7 ]\n", []string{`1 {"a":"],}"}`, `2 {"b":[1,{}]}`, "3 7"}},
		{"a list with a malformed element", "json", "a.json", `[{"a":1},{"a":oops"\""},{"a":3}]`, []string{`1 {"a":1}`, `2 {"a":oops"\""}`, `3 {"a":3}`}},
		{"a list that is cut off", "json", "a.json", `[{"a":1},{"a":`, []string{`1 {"a":1}`, `2 {"a":`}},
		{"an empty list", "json", "a.json", " [ ] ", nil},
		{"one document over several lines", "json", "a.json", "{\n \"a\": 1\n}\n", []string{"1 {\n \"a\": 1\n}"}},
		{"an empty file of lines", "hsl", "a.dump", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, m := range read(t, feed.Source{Tenant: "acme", Format: c.format, Mapping: "m", Paths: []string{write(t, c.file, c.text)}}) {
				got = append(got, fmt.Sprintf("%d %s", m.Line, m.Payload))
				if m.Tenant != "acme" || m.Format != c.format || m.Partner != c.format || m.Name != c.file || feed.Key(m) != "acme|"+c.format+"|"+c.file {
					t.Errorf("envelope %+v", m)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestHeaderAndMapping(t *testing.T) {
	for _, c := range []struct{ header, want string }{
		{"id,type,time,Customer_Order,Container", "ocel-logistics"},
		{"\ufeffid,type,time,items", "ocel-order-management"},
		{"type,payment,id,time", "ocel-p2p"},
	} {
		got := read(t, feed.Source{Format: "ocel", Paths: []string{write(t, "any.csv", c.header+"\n1,2,3,4\n")}})
		if len(got) != 1 || got[0].Mapping != c.want || got[0].Header != strings.TrimPrefix(c.header, "\ufeff") {
			t.Errorf("%s: got %+v, want mapping %s", c.header, got, c.want)
		}
	}
}

func TestFolder(t *testing.T) {
	log := "id,type,time,payment\n1,t,x,p\n"
	root := filepath.Dir(write(t, "b.csv", log))
	for _, name := range []string{"a/c.csv", "a/entities/e.csv", "a/notes.txt"} {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(log), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, m := range read(t, feed.Source{Format: "ocel", Paths: []string{root}}) {
		got = append(got, m.Name)
	}
	if want := []string{"a/c.csv", "b.csv"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What is too large is a message all the same: it becomes a dead letter, and what follows is read.
func TestOversize(t *testing.T) {
	large := strings.Repeat("x", feed.MaxPayload+1)
	for _, c := range []struct{ name, format, file, text string }{
		{"line", "hsl", "a.dump", large + "\nnext\n"},
		{"row", "csv", "a.csv", "h\n" + large + "\nnext\n"},
		{"row in quotes", "csv", "a.csv", "h\n\"" + large + "\"\nnext\n"},
		{"element", "json", "a.json", "[\"" + large + "\",next]"},
		{"document in lines", "json", "a.json", "\"" + large + "\"\nnext"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := read(t, feed.Source{Format: c.format, Mapping: "m", Paths: []string{write(t, c.file, c.text)}})
			if len(got) != 2 || got[0].Format != "oversize" || len(got[0].Payload) != feed.MaxKept || string(got[1].Payload) != "next" {
				t.Fatalf("got %d messages, first %s of %d bytes", len(got), got[0].Format, len(got[0].Payload))
			}
			if !strings.Contains(got[0].Header, fmt.Sprint("the limit is ", feed.MaxPayload)) {
				t.Errorf("header %q does not state the limit", got[0].Header)
			}
		})
	}
}

// A row that fits alone, under a header that fits alone, is too large where they do not fit together.
func TestHeaderAndRowTogetherAreOversize(t *testing.T) {
	half := strings.Repeat("x", feed.MaxPayload*2/3)
	got := read(t, feed.Source{Format: "csv", Mapping: "m", Paths: []string{write(t, "a.csv", half+"\n"+half+"\n")}})
	if len(got) != 1 || got[0].Format != "oversize" || len(got[0].Payload) != feed.MaxKept || len(got[0].Header) > 1000 {
		t.Errorf("got %d messages, first %s with a header of %d bytes and %d bytes", len(got), got[0].Format, len(got[0].Header), len(got[0].Payload))
	}
}

func TestLargestPayloadIsWhole(t *testing.T) {
	large := bytes.Repeat([]byte("x"), feed.MaxPayload-1)
	got := read(t, feed.Source{Format: "hsl", Paths: []string{write(t, "a.dump", string(large)+"\n")}})
	if len(got) != 1 || got[0].Format != "hsl" || !bytes.Equal(got[0].Payload, large) {
		t.Errorf("got %d messages", len(got))
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	empty := t.TempDir()
	for _, c := range []struct {
		name string
		in   feed.Source
		want string
	}{
		{"no file", feed.Source{Format: "hsl", Paths: []string{filepath.Join(empty, "gone")}}, "is not there: check the path"},
		{"no format", feed.Source{Format: "xml", Paths: []string{empty}}, `format "xml" is not known: there are csv, dcsa, epcis, hsl, iftsta, json, ocel, otm5, traccar, x12`},
		{"no paths", feed.Source{Format: "hsl"}, "name a file or folder"},
		{"no mapping", feed.Source{Format: "csv", Paths: []string{empty}}, "needs a mapping"},
		{"empty folder", feed.Source{Format: "hsl", Paths: []string{empty}}, "holds no hsl file (.dump)"},
		{"empty log", feed.Source{Format: "ocel", Paths: []string{write(t, "a.csv", "")}}, "it is empty: want a header line"},
		{"empty table after a full one", feed.Source{Format: "csv", Mapping: "m", Paths: []string{write(t, "a.csv", "h\n1\n"), write(t, "b.csv", "")}}, "it is empty: want a header line"},
		{"no log", feed.Source{Format: "ocel", Paths: []string{write(t, "a.csv", "ocel_id,name\n")}}, "lacks id, type or time"},
		{"strange column", feed.Source{Format: "ocel", Paths: []string{write(t, "a.csv", "id,type,time,ships\n")}}, "no mapping knows all columns"},
		{"no object columns", feed.Source{Format: "ocel", Paths: []string{write(t, "a.csv", "id,type,time\n")}}, "name the one that is meant"},
	} {
		for m, err := range c.in.Messages() {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: got %v, %v, want %q", c.name, m, err, c.want)
			}
		}
	}
}

func TestReadingStops(t *testing.T) {
	path := write(t, "a.dump", "1\n2\n3\n")
	for m := range (feed.Source{Format: "hsl", Paths: []string{path, path}}).Messages() {
		if m.Line == 2 {
			break
		}
	}
}

package normalise_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"waybill/avro"
	"waybill/processors/normalise/epcis"
)

// events gives the events of a document, read by the test itself.
func events(t *testing.T, raw []byte) []map[string]any {
	t.Helper()
	type body struct {
		EventList    []map[string]any
		QueryResults struct {
			ResultsBody struct{ EventList []map[string]any }
		}
	}
	var d struct{ EpcisBody body }
	if err := json.Unmarshal(raw, &d); err != nil {
		t.Fatal(err)
	}
	return append(d.EpcisBody.EventList, d.EpcisBody.QueryResults.ResultsBody.EventList...)
}

// TestOutsideEPCIS: every document of the standard's own is accepted, each event is a fact, and each declaration supersedes
// the fact of the event it declares, wherever that was sent first.
func TestOutsideEPCIS(t *testing.T) {
	total, corrected := 0, 0
	for _, file := range outside(t, "gs1-epcis", func(p string) bool { return filepath.Ext(p) == ".jsonld" }) {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		declared, want := 0, events(t, raw)
		for _, e := range want {
			if e["errorDeclaration"] != nil {
				declared++
			}
		}
		got := adapt(t, []*avro.PartnerMessage{message("epcis", "", filepath.Base(file), "", 0, raw)})
		if len(got.letters) > 0 || len(got.all) != len(want)+declared {
			t.Errorf("%s: %d events and %d declarations became %d facts and %d dead letters %v", file, len(want), declared, len(got.all), len(got.letters), letters(got))
			continue
		}
		for _, f := range got.all {
			if len(f.Supersedes) == 0 {
				total++
				continue
			}
			corrected++
			plain := adapt(t, []*avro.PartnerMessage{message("epcis", "", filepath.Base(file), "", 0, undeclared(t, raw))})
			if !got.distinct[f.Supersedes[0]] || !plain.distinct[f.Supersedes[0]] {
				t.Errorf("%s: a declaration supersedes %v, which is no fact of the event", file, f.Supersedes)
			}
		}
		t.Logf("%s: %d events, %d declared to be errors", filepath.Base(file), len(want), declared)
	}
	t.Logf("%d facts of events, %d corrections", total, corrected)
}

func letters(s said) []string {
	var out []string
	for _, l := range s.letters {
		out = append(out, l.Causes...)
	}
	return out
}

// undeclared is a document as it was before its events were declared to be errors.
func undeclared(t *testing.T, raw []byte) []byte {
	t.Helper()
	var d any
	if err := json.Unmarshal(raw, &d); err != nil {
		t.Fatal(err)
	}
	var strip func(v any)
	strip = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			delete(v, "errorDeclaration")
			for _, x := range v {
				strip(x)
			}
		case []any:
			for _, x := range v {
				strip(x)
			}
		}
	}
	strip(d)
	out, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestOutsideEPCISTwice: the documents sent again, in XML where there is one, tell nothing new.
func TestOutsideEPCISTwice(t *testing.T) {
	files := outside(t, "epcis-event-hash", func(p string) bool { return slices.Contains([]string{".jsonld", ".xml"}, filepath.Ext(p)) })
	hashes := map[string]bool{}
	var messages []*avro.PartnerMessage
	for i, file := range append(files, files...) {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		messages = append(messages, message("epcis", "", filepath.Base(file), "", i, raw))
	}
	got := adapt(t, messages)
	for _, f := range got.all {
		for _, a := range f.Attributes {
			if a.K == epcis.HashKey {
				hashes[a.V] = true
			}
		}
	}
	if len(got.letters) > 0 || len(got.all) != len(hashes) {
		t.Errorf("%d different events became %d facts, %d dead letters %v", len(hashes), len(got.all), len(got.letters), letters(got))
	}
	t.Logf("%d documents sent twice are %d facts of %d events", len(files), len(got.all), len(hashes))
}

package edifact_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"waybill/avro"
	"waybill/processors/normalise/codes"
	"waybill/processors/normalise/edi/edifact"
	"waybill/topics/fault"
)

func tables(tb testing.TB, own string) *codes.Tables {
	tb.Helper()
	dir := ""
	if own != "" {
		dir = tb.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "own.yaml"), []byte(own), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	all, err := codes.New(dir)
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

func message(payload string) *avro.PartnerMessage {
	return &avro.PartnerMessage{Tenant: "acme", Format: edifact.Format, Partner: "p", Name: "f.edi", Line: 1, ReceivedAt: 1, Payload: []byte(payload)}
}

// ifsta is one message with its segments in the middle, a segment a line.
func iftsta(number string, segments ...string) string {
	return fmt.Sprintf("UNH+%s+IFTSTA:D:00B:UN'\n%s'\nUNT+%d+%s'\n", number, strings.Join(segments, "'\n"), len(segments)+2, number)
}

const envelope = "UNB+UNOC:2+SENDER:ZZZ+RECEIVER:ZZZ+260105:1021+77'\n"

var ship = []string{
	"BGM+23+X+9", "NAD+CA+ABCD:160++CARRIER", "RFF+BN:S1", "RFF+BM:B1", "CNI+1", "STS+1+21::HS:Delivered, the receiver?'s own words?+more", "RFF+EQ:TRHU4561222",
	"DTM+334:202601050930:203", "LOC+175+DEHAM:139::HAMBURG+DE:162", "TDT+1++2+25+:::OPERATOR", "LOC+7+NLRTM:139::ROTTERDAM", "DTM+132:202601061200:203",
	"LOC+11+USNYC:139::NEW YORK", "DTM+132:202601061200:203", "EQD+CN+TRHU4561222+45G1",
}

func adapt(t *testing.T, own, payload string) []avro.Record {
	t.Helper()
	out, err := edifact.New(tables(t, own)).Adapt(message(payload))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func told(all []avro.Record) (out []string) {
	for _, r := range all {
		if c, ok := r.(*avro.CarrierStatus); ok {
			out = append(out, fmt.Sprintf("%s %s %s %s %s %s %s %s%s", c.StatusCode, c.Milestone, c.Classifier, c.ContainerID, c.ShipmentID, c.BOL, c.PlaceID, c.OccurredAt.Time().UTC().Format("2006-01-02T15:04Z"), c.LocalTime))
		}
	}
	return out
}

func TestStatuses(t *testing.T) {
	out := adapt(t, "", envelope+iftsta("1", ship...)+"UNZ+1+77'")
	want := []string{"21 DELIVERED ACTUAL TRHU4561222 S1 B1 DEHAM 2026-01-05T08:30Z", "7/132 ETA ESTIMATED TRHU4561222 S1 B1 NLRTM 2026-01-06T11:00Z"}
	if got := told(out); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	attributes := fmt.Sprint(out[0].(*avro.CarrierStatus).Attributes)
	for _, a := range []string{"{status Delivered, the receiver's own words+more}", "{leg/11/132 202601061200 USNYC}", "{operator OPERATOR}"} {
		if !strings.Contains(attributes, a) {
			t.Errorf("attributes %s lack %s", attributes, a)
		}
	}
}

// UNA says other characters; a segment and its delimiters may lie over lines.
func TestServiceCharacters(t *testing.T) {
	other := strings.NewReplacer("'", "~", "+", "|", ":", ">", "?", "\\").Replace(envelope + iftsta("1", ship...))
	if got, want := told(adapt(t, "", "UNA>|.\\ ~\r\n"+other)), told(adapt(t, "", envelope+iftsta("1", ship...))); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, in := range []string{"", "UNA", "UNA++.? '", "ISA*00*", "hello"} {
		if _, err := edifact.New(tables(t, "")).Adapt(message(in)); fault.Reason(err) != "BAD_EDIFACT" {
			t.Errorf("%q: got %v", in, err)
		}
	}
}

func TestTimes(t *testing.T) {
	for _, c := range []struct{ dtm, loc, own, want string }{
		{"334:202601050930:203", "DEHAM", "", "2026-01-05T08:30Z"},
		{"334:20260105:102", "DEHAM", "", "2026-01-04T23:00Z"},
		{"334:20260105093059:204", "DEHAM", "", "2026-01-05T08:30Z"},
		{"334:202601050930?+0300:205", "DEHAM", "", "2026-01-05T06:30Z"},
		{"334:202601050930ET:303", "DEHAM", "", "2026-01-05T14:30Z"},
		{"334:202601050930:203", "USSYR", "", "2026-01-04T19:30Z2026-01-05T09:30:00"}, // the US has many zones: marked
		{"334:202601050930:203", "USSYR", "{partner: p, zones: {USSYR: America/New_York}}", "2026-01-05T14:30Z"},
	} {
		got := told(adapt(t, c.own, iftsta("1", "CNI+1", "RFF+BM:B1", "STS+1+P", "DTM+"+c.dtm, "LOC+175+"+c.loc)))
		if len(got) != 1 || !strings.HasSuffix(got[0], c.loc+" "+c.want) || !strings.HasPrefix(got[0], "P UNMAPPED") {
			t.Errorf("%s %s: got %q, want %s", c.dtm, c.loc, got, c.want)
		}
	}
}

// What is wrong is told by segment and component; a message at fault does not hold up the others.
func TestFaults(t *testing.T) {
	bad := iftsta("2", "CNI+1", "STS+1+P", "DTM+334:2026013:203")
	for _, c := range []struct{ in, reason, want string }{
		{bad, "BAD_FIELDS", `segment 4, DTM 1.2: "2026013" is no time of form "203": send it as 203, CCYYMMDDHHMM`},
		{iftsta("2", "STS+1+P", "DTM+334:202601052561:203"), "BAD_FIELDS", `DTM 1.2: "2561" is no time`},
		{iftsta("2", "STS+1+P"), "BAD_FIELDS", "STS 1.1: is followed by no DTM 334"},
		{iftsta("2", "STS+1", "DTM+334:202601050930:203"), "BAD_FIELDS", "STS 2.1: is missing: it is the status"},
		{iftsta("2", "BGM+23"), "BAD_FIELDS", "STS: is missing"},
		{"UNH+2+IFTSTA:D:00B:UN'STS+1+P'", "NO_TRAILER", "has no UNT"},
		{"UNH+2+CONTRL:D:3:UN'UNT+2+2'", "UNKNOWN_SET", `no adapter reads "CONTRL"`},
		{envelope + "UNZ+0+77'", "BAD_EDIFACT", "no message"},
	} {
		_, err := edifact.New(tables(t, "")).Adapt(message(c.in))
		if fault.Of(err) != fault.Poison || fault.Reason(err) != c.reason || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, want %s", c.in, err, c.want)
		}
	}
	out := adapt(t, "", envelope+iftsta("1", ship...)+bad+iftsta("3", ship...)+"UNZ+3+77'")
	part, ok := out[len(out)-1].(*avro.PartnerMessage)
	if !ok || len(told(out)) != 4 || string(part.Payload) != strings.TrimSpace(bad) || part.Header != strings.TrimSpace(envelope) || part.Line != 2 {
		t.Fatalf("got %q, part %+v", told(out), part)
	}
	if _, err := edifact.New(tables(t, "")).Adapt(part); fault.Reason(err) != "BAD_FIELDS" || !strings.Contains(err.Error(), "f.edi:2") {
		t.Errorf("alone it gives %v", err)
	}
}

// Of several containers above a status it stays open which are meant; of one it does not.
func TestContainers(t *testing.T) {
	for _, c := range []struct {
		above, at []string
		want      []string
	}{
		{[]string{"RFF+EQ:A", "RFF+EQ:B"}, nil, []string{""}}, {[]string{"RFF+EQ:A"}, nil, []string{"A"}},
		{[]string{"RFF+EQ:A"}, []string{"EQD+CN+C", "EQD+CN+D"}, []string{"C", "D"}}, {nil, []string{"RFF+EQ:C", "EQD+CN+C"}, []string{"C"}},
	} {
		segments := slices.Concat([]string{"RFF+BM:B1"}, c.above, []string{"CNI+1", "STS+1+P", "DTM+334:20260105:102"}, c.at)
		var got []string
		for _, r := range adapt(t, "", iftsta("1", segments...)) {
			got = append(got, r.(*avro.CarrierStatus).ContainerID)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v %v: got %q, want %q", c.above, c.at, got, c.want)
		}
	}
}

// Whatever the payload, what is allocated for it is at most perByte times its size and base.
const (
	perByte = 160
	base    = 256 << 10
)

func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func FuzzAdapt(f *testing.F) {
	f.Add([]byte(envelope + iftsta("1", ship...) + iftsta("2", "STS+1") + "UNZ+2+77'"))
	f.Add([]byte("UNA>|.\\ ~UNH|1|IFTSTA>D>00B~STS|1|P~DTM|334>20260105>102~UNT|4|1~"))
	f.Add([]byte("UNH+1+IFTSTA:D:00B:UN'STS+1+?''?"))
	a := edifact.New(tables(f, ""))
	f.Fuzz(func(t *testing.T, payload []byte) {
		m := message("")
		m.Payload = payload
		used := allocated(func() {
			out, err := a.Adapt(m)
			if err != nil && fault.Of(err) != fault.Poison {
				t.Fatalf("got %v, want poison", err)
			}
			for _, r := range out {
				if p, ok := r.(*avro.PartnerMessage); ok {
					if again, err := a.Adapt(p); err == nil && len(again) > 0 && len(told(again)) == len(again) {
						t.Fatalf("%q was refused, and alone it is not", p.Payload)
					}
				}
			}
		})
		if limit := uint64(perByte*len(payload)) + base; used > 3*limit { // refused parts are read again here
			t.Errorf("%d bytes took %d, the limit is %d", len(payload), used, limit)
		}
	})
}

func TestAllocationIsBounded(t *testing.T) {
	const n = 10_000
	many := func(s string) []string { return slices.Repeat([]string{s}, n) }
	for name, in := range map[string]string{
		"elements":   iftsta("1", strings.Repeat("+", n)),
		"segments":   iftsta("1", many("A")...),
		"statuses":   iftsta("1", many("STS+1+P'DTM+334:20260105:102")...),
		"containers": iftsta("1", append([]string{"STS+1+P", "DTM+334:20260105:102"}, many("EQD+CN+A'EQD+CN+B")...)...),
		"below many": iftsta("1", slices.Concat(many("RFF+EQ:A"), many("RFF+ON:A"), many("STS+1+P'DTM+334:20260105:102"))...),
		"legs":       iftsta("1", slices.Concat([]string{"STS+1+P", "DTM+334:20260105:102", "TDT+1"}, many("LOC+7+DEHAM'DTM+132:20260105:102"))...),
		"messages":   strings.Repeat("UNH+1+IFTSTA:D:00B'UNT+1+1'", 900),
		"faults":     iftsta("1", many("STS+1")...),
	} {
		used := allocated(func() { _, _ = edifact.New(tables(t, "")).Adapt(message(in)) })
		t.Logf("%-12s %7d bytes: %5.1f a byte", name, len(in), float64(used)/float64(len(in)))
		if limit := uint64(perByte*len(in) + base); used > limit {
			t.Errorf("%s: %d bytes took %d, the limit is %d", name, len(in), used, limit)
		}
	}
}

// Taking an interchange of status messages apart, beside encoding/json over the same bytes as strings of a list.
func BenchmarkAdapt(b *testing.B) {
	payload := envelope + strings.Repeat(iftsta("1", ship...), 300)
	asJSON, err := json.Marshal(strings.Split(payload, "\n"))
	if err != nil {
		b.Fatal(err)
	}
	a, m := edifact.New(tables(b, "")), message(payload)
	b.Run("iftsta", func(b *testing.B) {
		b.SetBytes(int64(len(payload)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := a.Adapt(m); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("json", func(b *testing.B) {
		b.SetBytes(int64(len(asJSON)))
		b.ReportAllocs()
		for b.Loop() {
			var v any
			if err := json.Unmarshal(asJSON, &v); err != nil {
				b.Fatal(err)
			}
		}
	})
}

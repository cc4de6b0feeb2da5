package codes_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"waybill/avro"
	"waybill/processors/normalise/codes"
)

func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The most specific table decides, code by code: partner before version, the operator's own before one that ships.
func TestPrecedence(t *testing.T) {
	all, err := codes.New(folder(t, map[string]string{
		"a.yaml": `{partner: p, codes: {214/AT7-01: {X1: ETA}}}`, "b.json": `{"partner": "p", "version": "005", "codes": {"214/AT7-01": {"X1": "DELAYED"}}}`,
		"c.yaml": `{codes: {214/AT7-01: {D1: RETURNED, XB: ACCEPTED}}}`, "d.yaml": `{partner: ustranscom, codes: {214/AT7-01: {XB: RETURNED}}, currency: USD}`, "notes.txt": "no table",
	}))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		partner, version, code string
		want                   avro.MilestoneCode
	}{
		{"p", "004010", "X1", avro.MilestoneCodeETA}, {"p", "005010", "X1", avro.MilestoneCodeDelayed}, {"q", "005010", "X1", avro.MilestoneCodeArrivedDelivery},
		{"p", "005010", "D1", avro.MilestoneCodeReturned}, {"p", "", "X3", avro.MilestoneCodeArrivedPickup}, {"q", "", "XB", avro.MilestoneCodeAccepted},
		{"ustranscom", "004010", "XB", avro.MilestoneCodeReturned}, {"ustranscom", "004010", "OO", avro.MilestoneCodeAccepted}, {"q", "", "ZZ", avro.MilestoneCodeUnmapped},
	} {
		if got := all.For(c.partner, c.version).Milestone("214/AT7-01", c.code); got != c.want {
			t.Errorf("%+v: got %s", c, got)
		}
	}
	if all.For("ustranscom", "").Currency() != "USD" || all.For("p", "").Currency() != "" {
		t.Error("a currency is its partner's")
	}
}

func TestFaultsOfTables(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"{codes: {214/AT7-99: {X1: ETA}}}", `codes: no adapter asks for "214/AT7-99"`},
		{"{codes: {epcis/bizstep: {}}}", `codes: no adapter asks for "epcis/bizstep"`},
		{"{codes: {214/AT7-01: {X1: LUNCH}}}", `codes.214/AT7-01.X1: "LUNCH" is nothing that this element can mean`},
		{"{zones: {US/TN: Nashville}}", `zones.US/TN: "Nashville" is no IANA zone and no offset such as -05:00`},
		{"{zone: \"+25:00\"}", "zone: "}, {"{time_codes: {ET: here}}", "time_codes.ET"}, {"{shape: round}", "it is no code table"}, {"[", "it is no code table"},
	} {
		if _, err := codes.Parse([]byte(c.in)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v", c.in, err)
		}
	}
	_, err := codes.New(folder(t, map[string]string{"a.yaml": "{partner: p, codes: {214/AT7-01: {X1: ETA}}}", "b.yaml": "{partner: p, codes: {214/AT7-01: {X3: ETA}, 990/B1-04: {A: ACCEPTED}}}"}))
	if err == nil || !strings.Contains(err.Error(), "another table of the folder says codes.214/AT7-01 for them too") {
		t.Errorf("two tables for one partner give %v", err)
	}
	apart := map[string]string{"a.yaml": "{partner: p, codes: {214/AT7-01: {X1: ETA}}}", "b.yaml": "{partner: p, zone: UTC, codes: {epcis/bizStep: {picking: PICKED}}}"}
	if _, err := codes.New(folder(t, apart)); err != nil {
		t.Errorf("a partner's codes of two standards in two files give %v", err)
	}
	if _, err := codes.New(t.TempDir() + "/gone"); err == nil || !strings.Contains(err.Error(), "list code tables of") {
		t.Errorf("a folder that is not there gives %v", err)
	}
}

// When a document was made is read in the tables' document_zone, and says so; what happened to freight never is.
func TestDocumentsAndFreight(t *testing.T) {
	all, err := codes.New("")
	if err != nil {
		t.Fatal(err)
	}
	w := codes.Wall{Date: "20260105", Clock: "0930"}
	if m, err := all.For("p", "").Document(w); err != nil || !m.Placed() || m.At.Time().Hour() != 9 || !strings.Contains(m.Note, "read as UTC, the tables' document_zone") {
		t.Errorf("got %+v, %v", m, err)
	}
	if m, err := all.For("p", "").Moment(w); err != nil || m.Placed() || m.Local != "2026-01-05T09:30:00" {
		t.Errorf("got %+v, %v", m, err)
	}
}

func TestWallTimes(t *testing.T) {
	all, _ := codes.New("")
	for _, c := range []struct {
		date, clock string
		want        error
	}{
		{"20260105", "0930", nil}, {"700105", "0930", codes.ErrDate}, {"710105", "0930", nil}, {"20260230", "", codes.ErrDate}, {"2026-01-05", "", codes.ErrDate}, {"", "", codes.ErrDate},
		{"20260105", "2400", codes.ErrClock}, {"20260105", "93", codes.ErrClock}, {"20260105", "09301", codes.ErrClock}, {"20260105", "+930", codes.ErrClock}, {"20260105", "09305999", nil},
	} {
		if _, err := all.For("", "").Moment(codes.Wall{Date: c.date, Clock: c.clock, Code: "UT"}); !errors.Is(err, c.want) {
			t.Errorf("%s %s: got %v", c.date, c.clock, err)
		}
	}
}

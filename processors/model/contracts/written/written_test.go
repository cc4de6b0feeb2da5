package written_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"waybill/avro"
	"waybill/processors/model/contracts"
	"waybill/processors/model/contracts/written"
)

var rewrite = flag.Bool("rewrite", false, "accept what comes out")

// Every fault at once, by path and line, with exact ranges.
func TestFaults(t *testing.T) {
	raw, err := os.ReadFile("testdata/faults.yaml")
	if err != nil {
		t.Fatal(err)
	}
	docs, faults := written.Parse("faults.yaml", raw)
	var b strings.Builder
	for _, f := range append(faults, written.Versions(docs)...) {
		b.WriteString(f.String() + "\n")
	}
	if *rewrite {
		if err := os.WriteFile("testdata/faults.txt", []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, _ := os.ReadFile("testdata/faults.txt")
	if b.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	for _, line := range []string{
		"clauses[1].steps: 1.71 to 1.769 and 1.75 to 1.82 overlap from 1.75 to 1.769",
		"clauses[1].steps: between 1.11 to 1.169 and 1.71 to 1.769 there is a hole from 1.17 to 1.709",
		"from: versions 1 and 2 overlap from 2026-06-01 to 2026-06-30",
		"from: between versions 2 and 4 there is a hole from 2026-08-01 to 2026-08-31",
	} {
		if !strings.Contains(b.String(), line) {
			t.Errorf("nothing says %q", line)
		}
	}
}

func TestSyntax(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "f:1: it holds no contract",
		"a: [1\nb: 2":                    "it is no YAML",
		"- 1":                            "f:1: want keys and values",
		"contract: &a C\nparty: *a":      "f:2: party: refers to an anchor: write it out",
		"contract: [C]":                  "f:1: contract: want one value",
		"clauses: {}":                    "f:1: clauses: want a list",
		"contract:":                      "f:1: contract: is empty",
		"contract: C\ncontract: D":       "f:2: contract: stands twice",
		"clauses:\n  - {charge: detain}": "there is no such thing; there are line_haul, fuel_surcharge, detention",
	} {
		_, faults := written.Parse("f", []byte(text))
		found := false
		for _, f := range faults {
			found = found || strings.Contains(f.String(), want)
		}
		if !found {
			t.Errorf("%q: got %v, want %q", text, faults, want)
		}
	}
}

// What is written is what the record says.
func TestReads(t *testing.T) {
	docs, faults := written.Parse("f", []byte(`
contract: K-1
version: 3
tenant: acme
direction: payable
party: SCAC
currency: JPY
zone: Asia/Tokyo
from: 2026-03-01
through: 2026-03-31
settle: 1d12h
holidays: [2026-03-20]
clauses:
  - clause: "1"
    charge: detention
    measure: dwell
    free: 1h30m
    increment: 15m
    round: nearest
    price: 5000 per hour
    maximum: 20000
    when: {stop: [delivery], weight: {below: 500 kg}}
`))
	if len(faults) > 0 || len(docs) != 1 {
		t.Fatal(faults)
	}
	c := docs[0].Contract
	begins, ends := c.ValidFrom.Time().Format("2006-01-02T15"), c.ValidTo.V.Time().Format("2006-01-02T15")
	if c.ContractID != "K-1" || c.Version != 3 || c.Tenant != "acme" || c.Direction != avro.DirectionPayable || begins != "2026-02-28T15" || ends != "2026-03-31T15" || c.SettleS != 129_600 || len(c.Holidays) != 1 {
		t.Errorf("got %+v", c)
	}
	k := c.Clauses[0]
	if k.On != avro.OccasionVisit || k.Free != 5400_0000 || k.Increment != 900_0000 || k.Rounding != avro.RoundingNearest || k.Price != 5000_0000 || k.Unit != avro.UnitHour ||
		k.MaximumMinor != avro.Some[int64](20_000) || k.When.V.WeightBelow.V != 500_0000 || k.When.V.WeightUnit != avro.UnitKilogram || k.When.V.StopTypes[0] != avro.StopTypeDelivery {
		t.Errorf("got %+v", k)
	}
}

// Any text comes to contracts or faults, not to a panic; a contract without faults is one that the check passes, and survives its codec.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("../testdata/tariffs/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatal("no tariffs", err)
	}
	for _, name := range append(files, "testdata/faults.yaml") {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		docs, faults := written.Parse("f", raw)
		written.Versions(docs)
		if len(faults) > 0 {
			return
		}
		for _, d := range docs {
			var again avro.Contract
			if wrong := contracts.Check(&d.Contract); len(wrong) > 0 {
				t.Errorf("no fault was reported, and there is %v", wrong)
			}
			if err := again.Decode(d.Contract.Append(nil)); err != nil {
				t.Error(err)
			}
		}
	})
}

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"waybill/cmd/internal/adapt"
)

// A new partner is a mapping file and a sample.
func TestAdapt(t *testing.T) {
	alone(t)
	for name, text := range map[string]string{
		"acme.yaml": "name: acme\nformat: csv\nsystem: CARRIER\nidentifiers: [{kind: SHIPMENT, from: ship}]\nfacts:\n  - milestone: {from: code, codes: {D1: DELIVERED}}\n    occurred_at: {from: at, layouts: [\"2006-01-02 15:04\"], zone: UTC}\n",
		"good.csv":  "ship,code,at\nS1,D1,2026-03-02 09:00\n",
		"bad.csv":   "ship,code,at,colour\nS1,D1,2026-03-02 09:00,red\nS2,D1,soon,\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := ask(t.Context(), "adapt", "--mapping", "acme.yaml", "--sample", "good.csv", "-o", "json")
	var list []adapt.Message
	if err != nil || json.Unmarshal([]byte(got.out), &list) != nil || len(list) != 1 || len(list[0].Records) != 1 || len(list[0].Left) > 0 {
		t.Errorf("got %v, %s", err, got.out)
	}
	got, err = ask(t.Context(), "adapt", "--mapping", "acme.yaml", "--sample", "good.csv")
	if err != nil || !strings.Contains(got.out, "nothing is left over") {
		t.Errorf("got %v, %s", err, got.out)
	}
	got, err = ask(t.Context(), "adapt", "--mapping", filepath.Join(".", "acme.yaml"), "--sample", "bad.csv")
	if got.code != exitFailed || !strings.Contains(err.Error(), "5 faults in 2 payloads") || !strings.Contains(got.out, "colour") || !strings.Contains(got.out, `"soon" is not a time`) {
		t.Errorf("exit %d, %v\n%s", got.code, err, got.out)
	}
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"nothing", []string{"adapt"}, "give --sample FILE"},
		{"no such mapping", []string{"adapt", "--mapping", "none", "--sample", "good.csv"}, "none is neither a file nor the name of a mapping: there are scms"},
		{"no such sample", []string{"adapt", "--format", "epcis", "--sample", "none.json"}, "none.json is not there"},
		{"a mapping that is none", []string{"adapt", "--mapping", "good.csv", "--sample", "good.csv"}, "read mapping good.csv"},
	} {
		if got, err := ask(t.Context(), c.args...); got.code != exitUsage || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: exit %d, %v", c.name, got.code, err)
		}
	}
}

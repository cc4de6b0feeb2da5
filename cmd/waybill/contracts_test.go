package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

func TestContractsValidate(t *testing.T) {
	alone(t)
	good := "contract: C\nparty: P\ncurrency: USD\nfrom: 2026-01-01\nclauses:\n  - {clause: d, charge: detention, measure: dwell, free: 2h, increment: 15m, price: 50.00 per hour}\n"
	for name, text := range map[string]string{
		"good.yaml": good, "again.yaml": strings.Replace(good, "2026-01-01", "2026-03-01\nversion: 2", 1),
		"bad.yaml": strings.Replace(good, "measure: dwell", "measure: dwel", 1),
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"no fault", []string{"good.yaml"}, exitOK, "RECEIVABLE"},
		{"a fault", []string{"bad.yaml"}, exitFailed, `"dwel": there is no such thing; there are dwell`},
		{"two files that overlap", []string{"good.yaml", "again.yaml"}, exitFailed, "overlap from 2026-03-01 on"},
		{"no such file", []string{"none.yaml"}, exitUsage, ""},
		{"no file", nil, exitUsage, ""},
	} {
		got, err := ask(t.Context(), append([]string{"contracts", "validate"}, c.args...)...)
		if got.code != c.code || !strings.Contains(got.out, c.want) {
			t.Errorf("%s: exit %d, %v\n%s", c.name, got.code, err, got.out)
		}
	}
	got, _ := ask(t.Context(), "contracts", "validate", "bad.yaml", "-o", "json")
	var v validated
	if err := json.Unmarshal([]byte(got.out), &v); err != nil || len(v.Faults) == 0 || v.Faults[0].Line != 6 || v.Faults[0].File != "bad.yaml" {
		t.Errorf("%v: %s", err, got.out)
	}
	got, err := ask(t.Context(), "contracts", "publish", "bad.yaml")
	if got.code != exitFailed || !strings.Contains(err.Error(), "mend") {
		t.Errorf("publish with a fault: exit %d, %v", got.code, err)
	}
}

// The contract that the README shows is one.
func TestTheReadmesContractHasNoFault(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	alone(t)
	_, section, _ := strings.Cut(string(readme), "\n### Contracts\n")
	_, example, _ := strings.Cut(section, "```yaml\n")
	example, _, ok := strings.Cut(example, "```")
	if !ok {
		t.Fatal("the README shows no contract")
	}
	if err := os.WriteFile("readme.yaml", []byte(example), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := ask(t.Context(), "contracts", "validate", "readme.yaml"); got.code != exitOK || !strings.Contains(got.out, "FWCC-SERVICE") {
		t.Errorf("exit %d, %v\n%s", got.code, err, got.out)
	}
}

package rig_test

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"waybill/bench/rig"
)

const (
	schemaV1        = `{"type":"record","name":"R","fields":[{"name":"a","type":"long"}]}`
	schemaDefault   = `{"type":"record","name":"R","fields":[{"name":"a","type":"long"},{"name":"b","type":"string","default":""}]}`
	schemaNoDefault = `{"type":"record","name":"R","fields":[{"name":"a","type":"long"},{"name":"b","type":"string"}]}`
	schemaDropped   = `{"type":"record","name":"R","fields":[]}`
)

func startRegistry(t *testing.T, o rig.RegistryOptions) (*rig.Registry, *sr.Client) {
	t.Helper()
	r, err := rig.StartRegistry(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Stop() })
	cl, err := sr.NewClient(sr.URLs(r.URL()))
	if err != nil {
		t.Fatal(err)
	}
	return r, cl
}

func TestRegistryAnswersCompatibilityHonestly(t *testing.T) {
	tests := []struct {
		name      string
		level     sr.CompatibilityLevel
		candidate string
		want      bool
	}{
		{"same", sr.CompatBackward, schemaV1, true},
		{"backward, field with default", sr.CompatBackward, schemaDefault, true},
		{"backward, field without default", sr.CompatBackward, schemaNoDefault, false},
		{"forward, field without default", sr.CompatForward, schemaNoDefault, true},
		{"forward, field dropped", sr.CompatForward, schemaDropped, false},
		{"backward, field dropped", sr.CompatBackward, schemaDropped, true},
		{"full, field dropped", sr.CompatFull, schemaDropped, false},
		{"full transitive, field with default", sr.CompatFullTransitive, schemaDefault, true},
		{"none, field without default", sr.CompatNone, schemaNoDefault, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, cl := startRegistry(t, rig.RegistryOptions{})
			if _, err := cl.CreateSchema(t.Context(), "s-value", sr.Schema{Schema: schemaV1}); err != nil {
				t.Fatal(err)
			}
			for _, r := range cl.SetCompatibility(t.Context(), sr.SetCompatibility{Level: tt.level}, "s-value") {
				if r.Err != nil {
					t.Fatal(r.Err)
				}
			}
			for _, version := range []int{1, -1} {
				got, err := cl.CheckCompatibility(t.Context(), "s-value", version, sr.Schema{Schema: tt.candidate})
				if err != nil || got.Is != tt.want {
					t.Errorf("compatible with version %d: %v (%v), want %v", version, got.Is, err, tt.want)
				}
			}
			_, err := cl.CreateSchema(t.Context(), "s-value", sr.Schema{Schema: tt.candidate})
			var refused *sr.ResponseError
			if registered := err == nil; registered != tt.want {
				t.Errorf("registered %v (%v), want %v", registered, err, tt.want)
			}
			if errors.As(err, &refused) && refused.StatusCode != http.StatusConflict {
				t.Errorf("refused with status %d, want 409", refused.StatusCode)
			}
		})
	}
}

func TestRegistryRefusesWhatIsNoSchema(t *testing.T) {
	_, cl := startRegistry(t, rig.RegistryOptions{})
	if _, err := cl.CreateSchema(t.Context(), "s-value", sr.Schema{Schema: `{"type":"recrod"}`}); err == nil {
		t.Error("registered a schema that does not parse")
	}
}

func TestRegistryKeepsIDs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sub", "registry.json")
	r, cl := startRegistry(t, rig.RegistryOptions{File: file})
	want := map[string]sr.SubjectSchema{}
	for subject, text := range map[string]string{"a-value": schemaV1, "b-value": schemaDefault, "c-value": schemaV1} {
		s, err := cl.CreateSchema(t.Context(), subject, sr.Schema{Schema: text})
		if err != nil {
			t.Fatal(err)
		}
		want[subject] = s
	}
	if err := r.Stop(); err != nil {
		t.Fatal(err)
	}
	_, cl = startRegistry(t, rig.RegistryOptions{File: file})
	for subject, w := range want {
		got, err := cl.SchemaByVersion(context.Background(), subject, -1)
		if err != nil || got.ID != w.ID || got.Version != w.Version || got.Schema.Schema != w.Schema.Schema {
			t.Errorf("%s after restart: id %d version %d (%v), want id %d version %d", subject, got.ID, got.Version, err, w.ID, w.Version)
		}
	}
}

package normalise_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"waybill/avro"
)

// schemaFields are the properties of one schema of Traccar's OpenAPI document, by name to type.
func schemaFields(t *testing.T, file, schema string) map[string]string {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Schemas map[string]struct {
			Properties map[string]struct {
				Type any `yaml:"type"`
			} `yaml:"properties"`
		} `yaml:"schemas"`
	}
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for name, p := range doc.Schemas[schema].Properties {
		out[name] = fmt.Sprint(p.Type)
	}
	return out
}

// filled makes an object of a schema with a value in every field: what Traccar may send at most.
func filled(fields map[string]string, given map[string]any) map[string]any {
	out := map[string]any{}
	for name, kind := range fields {
		switch {
		case given[name] != nil:
			out[name] = given[name]
		case strings.Contains(kind, "integer"), strings.Contains(kind, "number"):
			out[name] = 1
		case kind == "boolean":
			out[name] = true
		case kind == "object":
			out[name] = map[string]any{"key": "value"}
		case kind == "array":
			out[name] = []int{1}
		default:
			out[name] = "2026-01-01T00:00:00.000+00:00"
		}
	}
	return out
}

// TestOutsideTraccarSchema: a message with every field of Traccar's own schemas is understood, and the fields that the
// adapter reads are fields that the schemas have: without them it is refused.
func TestOutsideTraccarSchema(t *testing.T) {
	for _, file := range outside(t, "traccar", func(p string) bool { return filepath.Ext(p) == ".yaml" }) {
		position, device, event := schemaFields(t, file, "Position"), schemaFields(t, file, "Device"), schemaFields(t, file, "Event")
		if len(position) == 0 || len(event) == 0 {
			t.Fatalf("%s has no Position or Event", file)
		}
		given := map[string]any{"latitude": 12.5, "longitude": -7.25, "speed": 100, "course": 90, "deviceId": 4}
		whole := map[string]any{"position": filled(position, given), "device": filled(device, nil)}
		told := map[string]any{"event": filled(event, map[string]any{"type": "deviceMoving", "deviceId": 4}), "position": whole["position"], "device": whole["device"]}
		got := adapt(t, []*avro.PartnerMessage{message("traccar", "", "positions", "", 0, encode(t, whole)), message("traccar", "", "events", "", 1, encode(t, told))})
		if len(got.letters) > 0 || len(got.positions) != 1 || len(got.distinct) != 1 {
			t.Fatalf("got %d positions, %d facts, dead letters %v", len(got.positions), len(got.distinct), got.letters)
		}
		p := got.positions[0]
		if p.DeviceID != "4" || p.LatE6 != 12_500_000 || p.LonE6 != -7_250_000 || p.SpeedMmS.V != 51_444 || p.HeadingDeg.V != 90 || !p.AccuracyMm.Ok || p.DeviceAt.Time().Year() != 2026 {
			t.Errorf("position %+v", p)
		}
	}
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestOutsideTraccarVectors: the positions of Traccar's own test cases, wrapped as Traccar forwards them, become positions
// with their times and speeds.
func TestOutsideTraccarVectors(t *testing.T) {
	type fix struct {
		Time  string
		Speed float64 `json:"speed_knots"`
		East  float64 `json:"east_m"`
		Total float64 `json:"total_distance_m"`
	}
	compared := 0
	for _, file := range outside(t, "traccar", func(p string) bool { return filepath.Ext(p) == ".json" }) {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var cases []struct{ Positions []fix }
		if err := json.Unmarshal(raw, &cases); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		var messages []*avro.PartnerMessage
		var fixes []fix
		for _, c := range cases {
			for _, p := range c.Positions {
				o := map[string]any{"deviceId": 1, "fixTime": p.Time, "latitude": 0, "longitude": p.East / 111_319.49, "speed": p.Speed, "attributes": map[string]any{"totalDistance": p.Total}}
				messages = append(messages, message("traccar", "", "vectors", "", len(messages), encode(t, map[string]any{"position": o})))
				fixes = append(fixes, p)
			}
		}
		got := adapt(t, messages)
		if len(got.positions) != len(messages) || len(got.letters) > 0 {
			t.Fatalf("%s: %d messages became %d positions, dead letters %v", file, len(messages), len(got.positions), got.letters)
		}
		for i, p := range got.positions {
			at, err := time.Parse(time.RFC3339, fixes[i].Time)
			if err != nil {
				t.Fatal(err)
			}
			if metres := fixes[i].Speed * 1852 / 3600; p.DeviceAt != avro.MicrosOf(at) || math.Abs(float64(p.SpeedMmS.V)/1000-metres) > 0.001 || math.Abs(float64(p.OdometerM.V)-fixes[i].Total) > 0.5 {
				t.Errorf("%s: %+v became %+v", file, fixes[i], p)
			}
			compared++
		}
	}
	t.Logf("%d positions compared", compared)
	if compared == 0 {
		t.Error("nothing was compared")
	}
}

// TestOutsideSCMS: the shipped csv mapping takes every row of the delivery history, and its dates agree with the columns.
func TestOutsideSCMS(t *testing.T) {
	for _, file := range outside(t, "usaid-scms", func(p string) bool { return filepath.Ext(p) == ".csv" }) {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		header := string(line(all[0]))
		var messages []*avro.PartnerMessage
		for i, r := range all[1:] {
			messages = append(messages, message("csv", "scms", "scms", header, i, line(r)))
		}
		got := adapt(t, messages)
		if len(got.letters) > 0 {
			t.Fatalf("%d dead letters, the first: %q", len(got.letters), got.letters[0].Causes)
		}
		want := map[string]int{}
		for _, r := range all[1:] {
			scheduled, delivered := day(t, all[0], r, "Scheduled Delivery Date"), day(t, all[0], r, "Delivered to Client Date")
			want["PLANNED "+scheduled]++
			want["ACTUAL "+delivered]++
		}
		have := map[string]int{}
		for _, f := range got.all {
			if f.Milestone == avro.MilestoneCodeDelivered {
				have[f.Classifier.String()+" "+f.OccurredAt.Time().Format("2006-01-02")]++
			}
		}
		for k, n := range want {
			if have[k] != n {
				t.Errorf("%d rows are delivered %s, %d facts say so", n, k, have[k])
			}
		}
		t.Logf("%s: %d rows, %d facts", filepath.Base(file), len(messages), len(got.all))
	}
}

func day(t *testing.T, header, row []string, column string) string {
	t.Helper()
	v := row[slices.Index(header, column)]
	for _, layout := range []string{"2-Jan-06", "1/2/06", "1/2/2006"} {
		if at, err := time.Parse(layout, v); err == nil {
			return at.Format("2006-01-02")
		}
	}
	t.Fatalf("%s is %q", column, v)
	return ""
}

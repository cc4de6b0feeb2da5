package mapped

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"waybill/avro"
	"waybill/processors/normalise/adapter"
	"waybill/topics/fault"
)

// payload is one payload being read: its fields, and which of them the mapping used.
type payload struct {
	adapter.Report
	mapping *Mapping
	fields  map[string]string // column, or dotted path of a leaf
	used    map[string]bool
}

func open(m *Mapping, msg *avro.PartnerMessage) (*payload, error) {
	p := &payload{mapping: m, fields: map[string]string{}, used: map[string]bool{}}
	if m.Format == CSV {
		return p, p.openRow(msg)
	}
	return p, p.openObject(msg)
}

func (p *payload) openRow(msg *avro.PartnerMessage) error {
	header, row, err := adapter.Row(msg)
	if err != nil {
		return err
	}
	for i, column := range header {
		if _, twice := p.fields[column]; twice {
			p.Addf(column, "stands in the header twice")
		}
		p.fields[column] = row[i]
	}
	return nil
}

func (p *payload) openObject(msg *avro.PartnerMessage) error {
	d := json.NewDecoder(bytes.NewReader(msg.Payload))
	d.UseNumber()
	var object map[string]any
	err := d.Decode(&object)
	if err == nil {
		if _, tail := d.Token(); !errors.Is(tail, io.EOF) {
			err = errors.New("something follows the object")
		}
	}
	if err != nil {
		return fault.Poisonf("BAD_JSON", "%s: %v: want one JSON object", adapter.Where(msg), err)
	}
	for _, k := range slices.Sorted(maps.Keys(object)) {
		for _, kv := range adapter.Flatten(k, object[k]) {
			p.fields[kv.K] = kv.V
		}
	}
	return nil
}

// raw is a field's value as written, trimmed; empty where it is absent.
func (p *payload) raw(f field) string {
	if f.From == "" {
		return f.Constant
	}
	p.used[f.From] = true
	v := strings.TrimSpace(p.fields[f.From])
	if v == "" {
		return f.Constant
	}
	if slices.Contains(f.Absent, v) {
		return ""
	}
	return v
}

// text is a field's value by its code table, where it has one.
func (p *payload) text(f field) string {
	v := p.raw(f)
	if len(f.Codes) == 0 || v == "" {
		return v
	}
	meaning, ok := f.Codes[v]
	if !ok {
		p.Addf(f.From, "%s is no code that mapping %s knows: add it to the table", adapter.Quote(v), p.mapping.Name)
	}
	return meaning
}

// milestone reads what the fact tells. A code that the table does not name is UNMAPPED with its raw form, never lost.
func (p *payload) milestone(f *avro.Fact, spec field) {
	if spec.empty() {
		return
	}
	f.HasMilestone = true
	name := p.raw(spec)
	if spec.From != "" {
		f.Code, name = name, spec.Codes[name]
	}
	f.Milestone, _ = avro.ParseMilestoneCode(name)
}

// moment reads a time; false where it is absent or wrong. Of the two instants that a local time has when clocks go back it
// gives the earlier and says so; one that clocks going forward leave out is at fault.
func (p *payload) moment(m moment) (at avro.Micros, ambiguous, ok bool) {
	v := p.raw(m.field)
	if v == "" {
		return 0, false, false
	}
	at, layout, err := instant(v, m)
	if err != nil {
		p.Addf(m.From, "%v", err)
		return 0, false, false
	}
	if zoned(layout) {
		return at, false, true
	}
	if wall, err := adapter.Instant(v, []string{layout}, time.UTC); err != nil || wall != wallClock(at, m.zone) {
		p.Addf(m.From, "%s does not exist in %s: clocks went forward over it", adapter.Quote(v), m.Zone)
		return 0, false, false
	}
	for _, shift := range []time.Duration{time.Hour, -time.Hour, 30 * time.Minute, -30 * time.Minute} {
		other := avro.MicrosOf(at.Time().Add(shift))
		if wallClock(other, m.zone) == wallClock(at, m.zone) {
			return min(at, other), true, true
		}
	}
	return at, false, true
}

// wallClock is what a clock on the wall shows at an instant, as if it were UTC.
func wallClock(at avro.Micros, zone *time.Location) avro.Micros {
	_, offset := at.Time().In(zone).Zone()
	return at + avro.Micros(offset)*1_000_000
}

// instant reads a time by the first layout that fits, and says which.
func instant(v string, m moment) (at avro.Micros, layout string, err error) {
	for _, l := range m.Layouts {
		if strings.HasPrefix(l, "unix") {
			at, err = epoch(v, l)
		} else {
			at, err = adapter.Instant(v, []string{l}, m.zone)
		}
		if err == nil {
			return at, l, nil
		}
	}
	return 0, "", fmt.Errorf("%s is not a time written as %s", adapter.Quote(v), strings.Join(m.Layouts, " or "))
}

func epoch(v, layout string) (avro.Micros, error) {
	scale := map[string]float64{"unix": 1e6, "unix_ms": 1e3}[layout]
	n, err := adapter.Scaled(v, scale, 1, 7_258_118_400_000_000) // to 2200
	return avro.Micros(n), err
}

func (p *payload) number(f field, scale float64, low, high int64) avro.Opt[int32] {
	v := p.text(f)
	if v == "" {
		return avro.Opt[int32]{}
	}
	n, err := adapter.Scaled(v, scale, low, min(high, math.MaxInt32))
	if err != nil {
		p.Addf(f.From, "%v", err)
	}
	return avro.Opt[int32]{V: int32(n), Ok: err == nil}
}

func (p *payload) quantity(q quantity) avro.Opt[avro.Quantity] {
	v := p.text(q.field)
	if v == "" {
		p.text(q.Unit)
		return avro.Opt[avro.Quantity]{}
	}
	n, err := adapter.Exact(v)
	if err != nil {
		p.Addf(q.From, "%v", err)
	}
	return avro.Some(avro.Quantity{Value: n, Unit: p.text(q.Unit)})
}

// unused reports the fields that the mapping does not account for.
func (p *payload) unused() {
	for _, name := range slices.Sorted(maps.Keys(p.fields)) {
		if !p.used[name] && !p.ignored(name) {
			p.Addf(name, "mapping %s does not use it: map it, or name it under ignore", p.mapping.Name)
		}
	}
}

func (p *payload) ignored(name string) bool {
	return slices.ContainsFunc(p.mapping.Ignore, func(i string) bool { return name == i || strings.HasPrefix(name, i+".") })
}

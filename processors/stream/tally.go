package stream

import (
	"encoding/binary"
	"fmt"

	"waybill/avro"
)

// Tally is a count over all keys of the task, such as the facts it holds back: kept with its state, so that it is right
// after a restart, and shown as a metric under its name.
type Tally struct {
	b  *Binder
	no uint16
}

// TallyOf opens a Tally. Its name is a noun in snake case: metrics show it.
func TallyOf(b *Binder, name string) *Tally {
	t := &Tally{b: b, no: b.open(declare[count](name, TallyKind, nil))}
	b.tallies = append(b.tallies, t.no)
	return t
}

// Add changes the count; n may be negative.
func (t *Tally) Add(n int64) {
	c := t.b.tally(t.no)
	t.b.touch(c)
	c.present = true
	c.rec.(*count).n += n
}

// tally gives the cell of a Tally, which belongs to the task.
func (b *Binder) tally(no uint16) *cell { return b.value(b.scope(""), no) }

// Tallies gives the task's counts by name; nil where it keeps none. It is a driver's, between cycles.
func (t *Task) Tallies() map[string]int64 {
	if len(t.b.tallies) == 0 {
		return nil
	}
	out := map[string]int64{}
	for _, no := range t.b.tallies {
		out[t.b.stores[no].name] = t.b.tally(no).rec.(*count).n
	}
	return out
}

// count is a record of one long.
type count struct{ n int64 }

func (c *count) Decode(b []byte) error {
	n, length := binary.Varint(b)
	if length <= 0 || length != len(b) {
		return fmt.Errorf("tally of %d bytes holds no number", len(b))
	}
	c.n = n
	return nil
}
func (c *count) DecodeAlias(b []byte) error                   { return c.Decode(b) }
func (c *count) DecodePlan(b []byte, _ *avro.Plan) error      { return c.Decode(b) }
func (c *count) DecodePlanAlias(b []byte, _ *avro.Plan) error { return c.Decode(b) }
func (c *count) Append(b []byte) []byte                       { return binary.AppendVarint(b, c.n) }
func (*count) AvroName() string                               { return "waybill.stream.Tally" }
func (*count) AvroSchema() string {
	return `{"type":"record","name":"waybill.stream.Tally","fields":[{"name":"n","type":"long"}]}`
}

// Package mapped turns CSV rows and JSON objects into facts by mapping files, so that a new partner is a file.
//
// A mapping names for each identifier, time and milestone the field that holds it. It must account for every field of a
// payload: one that is neither used nor named under ignore is reported, since it may be what a partner added yesterday.
package mapped

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"waybill/avro"
	"waybill/processors/model/hops"
	"waybill/processors/model/ids"
	"waybill/processors/normalise/adapter"
	"waybill/topics/fault"
)

// Adapter adapts payloads by the mapping that the message names.
type Adapter struct{ mappings map[string]*Mapping }

//go:embed mappings/*.yaml
var shipped embed.FS

// New reads the mappings that ship with the binary, and those of a folder unless it is empty.
func New(dir string) (*Adapter, error) {
	a := &Adapter{map[string]*Mapping{}}
	within, err := fs.Sub(shipped, "mappings")
	if err != nil {
		return nil, fmt.Errorf("open the mappings that ship with the binary: %w", err)
	}
	errs := adapter.ReadFolder(within, "mapping", "shipped", a.take)
	if dir != "" {
		errs = append(errs, adapter.ReadFolder(os.DirFS(dir), "mapping", dir, a.take)...)
	}
	return a, errors.Join(errs...)
}

func (a *Adapter) take(raw []byte) error {
	m, err := Parse(raw)
	if err != nil {
		return err
	}
	if a.mappings[m.Name] != nil {
		return fmt.Errorf("name: %q is taken by another mapping", m.Name)
	}
	a.mappings[m.Name] = m
	return nil
}

// Mappings lists the names of the mappings of a format, sorted.
func (a *Adapter) Mappings(format string) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(a.mappings)), func(n string) bool { return a.mappings[n].Format != format })
}

// Adapt implements adapter.Adapter: the facts that the mapping lists.
func (a *Adapter) Adapt(msg *avro.PartnerMessage) ([]avro.Record, error) {
	m, ok := a.mappings[msg.Mapping]
	if !ok || m.Format != msg.Format {
		return nil, fault.Poisonf("NO_MAPPING", "%s asks for mapping %s; for %s there are: %s", adapter.Where(msg), adapter.Quote(msg.Mapping), msg.Format, cmp.Or(strings.Join(a.Mappings(msg.Format), ", "), "none"))
	}
	if err := adapter.CheckSize(msg); err != nil {
		return nil, err
	}
	p, err := open(m, msg)
	if err != nil {
		return nil, err
	}
	said := p.facts()
	p.unused()
	if err := p.Err(msg); err != nil {
		return nil, err
	}
	return said, nil
}

// facts tells what the payload holds. A payload that tells nothing is at fault: it was sent for a reason.
func (p *payload) facts() []avro.Record {
	var out []avro.Record
	base := p.base()
	named := p.identifiers()
	for i := range p.mapping.Facts {
		if f := p.fact(fmt.Sprintf("facts[%d]", i), &p.mapping.Facts[i], base, named); f != nil {
			out = append(out, f)
		}
	}
	if len(out) == 0 && p.OK() {
		p.Addf("facts", "none of the times that mapping %s asks for is there", p.mapping.Name)
	}
	return out
}

// base is what all facts of a payload share.
func (p *payload) base() avro.Fact {
	m := p.mapping
	f := avro.Fact{EventID: p.text(m.EventID), PlaceID: p.text(m.Place), ReasonCode: p.text(m.Reason)}
	f.StopSequence = p.number(m.Stop, 1, 0, 1_000_000)
	lat, lon := p.number(m.Latitude, 1e6, -90_000_000, 90_000_000), p.number(m.Longitude, 1e6, -180_000_000, 180_000_000)
	if lat.Ok && lon.Ok {
		f.Location = avro.Some(avro.GeoPoint{LatE6: lat.V, LonE6: lon.V})
	}
	f.Quantity = p.quantity(m.Quantity)
	if !m.ReceivedAt.empty() {
		f.ReceivedAt, _, _ = p.moment(m.ReceivedAt)
	}
	for _, k := range slices.Sorted(maps.Keys(m.Attributes)) {
		if v := p.text(m.Attributes[k]); v != "" {
			f.Attributes = append(f.Attributes, avro.KV{K: k, V: v})
		}
	}
	return f
}

// identifiers reads all identifiers, by the mapping's names for them.
func (p *payload) identifiers() map[string][]avro.Identifier {
	out := map[string][]avro.Identifier{}
	for _, id := range p.mapping.Identifiers {
		list := split(p.text(id.field), id.Split)
		if len(list) > adapter.MaxNames {
			p.Addf(id.From, "holds %d identifiers, the limit is %d: split the payload", len(list), adapter.MaxNames)
			continue
		}
		for _, v := range list {
			x := ids.Of(id.kind, p.text(id.Issuer), v)
			if x.Value != "" && !slices.ContainsFunc(out[id.Name], func(o avro.Identifier) bool { return ids.Same(o, x) }) {
				out[id.Name] = append(out[id.Name], x)
			}
		}
	}
	return out
}

func split(text, by string) []string {
	if by == "" {
		return []string{text}
	}
	return strings.Split(text, by)
}

func (p *payload) fact(path string, spec *fact, base avro.Fact, named map[string][]avro.Identifier) *avro.Fact {
	f := base
	f.Attributes = slices.Clone(base.Attributes)
	f.Classifier, f.Source.System = spec.classifier, spec.system
	at, ambiguous, ok := p.moment(spec.OccurredAt)
	if !ok {
		if !spec.Optional {
			p.Addf(spec.OccurredAt.From, "%s.occurred_at needs it, and it is empty: send it, or make the fact optional", path)
		}
		return nil
	}
	if f.OccurredAt = at; ambiguous {
		f.Attributes = append(f.Attributes, avro.KV{K: "occurred_at", V: "ambiguous local time, the earlier of two"})
	}
	p.milestone(&f, spec.Milestone)
	names := spec.Identifiers
	if len(names) == 0 {
		names = p.mapping.names()
	}
	for _, name := range names {
		f.Identifiers = append(f.Identifiers, named[name]...)
	}
	for _, l := range p.mapping.Links { // a fact tells the links between what it names
		if slices.Contains(names, l.From) && slices.Contains(names, l.To) {
			f.Links = append(f.Links, links(named[l.From], named[l.To], l.classifier)...)
		}
	}
	p.bare(&f)
	return &f
}

// bare makes the source's own event id content, where nothing else tells two such events apart.
func (p *payload) bare(f *avro.Fact) {
	if len(f.Identifiers) == 0 && f.EventID != "" {
		f.Attributes = append(f.Attributes, avro.KV{K: "source_event_id", V: f.EventID})
	}
}

func (m *Mapping) names() []string {
	var out []string
	for _, id := range m.Identifiers {
		out = append(out, id.Name)
	}
	return out
}

// links between two lists of which at most one has several; else it stays open which belongs to which.
func links(from, to []avro.Identifier, c avro.Classifier) []avro.Link {
	if len(from) > 1 && len(to) > 1 {
		return nil
	}
	var out []avro.Link
	for _, a := range from {
		for _, b := range to {
			if l, ok := hops.Link(a, b, c); ok {
				out = append(out, l)
			}
		}
	}
	return out
}

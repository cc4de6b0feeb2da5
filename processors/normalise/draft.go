package normalise

import (
	"context"
	"slices"

	"waybill/avro"
	"waybill/processors/model/facts"
	"waybill/processors/model/hops"
	"waybill/processors/model/ids"
	"waybill/processors/normalise/adapter"
	"waybill/processors/stream"
	"waybill/topics/fault"
)

// reception is when and where a record reached us: what a fact keeps of its journey, none of it part of its identity.
type reception struct {
	at       avro.Micros // the broker's time, or when a partner's gateway first had it
	appended avro.Micros // the broker's time, of partner messages
	origin   avro.Origin
}

func receptionOf[V any](ev stream.Event[V]) reception {
	return reception{
		at:     avro.MicrosOf(ev.Time),
		origin: avro.Origin{Topic: string(ev.Source.Topic), Partition: ev.Source.Partition, Offset: ev.Source.Offset},
	}
}

// handled makes a handler of a function from one record to what it tells.
func handled[V any](tell func(*V, reception) (stream.Emits, error)) stream.Handler[V, none] {
	return func(_ context.Context, _ string, ev stream.Event[V], _ none) (stream.Emits, error) {
		return tell(ev.Value, receptionOf(ev))
	}
}

// draft is a fact in the making.
type draft struct {
	avro.Fact
	err error // the first fault; the rest would follow from it
}

// envelope is what every record carries about its telling.
type envelope struct {
	tenant, partner, eventID string
	system                   avro.SourceSystem
	occurred, received       avro.Micros
}

func begin(e envelope, r reception) *draft {
	d := &draft{Fact: avro.Fact{
		Tenant: e.tenant, EventID: e.eventID, Source: avro.Source{System: e.system, Partner: e.partner}, Classifier: avro.ClassifierActual,
		OccurredAt: e.occurred, ReceivedAt: e.received, Origin: r.origin,
	}}
	if d.ReceivedAt == 0 {
		d.ReceivedAt = r.at
	}
	d.require(e.tenant != "", "NO_TENANT", "the record names no tenant: set tenant, every key begins with it")
	d.require(e.occurred != 0, "NO_TIME", "the record has no occurred_at: set it to when it happened, in microseconds since 1970")
	return d
}

// require keeps the first fault.
func (d *draft) require(ok bool, reason, format string, args ...any) {
	if !ok && d.err == nil {
		d.err = fault.Poisonf(reason, format, args...)
	}
}

// milestone says that the fact reports one; code is the source's own word for it.
func (d *draft) milestone(m avro.MilestoneCode, code string) {
	d.Milestone, d.HasMilestone, d.Code = m, true, code
}

// name adds an identifier unless the source left it empty; the first added is the one the source files the fact under.
func (d *draft) name(kind avro.IdentifierKind, issuer string, values ...string) []avro.Identifier {
	var out []avro.Identifier
	if !d.fits(len(values)) {
		return nil
	}
	for _, v := range values {
		id := ids.Of(kind, issuer, v)
		if id.Value == "" {
			continue
		}
		out = append(out, id)
		if !slices.ContainsFunc(d.Identifiers, func(o avro.Identifier) bool { return ids.Same(o, id) }) {
			d.Identifiers = append(d.Identifiers, id)
		}
	}
	return out
}

// fits says whether there is room for more identifiers.
func (d *draft) fits(more int) bool {
	n := len(d.Identifiers) + more
	d.require(n <= adapter.MaxNames, "TOO_LARGE", "the record names %d things, the limit is %d: split it", n, adapter.MaxNames)
	return n <= adapter.MaxNames
}

// link says that each of the one belongs to each of the other: for lists of which at most one has several.
func (d *draft) link(from, to []avro.Identifier, c avro.Classifier) {
	for _, a := range from {
		for _, b := range to {
			if l, ok := hops.Link(a, b, c); ok {
				d.Links = append(d.Links, l)
			}
		}
	}
}

// say adds an attribute unless it is empty.
func (d *draft) say(key, value string) {
	if value != "" {
		d.Attributes = append(d.Attributes, avro.KV{K: key, V: value})
	}
}

// sayAll adds attributes.
func (d *draft) sayAll(list []avro.KV) {
	for _, kv := range list {
		d.say(kv.K, kv.V)
	}
}

// local marks what happened at a local time whose zone is not known: the fact keeps its code and tells no milestone, since a
// milestone has a time. occurred_at is the earliest it can be.
func (d *draft) local(wall string) {
	if wall == "" {
		return
	}
	d.say("milestone", d.Milestone.String())
	d.say("local_time", wall)
	d.Milestone, d.Code = avro.MilestoneCodeUnmapped, d.Code+" at "+wall+", zone unknown"
}

// at sets where it was said.
func (d *draft) at(p avro.Opt[avro.GeoPoint]) {
	if d.Location = p; p.Ok {
		d.require(onEarth(p.V.LatE6, p.V.LonE6), "BAD_COORDINATES", "location is %d, %d micro-degrees: latitude goes from -90,000,000 to 90,000,000, longitude from -180,000,000 to 180,000,000", p.V.LatE6, p.V.LonE6)
	}
}

// correct says that the record takes the place of what the source said before: in the same words but for the time, or in the same
// words altogether where it is taken back. So a correction names its fact by content, whatever envelope that came in.
func (d *draft) correct(saidAt avro.Opt[avro.Micros], voided bool) {
	if !saidAt.Ok && !voided {
		return
	}
	said := d.Fact.Clone()
	said.OccurredAt = saidAt.Or(d.OccurredAt)
	hops.SortLinks(&said)
	facts.Seal(&said)
	d.Supersedes = append(d.Supersedes, said.FactID)
	if voided {
		d.HasMilestone, d.Milestone, d.Links = false, avro.MilestoneCodeUnmapped, nil
		d.say("voided", said.Milestone.String())
	}
}

// file seals the fact and sends it to resolve.
func (d *draft) file() (stream.Emits, error) {
	var out stream.Emits
	d.fits(0)
	d.require(len(d.Links) <= 2*adapter.MaxNames, "TOO_LARGE", "the record links %d pairs of things, the limit is %d: split it", len(d.Links), 2*adapter.MaxNames)
	if d.err != nil {
		return out, d.err
	}
	if err := d.checkSize(); err != nil {
		return out, err
	}
	hops.SortLinks(&d.Fact)
	facts.Seal(&d.Fact)
	hops.Send(&out, &d.Fact)
	return out, nil
}

// largest fact in bytes: it is kept and forwarded under each of its identifiers.
const largest = 512 << 10

func (d *draft) checkSize() error {
	if n := len(d.Append(nil)); n > largest {
		return fault.Poisonf("TOO_LARGE", "the record makes a fact of %d bytes, the limit is %d: split it", n, largest)
	}
	return nil
}

func onEarth(latE6, lonE6 int32) bool {
	return latE6 >= -90_000_000 && latE6 <= 90_000_000 && lonE6 >= -180_000_000 && lonE6 <= 180_000_000
}

// Package audit counts what went through the topics, from the topics themselves, and says what became of every record and
// every fact. It shares no code with the stages whose work it counts.
package audit

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"

	"waybill/avro"
	"waybill/topics"
)

// Place is where a record lies.
type Place struct {
	Topic     topics.Name
	Partition int32
	Offset    int64
}

func (p Place) String() string { return fmt.Sprintf("%s/%d@%d", p.Topic, p.Partition, p.Offset) }

func (p Place) compare(o Place) int {
	return cmp.Or(cmp.Compare(p.Topic, o.Topic), cmp.Compare(p.Partition, o.Partition), cmp.Compare(p.Offset, o.Offset))
}

// Content is a hash of what a record says, without its envelope.
type Content [16]byte

// Audit takes every record of every topic, in any order. The zero value is ready.
type Audit struct {
	Records map[topics.Name]int64 // per topic, ticks left out
	Ticks   int64

	Timelines []avro.Timeline // every version
	Orders    []avro.OrderTimeline
	Gaps      []avro.Gap
	Charges   []avro.Charge
	Letters   []avro.DeadLetter

	said    map[Place]Content           // source records
	facts   map[string]*fact            // by fact id, those that normalise made
	origins map[Place]map[string]bool   // fact ids by the record they came from
	stays   map[string]*stay            // by series
	handed  map[string]bool             // ids of facts that another fact was derived from: a device's stay told as its vehicle's
	reached map[string]bool             // fact ids and series that are in a view
	waiting map[string]map[string]wait  // by fact id or series, then by the identifier it waits under
	dead    map[Place]map[string]string // reason by stage
	buried  map[string]bool             // fact ids in dead letters
}

type fact struct {
	first     Place
	linksOnly bool
}

type stay struct {
	revision int64
	void     bool
	versions []string // fact ids
}

// wait is the last word on one fact under one identifier: a later one has a higher offset in the same partition.
type wait struct {
	offset   int64
	released bool
}

func (a *Audit) init() {
	if a.Records != nil {
		return
	}
	a.Records = map[topics.Name]int64{}
	a.said, a.facts, a.origins = map[Place]Content{}, map[string]*fact{}, map[Place]map[string]bool{}
	a.stays, a.handed, a.reached, a.waiting = map[string]*stay{}, map[string]bool{}, map[string]bool{}, map[string]map[string]wait{}
	a.dead, a.buried = map[Place]map[string]string{}, map[string]bool{}
}

// Take counts one record. rec is nil where the bytes could not be decoded; raw is then what identifies it.
func (a *Audit) Take(at Place, rec avro.Record, raw []byte) {
	a.init()
	if _, tick := rec.(*avro.Tick); tick {
		a.Ticks++
		return
	}
	a.Records[at.Topic]++
	switch rec := rec.(type) {
	case *avro.Fact:
		a.fact(at, rec)
	case *avro.LoadView:
		for i := range rec.Facts {
			a.reach(&rec.Facts[i])
		}
	case *avro.Parked:
		a.parked(at, rec)
	case *avro.DeadLetter:
		a.letter(rec)
	case *avro.Timeline:
		a.Timelines = append(a.Timelines, *rec)
	case *avro.OrderTimeline:
		a.Orders = append(a.Orders, *rec)
	case *avro.Gap:
		a.Gaps = append(a.Gaps, *rec)
	case *avro.Charge:
		a.Charges = append(a.Charges, *rec)
	}
	if isSource(at.Topic) {
		a.said[at] = content(rec, raw)
	}
}

// isSource says whether a topic carries what others say to us.
func isSource(name topics.Name) bool {
	t, ok := topics.ByName(name)
	return ok && t.Owner != "waybill"
}

// hubs are the inboxes of the stages that make views.
var hubs = []topics.Name{topics.LoadsInbox.Name, topics.ShipmentsInbox.Name, topics.OrdersInbox.Name}

func (a *Audit) fact(at Place, f *avro.Fact) {
	if slices.Contains(hubs, at.Topic) {
		a.reach(f)
		return
	}
	if f.Series != "" {
		a.restated(f)
		return
	}
	if len(f.DerivedFrom) > 0 {
		return
	}
	origin := Place{topics.Name(f.Origin.Topic), f.Origin.Partition, f.Origin.Offset}
	if a.origins[origin] == nil {
		a.origins[origin] = map[string]bool{}
	}
	a.origins[origin][f.FactID] = true
	known, ok := a.facts[f.FactID]
	if !ok {
		a.facts[f.FactID] = &fact{first: origin, linksOnly: !f.HasMilestone && len(f.Links) > 0}
		return
	}
	if origin.compare(known.first) < 0 {
		known.first = origin
	}
}

func (a *Audit) restated(f *avro.Fact) {
	if !f.Stay.Ok && !f.Void {
		return // a composed link, not something that happened
	}
	for _, id := range f.DerivedFrom {
		a.handed[id] = true
	}
	s := a.stays[f.Series]
	if s == nil {
		s = &stay{revision: -1}
		a.stays[f.Series] = s
	}
	s.versions = append(s.versions, f.FactID)
	if f.Revision > s.revision {
		s.revision, s.void = f.Revision, f.Void
	}
}

func (a *Audit) reach(f *avro.Fact) { a.reached[cmp.Or(f.Series, f.FactID)] = true }

func (a *Audit) parked(at Place, p *avro.Parked) {
	if a.waiting[p.FactID] == nil {
		a.waiting[p.FactID] = map[string]wait{}
	}
	under := p.At.Kind.String() + "/" + p.At.Issuer + "/" + p.At.Value
	if w, ok := a.waiting[p.FactID][under]; !ok || at.Offset > w.offset {
		a.waiting[p.FactID][under] = wait{at.Offset, p.Released && p.Reason != "PAST_HORIZON"} // then nothing freed it
	}
}

func (a *Audit) letter(l *avro.DeadLetter) {
	a.Letters = append(a.Letters, *l)
	at := Place{topics.Name(l.Topic), l.Partition, l.Offset}
	if a.dead[at] == nil {
		a.dead[at] = map[string]string{}
	}
	a.dead[at][l.Stage] = l.Reason
}

// Bury says that a dead letter held a fact.
func (a *Audit) Bury(factID string) {
	a.init()
	a.buried[factID] = true
}

// content leaves out what a duplicate may have anew: envelope id and reception.
func content(rec avro.Record, raw []byte) Content {
	var sum [32]byte
	if rec == nil {
		sum = sha256.Sum256(raw)
	} else {
		sum = sha256.Sum256(bare(rec).Append(nil))
	}
	return Content(sum[:16])
}

// bare is a copy without the envelope. Positions are what their device said at one instant.
func bare(rec avro.Record) avro.Record {
	switch rec := rec.(type) {
	case *avro.Position:
		return &avro.Position{Tenant: rec.Tenant, Issuer: rec.Issuer, DeviceID: rec.DeviceID, DeviceAt: rec.DeviceAt}
	case *avro.PartnerMessage:
		return &avro.PartnerMessage{Tenant: rec.Tenant, Format: rec.Format, Mapping: rec.Mapping, Partner: rec.Partner, Header: rec.Header, Payload: rec.Payload}
	}
	return rec
}

// sortedPlaces lists the source records in a fixed order.
func (a *Audit) sortedPlaces() []Place {
	return slices.SortedFunc(maps.Keys(a.said), Place.compare)
}

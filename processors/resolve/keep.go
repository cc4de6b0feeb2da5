package resolve

import (
	"encoding/binary"
	"slices"
	"time"

	"waybill/avro"
)

// Identifiers that never end, a vehicle for one, get facts for ever. So that a link costs what it may concern, an identifier that has
// many facts has an index of them by the time they held; and what vehicles, trailers and devices did is forgotten behind the horizon.

// many is how many facts are walked without an index.
const many = 64

// moves says whether an identifier stays in use, and with it goes from load to load.
func moves(kind avro.IdentifierKind) bool {
	return kind == avro.IdentifierKindDevice || kind == avro.IdentifierKindVehicle || kind == avro.IdentifierKindTrailer
}

// whole is the entry that says that the index lists every fact here.
const whole = "whole"

// remember is done when something is heard of the identifier: it is kept for so long again, and what is old goes.
func (v *visit) remember() {
	v.timers.Set(idle, v.stepped(v.Keep))
	if !moves(v.at.Kind) {
		return
	}
	if _, ok := v.spans.Get(whole); !ok {
		v.index()
	}
	step := avro.Micros((v.Horizon / steps).Microseconds())
	if w, _ := v.spans.Get(whole); v.now-w.To >= step {
		v.spans.Edit(whole).To = v.now
		v.trim(v.now - avro.Micros(v.Horizon.Microseconds()))
	}
}

// steps is by what part of a time its end moves, so that it is not written with every fact.
const steps = 16

// stepped is the end of a time from now on, up to a step later.
func (v *visit) stepped(d time.Duration) time.Time {
	step := (d / steps).Microseconds()
	return time.UnixMicro((int64(v.now)+d.Microseconds()+step-1)/step*step + step).UTC()
}

// file keeps a fact, in place of its earlier revision.
func (v *visit) file(name string, f *avro.Fact) {
	if known, ok := v.facts.Get(name); ok {
		v.unlist(name, &known.Fact)
	}
	v.facts.Edit(name).Fact = v.kept(f)
	if _, indexed := v.spans.Get(whole); indexed {
		v.list(name, f)
	}
}

// kept is what is remembered of a fact. One that is in its view and that no link ever leads on from here is not sent a second time: what says
// which it is, and what it corrects, is enough to know it again.
func (v *visit) kept(f *avro.Fact) avro.Fact {
	if !hub(v.at.Kind) || v.mayGo(f) {
		return f.Clone()
	}
	told := avro.Fact{
		FactID: f.FactID, Source: f.Source, EventID: f.EventID, Series: f.Series, Revision: f.Revision, Void: f.Void, Supersedes: f.Supersedes,
	}
	for _, id := range f.Identifiers { // what it speaks of a part of, or it would read as speaking of the whole
		if narrower(id, avro.IdentifierKindOrder) {
			told.Identifiers = append(told.Identifiers, id)
			break
		}
	}
	return told.Clone()
}

func (v *visit) list(name string, f *avro.Fact) {
	if v.mayGo(f) {
		_, to := interval(f)
		v.spans.Put(spanName(name, f)).To = to
	}
}

func (v *visit) unlist(name string, f *avro.Fact) {
	if _, listed := v.spans.Get(whole); listed && v.mayGo(f) {
		v.spans.Delete(spanName(name, f))
	}
}

// mayGo says whether a link may ever lead a fact on from here.
func (v *visit) mayGo(f *avro.Fact) bool {
	if v.at.Kind == avro.IdentifierKindOrder {
		return ofWholeOrder(f)
	}
	return !hub(v.at.Kind)
}

// index lists the facts here, and says that all are listed.
func (v *visit) index() {
	for name, known := range v.facts.All() {
		v.list(name, &known.Fact)
	}
	v.spans.Put(whole).To = v.now
}

// concerned names the facts that held when one of the links does, each once.
func (v *visit) concerned(links []avro.NodeLink) (names []string) {
	if _, ok := v.spans.Get(whole); !ok {
		for name := range v.facts.All() {
			names = append(names, name)
		}
		if len(names) <= many {
			return names
		}
		v.index()
	}
	names = nil
	for i := range links {
		l := &links[i].Link
		from, to := l.ValidFrom.Or(-forever), ends(l)
		if v.at.Kind == avro.IdentifierKindDevice {
			to = forever // what comes behind the end of an installation is not the vehicle's any more
		}
		names = v.held(names, brief, max(from, brevity-forever)-brevity, from, to)
		names = v.held(names, lasting, -forever, from, to)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// held adds the facts of a class that began at since or later and held between from and to.
func (v *visit) held(names []string, class byte, since, from, to avro.Micros) []string {
	for name, span := range v.spans.Between(spanBound(class, since), spanBound(class, to)) {
		if span.To > from {
			names = append(names, name[spanHead:])
		}
	}
	return names
}

// An entry of the index is named by its class, when the fact began to hold, and the fact's name. A fact that held for long stands in a class of
// its own, which is looked through whole: what begins shortly before a link holds is all that may reach into it of the others.
const (
	brief    = 'b'
	lasting  = 'l'
	brevity  = avro.Micros(36 * 3600 * 1e6)
	spanHead = 1 + 8
)

func spanName(name string, f *avro.Fact) string {
	from, to := interval(f)
	class := byte(brief)
	if to-from > brevity {
		class = lasting
	}
	return spanBound(class, from) + name
}

func spanBound(class byte, from avro.Micros) string {
	return string(binary.BigEndian.AppendUint64([]byte{class}, uint64(from)^1<<63))
}

// trim forgets what ended before an instant, and links that ended before it. What still waits is given up by itself.
func (v *visit) trim(before avro.Micros) {
	var gone []string
	for _, class := range []byte{brief, lasting} {
		for at, span := range v.spans.Between(spanBound(class, -forever), spanBound(class, before)) {
			if span.To <= before {
				gone = append(gone, at)
			}
		}
	}
	for _, at := range gone {
		name := at[spanHead:]
		if _, waits := v.waits.Get(name); waits {
			continue
		}
		v.spans.Delete(at)
		v.drop(name)
	}
	node, _ := v.node.Get()
	ended := func(l avro.NodeLink) bool { return ends(&l.Link) <= before }
	if slices.ContainsFunc(node.Links, ended) {
		e := v.node.Edit()
		e.Links = slices.DeleteFunc(e.Links, ended)
	}
}

// drop forgets a fact for which no link was expected.
func (v *visit) drop(name string) {
	if known, ok := v.facts.Get(name); ok && known.Parked {
		v.parked.Add(-1)
		v.tellParked(known, pastHorizon)
	}
	v.facts.Delete(name)
	v.routes.Delete(name)
}

// forget forgets the identifier, of which nothing was heard for long.
func (v *visit) forget() {
	for range v.waits.All() {
		v.timers.Set(idle, v.stepped(v.Horizon)) // what waits is given up first
		return
	}
	for _, name := range namesOf(v.facts.All()) {
		v.drop(name)
	}
	for _, name := range namesOf(v.spans.All()) {
		v.spans.Delete(name)
	}
	for _, name := range namesOf(v.gaps.All()) {
		v.gaps.Delete(name)
	}
	v.node.Delete()
}

func namesOf[V any](all func(func(string, V) bool)) (names []string) {
	for name := range all {
		names = append(names, name)
	}
	return names
}

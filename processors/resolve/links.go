package resolve

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"waybill/avro"
	"waybill/processors/model/facts"
	"waybill/processors/model/factset"
	"waybill/processors/model/hops"
	"waybill/processors/model/ids"
)

// learn takes in the links a fact states from this identifier, and gives those that stand now and did not, or did and do not any more.
func (v *visit) learn(f *avro.Fact) (changed []avro.NodeLink) {
	if hub(v.at.Kind) && len(leads[v.at.Kind]) == 0 {
		return nil // nothing is sent on by them: the view has the facts
	}
	node, _ := v.node.Get()
	corrects := v.correct(f)
	next := slices.DeleteFunc(slices.Clone(node.Links), func(l avro.NodeLink) bool {
		return f.Series != "" && l.Series == f.Series || len(corrects) > 0 && v.corrected(&l, corrects)
	})
	if node, _ = v.node.Get(); !f.Void && !facts.Corrected(f, node.Superseded) {
		for _, l := range f.Links {
			away := ids.Same(l.From, v.at) && hops.Rank(l.To.Kind) > hops.Rank(v.at.Kind)
			if away {
				l.From = avro.Identifier{Kind: v.at.Kind} // it is here
			}
			if away || disbands(&l) && ids.Same(l.To, v.at) {
				next = append(next, avro.NodeLink{Link: l, FactID: f.FactID, Series: f.Series, OccurredAt: f.OccurredAt, System: f.Source.System})
			}
		}
	}
	slices.SortFunc(next, compareLinks)
	next = slices.CompactFunc(next, sameLink)
	changed = append(missing(node.Links, next), missing(next, node.Links)...)
	if len(changed) == 0 {
		return nil
	}
	e := v.node.Edit()
	e.Links = nil
	for i := range next {
		e.Links = append(e.Links, next[i].Clone())
	}
	return changed
}

// correct notes what a fact corrects, and gives it. The correction may come before what it corrects.
func (v *visit) correct(f *avro.Fact) []string {
	corrects := facts.Corrects(f)
	if len(corrects) == 0 {
		return nil
	}
	e := v.node.Edit()
	e.Superseded = append(e.Superseded, corrects...)
	slices.Sort(e.Superseded)
	e.Superseded = slices.Compact(e.Superseded)
	return corrects
}

// corrected says whether the fact that states a link is among those corrected.
func (v *visit) corrected(l *avro.NodeLink, by []string) bool {
	known, ok := v.facts.Get(factset.Name(&avro.Fact{FactID: l.FactID, Series: l.Series}))
	return slices.Contains(by, l.FactID) || ok && facts.Corrected(&known.Fact, by)
}

// missing gives what the first list has and the second has not; both are sorted.
func missing(has, not []avro.NodeLink) (out []avro.NodeLink) {
	for _, l := range has {
		if _, ok := slices.BinarySearchFunc(not, l, compareLinks); !ok {
			out = append(out, l)
		}
	}
	return out
}

func sameLink(a, b avro.NodeLink) bool { return compareLinks(a, b) == 0 }

func compareLinks(a, b avro.NodeLink) int {
	return cmp.Or(ids.Compare(a.Link.To, b.Link.To), cmp.Compare(b.Link.Classifier, a.Link.Classifier), cmp.Compare(a.OccurredAt, b.OccurredAt),
		strings.Compare(a.FactID, b.FactID), cmp.Compare(a.Link.ValidFrom.V, b.Link.ValidFrom.V), cmp.Compare(a.Link.ValidTo.V, b.Link.ValidTo.V))
}

// composes lists what two links from one identifier say about their far ends: what is in a delivery that is aboard a load,
// the delivery's shipment is aboard.
var composes = map[[2]avro.IdentifierKind]bool{
	{avro.IdentifierKindOrder, avro.IdentifierKindShipment}:    true,
	{avro.IdentifierKindLoad, avro.IdentifierKindShipment}:     true,
	{avro.IdentifierKindDelivery, avro.IdentifierKindOrder}:    true,
	{avro.IdentifierKindDelivery, avro.IdentifierKindLoad}:     true,
	{avro.IdentifierKindDelivery, avro.IdentifierKindShipment}: true,
}

// compose tells the far ends of the links from here that they belong together. A vehicle composes nothing: what it carried
// at different times does not belong together.
func (v *visit) compose() {
	if !v.composing() {
		return
	}
	node, _ := v.node.Get()
	told := map[string]bool{}
	always, lives := v.lives(node.Links)
	if lifetimes[v.at.Kind] == 0 || len(lives) == 0 {
		always, lives = nil, [][]avro.NodeLink{node.Links}
	}
	for _, life := range lives {
		v.join(append(slices.Clone(always), life...), told)
	}
	v.dissolve(told)
	v.withdraw(told)
}

// composing says whether an identifier of the kind composes anything.
func (v *visit) composing() bool { return !moves(v.at.Kind) && !hub(v.at.Kind) }

// join tells what the links of one life say about each other's far ends.
func (v *visit) join(links []avro.NodeLink, told map[string]bool) {
	slices.SortFunc(links, compareLinks)
	standing := ended(links)
	over := len(standing) < len(links)
	if !over {
		standing = bestLinks(standing)
	}
	for _, x := range standing { // sorted by far end, best first
		for _, y := range standing {
			if !composes[[2]avro.IdentifierKind{x.Link.To.Kind, y.Link.To.Kind}] || over && !meet(&x, &y) {
				continue
			}
			if f := v.composed(x, y); !told[f.Series] {
				told[f.Series] = true
				v.tell(f)
			}
		}
	}
}

// meet says whether two links held at one time. A link without a start is a word that was said at its time.
func meet(x, y *avro.NodeLink) bool {
	from, to := max(x.Link.ValidFrom.Or(-forever), y.Link.ValidFrom.Or(-forever)), min(x.Link.ValidTo.Or(forever), y.Link.ValidTo.Or(forever))
	for _, l := range []*avro.NodeLink{x, y} {
		if said := l.OccurredAt; !l.Link.ValidFrom.Ok && said != 0 && (said < from || said >= to) {
			return false
		}
	}
	return from < to
}

// dissolve tells each child of an aggregation that was ended as a whole that it is over. That says the parent alone, which knows its children
// by what was filed here about them.
func (v *visit) dissolve(told map[string]bool) {
	ends := v.disbanded()
	if len(ends) == 0 {
		return
	}
	for _, known := range v.facts.All() {
		v.dissolveOf(&known.Fact, ends, told)
	}
}

// disbanded are the ends of all that was in here, by time.
func (v *visit) disbanded() []avro.NodeLink {
	node, _ := v.node.Get()
	out := slices.DeleteFunc(slices.Clone(node.Links), func(l avro.NodeLink) bool { return !disbands(&l.Link) })
	slices.SortFunc(out, func(a, b avro.NodeLink) int {
		return cmp.Or(cmp.Compare(a.Link.ValidFrom.V, b.Link.ValidFrom.V), strings.Compare(a.FactID, b.FactID))
	})
	return out
}

// dissolveOf tells the children that a fact puts in here of the first end after that: a crate that goes round for a year is emptied often, and
// each time of what was put in since.
func (v *visit) dissolveOf(f *avro.Fact, ends []avro.NodeLink, told map[string]bool) {
	for _, l := range f.Links {
		if f.Void || l.Revoked || !ids.Same(l.To, v.at) {
			continue
		}
		i, _ := slices.BinarySearchFunc(ends, l.ValidFrom.Or(f.OccurredAt), func(d avro.NodeLink, at avro.Micros) int {
			return cmp.Or(cmp.Compare(d.Link.ValidFrom.V, at), 1) // the first of several
		})
		if i == len(ends) {
			continue
		}
		d := &ends[i]
		over := avro.Link{From: ids.Bare(l.From), To: ids.Bare(l.To), Classifier: avro.ClassifierActual, ValidFrom: d.Link.ValidFrom, Revoked: true}
		series := facts.Hash("dissolved", ids.Key(v.tenant, v.at), ids.Key("", over.From), d.FactID)
		if told[series] {
			continue
		}
		told[series] = true
		out := v.factOf(over, series)
		out.OccurredAt, out.Source.System, out.DerivedFrom = d.OccurredAt, d.System, []string{d.FactID}
		v.tell(out)
	}
}

// disbands says whether a link revokes all links to its end: it names no other.
func disbands(l *avro.Link) bool { return l.Revoked && l.From.Kind == avro.IdentifierKindUnspecified }

// bestLinks gives one link per far end: seen outweighs planned, then the first said.
func bestLinks(links []avro.NodeLink) []avro.NodeLink {
	var out []avro.NodeLink
	for _, l := range links { // sorted by far end, best first
		if l.Link.Revoked || len(out) > 0 && ids.Same(out[len(out)-1].Link.To, l.Link.To) {
			continue
		}
		out = append(out, l)
	}
	return out
}

func (v *visit) composed(x, y avro.NodeLink) avro.Fact {
	link := avro.Link{From: ids.Bare(x.Link.To), To: ids.Bare(y.Link.To), Classifier: min(x.Link.Classifier, y.Link.Classifier)}
	f := v.factOf(link, facts.Hash("composed", ids.Key(v.tenant, v.at), ids.Key("", link.From), ids.Key("", link.To)))
	f.OccurredAt = max(x.OccurredAt, y.OccurredAt)
	f.Source.System = y.System
	f.DerivedFrom = slices.Compact(slices.Sorted(slices.Values([]string{x.FactID, y.FactID})))
	return f
}

func (v *visit) factOf(link avro.Link, series string) avro.Fact {
	return avro.Fact{
		Tenant: v.tenant, Classifier: link.Classifier, Identifiers: []avro.Identifier{link.From, link.To}, Links: []avro.Link{link},
		Source: avro.Source{Partner: Name}, Series: series,
	}
}

// tell sends a composed fact to both ends, if it is new or says something new.
func (v *visit) tell(f avro.Fact) {
	facts.Seal(&f)
	node, _ := v.node.Get()
	i, known := slices.BinarySearchFunc(node.Composed, f.Series, func(c avro.Composed, s string) int { return strings.Compare(c.Series, s) })
	if known && node.Composed[i].FactID == f.FactID {
		return
	}
	e := v.node.Edit()
	if !known {
		e.Composed = slices.Insert(e.Composed, i, avro.Composed{Series: f.Series})
	}
	e.Composed[i].FactID, e.Composed[i].Link = f.FactID, f.Links[0].Clone()
	e.Composed[i].Revision++
	f.Revision = e.Composed[i].Revision
	hops.Send(&v.out, &f)
}

// withdraw takes back the composed links that no longer follow.
func (v *visit) withdraw(told map[string]bool) {
	node, _ := v.node.Get()
	for i := range node.Composed {
		if told[node.Composed[i].Series] || node.Composed[i].FactID == "" {
			continue
		}
		c := &v.node.Edit().Composed[i]
		c.Revision++
		c.FactID = ""
		f := v.factOf(c.Link, c.Series)
		f.Void, f.Revision = true, c.Revision
		facts.Seal(&f)
		hops.Send(&v.out, &f)
	}
}

// interval is when a fact held: a stay from arrival to departure, a link for its validity, anything else at its instant.
func interval(f *avro.Fact) (from, to avro.Micros) {
	if f.Stay.Ok {
		return f.Stay.V.ArrivedAt, f.Stay.V.DepartedAt.Or(forever)
	}
	return f.OccurredAt, f.OccurredAt + 1
}

const forever = avro.Micros(1<<62 - 1)

// holds says whether a link held at any time of the fact.
func holds(l *avro.Link, f *avro.Fact) bool {
	from, to := interval(f)
	return !l.Revoked && from < ends(l) && to > l.ValidFrom.Or(-forever)
}

// leash is for how long a vehicle or trailer is a load's of which nobody says that it gave it back. Without it, what it does would be told to
// every load that it ever had.
const leash = avro.Micros(14 * 24 * time.Hour / time.Microsecond)

// ends is when a link ceases to hold.
func ends(l *avro.Link) avro.Micros {
	if l.To.Kind == avro.IdentifierKindLoad && (l.From.Kind == avro.IdentifierKindVehicle || l.From.Kind == avro.IdentifierKindTrailer) && l.ValidFrom.Ok {
		return l.ValidTo.Or(l.ValidFrom.V + leash)
	}
	return l.ValidTo.Or(forever)
}

package runtime

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"waybill/avro"
	"waybill/processors/stream"
	"waybill/topics"
)

// toPrice is the Format of a message that tells a price: of reference data, told to every partition.
const toPrice = "price"

// Of the load: how many prices there are, and how many keys a sweep visits in one go. Ten keys a partition share the prices, so
// that a sweep takes several transactions.
const (
	prices     = 2
	priceChunk = 2
)

// priced is the state of pricing.
type priced struct {
	last   *stream.Value[avro.PartnerMessage, *avro.PartnerMessage]
	prices *stream.Map[avro.PartnerMessage, *avro.PartnerMessage]
	needs  *stream.Index
}

// swept is what a sweep adds to a key's number: one that came twice or not at all shows ever after.
const swept = 1000

// pricing has each key depend on a price, another one with each record. A price that changes is told to all who depend on it,
// by a sweep.
func pricing(n runTopics) stream.Spec {
	on := func(_ context.Context, key string, ev stream.Event[avro.PartnerMessage], st priced) (out stream.Emits, err error) {
		price := priceOf(ev.Value.Line)
		if ev.Value.Format == toPrice {
			p := st.prices.Edit(price)
			p.Line++
			p.Name = ev.Value.Name
			out.Sweep(price)
			return out, nil
		}
		last := st.last.Edit()
		st.needs.Remove(last.Mapping)
		last.Name, last.Mapping = ev.Value.Name, price
		last.Line++
		st.needs.Add(price)
		p, _ := st.prices.Get(price)
		out.To(n.numbered(), key, &avro.PartnerMessage{Name: ev.Value.Name, Line: last.Line, Header: p.Name})
		return out, obey(&out, n, key, ev.Value)
	}
	sweep := func(_ context.Context, key, reference string, _ time.Time, st priced) (out stream.Emits, err error) {
		last := st.last.Edit()
		last.Line += swept
		p, _ := st.prices.Get(reference)
		out.To(n.totals(), key, &avro.PartnerMessage{Name: last.Name, Line: last.Line, Header: fmt.Sprint(reference, " is ", p.Name)})
		return out, nil
	}
	return stream.Define(stream.Processor[priced]{
		Name: "pricing", Inbox: n.inbox(), Outputs: []topics.Name{n.numbered(), n.totals()}, Sweep: sweep, SweepChunk: priceChunk,
		State: func(b *stream.Binder) priced {
			return priced{stream.ValueOf[avro.PartnerMessage](b, "last"), stream.TableOf[avro.PartnerMessage](b, "price"), stream.IndexOf(b, "needs")}
		},
		Inputs: []stream.Input[priced]{stream.On(on)},
	})
}

func priceOf(line int64) string { return fmt.Sprint("price-", line%prices) }

// pricesModel is pricing as a fold.
type pricesModel struct {
	last   map[string]avro.PartnerMessage // by key
	prices map[string]avro.PartnerMessage
}

func newPrices() model {
	return &pricesModel{map[string]avro.PartnerMessage{}, map[string]avro.PartnerMessage{}}
}

func (s *pricesModel) message(key string, _ time.Time, m *avro.PartnerMessage) ([]said, bool) {
	price := fmt.Sprint("price-", m.Line%prices)
	if m.Format == toPrice {
		s.prices[price] = avro.PartnerMessage{Name: m.Name, Line: s.prices[price].Line + 1}
		return s.sweep(&avro.Sweep{Reference: price}), false
	}
	if dies(m) {
		return nil, true
	}
	n := s.last[key].Line + 1
	s.last[key] = avro.PartnerMessage{Name: m.Name, Line: n, Mapping: price}
	return everyoneToo([]said{{key: key, value: avro.PartnerMessage{Name: m.Name, Line: n, Header: s.prices[price].Name}}}, key, m), false
}

func (s *pricesModel) tick(time.Time) []said { return nil }

// sweep visits the first keys behind after, and says where to go on.
func (s *pricesModel) sweep(from *avro.Sweep) (out []said) {
	visited := 0
	at := from.After
	for _, key := range slices.Sorted(maps.Keys(s.last)) {
		m := s.last[key]
		if m.Mapping != from.Reference || key <= from.After {
			continue
		}
		if visited == priceChunk {
			return append(out, said{next: &avro.Sweep{Reference: from.Reference, After: at}})
		}
		visited++
		at = key
		m.Line += swept
		s.last[key] = m
		value := avro.PartnerMessage{Name: m.Name, Line: m.Line, Header: fmt.Sprint(from.Reference, " is ", s.prices[from.Reference].Name)}
		out = append(out, said{totals: true, key: key, value: value})
	}
	return out
}

func (s *pricesModel) state() map[string]string {
	all := map[string]string{}
	for key, m := range s.last {
		all["last "+key+" "] = remembered(&m)
		all["needs "+m.Mapping+" "+key] = "needed"
	}
	for name, m := range s.prices {
		all["price  "+name] = remembered(&m)
	}
	return all
}

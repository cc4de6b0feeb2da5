package shipments

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"waybill/avro"
	"waybill/processors/model/contracts"
	"waybill/processors/model/facts"
	"waybill/processors/model/money"
	"waybill/topics"
)

// chargeable derives the charges that should stand and emits the difference to the ledger. The next instant at which a
// charge becomes ready, if no tick has passed it yet, is given back.
func (t *telling) chargeable(c Config, judged avro.Micros) (next avro.Micros, err error) {
	wanted := map[string]*avro.Charge{}
	next = never
	delivered, ok := t.deliveredAt()
	if ok {
		for _, leg := range t.legs {
			for i := range leg.Stops {
				ready := t.detain(c, leg, &leg.Stops[i], delivered, judged, wanted)
				next = min(next, ready)
			}
		}
	}
	t.post(wanted)
	return next, nil
}

// deliveredAt is the charges' trigger: the shipment's delivery, the last one where it has several.
func (t *telling) deliveredAt() (avro.Micros, bool) {
	at, ok := avro.Micros(0), false
	for i := range t.entries {
		e := &t.entries[i]
		if (e.Milestone == avro.MilestoneCodeDelivered || e.Milestone == avro.MilestoneCodeDeliveredPartial) && e.Classifier == avro.ClassifierActual && !e.Subject.Ok {
			at, ok = max(at, e.OccurredAt), true
		}
	}
	return at, ok
}

// detain adds the charges for the time at one stop that are ready, and gives back when the first that is not will be.
func (t *telling) detain(c Config, leg *avro.LoadView, stop *avro.Stop, delivered, judged avro.Micros, wanted map[string]*avro.Charge) avro.Micros {
	arriveCode, departCode := movements(stop.Type)
	arrive, depart := t.at(arriveCode, leg.LoadID, stop.Sequence), t.at(departCode, leg.LoadID, stop.Sequence)
	if arrive == nil || depart == nil {
		return never
	}
	next := never
	visit := contracts.Occasion{
		Kind: avro.OccasionVisit, Ref: fmt.Sprint(stop.Sequence), Stop: stop.Type, Appointment: stop.AppointmentAt,
		Arrived: avro.Some(arrive.OccurredAt), Departed: avro.Some(depart.OccurredAt),
	}
	evidence := slices.Sorted(slices.Values([]string{arrive.Reports[0].FactID, depart.Reports[0].FactID}))
	for _, contract := range t.agreements(arrive.OccurredAt) {
		ready := delivered + avro.Micros(contract.SettleS*1_000_000)
		if ready > judged {
			next = min(next, ready)
			continue
		}
		for _, line := range t.visited(leg, stop, contract, visit) {
			line.FactIDs = evidence
			wanted[line.ChargeID] = line
		}
	}
	if line := t.uncontracted(c, leg, stop, visit); line != nil {
		if delivered > judged {
			return min(next, delivered)
		}
		line.FactIDs = evidence
		wanted[line.ChargeID] = line
	}
	return next
}

// agreements are the contracts of the shipment's customer (receivable) and carrier (payable) in force at the service, the
// highest version of each.
func (t *telling) agreements(service avro.Micros) []*avro.Contract {
	var out []*avro.Contract
	for _, party := range t.parties() {
		for _, c := range t.contracts.WithPrefix(topics.Key(t.tenant, party) + "|") {
			if service < c.ValidFrom || service >= c.ValidTo.Or(never) || (c.Direction == avro.DirectionReceivable) != (party == t.customer) {
				continue
			}
			if n := len(out); n > 0 && out[n-1].ContractID == c.ContractID && out[n-1].Party == c.Party {
				out[n-1] = c // entries come in order of version
				continue
			}
			out = append(out, c)
		}
	}
	return out
}

// visited is what a contract says of a visit: detention, and what that becomes. Where nothing is due, or nothing is agreed, there
// is no line.
func (t *telling) visited(leg *avro.LoadView, stop *avro.Stop, c *avro.Contract, v contracts.Occasion) []*avro.Charge {
	var out []*avro.Charge
	for _, rated := range contracts.Rate(c, &contracts.Job{Occasions: []contracts.Occasion{v}}) {
		line := t.line(leg, stop, party{c.Direction, c.Party}, rated.Type, v.Arrived.V)
		line.Currency, line.ContractID, line.ContractVersion, line.Clause = c.Currency, c.ContractID, c.Version, rated.Clause
		switch rated.Outcome {
		case contracts.Held:
			out = append(out, held(line, rated.Reason))
		case contracts.Due:
			out = append(out, due(line, c, &rated, stop))
		}
	}
	return out
}

// due puts an amount on a line, or holds it where the clause says more of it than is posted yet.
func due(line *avro.Charge, c *avro.Contract, rated *contracts.Line, stop *avro.Stop) *avro.Charge {
	if why := unposted(c, rated, stop); why != "" {
		return held(line, fmt.Sprintf("%s would be due, but %s", money.Format(rated.Minor, rated.Currency), why))
	}
	line.Unit, line.Quantity, line.Rate = contracts.Code(rated.Unit), rated.Quantity, rated.Rate
	line.AmountMinor, line.Arithmetic = rated.Minor, rated.Arithmetic
	return line
}

// unposted is why a visit's amount alone would be wrong: a stop that several shipments share, and what else a clause may ask for
// that only the rater knows so far.
func unposted(c *avro.Contract, rated *contracts.Line, stop *avro.Stop) string {
	i := slices.IndexFunc(c.Clauses, func(k avro.Clause) bool { return k.Clause == rated.Clause })
	switch {
	case len(stop.ShipmentIDs) > 1:
		return fmt.Sprintf("shipments %s share the stop and the contract does not say how to split it", strings.Join(stop.ShipmentIDs, ", "))
	case len(rated.Portions) > 0:
		return "the contract splits it over payors, which is not posted yet"
	case c.Clauses[i].MaximumShipmentMinor.Ok:
		return "the contract has a maximum for the shipment, and stops are rated one by one as yet"
	case c.Clauses[i].Fault.Ok:
		return "the contract asks whose fault it is, and reasons do not reach charges yet"
	}
	return ""
}

// uncontracted holds a charge where the customer has no contract at all and the vehicle was kept: never silence.
func (t *telling) uncontracted(c Config, leg *avro.LoadView, stop *avro.Stop, v contracts.Occasion) *avro.Charge {
	dwell := v.Departed.V - v.Arrived.V
	if t.customer == "" || dwell <= avro.Micros(c.UncontractedDwell.Microseconds()) {
		return nil
	}
	if slices.ContainsFunc(t.agreements(v.Arrived.V), func(c *avro.Contract) bool { return c.Direction == avro.DirectionReceivable }) {
		return nil
	}
	return held(t.line(leg, stop, party{avro.DirectionReceivable, t.customer}, avro.ChargeTypeDetention, v.Arrived.V), fmt.Sprintf("customer %s has no contract in force on %s: send one, or end this with a zero-rate contract", t.customer, v.Arrived.V.Time().Format("2006-01-02")))
}

func held(line *avro.Charge, why string) *avro.Charge {
	line.Kind, line.Reason = avro.LineKindHeld, why
	return line
}

// party is who pays us, or is paid.
type party struct {
	direction avro.Direction
	id        string
}

func (t *telling) line(leg *avro.LoadView, stop *avro.Stop, p party, typ avro.ChargeType, service avro.Micros) *avro.Charge {
	return &avro.Charge{
		Tenant: t.tenant, Kind: avro.LineKindCharge, Type: typ, Direction: p.direction, ShipmentID: t.id.Value, LoadID: leg.LoadID,
		StopSequence: avro.Some(stop.Sequence), Party: p.id, ServiceAt: service, Period: service.Time().Format("2006-01"),
		ChargeID: facts.Hash("charge", t.tenant, "SHIPMENT", t.id.Issuer, t.id.Value, typ.String(), leg.LoadID, fmt.Sprint(stop.Sequence), p.id, p.direction.String()),
	}
}

// post emits the difference between the ledger told and the lines that should stand: a changed line is reversed and
// written anew, so that no line is ever edited.
func (t *telling) post(wanted map[string]*avro.Charge) {
	for _, id := range t.chargeIDs(wanted) {
		told, _ := t.charges.Get(id)
		want := wanted[id]
		if told.Stands && want != nil && sameLine(&told.Line, want) {
			continue
		}
		if told.Stands {
			t.reverse(id)
		}
		if want != nil {
			want.Predecessor = told.Line.LineID
			t.write(*want, true)
		}
	}
}

func (t *telling) chargeIDs(wanted map[string]*avro.Charge) []string {
	var out []string
	for id := range t.charges.All() {
		out = append(out, id)
	}
	for id := range wanted {
		out = append(out, id)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// reverse copies the standing line and negates it.
func (t *telling) reverse(id string) {
	told, _ := t.charges.Get(id)
	r := told.Line.Clone()
	r.Kind, r.Predecessor = avro.LineKindReversal, told.Line.LineID
	r.Quantity, r.AmountMinor = -r.Quantity, -r.AmountMinor
	r.Reason = cmp.Or(r.Reason, "what it rests on changed")
	t.write(r, false)
}

func (t *telling) write(line avro.Charge, stands bool) {
	line.LineID, line.EmittedAt = "", 0
	line.LineID = facts.Hash(line.Predecessor, string(line.Append(nil)))
	line.EmittedAt = t.now
	e := t.charges.Edit(line.ChargeID)
	e.Line, e.Stands = line.Clone(), stands
	t.out.To(topics.Charges.Name, t.key(), &line)
}

// sameLine compares what lines say, apart from their place in the chain.
func sameLine(told, want *avro.Charge) bool {
	a, b := told.Clone(), want.Clone()
	a.LineID, a.Predecessor, a.EmittedAt = "", "", 0
	b.LineID, b.Predecessor, b.EmittedAt = "", "", 0
	return slices.Equal(a.Append(nil), b.Append(nil))
}

package world

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"waybill/avro"
)

// ledgerKey is the natural key of a charge: detention of one visit, for one shipment, with one party.
type ledgerKey struct {
	shipment  string
	load      string
	stop      int32
	direction avro.Direction
	party     string
}

func (k ledgerKey) String() string {
	return fmt.Sprintf("shipment %s: detention at stop %d of load %s, %s with %s", k.shipment, k.stop, k.load, k.direction, k.party)
}

func (k ledgerKey) compare(o ledgerKey) int {
	return cmp.Or(cmp.Compare(k.shipment, o.shipment), cmp.Compare(k.load, o.load), cmp.Compare(k.stop, o.stop), cmp.Compare(k.direction, o.direction), cmp.Compare(k.party, o.party))
}

// CompareCharges compares the ledger, line by line_id once, with the truth: the net amount of every natural key to the cent
// and the contract it rests on; what is held is compared as held. It also says where a ledger is no chain: lines that follow
// nothing, two lines that follow one, reversals that do not negate.
func CompareCharges(truth Truth, got []avro.Charge) []string {
	ledgers := ledgersOf(got)
	var out []string
	for _, s := range truth.Shipments {
		for _, c := range s.Charges {
			key := ledgerKey{s.ID, c.LoadID, c.StopSequence, c.Direction, c.Party}
			out = append(out, said(key, compareLedger(c, ledgers[key]))...)
			delete(ledgers, key)
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(ledgers), ledgerKey.compare) {
		l := ledgers[key]
		out = append(out, said(key, l.faults)...)
		if l.net != 0 || l.held() {
			out = append(out, fmt.Sprintf("%v: the ledger has %d cents (held: %v), and there is nothing to charge", key, l.net, l.held()))
		}
	}
	return out
}

func said(key ledgerKey, faults []string) []string {
	var out []string
	for _, f := range faults {
		out = append(out, fmt.Sprintf("%v: %s", key, f))
	}
	return out
}

// ledger is the lines under one natural key.
type ledger struct {
	lines  []avro.Charge
	net    int64
	last   avro.Charge // the line that nothing follows
	faults []string
}

func (l *ledger) held() bool { return l != nil && l.last.Kind == avro.LineKindHeld }

func ledgersOf(got []avro.Charge) map[ledgerKey]*ledger {
	seen := map[string]bool{}
	out := map[ledgerKey]*ledger{}
	for _, c := range got {
		if seen[c.LineID] || c.Type != avro.ChargeTypeDetention {
			continue
		}
		seen[c.LineID] = true
		key := ledgerKey{c.ShipmentID, c.LoadID, c.StopSequence.V, c.Direction, c.Party}
		if out[key] == nil {
			out[key] = &ledger{}
		}
		out[key].lines = append(out[key].lines, c)
	}
	for _, l := range out {
		l.follow()
	}
	return out
}

// follow walks the chain from its first line to its last.
func (l *ledger) follow() {
	after := map[string][]avro.Charge{}
	for _, c := range l.lines {
		after[c.Predecessor] = append(after[c.Predecessor], c)
		l.net += c.AmountMinor
		if c.ChargeID != l.lines[0].ChargeID {
			l.faults = append(l.faults, fmt.Sprintf("one natural key has two charge ids, %s and %s", l.lines[0].ChargeID, c.ChargeID))
		}
	}
	walked := 0
	for id := ""; len(after[id]) > 0; walked++ {
		if len(after[id]) > 1 {
			l.faults = append(l.faults, fmt.Sprintf("%d lines follow line %q", len(after[id]), id))
		}
		next := after[id][0]
		if next.Kind == avro.LineKindReversal && next.AmountMinor != -l.last.AmountMinor {
			l.faults = append(l.faults, fmt.Sprintf("line %s reverses %d cents with %d", next.LineID, l.last.AmountMinor, next.AmountMinor))
		}
		l.last, id = next, next.LineID
	}
	if walked != len(l.lines) {
		l.faults = append(l.faults, fmt.Sprintf("%d of %d lines hang together", walked, len(l.lines)))
	}
}

func compareLedger(c ChargeTruth, l *ledger) []string {
	if l == nil && c.Held {
		return []string{fmt.Sprintf("it is to be held (%s), and the ledger has nothing", c.Reason)}
	}
	if l == nil {
		return []string{fmt.Sprintf("%d cents are due (%s), and the ledger has nothing", c.AmountMinor, c.Arithmetic)}
	}
	out := l.faults
	switch {
	case c.Held && !l.held():
		out = append(out, fmt.Sprintf("it is to be held (%s), not charged with %d cents", c.Reason, l.net))
	case !c.Held && l.held():
		out = append(out, fmt.Sprintf("%d cents are due (%s), not held (%s)", c.AmountMinor, c.Arithmetic, l.last.Reason))
	case c.AmountMinor != l.net:
		out = append(out, fmt.Sprintf("%d cents are due (%s), not %d", c.AmountMinor, c.Arithmetic, l.net))
	case !c.Held && (l.last.ContractID != c.ContractID || l.last.ContractVersion != c.ContractVersion):
		out = append(out, fmt.Sprintf("contract %s version %d applies, not %s version %d", c.ContractID, c.ContractVersion, l.last.ContractID, l.last.ContractVersion))
	case !c.Held && l.last.Currency != c.Currency:
		out = append(out, fmt.Sprintf("it is in %s, not %s", c.Currency, l.last.Currency))
	}
	return out
}

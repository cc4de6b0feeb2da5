package page

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"waybill/avro"
)

// exponents are the currencies whose minor unit is not a hundredth (ISO 4217, column "Minor unit").
var exponents = map[string]int{
	"BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0, "UGX": 0, "UYI": 0,
	"VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
}

// Money is an amount of minor units as people write it: 1,234.50 USD.
func Money(minor int64, currency string) string {
	scale, ok := exponents[currency]
	if !ok {
		scale = 2
	}
	return strings.TrimSpace(Decimal(minor, scale) + " " + currency)
}

// Decimal is an unscaled integer as people write it: 12345 at scale 2 is 123.45.
func Decimal(unscaled int64, scale int) string {
	sign := ""
	magnitude := uint64(unscaled)
	if unscaled < 0 {
		sign, magnitude = "-", -magnitude // exact for the smallest integer too
	}
	digits := fmt.Sprintf("%0*d", scale+1, magnitude)
	whole, rest := digits[:len(digits)-scale], digits[len(digits)-scale:]
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if rest == "" {
		return sign + whole
	}
	return sign + whole + "." + rest
}

func (p *pen) charges(lines []avro.Charge) {
	if len(lines) == 0 {
		return
	}
	p.heading(fmt.Sprintf("Charges: %s", totals(lines)))
	shown := Ledger(lines)
	for _, c := range shown[:min(len(shown), most)] {
		p.charge(c)
	}
	if len(shown) > most {
		p.line("  %s", p.dim(fmt.Sprintf("and %d more lines", len(shown)-most)))
	}
}

// Ledger is the lines with those of one charge together, each chain in its order, the longest chains first: a charge
// that was reversed tells the most.
func Ledger(lines []avro.Charge) []avro.Charge {
	length := map[string]int{}
	for _, c := range lines {
		length[c.ChargeID]++
	}
	out := slices.Clone(lines)
	slices.SortStableFunc(out, func(a, b avro.Charge) int {
		return cmp.Or(cmp.Compare(length[b.ChargeID], length[a.ChargeID]), strings.Compare(a.ShipmentID, b.ShipmentID), strings.Compare(a.ChargeID, b.ChargeID))
	})
	return out
}

func (p *pen) charge(c avro.Charge) {
	amount := Money(c.AmountMinor, c.Currency)
	if c.Kind == avro.LineKindHeld {
		amount = "held"
	}
	p.line("  %s  %s %s  %s", pad(titled(c), 26), strings.Repeat(" ", max(0, 14-len(amount)))+amount, pad(direction(c), 24), place(c))
	if c.Arithmetic != "" {
		p.line("      %s", c.Arithmetic)
	}
	var why []string
	if c.ContractID != "" {
		why = append(why, fmt.Sprintf("contract %s version %d", c.ContractID, c.ContractVersion))
	}
	if c.Clause != "" {
		why = append(why, c.Clause)
	}
	why = append(why, fmt.Sprintf("rests on %d facts", len(c.FactIDs)))
	if c.Reason != "" {
		why = append(why, c.Reason)
	}
	p.line("      %s", p.dim(strings.Join(why, "; ")))
}

func titled(c avro.Charge) string {
	name := strings.ToLower(strings.ReplaceAll(c.Type.String(), "_", " "))
	if c.Kind == avro.LineKindCharge {
		return name
	}
	return name + " (" + strings.ToLower(c.Kind.String()) + ")"
}

func direction(c avro.Charge) string {
	if c.Direction == avro.DirectionPayable {
		return "to " + c.Party
	}
	return "from " + c.Party
}

func place(c avro.Charge) string {
	text := "shipment " + c.ShipmentID
	if c.ShipmentID == "" {
		text = "load " + c.LoadID
	}
	if c.StopSequence.Ok {
		text += fmt.Sprintf(", stop %d", c.StopSequence.V)
	}
	return text
}

// totals counts charges and sums them by direction and currency.
func totals(lines []avro.Charge) string {
	type bucket struct {
		direction avro.Direction
		currency  string
	}
	sums := map[bucket]int64{}
	charges, held := map[string]bool{}, 0
	for _, c := range lines {
		charges[c.ChargeID] = true
		if c.Kind == avro.LineKindHeld {
			held++
			continue
		}
		sums[bucket{c.Direction, c.Currency}] += c.AmountMinor
	}
	text := fmt.Sprintf("%d in %d lines", len(charges), len(lines))
	for _, b := range slices.SortedFunc(maps.Keys(sums), func(a, b bucket) int {
		return cmp.Or(cmp.Compare(a.direction, b.direction), strings.Compare(a.currency, b.currency))
	}) {
		text += fmt.Sprintf(", %s %s", Money(sums[b], b.currency), strings.ToLower(b.direction.String()))
	}
	if held > 0 {
		text += fmt.Sprintf(", %d held", held)
	}
	return text
}

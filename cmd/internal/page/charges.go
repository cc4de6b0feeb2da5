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
	chains := chainsOf(lines)
	p.heading(fmt.Sprintf("Charges: %s", totals(lines, chains)))
	shown := varied(chains)
	for _, c := range shown {
		p.chain(c)
	}
	if more := len(chains) - len(shown); more > 0 {
		p.line("  %s", p.dim(fmt.Sprintf("and %d more charges", more)))
	}
}

// chain is the lines of one charge, in their order.
type chain []avro.Charge

func (c chain) last() avro.Charge { return c[len(c)-1] }

func (c chain) net() (sum int64) {
	for _, l := range c {
		sum += l.AmountMinor
	}
	return sum
}

func (c chain) held() bool { return c.last().Kind == avro.LineKindHeld }

// chainsOf groups a ledger by charge, in the order of their first lines.
func chainsOf(lines []avro.Charge) []chain {
	var out []chain
	at := map[string]int{}
	for _, l := range lines {
		i, ok := at[l.ChargeID]
		if !ok {
			i = len(out)
			at[l.ChargeID] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], l)
	}
	return out
}

// varied picks charges that show different things: one billed and one paid without further ado, one that was corrected to
// another amount, one that is held.
func varied(chains []chain) []chain {
	kinds := []func(chain) bool{
		func(c chain) bool { return !c.held() && c.net() != 0 && c.last().Direction == avro.DirectionReceivable },
		func(c chain) bool { return !c.held() && c.net() != 0 && c.last().Direction == avro.DirectionPayable },
		func(c chain) bool { return len(c) > 2 && c.net() != 0 && c[0].AmountMinor != c.net() },
		func(c chain) bool { return c.held() },
	}
	var out []chain
	taken := map[string]bool{}
	short := slices.Clone(chains)
	slices.SortStableFunc(short, func(a, b chain) int { return cmp.Compare(min(len(a), 4), min(len(b), 4)) })
	for _, fits := range kinds {
		i := slices.IndexFunc(short, func(c chain) bool { return fits(c) && !taken[c[0].ChargeID] })
		if i >= 0 {
			out = append(out, short[i])
			taken[short[i][0].ChargeID] = true
		}
	}
	return out
}

func (p *pen) chain(c chain) {
	l := c.last()
	amount := Money(c.net(), l.Currency)
	if c.held() {
		amount = "held"
	}
	p.line("  %-12s %15s %s  %s", titled(l), amount, pad(direction(l), 12), place(l))
	if l.Arithmetic != "" {
		p.wrapped(l.Arithmetic, false)
	}
	if len(c) > 1 && !c.held() {
		p.line("      the ledger: %s", ledger(c))
	}
	var why []string
	if l.ContractID != "" {
		why = append(why, fmt.Sprintf("contract %s version %d", l.ContractID, l.ContractVersion))
	}
	if l.Clause != "" {
		why = append(why, l.Clause)
	}
	why = append(why, fmt.Sprintf("rests on %d facts", len(l.FactIDs)))
	if l.Reason != "" {
		why = append(why, l.Reason)
	}
	p.wrapped(strings.Join(why, "; "), true)
}

// ledger writes the lines as a sum: nothing is ever changed, a correction is a reversal and a new line.
func ledger(c chain) string {
	const most = 7
	text := ""
	for i, l := range c {
		if i == most {
			text += fmt.Sprintf(" and %d more", len(c)-most)
			break
		}
		sign := " + "
		if l.AmountMinor < 0 {
			sign = " − "
		}
		if i == 0 {
			sign = strings.TrimPrefix(strings.TrimSuffix(sign, " "), " +")
		}
		amount := Money(max(l.AmountMinor, -l.AmountMinor), "")
		if l.Kind == avro.LineKindHeld {
			amount = "held"
		}
		text += sign + amount
	}
	return text + " = " + Money(c.net(), c.last().Currency)
}

func titled(c avro.Charge) string {
	return strings.ToLower(strings.ReplaceAll(c.Type.String(), "_", " "))
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
func totals(lines []avro.Charge, chains []chain) string {
	type bucket struct {
		direction avro.Direction
		currency  string
	}
	sums, held := map[bucket]int64{}, 0
	for _, c := range chains {
		if c.held() {
			held++
		}
		for _, l := range c {
			if l.AmountMinor != 0 {
				sums[bucket{l.Direction, l.Currency}] += l.AmountMinor
			}
		}
	}
	text := fmt.Sprintf("%d in %d lines", len(chains), len(lines))
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

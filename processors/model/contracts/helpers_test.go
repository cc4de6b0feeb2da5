package contracts_test

import (
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"waybill/avro"
	"waybill/processors/model/contracts"
	"waybill/processors/model/contracts/written"
	"waybill/processors/model/money"
)

// tariff reads the contracts of a file of testdata, and fails where one has a fault.
func tariff(t testing.TB, name string) []*avro.Contract {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return parsed(t, name, string(raw))
}

func parsed(t testing.TB, name, text string) []*avro.Contract {
	t.Helper()
	docs, faults := written.Parse(name, []byte(text))
	for _, f := range faults {
		t.Error(f)
	}
	var out []*avro.Contract
	for i := range docs {
		out = append(out, &docs[i].Contract)
	}
	return out
}

// inline is a contract in USD with the clauses given.
func inline(t testing.TB, clauses string) *avro.Contract {
	t.Helper()
	return parsed(t, "inline", "contract: C\nparty: P\ncurrency: USD\nfrom: 2026-01-01\nclauses:\n"+clauses)[0]
}

// dataDir is $WAYBILL_DATA, or the data beside the project.
func dataDir(t *testing.T, set string) string {
	t.Helper()
	root := os.Getenv("WAYBILL_DATA")
	for dir := "."; root == ""; dir = filepath.Join(dir, "..") {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			root = filepath.Join(dir, "..", "shared", "data")
		}
	}
	dir := filepath.Join(root, set)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("SKIPPED: no %s data under $WAYBILL_DATA (%s): %v", set, root, err)
	}
	return dir
}

func at(s string) avro.Micros {
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02 15:04:05"} {
		if v, err := time.Parse(layout, s); err == nil {
			return avro.MicrosOf(v)
		}
	}
	panic(s)
}

func some(s string) avro.Opt[avro.Micros] {
	if s == "" {
		return avro.Opt[avro.Micros]{}
	}
	return avro.Some(at(s))
}

func visit(arrived, departed string) contracts.Occasion {
	return contracts.Occasion{Kind: avro.OccasionVisit, Ref: "1", Stop: avro.StopTypeDelivery, Arrived: some(arrived), Departed: some(departed)}
}

func job(list ...contracts.Occasion) *contracts.Job { return &contracts.Job{Occasions: list} }

func amount(n string, u avro.Unit) avro.Opt[contracts.Quantity] {
	x, ok := new(big.Rat).SetString(n)
	x.Mul(x, big.NewRat(10_000, 1))
	if !ok || !x.IsInt() {
		panic(n)
	}
	return avro.Some(contracts.Quantity{N: avro.Unscaled(x.Num().Int64()), Unit: u})
}

func miles(n string) avro.Opt[contracts.Quantity] { return amount(n, avro.UnitMile) }

// rate rates, and works the arithmetic of every line out again.
func rate(t testing.TB, c *avro.Contract, j *contracts.Job) []contracts.Line {
	t.Helper()
	lines := contracts.Rate(c, j)
	for _, l := range lines {
		wellFormed(t, c, l)
	}
	return lines
}

// wellFormed is what holds of every line: an amount with its arithmetic, or a reason; shares that add up.
func wellFormed(t testing.TB, c *avro.Contract, l contracts.Line) {
	t.Helper()
	if l.Outcome == contracts.Due {
		if err := recount(l.Arithmetic, l.Minor, l.Currency); err != nil || l.Reason != "" {
			t.Errorf("%s: %v\n%s", l.Clause, err, l.Arithmetic)
		}
	} else if l.Reason == "" || l.Minor != 0 || l.Arithmetic != "" {
		t.Errorf("a line without an amount must have a reason and nothing else: %+v", l)
	}
	sum := int64(0)
	for _, p := range l.Portions {
		sum += p.Minor
	}
	if len(l.Portions) > 0 && sum != l.Minor {
		t.Errorf("portions %v come to %d, not %d", l.Portions, sum, l.Minor)
	}
}

// said writes lines for comparison: type, outcome, amount or reason.
func said(lines []contracts.Line) string {
	var out []string
	for _, l := range lines {
		s := strings.ToLower(l.Type.String()) + " " + l.Outcome.String()
		if l.Outcome == contracts.Due {
			s += " " + money.Format(l.Minor, "")
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

// recount works an arithmetic out again, from its text alone: the left of every " = " must come to the right, exactly or as it
// says that it rounds, and the last amount must be the line's.
func recount(text string, minor int64, currency string) error {
	last := new(big.Rat)
	for step := range strings.SplitSeq(text, "; ") {
		if m := bound.FindStringSubmatch(step); m != nil {
			last, _ = new(big.Rat).SetString(m[1])
		}
		left, right, is := strings.Cut(step, " = ")
		if !is {
			continue
		}
		got, err := evaluate(left[strings.LastIndex(left, ": ")+1:])
		if err != nil {
			return fmt.Errorf("%q: %w", step, err)
		}
		want, err := evaluate(strings.SplitN(strings.SplitN(right, ",", 2)[0], "(", 2)[0])
		if err != nil {
			return fmt.Errorf("%q: %w", step, err)
		}
		if err := agree(got, want, right); err != nil {
			return fmt.Errorf("%q: %w", step, err)
		}
		last = want
	}
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(money.Digits(currency))), nil)
	if last.Mul(last, new(big.Rat).SetInt(scale)); last.Cmp(big.NewRat(minor, 1)) != 0 {
		return fmt.Errorf("it ends at %s minor units, not at %d", last.RatString(), minor)
	}
	return nil
}

var bound = regexp.MustCompile(`^at (?:most|least) (\d+(?:\.\d+)?) [A-Z]{3}`)

// agree says whether a result is what the text may say of it.
func agree(got, want *big.Rat, right string) error {
	if got.Cmp(want) == 0 {
		return nil
	}
	off := new(big.Rat).Sub(want, got)
	m := regexp.MustCompile(`to (\d) decimals`).FindStringSubmatch(right)
	unit := big.NewRat(1, 1)
	if m != nil {
		unit.SetString("1e-" + m[1])
	}
	half := new(big.Rat).Mul(unit, big.NewRat(1, 2))
	size := new(big.Rat).Abs(off)
	ok := false
	switch {
	case strings.Contains(right, "half up"), strings.Contains(right, "rounded nearest"):
		ok = size.Cmp(half) < 0 || size.Cmp(half) == 0 && off.Sign() == got.Sign()
	case strings.Contains(right, "half to even"):
		ok = size.Cmp(half) <= 0
	case strings.Contains(right, "rounded up"):
		ok = size.Cmp(unit) < 0 && off.Sign() == got.Sign()
	case strings.Contains(right, "cut"), strings.Contains(right, "rounded down"):
		ok = size.Cmp(unit) < 0 && off.Sign() == -got.Sign()
	}
	if !ok {
		return fmt.Errorf("it is %s, not %s", got.RatString(), want.RatString())
	}
	return nil
}

// evaluate works out sums of products of numbers and times, which are seconds; words are skipped, but for what a time's price is
// per and for percent.
func evaluate(text string) (*big.Rat, error) {
	sum, product, op, sign := new(big.Rat), (*big.Rat)(nil), "", int64(1)
	timed := false
	end := func() {
		if product != nil {
			sum.Add(sum, product.Mul(product, big.NewRat(sign, 1)))
		}
	}
	for _, w := range strings.Fields(text) {
		switch w {
		case "+", "-":
			end()
			product, op, timed = nil, "", false
			sign = map[string]int64{"+": 1, "-": -1}[w]
			continue
		case "×", "/":
			op = w
			continue
		case "%":
			product.Quo(product, big.NewRat(100, 1))
			continue
		}
		if per, ok := map[string]int64{"hour": 3600, "day": 86400, "minute": 60}[w]; ok && timed {
			product.Quo(product, big.NewRat(per, 1))
			continue
		}
		x, isTime, ok := value(w)
		switch {
		case !ok:
		case product == nil:
			product, timed = x, isTime
		case op == "×":
			product.Mul(product, x)
			timed = timed || isTime
		case op == "/":
			product.Quo(product, x)
		default:
			return nil, fmt.Errorf("two numbers without an operator before %q", w)
		}
	}
	end()
	if product == nil {
		return nil, fmt.Errorf("%q holds no number", text)
	}
	return sum, nil
}

var number = regexp.MustCompile(`^-?\d+(\.\d+)?$`)

func value(w string) (x *big.Rat, isTime, ok bool) {
	if number.MatchString(w) {
		x, ok = new(big.Rat).SetString(w)
		return x, false, ok
	}
	d, err := time.ParseDuration(w)
	return big.NewRat(d.Microseconds(), 1_000_000), true, err == nil
}

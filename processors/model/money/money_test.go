package money_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"waybill/avro"
	"waybill/processors/model/money"
)

func TestRound(t *testing.T) {
	for _, c := range []struct {
		in                       string
		scale                    int32
		halfUp, even, down, away string
	}{
		{"25.005", 2, "25.01", "25", "25", "25.01"},
		{"25.015", 2, "25.02", "25.02", "25.01", "25.02"},
		{"25.00499999", 2, "25", "25", "25", "25.01"},
		{"25.00500001", 2, "25.01", "25.01", "25", "25.01"},
		{"-25.005", 2, "-25.01", "-25", "-25", "-25.01"},
		{"-0.001", 2, "0", "0", "0", "-0.01"},
		{"2.5", 0, "3", "2", "2", "3"},
		{"1/3", 4, "0.3333", "0.3333", "0.3333", "0.3334"},
		{"7", 3, "7", "7", "7", "7"},
	} {
		x, _ := new(big.Rat).SetString(c.in)
		for mode, want := range map[avro.MoneyRounding]string{avro.MoneyRoundingHalfUp: c.halfUp, avro.MoneyRoundingHalfEven: c.even, avro.MoneyRoundingDown: c.down, avro.MoneyRoundingUp: c.away} {
			if got := money.Number(money.Round(x, avro.Precision{Mode: mode, Scale: c.scale}), 0); got != want {
				t.Errorf("%s to %d decimals, %v: got %s, want %s", c.in, c.scale, mode, got, want)
			}
		}
	}
}

// Binary floats would say 1.00 of the first: 1.005 is less than it says in them.
func TestMinor(t *testing.T) {
	for _, c := range []struct {
		in, currency string
		want         int64
	}{
		{"1.005", "USD", 101}, {"8.165", "USD", 817}, {"8.33", "JPY", 8}, {"8.5", "JPY", 9}, {"1.2345", "KWD", 1235}, {"1.00005", "CLF", 10001},
	} {
		x, _ := new(big.Rat).SetString(c.in)
		if got, err := money.Minor(x, c.currency, money.Default(c.currency)); err != nil || got != c.want {
			t.Errorf("%s %s: got %d, %v, want %d", c.in, c.currency, got, err, c.want)
		}
	}
	if _, err := money.Minor(new(big.Rat).SetInt64(1<<62), "USD", money.Default("USD")); err == nil {
		t.Error("an amount beyond 64 bits was accepted")
	}
}

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		name   string
		minor  int64
		shares []money.Share
		want   []int64
	}{
		{"the cent that is left goes to the largest", 100, []money.Share{{"a", 1}, {"b", 5}, {"c", 1}}, []int64{14, 72, 14}},
		{"of equal ones to the first by id", 100, []money.Share{{"c", 1}, {"b", 1}, {"a", 1}}, []int64{33, 33, 34}},
		{"a reversal as its charge", -100, []money.Share{{"c", 1}, {"b", 1}, {"a", 1}}, []int64{-33, -33, -34}},
		{"nobody's part", 5, []money.Share{{"a", 0}, {"b", 3}}, []int64{0, 5}},
	} {
		if got, err := money.Split(c.minor, c.shares); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, %v, want %v", c.name, got, err, c.want)
		}
	}
	for _, bad := range [][]money.Share{nil, {{"a", 0}}, {{"a", -1}, {"b", 2}}} {
		if got, err := money.Split(100, bad); err == nil {
			t.Errorf("%v: got %v", bad, got)
		}
	}
}

// Whatever the shares, they add up, their order does not matter, and nobody is further than the cents left over from his part.
func TestSplitAddsUp(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		minor := r.Int64N(2_000_001) - 1_000_000
		shares := make([]money.Share, 1+r.IntN(7))
		for i := range shares {
			shares[i] = money.Share{ID: fmt.Sprint(i), Weight: avro.Unscaled(r.Int64N(1000) + 1)}
		}
		parts, err := money.Split(minor, shares)
		sum, by := int64(0), map[string]int64{}
		for i, p := range parts {
			sum += p
			by[shares[i].ID] = p
		}
		if err != nil || sum != minor {
			t.Fatalf("%d over %v: parts %v come to %d, %v", minor, shares, parts, sum, err)
		}
		r.Shuffle(len(shares), func(i, j int) { shares[i], shares[j] = shares[j], shares[i] })
		again, _ := money.Split(minor, shares)
		for i, p := range again {
			if by[shares[i].ID] != p {
				t.Fatalf("%d over %v: in another order %s gets %d, not %d", minor, shares, shares[i].ID, p, by[shares[i].ID])
			}
		}
	}
}

func TestKnown(t *testing.T) {
	for code, want := range map[string]bool{"USD": true, "EUR": true, "AED": true, "ZWG": true, "UDS": false, "usd": false, "": false, "AED AFN": false, "DEM": false} {
		if money.Known(code) != want {
			t.Errorf("%q is known: %v, want %v", code, !want, want)
		}
	}
}

func ExampleFormat() {
	fmt.Println(money.Format(-5, "USD"), money.Format(1230, "USD"), money.Format(7, "JPY"), money.Format(1, "KWD"), money.Decimal(755000), money.Decimal(12345))
	// Output: -0.05 USD 12.30 USD 7 JPY 0.001 KWD 75.50 1.2345
}

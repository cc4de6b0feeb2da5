// Package money is exact arithmetic for charges: integer minor units, decimals as unscaled integers, no floats.
package money

import (
	"fmt"
	"math/big"
	"strings"

	"waybill/avro"
)

// RateScale is the scale of rates and quantities in the schemas.
const RateScale = 4

// Exact is a rate or quantity as a fraction.
func Exact(v avro.Unscaled) *big.Rat { return big.NewRat(int64(v), 10_000) }

// OfMinor is an amount of minor units as a fraction of major ones.
func OfMinor(minor int64, currency string) *big.Rat {
	return new(big.Rat).SetFrac(big.NewInt(minor), pow10(Digits(currency)))
}

// Default is how amounts of a currency are rounded where a contract says nothing: half up, to the minor unit.
func Default(currency string) avro.Precision { return avro.Precision{Scale: int32(Digits(currency))} }

// finest is the most decimals that anything is rounded to.
const finest = 18

// Round is x with at most p.Scale decimals, from 0 to 18.
func Round(x *big.Rat, p avro.Precision) *big.Rat {
	scale := pow10(int(min(max(p.Scale, 0), finest)))
	scaled := new(big.Int).Mul(x.Num(), scale)
	return new(big.Rat).SetFrac(whole(scaled, x.Denom(), p.Mode), scale)
}

// whole is num/den, den above zero, as a whole number.
func whole(num, den *big.Int, mode avro.MoneyRounding) *big.Int {
	q, rest := new(big.Int).QuoRem(num, den, new(big.Int))
	if !away(q, rest, den, mode) {
		return q
	}
	return q.Add(q, big.NewInt(int64(num.Sign())))
}

// away says whether the quotient q, cut towards zero, is one too near to it.
func away(q, rest, den *big.Int, mode avro.MoneyRounding) bool {
	half := new(big.Int).Abs(rest)
	half.Lsh(half, 1)
	switch mode {
	case avro.MoneyRoundingDown:
		return false
	case avro.MoneyRoundingUp:
		return rest.Sign() != 0
	case avro.MoneyRoundingHalfEven:
		return half.Cmp(den) > 0 || half.Cmp(den) == 0 && q.Bit(0) == 1
	}
	return half.Cmp(den) >= 0
}

// Minor is an amount of major units in minor ones, rounded. It fails where that does not fit 64 bits.
func Minor(x *big.Rat, currency string, p avro.Precision) (int64, error) {
	scaled := new(big.Rat).SetFrac(pow10(Digits(currency)), big.NewInt(1))
	scaled.Mul(scaled, Round(x, p))
	q := whole(scaled.Num(), scaled.Denom(), p.Mode)
	if !q.IsInt64() {
		return 0, fmt.Errorf("an amount of %s %s does not fit 64 bits: check the contract's prices", x.FloatString(2), currency)
	}
	return q.Int64(), nil
}

func pow10(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// Format writes an amount of minor units as people do: 12.30 USD.
func Format(minor int64, currency string) string {
	return strings.TrimSpace(point(minor, Digits(currency)) + " " + currency)
}

// Decimal writes a rate or quantity, without trailing zeros beyond two decimals.
func Decimal(v avro.Unscaled) string { return trimmed(point(int64(v), RateScale), 2) }

// Number writes a fraction as an exact decimal, without trailing zeros beyond least decimals. Where it has no end it is a
// fraction: 1/3.
func Number(x *big.Rat, least int) string {
	digits, exact := x.FloatPrec()
	if !exact {
		return x.String()
	}
	return x.FloatString(max(digits, least))
}

func trimmed(s string, least int) string {
	for strings.HasSuffix(s, "0") && len(s)-strings.IndexByte(s, '.') > least+1 {
		s = s[:len(s)-1]
	}
	return s
}

func point(v int64, digits int) string {
	s := new(big.Int).Abs(big.NewInt(v)).String()
	if pad := digits + 1 - len(s); pad > 0 {
		s = strings.Repeat("0", pad) + s
	}
	if digits > 0 {
		s = s[:len(s)-digits] + "." + s[len(s)-digits:]
	}
	if v < 0 {
		s = "-" + s
	}
	return s
}

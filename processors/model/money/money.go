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

// minorDigits lists the currencies whose minor unit is not the hundredth (ISO 4217, list one).
var minorDigits = map[string]int{
	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0, "UGX": 0, "UYI": 0, "VND": 0, "VUV": 0,
	"XAF": 0, "XOF": 0, "XPF": 0, "BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3, "CLF": 4, "UYW": 4,
}

// Digits is how many decimal digits a currency's minor unit has.
func Digits(currency string) int {
	if d, ok := minorDigits[currency]; ok {
		return d
	}
	return 2
}

// PerHour is rate × seconds/3600 in minor units, rounded half up: half a minor unit and more counts as one. It fails where
// the amount does not fit 64 bits.
func PerHour(rate avro.Unscaled, seconds int64, currency string) (int64, error) {
	num := new(big.Int).Mul(big.NewInt(int64(rate)), big.NewInt(seconds))
	num.Mul(num, pow10(Digits(currency)))
	den := new(big.Int).Mul(big.NewInt(3600), pow10(RateScale))
	q := halfUp(num, den)
	if !q.IsInt64() {
		return 0, fmt.Errorf("charge of %s %s an hour for %d s does not fit 64 bits: check the contract's rate", Decimal(rate), currency, seconds)
	}
	return q.Int64(), nil
}

// halfUp is num/den rounded to the nearest integer, halves away from zero.
func halfUp(num, den *big.Int) *big.Int {
	neg := num.Sign() < 0
	n := new(big.Int).Abs(num)
	n.Mul(n, big.NewInt(2)).Add(n, den)
	q := n.Quo(n, new(big.Int).Mul(den, big.NewInt(2)))
	if neg {
		q.Neg(q)
	}
	return q
}

func pow10(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// Format writes an amount of minor units as people do: 12.30 USD.
func Format(minor int64, currency string) string {
	return strings.TrimSpace(point(minor, Digits(currency)) + " " + currency)
}

// Decimal writes a rate or quantity, without trailing zeros beyond two decimals.
func Decimal(v avro.Unscaled) string {
	s := point(int64(v), RateScale)
	for strings.HasSuffix(s, "0") && len(s)-strings.IndexByte(s, '.') > 3 {
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

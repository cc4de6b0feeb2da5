package money_test

import (
	"fmt"
	"testing"

	"waybill/avro"
	"waybill/processors/model/money"
)

func TestPerHour(t *testing.T) {
	for _, c := range []struct {
		rate     avro.Unscaled
		seconds  int64
		currency string
		want     int64
	}{
		{750000, 3600, "USD", 7500},
		{750000, 1200, "USD", 2500},
		{500100, 1800, "USD", 2501}, // 25.005: the half goes up
		{500099, 1800, "USD", 2500}, // 25.00495
		{-500100, 1800, "USD", -2501},
		{333333, 900, "JPY", 8},    // 8.33
		{12345, 3600, "KWD", 1235}, // 1.2345
		{10000, 1, "USD", 0},       // 0.000277
		{18, 3600 * 10, "USD", 2},  // 0.018: 1.8 cents
		{2500, 7200 * 1000, "USD", 50000},
	} {
		got, err := money.PerHour(c.rate, c.seconds, c.currency)
		if err != nil || got != c.want {
			t.Errorf("%d for %d s in %s: got %d, %v, want %d", c.rate, c.seconds, c.currency, got, err, c.want)
		}
	}
	if _, err := money.PerHour(1<<62, 1<<40, "USD"); err == nil {
		t.Error("an amount beyond 64 bits was accepted")
	}
}

func ExampleFormat() {
	fmt.Println(money.Format(-5, "USD"), money.Format(1230, "USD"), money.Format(7, "JPY"), money.Format(1, "KWD"), money.Decimal(755000), money.Decimal(12345))
	// Output: -0.05 USD 12.30 USD 7 JPY 0.001 KWD 75.50 1.2345
}

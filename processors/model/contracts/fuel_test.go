package contracts_test

import (
	"encoding/csv"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"waybill/avro"
	"waybill/processors/model/contracts"
)

// rows reads a CSV file as maps by column.
func rows(t *testing.T, set, name string) []map[string]string {
	t.Helper()
	f, err := os.Open(filepath.Join(dataDir(t, set), name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for _, line := range all[1:] {
		row := map[string]string{}
		for i, v := range line {
			row[all[0][i]] = v
		}
		out = append(out, row)
	}
	return out
}

// mils is a price in thousandths of a dollar.
func mils(t *testing.T, s string) int64 {
	t.Helper()
	x, ok := new(big.Rat).SetString(s)
	if !ok || !x.Mul(x, big.NewRat(1000, 1)).IsInt() {
		t.Fatalf("%q is no price in mils", s)
	}
	return x.Num().Int64()
}

func quote(d time.Time, mil int64) contracts.Quote {
	return contracts.Quote{Published: avro.DaysOf(d), Price: avro.Unscaled(mil * 10)}
}

// diesel is the index as published, and by Monday.
func diesel(t *testing.T) (quotes []contracts.Quote, byDay map[string]int64) {
	byDay = map[string]int64{}
	files, err := filepath.Glob(filepath.Join(dataDir(t, "eia-diesel"), "*.csv"))
	if err != nil || len(files) == 0 {
		t.Skipf("SKIPPED: no prices: %v", err)
	}
	for _, f := range files {
		for _, row := range rows(t, "eia-diesel", filepath.Base(f)) {
			day, err := time.Parse("01/02/2006", row["Date"])
			if err != nil {
				t.Fatal(err)
			}
			quotes = append(quotes, quote(day, mils(t, row["D1"])))
			byDay[day.Format(time.DateOnly)] = mils(t, row["D1"])
		}
	}
	return quotes, byDay
}

// hauled is a shipment of so many miles, picked up on a day, with the quotes given.
func hauled(day time.Time, miles_ string, quotes ...contracts.Quote) *contracts.Job {
	j := job(contracts.Occasion{Kind: avro.OccasionShipment, Ref: "1", Distance: miles(miles_)})
	j.PickedUp = avro.Some(avro.MicrosOf(day.Add(11 * time.Hour)))
	j.Indices = map[string][]contracts.Quote{"EIA-D1": quotes}
	return j
}

func surcharge(t *testing.T, c *avro.Contract, j *contracts.Job) contracts.Line {
	t.Helper()
	for _, l := range rate(t, c, j) {
		if l.Type == avro.ChargeTypeFuelSurcharge {
			return l
		}
	}
	t.Fatal("no line of fuel surcharge")
	return contracts.Line{}
}

// perMile is what the published table says of a price, in mils a mile; no bracket is -1.
func perMile(t *testing.T, table []map[string]string, price int64) int64 {
	for _, row := range table {
		if price >= mils(t, row["price_from_usd_gal"]) && (row["price_to_usd_gal"] == "" || price <= mils(t, row["price_to_usd_gal"])) {
			return mils(t, row["surcharge_usd_mile"])
		}
	}
	return -1
}

// perMileLine holds a line against a rate in mils for 1,000 miles: a mil a mile is a dollar.
func perMileLine(t *testing.T, l contracts.Line, want int64, what string) {
	t.Helper()
	switch {
	case want < 0 && l.Outcome != contracts.Held, want == 0 && l.Outcome != contracts.Nothing, want > 0 && l.Outcome != contracts.Due, want > 0 && l.Minor != want*100:
		t.Errorf("%s: got %v %d (%s), want %d mils a mile", what, l.Outcome, l.Minor, l.Reason, want)
	}
}

func TestOutsideFuelPerMile(t *testing.T) {
	c := tariff(t, "tariffs/tgs.yaml")[0]
	table := rows(t, "published-tariffs", "fsc_tgs_per_mile.csv")
	monday := time.Date(2014, 3, 3, 0, 0, 0, 0, time.UTC)
	n := 0
	for _, row := range table {
		for _, edge := range []string{row["price_from_usd_gal"], row["price_to_usd_gal"]} {
			for d := int64(-1); d <= 1 && edge != ""; d++ {
				price := mils(t, edge) + d
				l := surcharge(t, c, hauled(monday.AddDate(0, 0, 1), "1000", quote(monday, price)))
				perMileLine(t, l, perMile(t, table, price), fmt.Sprintf("%s %+d mil", edge, d))
				n++
			}
		}
	}
	if n != 3*(2*len(table)-1) {
		t.Errorf("%d edges were tried of a table of %d brackets", n, len(table))
	}
	quotes, byDay := diesel(t)
	for day := time.Date(2010, 1, 5, 0, 0, 0, 0, time.UTC); day.Before(time.Date(2017, 12, 20, 0, 0, 0, 0, time.UTC)); day = day.AddDate(0, 0, 1) {
		// The Tuesday after a Monday's price and the six days that follow: yesterday's week.
		before := day.AddDate(0, 0, -1)
		price, ok := byDay[before.AddDate(0, 0, -int(before.Weekday()+6)%7).Format(time.DateOnly)]
		want := int64(-1)
		if ok {
			want = perMile(t, table, price)
		}
		perMileLine(t, surcharge(t, c, hauled(day, "1000", quotes...)), want, day.Format("Mon 2006-01-02"))
	}
}

// ofBase holds a line of a percentage of 1,000.00 against a percentage.
func ofBase(t *testing.T, l contracts.Line, percent int64, what string) {
	t.Helper()
	if percent == 0 && l.Outcome != contracts.Nothing || percent > 0 && (l.Outcome != contracts.Due || l.Minor != percent*1000) {
		t.Errorf("%s: got %v %d (%s), want %d %%", what, l.Outcome, l.Minor, l.Reason, percent)
	}
}

func TestOutsideFuelPercent(t *testing.T) {
	list := tariff(t, "tariffs/sddc.yaml")
	columns := map[string]*avro.Contract{"pct_1_30_baseline": list[0], "pct_2_50_baseline": list[1]}
	for _, row := range rows(t, "published-tariffs", "fsc_sddc_percent.csv") {
		published, _ := time.Parse(time.DateOnly, row["eia_publication_date"])
		from, _ := time.Parse(time.DateOnly, row["ship_from"])
		to, _ := time.Parse(time.DateOnly, row["ship_to"])
		// The months before and after and the weeks beside it have other prices, which must not count.
		quotes := []contracts.Quote{quote(published.AddDate(0, 0, -28), 9000), quote(published.AddDate(0, 0, -7), 9000), quote(published, mils(t, row["eia_price_usd_gal"])), quote(published.AddDate(0, 0, 7), 9000), quote(from.AddDate(0, 1, -10), 9000)}
		for column, c := range columns {
			percent := int64(0) // NA: at or below the baseline
			if row[column] != "NA" {
				_, err := fmt.Sscan(row[column], &percent)
				if err != nil {
					t.Fatal(err)
				}
			}
			for _, day := range []time.Time{from, from.AddDate(0, 0, 16), to} {
				ofBase(t, surcharge(t, c, hauled(day, "1", quotes...)), percent, fmt.Sprintf("%s on %s", column, day.Format(time.DateOnly)))
			}
			if l := surcharge(t, c, hauled(to.AddDate(0, 0, 1), "1", quotes...)); percent > 0 && l.Minor == percent*1000 {
				t.Errorf("%s: the day after %s has the same price", column, row["ship_to"])
			}
		}
	}
}

// A percent for each ten cents begun above the baseline: at each edge and a mil beside it, and by the index of eight years.
func TestOutsideFuelPercentEdges(t *testing.T) {
	list := tariff(t, "tariffs/sddc.yaml")
	monday := time.Date(2014, 3, 3, 0, 0, 0, 0, time.UTC)
	for i, base := range []int64{1300, 2500} {
		percent := func(price int64) int64 { return max(0, (price-base+99)/100) }
		for edge := base; edge <= 5000; edge += 100 {
			for d := int64(-1); d <= 1; d++ {
				l := surcharge(t, list[i], hauled(monday.AddDate(0, 0, 12), "1", quote(monday, edge+d)))
				ofBase(t, l, percent(edge+d), fmt.Sprintf("%d %+d mil above %d", edge, d, base))
			}
		}
		quotes, byDay := diesel(t)
		for month := time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC); month.Year() < 2017; month = month.AddDate(0, 1, 0) {
			first := month
			for first.Weekday() != time.Monday {
				first = first.AddDate(0, 0, 1)
			}
			for _, day := range []time.Time{month.AddDate(0, 0, 14), month.AddDate(0, 1, 13)} {
				ofBase(t, surcharge(t, list[i], hauled(day, "1", quotes...)), percent(byDay[first.Format(time.DateOnly)]), day.Format(time.DateOnly))
			}
		}
	}
}

// miles / 5 × (price - 2.999), each result cut.
func TestOutsideFuelFormula(t *testing.T) {
	c := tariff(t, "tariffs/gsa.yaml")[0]
	quotes, byDay := diesel(t)
	n := 0
	for day := time.Date(2013, 12, 2, 0, 0, 0, 0, time.UTC); day.Year() < 2017; day = day.AddDate(0, 0, 3) {
		price := byDay[day.AddDate(0, 0, -int(day.Weekday()+6)%7).Format(time.DateOnly)]
		for _, m := range []int64{4, 753, 2999} {
			want := m / 5 * max(0, price-2999) / 10 // in cents
			l := surcharge(t, c, hauled(day, fmt.Sprint(m), quotes...))
			if want == 0 && l.Outcome != contracts.Nothing || want > 0 && l.Minor != want {
				t.Errorf("%s, %d miles: got %v %d (%s%s), want %d", day.Format(time.DateOnly), m, l.Outcome, l.Minor, l.Arithmetic, l.Reason, want)
			}
			if want > 0 {
				n++
			}
		}
	}
	if n < 100 {
		t.Errorf("only %d surcharges were due", n)
	}
	if l := surcharge(t, c, hauled(time.Date(2013, 12, 3, 0, 0, 0, 0, time.UTC), "10")); l.Outcome != contracts.Held || !strings.Contains(l.Reason, "no price published from 2013-11-27 to 2013-12-03") {
		t.Errorf("without a price: got %v %s", l.Outcome, l.Reason)
	}
}

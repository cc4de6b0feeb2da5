package contracts_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"waybill/avro"
	"waybill/processors/model/contracts"
)

// published is one rule as its line has it: what is expected comes from these numbers, not from the contracts.
type published struct {
	Source       string
	Charge       string
	FreeMin      int64   `json:"free_min"`
	IncrementMin int64   `json:"increment_min"`
	Hour         float64 `json:"rate_usd_hour"`
	Night        float64 `json:"rate_usd_night"`
	Day          float64 `json:"rate_usd_day"`
	Weekend      float64 `json:"weekend_rate_usd_day"`
	DayMost      float64 `json:"max_usd_day"`
	Extra        []int64 `json:"rates_usd_by_extra_stop"`
	Further      int64   `json:"each_further_usd"`
	First        int64   `json:"first_usd"`
	MaxStops     int64   `json:"max_stops"`
	Mile         float64 `json:"rate_usd_mile"`
	Deadhead     float64 `json:"rate_usd_deadhead_mile"`
	Min          float64 `json:"min_usd"`
	Flat         float64 `json:"flat_usd"`
	Standard     float64 `json:"standard_usd"`
	SameDay      float64 `json:"same_day_usd"`
	Within       float64 `json:"within_50_miles_usd"`
	Over         float64 `json:"over_50_miles_usd"`
	Admin        int64   `json:"admin_pct"`
	FreeHours    int64   `json:"free_hours"`
	Tiers        [][]any `json:"tiers_lb"`
	Example      struct {
		DOE       float64
		Miles     int64
		Surcharge float64 `json:"surcharge_usd"`
	} `json:"worked_example"`
}

// usd is dollars in cents.
func usd(dollars float64) int64 { return int64(dollars*100 + 0.5) }

// trial is an occasion and what is due for it, in cents; below zero: it is held, or (nothing) not due.
type trial struct {
	name string
	in   contracts.Occasion
	want string
}

func cents(minor int64) string { return fmt.Sprintf("due %d.%02d", minor/100, minor%100) }

// detained are visits around every edge of a detention rule.
func (p published) detained(steps ...int64) []trial {
	out := []trial{{"at the end of free time", stay(p.FreeMin * 60), "nothing"}}
	for _, n := range steps {
		amount := cents(n * p.IncrementMin * usd(p.Hour) / 60)
		out = append(out,
			trial{fmt.Sprintf("a second into increment %d", n), stay(p.FreeMin*60 + (n-1)*p.IncrementMin*60 + 1), amount},
			trial{fmt.Sprintf("the end of increment %d", n), stay(p.FreeMin*60 + n*p.IncrementMin*60), amount})
	}
	return out
}

// stay is a visit of so many seconds, in time for its appointment.
func stay(seconds int64) contracts.Occasion {
	v := visit("2026-03-02 14:00", "2026-03-02 14:00")
	v.Appointment = avro.Some(v.Arrived.V)
	v.Departed.V += avro.Micros(seconds * 1_000_000)
	return v
}

func occasion(kind avro.Occasion, with func(*contracts.Occasion)) contracts.Occasion {
	o := contracts.Occasion{Kind: kind, Ref: "1"}
	with(&o)
	return o
}

func extraStop(n int64) contracts.Occasion {
	return occasion(avro.OccasionExtraStop, func(o *contracts.Occasion) { o.Ordinal = avro.Some(n) })
}

func extra(kind avro.Occasion, n string) contracts.Occasion {
	return occasion(kind, func(o *contracts.Occasion) { o.Extra = miles(n) })
}

func layover(arrived, departed string) contracts.Occasion {
	return occasion(avro.OccasionLayover, func(o *contracts.Occasion) { o.Arrived, o.Departed = some(arrived), some(departed) })
}

func cancelled(same bool) contracts.Occasion {
	return occasion(avro.OccasionCancellation, func(o *contracts.Occasion) {
		if o.IsNot = []avro.Circumstance{avro.CircumstanceSameDay}; same {
			o.Is, o.IsNot = o.IsNot, nil
		}
	})
}

func deadhead(n string) contracts.Occasion {
	return occasion(avro.OccasionCancellation, func(o *contracts.Occasion) { o.Deadhead = miles(n) })
}

func reconsigned(n string, arrived bool) contracts.Occasion {
	return occasion(avro.OccasionReconsignment, func(o *contracts.Occasion) {
		o.Distance, o.Extra, o.Ordinal = miles(n), miles(n), avro.Some[int64](1)
		if o.IsNot = []avro.Circumstance{avro.CircumstanceArrived}; arrived {
			o.Is, o.IsNot = o.IsNot, nil
		}
	})
}

// trials are the cases of each published rule, by source and charge: all nineteen.
func (p published) trials() (file string, list []trial) {
	switch strings.Fields(p.Source)[0] + " " + p.Charge {
	case "fwccinc.com detention":
		nine := stay(9 * 3600)
		return "fwcc", append(p.detained(1, 2, 9), trial{"nine hours are detention", nine, cents(7 * usd(p.Hour))}, trial{"a second more is none", stay(9*3600 + 1), "nothing"})
	case "fwccinc.com layover":
		return "fwcc", []trial{
			{"converted within a night", visit("2026-03-02 13:00", "2026-03-02 22:00:01"), cents(usd(p.Night))},
			{"two nights", visit("2026-03-02 13:00", "2026-03-04 13:00"), cents(2 * usd(p.Night))},
		}
	case "fwccinc.com stop_off":
		return "fwcc", []trial{{"1", extraStop(1), cents(p.Extra[0] * 100)}, {"2", extraStop(2), cents(p.Extra[1] * 100)}, {"3", extraStop(3), cents(p.Extra[2] * 100)}, {"4", extraStop(4), cents(p.Further * 100)}, {"9", extraStop(9), cents(p.Further * 100)}}
	case "fwccinc.com redelivery", "lrlogistics.com redelivery":
		file = strings.TrimSuffix(strings.Fields(p.Source)[0], "inc.com")
		return strings.TrimSuffix(file, ".com"), []trial{
			{"the minimum", extra(avro.OccasionRedelivery, "99.99"), cents(usd(p.Min))}, {"by the mile", extra(avro.OccasionRedelivery, "137.3"), cents(usd(p.Mile) * 1373 / 10)}, {"unknown", occasion(avro.OccasionRedelivery, func(*contracts.Occasion) {}), "held"},
		}
	case "fwccinc.com reconsignment":
		return "fwcc", []trial{{"at 1.35, less than the rate of line-haul", reconsigned("200", false), "held"}}
	case "logisource.com detention":
		return "logisource", p.detained(1, 3, 20)
	case "logisource.com tonu":
		return "logisource", []trial{{"the minimum", deadhead("151"), cents(usd(p.Min))}, {"by the mile", deadhead("152"), cents(152 * usd(p.Deadhead))}}
	case "logisource.com stop_off":
		return "logisource", []trial{{"1", extraStop(1), cents(p.First * 100)}, {"2", extraStop(2), cents(p.Further * 100)}, {"the last", extraStop(p.MaxStops), cents(p.Further * 100)}, {"one too many", extraStop(p.MaxStops + 1), "held"}}
	case "logisource.com minimum_linehaul":
		return "logisource", []trial{
			{"short", occasion(avro.OccasionShipment, func(o *contracts.Occasion) { o.Distance = miles("249.99") }), cents(usd(p.Min))},
			{"long", occasion(avro.OccasionShipment, func(o *contracts.Occasion) { o.Distance = miles("250.01") }), cents(50002)},
		}
	case "lrlogistics.com detention":
		most := cents(usd(p.DayMost))
		return "lrlogistics", append(p.detained(1, 2, 31),
			trial{"the day's most", visit("2026-03-02 06:00", "2026-03-02 16:00"), most}, // midnight to ten in Chicago
			trial{"no more than that", visit("2026-03-02 06:00", "2026-03-02 22:00"), most},
			trial{"half of it on the next day", visit("2026-03-02 20:00", "2026-03-03 10:00"), cents(usd(p.DayMost) + 4*usd(p.Hour))}) // 8 h until midnight, 4 h behind it
	case "lrlogistics.com layover":
		return "lrlogistics", []trial{
			{"a Friday", layover("2026-03-06 14:00", "2026-03-06 23:00"), cents(usd(p.Day))},
			{"a Friday evening in Chicago, a Saturday in Greenwich", layover("2026-03-07 03:00", "2026-03-07 04:00"), cents(usd(p.Day))},
			{"Friday to Monday", layover("2026-03-06 14:00", "2026-03-09 14:00"), cents(2*usd(p.Day) + 2*usd(p.Weekend))},
		}
	case "lrlogistics.com tonu":
		unknown := occasion(avro.OccasionCancellation, func(*contracts.Occasion) {})
		return "lrlogistics", []trial{{"before the day", cancelled(false), cents(usd(p.Standard))}, {"on the day", cancelled(true), cents(usd(p.SameDay))}, {"who knows", unknown, "held"}}
	case "lrlogistics.com stop_off":
		return "lrlogistics", []trial{{"on the route", extra(avro.OccasionExtraStop, "0"), cents(usd(p.Within))}, {"50 miles", extra(avro.OccasionExtraStop, "50"), cents(usd(p.Within))}, {"more", extra(avro.OccasionExtraStop, "50.0001"), cents(usd(p.Over))}}
	case "lrlogistics.com reconsignment":
		return "lrlogistics", []trial{{"no mile more", reconsigned("0", false), cents(usd(p.Flat))}, {"mileage adjustments", reconsigned("12", false), "held"}}
	case "lrlogistics.com lumper":
		return "lrlogistics", []trial{{"cost and administration", receipt(avro.ChargeTypeLumper, 18545), cents(18545 + (18545*p.Admin+50)/100)}}
	case "lrlogistics.com trailer_storage":
		day := usd(p.Day)
		return "lrlogistics", []trial{{"free", stored(p.FreeHours * 3600), "nothing"}, {"a day begun", stored(p.FreeHours*3600 + 1), cents(day)}, {"three", stored((p.FreeHours + 72) * 3600), cents(3 * day)}}
	}
	return p.more()
}

func (p published) more() (file string, list []trial) {
	switch p.Charge {
	case "fuel_surcharge":
		o := occasion(avro.OccasionShipment, func(o *contracts.Occasion) { o.Distance = miles(fmt.Sprint(p.Example.Miles)) })
		return "gsa", []trial{{"the worked example", o, cents(usd(p.Example.Surcharge))}}
	case "free_time":
		for _, tier := range p.Tiers {
			from, free := tier[0].(float64), int64(tier[2].(float64))
			for _, lb := range []float64{from, from + 1, from + 8999} {
				list = append(list, trial{fmt.Sprintf("%v lb, within", lb), weighing(stay(free*60), lb), "nothing"}, trial{fmt.Sprintf("%v lb, beyond", lb), weighing(stay(free*60+1), lb), "due 1.00"})
			}
		}
		return "coolfreight", append(list, trial{"less than any tier", weighing(stay(7200), p.Tiers[0][0].(float64)-1), "held"})
	}
	return "", nil
}

func weighing(o contracts.Occasion, lb float64) contracts.Occasion {
	o.Weight = amount(fmt.Sprint(lb), avro.UnitPound)
	return o
}

func receipt(typ avro.ChargeType, minor int64) contracts.Occasion {
	return occasion(avro.OccasionReceipt, func(o *contracts.Occasion) {
		o.Receipt, o.Cost = typ, avro.Some(contracts.Cost{Minor: minor, Currency: "USD"})
	})
}

func stored(seconds int64) contracts.Occasion {
	o := stay(seconds)
	o.Kind = avro.OccasionStorage
	return o
}

// typeOf is the charge that a rule is of.
func (p published) typeOf() avro.ChargeType {
	switch p.Charge {
	case "tonu":
		return avro.ChargeTypeTruckOrderedNotUsed
	case "minimum_linehaul":
		return avro.ChargeTypeLineHaul
	case "trailer_storage":
		return avro.ChargeTypeStorage
	case "free_time":
		return avro.ChargeTypeDetention
	}
	typ, _ := avro.ParseChargeType(strings.ToUpper(p.Charge))
	return typ
}

func TestOutsideTariffs(t *testing.T) {
	f, err := os.Open(filepath.Join(dataDir(t, "published-tariffs"), "accessorial_rules.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for lines := bufio.NewScanner(f); lines.Scan(); n++ {
		var p published
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		t.Run(p.Source+" "+p.Charge, func(t *testing.T) { p.try(t) })
	}
	if n < 19 {
		t.Errorf("%d rules were tried, want 19", n)
	}
}

func (p published) try(t *testing.T) {
	file, list := p.trials()
	if len(list) == 0 {
		t.Fatal("no contract of testdata is written for this rule")
	}
	c := tariff(t, "tariffs/"+file+".yaml")[0]
	for _, tr := range list {
		j := job(tr.in)
		j.PickedUp = avro.Some(at("2013-12-03 12:00"))
		j.Indices = map[string][]contracts.Quote{"EIA-D1": {{Published: avro.DaysOf(at("2013-12-02 00:00").Time()), Price: 39990}}}
		got := "no line"
		for _, l := range rate(t, c, j) {
			if l.Type == p.typeOf() {
				got = strings.TrimPrefix(said([]contracts.Line{l}), strings.ToLower(l.Type.String())+" ")
			}
		}
		if got != tr.want {
			t.Errorf("%s: got %s, want %s", tr.name, got, tr.want)
		}
	}
}

// The greater of 1.35 and the published rate a mile needs a line-haul; a stop is charged for a vehicle that was there already.
func TestOutsideReconsignment(t *testing.T) {
	c := tariff(t, "tariffs/fwcc.yaml")[0]
	for _, tc := range []struct {
		rate    avro.Unscaled
		arrived bool
		want    string
	}{
		{12000, false, "stop_off unagreed, reconsignment due 395.00"}, // 125 + 200 × 1.35
		{20000, true, "stop_off due 100.00, reconsignment due 525.00"},
	} {
		j := job(reconsigned("200", tc.arrived))
		j.Charged = []contracts.Line{{Type: avro.ChargeTypeLineHaul, Minor: 100, Currency: "USD", Unit: avro.UnitMile, Rate: tc.rate}}
		if got := said(rate(t, c, j)); got != tc.want {
			t.Errorf("rate %d: got %s, want %s", tc.rate, got, tc.want)
		}
	}
}

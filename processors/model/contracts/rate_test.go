package contracts_test

import (
	"strings"
	"testing"

	"waybill/avro"
	"waybill/processors/model/contracts"
)

const hourly = `
  - clause: detention
    charge: detention
    measure: dwell
    free: 2h
    increment: 30m
    price: 75.50 per hour
`

func TestDetentionExplains(t *testing.T) {
	v := visit("2026-03-02 08:00", "2026-03-02 11:01")
	v.Appointment = some("2026-03-02 08:30")
	got := rate(t, inline(t, hourly), job(v))[0]
	want := "arrived 2026-03-02 08:00:00Z, appointment 2026-03-02 08:30:00Z, departed 2026-03-02 11:01:00Z; 2h31m from 2026-03-02 08:30:00Z; " +
		"2h31m - 2h free = 31m; 31m / 30m = 2 (rounded up); 2 × 30m = 1h; 1h × 75.50 USD an hour = 75.50 USD"
	if got.Arithmetic != want || got.Minor != 7550 || got.Quantity != 10_000 || got.Rate != 755_000 || contracts.Code(got.Unit) != "HUR" {
		t.Errorf("got  %+v\nwant %s", got, want)
	}
}

// Each field of a clause at the edge where it matters.
func TestVisits(t *testing.T) {
	const office = "\n    clock: {hours: [{days: [mon-fri], from: 08:00, to: 17:00}]}"
	blamed := func(code, from, to string) func(*contracts.Occasion) {
		return func(o *contracts.Occasion) {
			o.Reasons = append(o.Reasons, contracts.Reason{Code: code, From: some(from), To: some(to)})
		}
	}
	appointed := func(s string) func(*contracts.Occasion) {
		return func(o *contracts.Occasion) { o.Appointment = some(s) }
	}
	const fault = "\n    fault: {excluded: [AH, BF], chargeable: [AG]}"
	for _, c := range []struct {
		name, clause, arrived, departed string
		with                            func(*contracts.Occasion)
		want                            string
	}{
		{"within free time", "", "2026-03-02 08:00", "2026-03-02 10:00", nil, "nothing"},
		{"a second more", "", "2026-03-02 08:00:00", "2026-03-02 10:00:01", nil, "due 37.75"},
		{"down", "\n    round: down", "2026-03-02 08:00", "2026-03-02 10:59", nil, "due 37.75"},
		{"nearest, below the half", "\n    round: nearest", "2026-03-02 08:00:00", "2026-03-02 10:44:59", nil, "due 37.75"},
		{"nearest, the half", "\n    round: nearest", "2026-03-02 08:00", "2026-03-02 10:45", nil, "due 75.50"},
		{"late: from arrival", "", "2026-03-02 09:00", "2026-03-02 11:01", appointed("2026-03-02 08:00"), "due 37.75"},
		{"late: nothing", "\n    clock: {late: no_charge}", "2026-03-02 09:00", "2026-03-02 15:00", appointed("2026-03-02 08:00"), "nothing"},
		{"late: without free time", "\n    clock: {late: no_free_time}", "2026-03-02 09:00", "2026-03-02 10:00", appointed("2026-03-02 08:00"), "due 75.50"},
		{"late: held", "\n    clock: {late: hold}", "2026-03-02 09:00", "2026-03-02 09:01", appointed("2026-03-02 08:00"), "held"},
		{"early, from check-in alone", "\n    clock: {start: check_in}", "2026-03-02 08:00", "2026-03-02 10:30", appointed("2026-03-02 09:00"), "due 37.75"},
		{"until the release", "", "2026-03-02 08:00", "2026-03-02 20:00", func(o *contracts.Occasion) { o.Released = some("2026-03-02 10:30") }, "due 37.75"},
		{"until the departure all the same", "\n    clock: {end: departure}", "2026-03-02 08:00", "2026-03-02 11:00", func(o *contracts.Occasion) { o.Released = some("2026-03-02 10:30") }, "due 75.50"},
		{"the release is not known", "\n    clock: {end: release}", "2026-03-02 08:00", "2026-03-02 20:00", nil, "held"},
		{"not gone yet", "", "2026-03-02 08:00", "", nil, "held"},
		{"gone before it came", "", "2026-03-02 08:00", "2026-03-02 07:00", nil, "held"},
		{"gone before its appointment", "", "2026-03-02 08:00", "2026-03-02 08:30", appointed("2026-03-02 09:00"), "nothing"},
		{"over night in business hours", office, "2026-03-02 16:00", "2026-03-03 09:30", nil, "due 37.75"},       // 1h + 1h30m
		{"over the weekend in business hours", office, "2026-03-06 16:00", "2026-03-09 10:00", nil, "due 75.50"}, // 1h + 2h
		{"carrier's time", fault, "2026-03-02 08:00", "2026-03-02 11:00", blamed("AH", "2026-03-02 08:30", "2026-03-02 09:00"), "due 37.75"},
		{"customer's time", fault, "2026-03-02 08:00", "2026-03-02 11:00", blamed("AG", "2026-03-02 08:30", "2026-03-02 09:00"), "due 75.50"},
		{"carrier's all of it", fault, "2026-03-02 08:00", "2026-03-02 20:00", blamed("BF", "", ""), "nothing"},
		{"nobody's", fault, "2026-03-02 08:00", "2026-03-02 11:00", blamed("ZZ", "", ""), "held"},
		{"at least", "\n    minimum: 50.00", "2026-03-02 08:00:00", "2026-03-02 10:00:01", nil, "due 50.00"},
		{"no minimum of nothing", "\n    minimum: 50.00", "2026-03-02 08:00", "2026-03-02 10:00", nil, "nothing"},
		{"at most", "\n    maximum: 100.00", "2026-03-02 08:00", "2026-03-02 20:00", nil, "due 100.00"},
		{"on top where charged", "\n    plus: [{name: fee, amount: 5}, {percent: 10}]", "2026-03-02 08:00", "2026-03-02 10:30", nil, "due 46.53"}, // 37.75 + 5 + 3.775
		{"not on top of nothing", "\n    plus: [{amount: 5}]", "2026-03-02 08:00", "2026-03-02 10:00", nil, "nothing"},
		{"always on top", "\n    plus: [{amount: 5, always: true}]", "2026-03-02 08:00", "2026-03-02 10:00", nil, "due 5.00"},
		{"another stop", "\n    when: {stop: [pickup]}", "2026-03-02 08:00", "2026-03-02 20:00", nil, "unagreed"},
		{"a lane that is not known", "\n    when: {lanes: [{from: {country: US, postcode: '606'}}]}", "2026-03-02 08:00", "2026-03-02 20:00", nil, "held"},
	} {
		v := visit(c.arrived, c.departed)
		if c.with != nil {
			c.with(&v)
		}
		got := rate(t, inline(t, strings.TrimSuffix(hourly, "\n")+c.clause), job(v))
		if s := said(got); s != "detention "+c.want {
			t.Errorf("%s: got %s (%s%s), want %s", c.name, s, got[0].Arithmetic, got[0].Reason, c.want)
		}
	}
}

func TestHolidaysHaveNoBusinessHours(t *testing.T) {
	c := inline(t, hourly+"    clock: {hours: [{days: [mon-sun], from: 00:00, to: 24:00}]}\n")
	v := visit("2026-03-02 22:00", "2026-03-04 02:00")
	for _, tc := range []struct {
		holidays []avro.Days
		calendar string
		known    map[string][]avro.Days
		want     string
	}{
		{nil, "", nil, "detention due 1963.00"}, // 26 h
		{[]avro.Days{avro.DaysOf(at("2026-03-03 00:00").Time())}, "", nil, "detention due 151.00"},
		{nil, "FED", nil, "detention held"},
		{nil, "FED", map[string][]avro.Days{"FED": {avro.DaysOf(at("2026-03-03 00:00").Time())}}, "detention due 151.00"},
	} {
		c.Holidays, c.Calendar = tc.holidays, tc.calendar
		j := job(v)
		j.Calendars = tc.known
		if got := said(rate(t, c, j)); got != tc.want {
			t.Errorf("%v %s: got %s, want %s", tc.holidays, tc.calendar, got, tc.want)
		}
	}
}

func TestPrices(t *testing.T) {
	shipment := func(with func(*contracts.Occasion)) contracts.Occasion { return occasion(avro.OccasionShipment, with) }
	hauls := func(n string) contracts.Occasion {
		return shipment(func(o *contracts.Occasion) { o.Distance = miles(n) })
	}
	weighs := func(n string, u avro.Unit) contracts.Occasion {
		return shipment(func(o *contracts.Occasion) { o.Weight = amount(n, u) })
	}
	storage := func(in, out string, pallets string) contracts.Occasion {
		return occasion(avro.OccasionStorage, func(o *contracts.Occasion) {
			o.Arrived, o.Departed, o.Pieces = some(in), some(out), []contracts.Quantity{amount(pallets, avro.UnitPallet).V}
		})
	}
	const storing = "\n  - {clause: s, charge: storage, price: 2.50 per month, times: pallet, measure: "
	for _, c := range []struct {
		name, clauses string
		in            contracts.Occasion
		want          string
	}{
		{"kilometres in miles", "\n  - {clause: l, charge: line_haul, measure: distance, price: 1.00 per mile}", shipment(func(o *contracts.Occasion) { o.Distance = amount("16093.44", avro.UnitKilometre) }), "due 10000.00"},
		{"bracket", "\n  - {clause: l, charge: line_haul, measure: distance, unit: mile, by: quantity, steps: [{below: 100, price: 3}, {from: 100, price: 2}]}", hauls("100"), "due 200.00"},
		{"bracket, before it", "\n  - {clause: l, charge: line_haul, measure: distance, unit: mile, by: quantity, steps: [{below: 100, price: 3}, {from: 100, price: 2}]}", hauls("99.99"), "due 299.97"},
		{"tiered", "\n  - {clause: l, charge: line_haul, measure: distance, unit: mile, by: quantity, tiering: tiered, steps: [{below: 100, price: 3}, {from: 100, price: 2}]}", hauls("150"), "due 400.00"},
		{"flat by bracket", "\n  - {clause: l, charge: line_haul, measure: distance, unit: mile, flat: true, by: quantity, steps: [{below: 100, price: 250}, {from: 100, price: 400}]}", hauls("150"), "due 400.00"},
		{"begun miles", "\n  - {clause: l, charge: line_haul, measure: distance, increment: 1, price: 1.35 per mile}", hauls("100.01"), "due 136.35"},
		{"hundredweight, at least five", "\n  - {clause: l, charge: line_haul, measure: weight, at_least: 5, price: 20.00 per cwt}", weighs("300", avro.UnitPound), "due 100.00"},
		{"kilograms in hundredweight", "\n  - {clause: l, charge: line_haul, measure: weight, price: 20.00 per cwt}", weighs("453.5924", avro.UnitKilogram), "due 200.00"},
		{"weight in miles", "\n  - {clause: l, charge: line_haul, measure: distance, price: 1 per mile}", shipment(func(o *contracts.Occasion) { o.Distance = amount("5", avro.UnitPound) }), "held"},
		{"no binary float comes to it", "\n  - {clause: l, charge: line_haul, measure: distance, price: 0.005 per mile}", hauls("201"), "due 1.01"},
		{"half to even", "\n  - {clause: l, charge: line_haul, measure: distance, rounding: half_even, price: 0.005 per mile}", hauls("1"), "nothing"},
		{"half up", "\n  - {clause: l, charge: line_haul, measure: distance, price: 0.005 per mile}", hauls("1"), "due 0.01"},
		{"cut", "\n  - {clause: l, charge: line_haul, measure: distance, rounding: down, price: 0.0199 per mile}", hauls("1"), "due 0.01"},
		{"to whole dollars", "\n  - {clause: l, charge: line_haul, measure: distance, rounding: {mode: half_up, scale: 0}, price: 1.50 per mile}", hauls("1"), "due 2.00"},
		{"anniversary, the day before", storing + "anniversary_months}", storage("2026-01-31 10:00", "2026-02-27 10:00", "4"), "due 10.00"},
		{"anniversary, clipped to February", storing + "anniversary_months}", storage("2026-01-31 10:00", "2026-02-28 10:00", "4"), "due 20.00"},
		{"split month, by the 15th", storing + "split_months}", storage("2026-01-15 10:00", "2026-01-31 10:00", "4"), "due 10.00"},
		{"split month, after it, into the next", storing + "split_months}", storage("2026-01-16 10:00", "2026-02-01 10:00", "4"), "due 15.00"},
		{"a day each, two free", "\n  - {clause: s, charge: storage, measure: days, free: 2, price: 3.00 per day}", storage("2026-01-16 23:00", "2026-01-19 01:00", "1"), "due 6.00"},
		{"in alone", "\n  - {clause: h, charge: handling, when: {is: [inbound]}, measure: pieces, price: 4.25 per pallet}", occasion(avro.OccasionHandling, func(o *contracts.Occasion) {
			o.Is, o.Pieces = []avro.Circumstance{avro.CircumstanceInbound}, []contracts.Quantity{amount("7", avro.UnitPallet).V}
		}), "due 29.75"},
		{"cases are no pallets", "\n  - {clause: h, charge: handling, measure: pieces, price: 4.25 per pallet}", occasion(avro.OccasionHandling, func(o *contracts.Occasion) {
			o.Pieces = []contracts.Quantity{amount("7", avro.UnitCase).V}
		}), "held"},
		{"another currency", "\n  - {clause: t, charge: toll, measure: cost, price: 100 %}", occasion(avro.OccasionReceipt, func(o *contracts.Occasion) {
			o.Receipt, o.Cost = avro.ChargeTypeToll, avro.Some(contracts.Cost{Minor: 100, Currency: "CAD"})
		}), "held"},
		{"customer's fault alone", "\n  - {clause: r, charge: redelivery, fault: {chargeable: [AG]}, price: 90}", occasion(avro.OccasionRedelivery, func(*contracts.Occasion) {}), "held"},
	} {
		got := rate(t, inline(t, c.clauses), job(c.in))
		if _, s, _ := strings.Cut(said(got), " "); s != c.want {
			t.Errorf("%s: got %s (%s%s), want %s", c.name, s, got[0].Arithmetic, got[0].Reason, c.want)
		}
	}
}

func TestPercentOfOthers(t *testing.T) {
	c := inline(t, `
  - {clause: fee, charge: toll, on: shipment, measure: base, base: [fuel_surcharge], price: 1 %}
  - {clause: fuel, charge: fuel_surcharge, measure: base, base: [line_haul, detention], price: 12.5 %}
  - {clause: haul, charge: line_haul, measure: distance, price: 2.00 per mile}
`+strings.TrimPrefix(hourly, "\n"))
	haul := occasion(avro.OccasionShipment, func(o *contracts.Occasion) { o.Distance = miles("100.5") })
	stays := visit("2026-03-02 08:00", "2026-03-02 10:30")
	if got := said(rate(t, c, job(haul, stays))); got != "line_haul due 201.00, fuel_surcharge due 29.84, detention due 37.75, toll due 0.30" {
		t.Errorf("got %s", got)
	}
	stays.Departed = some("")
	if got := said(rate(t, c, job(haul, stays))); got != "line_haul due 201.00, fuel_surcharge held, detention held, toll held" {
		t.Errorf("on a held base: got %s", got)
	}
}

// A visit that lasts becomes a layover: in its place, or on top.
func TestBecomes(t *testing.T) {
	for _, tc := range []struct{ adds, departed, want string }{
		{"false", "2026-03-02 17:00:00", "detention due 528.50"},
		{"false", "2026-03-02 17:00:01", "detention nothing, layover due 300.00"},
		{"true", "2026-03-04 07:00:00", "detention due 528.50, layover due 600.00"},
	} {
		c := inline(t, strings.TrimSuffix(hourly, "\n")+"\n    becomes: {clause: night, after: 9h, adds: "+tc.adds+"}\n  - {clause: night, charge: layover, on: visit, measure: nights, at_least: 1, price: 300.00 per night}")
		if got := said(rate(t, c, job(visit("2026-03-02 08:00:00", tc.departed)))); got != tc.want {
			t.Errorf("adds %s, until %s: got %s, want %s", tc.adds, tc.departed, got, tc.want)
		}
	}
}

func TestMostOfAShipment(t *testing.T) {
	c := inline(t, hourly+"    maximum_a_shipment: 100.00\n")
	a, b, last := visit("2026-03-02 08:00", "2026-03-02 11:00"), visit("2026-03-02 12:00", "2026-03-02 15:00"), visit("2026-03-02 16:00", "2026-03-02 19:00")
	b.Ref, last.Ref = "2", "3"
	if got := said(rate(t, c, job(last, b, a))); got != "detention due 75.50, detention due 24.50, detention nothing" {
		t.Errorf("got %s", got)
	}
}

// The cent that is left goes to the largest share; shipments that share a stop are held where the contract does not split.
func TestShares(t *testing.T) {
	v := visit("2026-03-02 08:00", "2026-03-02 10:30")
	v.Parts = []contracts.Part{{ID: "S2", Weight: amount("100", avro.UnitPound)}, {ID: "S1", Weight: amount("100", avro.UnitPound)}, {ID: "S3", Weight: amount("200", avro.UnitPound)}}
	for _, tc := range []struct {
		split, want string
		portions    []contracts.Portion
	}{
		{"", "detention held", nil},
		{"    split: {by: equal}\n", "detention due 37.75", []contracts.Portion{{"S1", 1259}, {"S2", 1258}, {"S3", 1258}}},
		{"    split: {by: weight}\n", "detention due 37.75", []contracts.Portion{{"S1", 943}, {"S2", 943}, {"S3", 1889}}},
		{"    split: {by: pieces}\n", "detention held", nil},
		{"    split: {by: shares, payors: [{party: B, share: 2}, {party: A, share: 1}]}\n", "detention due 37.75", []contracts.Portion{{"A", 1258}, {"B", 2517}}},
	} {
		got := rate(t, inline(t, hourly+tc.split), job(v))
		if said(got) != tc.want || len(got[0].Portions) != len(tc.portions) {
			t.Errorf("%q: got %+v, want %s", tc.split, got, tc.want)
			continue
		}
		for i, p := range tc.portions {
			if got[0].Portions[i] != p {
				t.Errorf("%q: got %v, want %v", tc.split, got[0].Portions, tc.portions)
			}
		}
	}
}

func TestConditions(t *testing.T) {
	c := inline(t, `
  - {clause: a, charge: line_haul, price: 1, when: {lanes: [{from: {country: US, postcode: '606'}, to: {country: US, state: TX}}, {from: {place: A}}]}}
  - {clause: b, charge: line_haul, price: 2, when: {mode: [LTL], weight: {below: 1000 lb}}}
  - {clause: c, charge: line_haul, price: 3, when: {equipment: [REEFER], weight: {from: 1000 lb}}}
`)
	chicago, texas, ohio := avro.Area{Country: "US", State: "IL", Postcode: "60601", PlaceID: "C"}, avro.Area{Country: "US", State: "TX", Postcode: "75001", PlaceID: "D"}, avro.Area{Country: "US", State: "OH", Postcode: "43001", PlaceID: "O"}
	for _, tc := range []struct {
		name            string
		from, to        avro.Area
		mode, equipment string
		pounds          string
		want            string
	}{
		{"the lane", chicago, texas, "TL", "VAN", "1000", "due 1.00"},
		{"from the place", avro.Area{Country: "US", State: "OH", Postcode: "43001", PlaceID: "A"}, ohio, "TL", "VAN", "1", "due 1.00"},
		{"not that lane", chicago, ohio, "TL", "VAN", "1000", "unagreed"},
		{"light", ohio, ohio, "LTL", "REEFER", "999.9999", "due 2.00"},
		{"heavy", ohio, ohio, "LTL", "REEFER", "1000", "due 3.00"},
		{"two apply", chicago, texas, "LTL", "VAN", "1", "held"},
		{"the destination is not known", chicago, avro.Area{}, "TL", "VAN", "1", "held"},
		{"the mode is not known", ohio, ohio, "", "VAN", "1", "held"},
	} {
		j := job(occasion(avro.OccasionShipment, func(*contracts.Occasion) {}))
		j.From, j.To, j.Mode, j.Equipment, j.Weight = avro.Some(tc.from), avro.Some(tc.to), tc.mode, tc.equipment, amount(tc.pounds, avro.UnitPound)
		if got := rate(t, c, j); said(got) != "line_haul "+tc.want {
			t.Errorf("%s: got %s (%s), want %s", tc.name, said(got), got[0].Reason, tc.want)
		}
	}
}

func TestUnagreedIsSaid(t *testing.T) {
	got := rate(t, inline(t, hourly), job(occasion(avro.OccasionRedelivery, func(*contracts.Occasion) {})))
	if said(got) != "redelivery unagreed" || got[0].Reason != "the contract has no clause for a redelivery" {
		t.Errorf("got %+v", got)
	}
}

package page

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"waybill/avro"
)

var rewrite = flag.Bool("rewrite", false, "accept what is drawn")

func at(hour, minute int) avro.Micros {
	return avro.MicrosOf(time.Date(2026, 3, 9, hour, minute, 0, 0, time.UTC))
}

func some(hour, minute int) avro.Opt[avro.Micros] { return avro.Some(at(hour, minute)) }

var telematics = avro.Source{System: avro.SourceSystemTelematics}

func shipment() avro.Timeline {
	return avro.Timeline{
		ShipmentID: "SHP-17", OrderIDs: []string{"4711", "4712"}, LoadIDs: []string{"L-9"}, Carrier: "ABCD", Customer: "ACME", ServiceLevel: "truckload",
		State: avro.MilestoneCodeDepartedDelivery,
		Stops: []avro.TimelineStop{
			{LoadID: "L-9", Sequence: 1, Type: avro.StopTypePickup, PlaceID: "DC-1", PlannedAt: some(6, 0), AppointmentAt: some(6, 30), ArrivedAt: some(6, 10), DepartedAt: some(7, 20)},
			{LoadID: "L-9", Sequence: 2, Type: avro.StopTypeDelivery, PlaceID: "ST-40", AppointmentAt: some(10, 0), ArrivedAt: some(11, 5), DepartedAt: some(14, 0)},
			{LoadID: "L-9", Sequence: 3, Type: avro.StopTypeDelivery, PlaceID: "ST-41", AppointmentAt: some(15, 0), ArrivedAt: some(15, 0)},
			{LoadID: "L-9", Sequence: 4, Type: avro.StopTypeDelivery, PlaceID: "a place with a very long name", PlannedAt: some(17, 0)},
		},
		Entries: []avro.TimelineEntry{
			{Milestone: avro.MilestoneCodeArrivedPickup, Classifier: avro.ClassifierActual, LoadID: "L-9", StopSequence: avro.Some[int32](1), OccurredAt: at(6, 10), PlannedAt: some(6, 30), Source: telematics, Agreement: avro.AgreementCorroborated, Reports: make([]avro.Report, 2)},
			{Milestone: avro.MilestoneCodeArrivedDelivery, Classifier: avro.ClassifierActual, LoadID: "L-9", StopSequence: avro.Some[int32](2), OccurredAt: at(11, 5), Source: telematics, Agreement: avro.AgreementConflict,
				Reports: []avro.Report{{Source: telematics, OccurredAt: at(11, 5)}, {Source: avro.Source{System: avro.SourceSystemCarrier, Partner: "ABCD"}, OccurredAt: at(9, 55)}}},
			{Milestone: avro.MilestoneCodeUnmapped, Classifier: avro.ClassifierActual, Code: "ZZ9", OccurredAt: at(12, 0), PlaceID: "ST-40", Source: avro.Source{System: avro.SourceSystemCarrier, Partner: "ABCD"}},
			{Milestone: avro.MilestoneCodeETA, Classifier: avro.ClassifierEstimated, OccurredAt: at(17, 30), Source: avro.Source{System: avro.SourceSystemTMS}},
		},
		Expectations: []avro.ExpectationStatus{
			{Milestone: avro.MilestoneCodeArrivedPickup, DueAt: at(6, 45), MetAt: some(6, 10), State: avro.ExpectationStateMet},
			{Milestone: avro.MilestoneCodeArrivedDelivery, DueAt: at(10, 0), MetAt: some(11, 5), State: avro.ExpectationStateLate},
			{Milestone: avro.MilestoneCodePodReceived, DueAt: at(18, 0), State: avro.ExpectationStateMissed},
			{Milestone: avro.MilestoneCodeCharged, DueAt: at(23, 0), State: avro.ExpectationStatePending},
		},
	}
}

func charges() []avro.Charge {
	line := avro.Charge{
		ChargeID: "c1", LineID: "l1", Type: avro.ChargeTypeDetention, ShipmentID: "SHP-17", LoadID: "L-9", StopSequence: avro.Some[int32](2), Party: "ACME",
		AmountMinor: 15000, Currency: "USD", ContractID: "K-1", ContractVersion: 2, Clause: "4.2 Detention",
		Arithmetic: "2 h 55 at the stop - 2 h free = 55 min, 4 begun quarters = 1 h x 150.00 USD = 150.00 USD", FactIDs: []string{"a", "b"},
	}
	reversal := line
	reversal.Kind, reversal.LineID, reversal.AmountMinor, reversal.Reason = avro.LineKindReversal, "l2", -15000, "departure corrected to 13:00"
	held := avro.Charge{ChargeID: "c2", Kind: avro.LineKindHeld, Type: avro.ChargeTypeDetention, Direction: avro.DirectionPayable, LoadID: "L-3", Party: "ABCD", Currency: "JPY", Reason: "no contract in force on 2026-03-09"}
	again := line
	again.LineID, again.AmountMinor, again.Arithmetic = "l3", 0, "1 h 55 at the stop - 2 h free: nothing to charge"
	paid := line
	paid.ChargeID, paid.LineID, paid.Direction, paid.Party = "c3", "p1", avro.DirectionPayable, "ABCD"
	first := line
	first.ChargeID, first.AmountMinor = "c4", 7500
	undo, corrected := first, first
	undo.Kind, undo.AmountMinor = avro.LineKindReversal, -7500
	corrected.AmountMinor, corrected.ShipmentID = 15000, "SHP-18"
	billed := line
	billed.ChargeID, billed.ShipmentID = "c5", "SHP-19"
	return []avro.Charge{held, line, reversal, again, billed, first, undo, corrected, paid}
}

func gaps() []avro.Gap {
	missing := avro.Gap{GapID: "g1", Kind: avro.GapKindMissingMilestone, Milestone: avro.MilestoneCodePodReceived, ShipmentID: "SHP-17", LoadID: "L-9", StopSequence: avro.Some[int32](2), DueAt: at(18, 0), Billing: true}
	closed := missing
	closed.GapID, closed.Status = "g2", avro.GapStatusClosed
	unlinked := avro.Gap{GapID: "g3", Kind: avro.GapKindUnlinkedFact, Subject: avro.Some(avro.Identifier{Kind: avro.IdentifierKindPRO, Value: "PRO77"})}
	list := []avro.Gap{missing, closed, unlinked}
	for _, m := range []avro.MilestoneCode{avro.MilestoneCodeDelivered, avro.MilestoneCodeDelivered, avro.MilestoneCodePodReceived} {
		for range 3 {
			list = append(list, avro.Gap{GapID: "h" + m.String(), Kind: avro.GapKindMissingMilestone, Milestone: m, ShipmentID: "SHP-" + m.String()[:3], DueAt: at(20, 0)})
		}
	}
	return list
}

func whole() Page {
	t := shipment()
	return Page{
		Title:      "Waybill: a day of 50 vehicles and 200 loads",
		Letters:    []Count{{"BAD_JSON", 3, "such as a truncated message"}},
		In:         []Count{{"orders", 412, ""}, {"positions", 1234567, "3.2 s"}},
		Accounting: []Sum{{"records", 110, []Count{{Name: "new", N: 90}, {Name: "duplicate", N: 20}}}, {"facts", 90, []Count{{Name: "resolved", N: 88}, {Name: "parked", N: 1}}}},
		Timeline:   &t, Gaps: gaps(), Charges: charges(),
		Rows: []Count{{"milestones", 4000, ""}}, Query: "SELECT 1\nFROM gaps", Connect: []string{"waybill dev keeps them up"},
		Truth: []Check{{"charges", 12, 12, 0, ""}, {"open gaps", 7, 7, 1, "SHP-3 POD_RECEIVED"}},
	}
}

func TestGolden(t *testing.T) {
	tests := []struct {
		name  string
		style Style
	}{
		{"plain", Style{}},
		{"colour", Style{Colour: true}},
		{"narrow", Style{Width: 40}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			var got strings.Builder
			if err := whole().Render(&got, tc.style); err != nil {
				t.Fatal(err)
			}
			golden(t, tc.name, got.String())
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the page is another than %s; look at both, then go test -rewrite\n%s", path, got)
	}
}

// A stop without any instant, and a page without anything, must not panic.
func TestEmpty(t *testing.T) {
	empty := avro.Timeline{ShipmentID: "S", Stops: []avro.TimelineStop{{LoadID: "L", Sequence: 1}}}
	var out strings.Builder
	if err := (Page{Timeline: &empty}).Render(&out, Style{}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "┴") {
		t.Errorf("an axis was drawn without an instant:\n%s", out.String())
	}
}

func TestMoney(t *testing.T) {
	tests := []struct {
		minor    int64
		currency string
		want     string
	}{
		{0, "USD", "0.00 USD"}, {5, "USD", "0.05 USD"}, {-5, "USD", "-0.05 USD"}, {123456789, "EUR", "1,234,567.89 EUR"},
		{1234, "JPY", "1,234 JPY"}, {1234, "KWD", "1.234 KWD"}, {-1 << 63, "USD", "-92,233,720,368,547,758.08 USD"}, {100, "", "1.00"},
	}
	for _, tc := range tests {
		if got := Money(tc.minor, tc.currency); got != tc.want {
			t.Errorf("Money(%d, %s) = %q, want %q", tc.minor, tc.currency, got, tc.want)
		}
	}
}

func TestSumHolds(t *testing.T) {
	s := Sum{Total: 3, Parts: []Count{{N: 1}, {N: 2}}}
	if !s.Holds() {
		t.Error("1 + 2 is not 3")
	}
	s.Total = 4
	if s.Holds() {
		t.Error("1 + 2 is 4")
	}
}

func TestAxisFitsLongAndShortSpans(t *testing.T) {
	for _, span := range []time.Duration{0, time.Minute, 3 * time.Hour, 40 * time.Hour, 30 * 24 * time.Hour, 3 * 365 * 24 * time.Hour} {
		from := at(6, 0)
		to := avro.MicrosOf(from.Time().Add(span))
		a, ok := newAxis([]avro.TimelineStop{{ArrivedAt: avro.Some(from), DepartedAt: avro.Some(to)}}, 48)
		if !ok {
			t.Fatal("no axis")
		}
		if a.column(from) > a.column(to) || a.column(to) >= 48 {
			t.Errorf("over %v the span lies in columns %d to %d of 48", span, a.column(from), a.column(to))
		}
	}
}

package x12_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"waybill/avro"
	"waybill/processors/normalise/adapter"
	"waybill/processors/normalise/codes"
	"waybill/processors/normalise/edi/x12"
	"waybill/topics/fault"
)

var received = avro.Micros(1_767_600_000_000_000)

func tables(tb testing.TB, own ...string) *codes.Tables {
	tb.Helper()
	dir := ""
	for i, text := range own {
		if dir == "" {
			dir = tb.TempDir()
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.yaml", i)), []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	all, err := codes.New(dir)
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

// interchange wraps transaction sets, given without ST and SE: "214\nB10*…\nLX*1".
func interchange(version string, sets ...string) string {
	isaVersion, repetition := "00401", "U"
	if strings.HasPrefix(version, "005") {
		isaVersion, repetition = "00501", "^"
	}
	var b strings.Builder
	b.WriteString(isa("*", repetition, isaVersion, ">~") + "\nGS*QM*CARRIER*SHIPPER*20260105*0930*7*X*" + version + "~\n")
	for i, s := range sets {
		b.WriteString(wrap(s, fmt.Sprintf("%04d", i+1)))
	}
	fmt.Fprintf(&b, "GE*%d*7~\nIEA*1*000000042~\n", len(sets))
	return b.String()
}

func wrap(set, control string) string {
	lines := strings.Split(set, "\n")
	body := strings.Join(lines[1:], "~\n")
	return fmt.Sprintf("ST*%s*%s~\n%s~\nSE*%d*%s~\n", lines[0], control, body, len(lines)+1, control)
}

func message(payload string) *avro.PartnerMessage {
	return &avro.PartnerMessage{Tenant: "acme", Format: x12.Format, Partner: "p", Name: "f.edi", Line: 1, ReceivedAt: received, Payload: []byte(payload)}
}

func adapt(t *testing.T, all *codes.Tables, payload string) []avro.Record {
	t.Helper()
	out, err := x12.New(all).Adapt(message(payload))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func of[V any, P interface {
	*V
	avro.Record
}](all []avro.Record) (out []P) {
	for _, r := range all {
		if v, ok := r.(P); ok {
			out = append(out, v)
		}
	}
	return out
}

func utc(m avro.Micros) string { return m.Time().UTC().Format("2006-01-02T15:04:05Z") }

const status = "214\nB10*0007*S1*ABCD\nLX*1\nAT7*X1*AG***20260105*0930*ET\nMS1*ALBANY*NY*US"

// 4010 and 5010 shapes of one 214 say the same.
func TestStatusOfBothVersions(t *testing.T) {
	for _, version := range []string{"004010", "005010"} {
		c := of[avro.CarrierStatus](adapt(t, tables(t), interchange(version, status)))
		if len(c) != 1 || c[0].Milestone != avro.MilestoneCodeArrivedDelivery || utc(c[0].OccurredAt) != "2026-01-05T14:30:00Z" || c[0].Scac != "ABCD" || c[0].PRO != "0007" || c[0].StopSequence.Ok {
			t.Errorf("%s: got %+v", version, c)
		}
		if got := fmt.Sprint(c[0].Attributes); got != "[{fault CUSTOMER}]" {
			t.Errorf("attributes are %s", got)
		}
	}
}

// A time is placed by its code, else its place, else the partner; else it is marked and not guessed.
func TestTimesOfStatuses(t *testing.T) {
	for _, c := range []struct{ at7, ms1, table, want, local string }{
		{"20260705*0930*ET", "", "", "2026-07-05T13:30:00Z", ""},                                     // daylight time by the date
		{"20260705*0930*ES", "", "", "2026-07-05T14:30:00Z", ""},                                     // standard time as said
		{"20260705*093015*UT", "", "", "2026-07-05T09:30:15Z", ""},                                   //
		{"20260705*0930*13", "", "", "2026-07-05T21:30:00Z", ""},                                     // X12 623: 13 is UTC-12
		{"20260705*0930*LT", "MS1*CHICAGO*IL*US", "", "2026-07-05T14:30:00Z", ""},                    // the place's own
		{"20260705*0930", "MS1*CHICAGO*IL", "", "2026-07-05T14:30:00Z", ""},                          // a state of the US needs no country
		{"260705*0930", "MS1*CALGARY*AB*CA", "", "2026-07-05T15:30:00Z", ""},                         // YYMMDD
		{"20260705", "MS1*CHICAGO*IL*US", "", "2026-07-05T05:00:00Z", ""},                            // the day alone
		{"20260705*0930", "MS1*KENORA*ON*CA", "", "2026-07-04T19:30:00Z", "2026-07-05T09:30:00"},     // Ontario has two zones
		{"20260705*0930*QQ", "MS1*CHICAGO*IL*US", "", "2026-07-04T19:30:00Z", "2026-07-05T09:30:00"}, // a code that no table knows is not passed over
		{"20260705*0930", "", "", "2026-07-04T19:30:00Z", "2026-07-05T09:30:00"},                     // nothing is said
		{"20260705*0930", "", "{partner: p, zone: America/Denver}", "2026-07-05T15:30:00Z", ""},      // the partner's
		{"20260705*0930", "MS1*Kenora*ON*CA", "{partner: p, zones: {CA/ON/KENORA: America/Winnipeg}}", "2026-07-05T14:30:00Z", ""},
		{"20261101*0130*ET", "", "", "2026-11-01T05:30:00Z", ""}, // twice that night: the earlier
	} {
		set := "214\nB10*7*S1*ABCD\nLX*1\nAT7*D1*NS***" + c.at7
		if c.ms1 != "" {
			set += "\n" + c.ms1
		}
		own := []string{}
		if c.table != "" {
			own = append(own, c.table)
		}
		got := of[avro.CarrierStatus](adapt(t, tables(t, own...), interchange("004010", set)))
		if len(got) != 1 || utc(got[0].OccurredAt) != c.want || got[0].LocalTime != c.local {
			t.Errorf("%s %s %s: got %+v, want %s %s", c.at7, c.ms1, c.table, got, c.want, c.local)
		}
	}
}

// A code means what its partner and version mean by it; one that no table names is UNMAPPED with its raw form.
func TestCodesArePartners(t *testing.T) {
	own := []string{
		"{partner: p, codes: {214/AT7-01: {XB: ACCEPTED, D1: TERMINAL_ARRIVED}}}",
		"{partner: p, version: \"005\", codes: {214/AT7-01: {XB: POD_RECEIVED}}}",
	}
	for _, c := range []struct {
		partner, version, code string
		want                   avro.MilestoneCode
	}{
		{"p", "004010", "XB", avro.MilestoneCodeAccepted}, {"p", "005010", "XB", avro.MilestoneCodePodReceived}, {"p", "005010", "D1", avro.MilestoneCodeTerminalArrived},
		{"q", "004010", "XB", avro.MilestoneCodeUnmapped}, {"q", "004010", "D1", avro.MilestoneCodeDelivered}, {"q", "004010", "??", avro.MilestoneCodeUnmapped},
		{"ustranscom", "004010", "XB", avro.MilestoneCodePodReceived}, {"ustranscom", "004010", "OO", avro.MilestoneCodeAccepted}, {"q", "004010", "OO", avro.MilestoneCodeUnmapped},
	} {
		m := message(interchange(c.version, "214\nB10*7*S1*ABCD\nLX*1\nAT7*"+c.code+"*NS***20260105*0930*ET"))
		m.Partner = c.partner
		out, err := x12.New(tables(t, own...)).Adapt(m)
		if got := of[avro.CarrierStatus](out); err != nil || len(got) != 1 || got[0].Milestone != c.want || got[0].StatusCode != c.code {
			t.Errorf("%+v: got %+v, %v", c, got, err)
		}
	}
}

// Several LX are stops, S5 says them outright; appointments are plans; references in a loop are the loop's.
func TestStopsOfAStatus(t *testing.T) {
	set := "214\nB10*7*S1*ABCD\nL11*B9*BM\nLX*1\nAT7***AA*NA*20260105*0800*ET\nAT7*X1*NS***20260105*0930*ET\nMS2*ABCD*T77\nL11*D1*DO\nLX*2\nAT7*X2*NS***20260106*0930*ET\nLX*3\nS5*9*UL\nAT7*CD*NS***20260106*1030*ET"
	var got []string
	for _, c := range of[avro.CarrierStatus](adapt(t, tables(t), interchange("004010", set))) {
		got = append(got, fmt.Sprintf("%d %s %s %s %v %s", c.StopSequence.V, c.Milestone, c.Classifier, c.BOL, c.DeliveryNumbers, c.EquipmentID))
	}
	want := []string{"1 APPOINTMENT_SET_PICKUP PLANNED B9 [D1] ", "1 ARRIVED_DELIVERY ACTUAL B9 [D1] T77", "2 ETA ESTIMATED B9 [] ", "9 DEPARTED_DELIVERY ACTUAL B9 [] "}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestTender(t *testing.T) {
	const stops = "\nL11*PO1*PO\nN1*BT*PAYER INC*93*C77\nS5*1*LD\nL11*B1*BM\nG62*37*20260105*1*0800*ET\nG62*69*20260105*1*0900*ET\nN1*SF*DOCK*UL*9501234100265\nN4*ALBANY*NY*12201*US\nS5*2*UL\nG62*54*20260106*1*1200*LT\nN1*ST*STORE*UL*9501234100050\nN4*CHICAGO*IL*60609*US\nS5*3*UL\nG62*54*20260106*1*1800*LT\nN4*NASHVILLE*TN*37201*US"
	for _, c := range []struct {
		b2a  string
		want avro.LoadEvent
	}{{"\nB2A*00", avro.LoadEventTendered}, {"", avro.LoadEventTendered}, {"\nB2A*01", avro.LoadEventCancelled}, {"\nB2A*04", avro.LoadEventChanged}, {"\nB2A*05", avro.LoadEventChanged}} {
		l := of[avro.Load](adapt(t, tables(t), interchange("004010", "204\nB2**ABCD**L100**PP"+c.b2a+stops)))
		if len(l) != 1 || l[0].Event != c.want || l[0].LoadID != "L100" || l[0].Carrier != "ABCD" || l[0].Customer != "C77" || len(l[0].Stops) != 3 {
			t.Fatalf("%s: got %+v", c.b2a, l)
		}
		s := l[0].Stops
		if s[0].Type != avro.StopTypePickup || s[0].PlaceID != "9501234100265" || utc(s[0].WindowFrom.V) != "2026-01-05T13:00:00Z" || utc(s[0].AppointmentAt.V) != "2026-01-05T14:00:00Z" || utc(s[1].WindowTo.V) != "2026-01-06T18:00:00Z" {
			t.Errorf("stops are %+v", s)
		}
		remarks := fmt.Sprint(l[0].Remarks)
		if s[2].WindowTo.Ok || !strings.Contains(remarks, "stop/3/54 2026-01-06T18:00:00: the message says no time zone, and none is known for") {
			t.Errorf("Tennessee has two zones: %+v, %s", s[2], remarks)
		}
		if got := l[0].Shipments; len(got) != 1 || got[0].ShipmentID != "L100" || got[0].BOL != "B1" || !slices.Equal(got[0].OrderIDs, []string{"PO1"}) {
			t.Errorf("shipments are %+v", got)
		}
	}
	unknown := adapt(t, tables(t), interchange("004010", "204\nB2**ABCD**L100\nB2A*77\nS5*1*LD"))
	if f := of[avro.Fact](unknown); len(f) != 1 || f[0].Milestone != avro.MilestoneCodeUnmapped || f[0].Code != "204/77" {
		t.Errorf("an unknown purpose gave %+v", unknown)
	}
}

// Stops that name several bills of lading make several shipments, never one.
func TestTenderOfSeveralBillsOfLading(t *testing.T) {
	l := of[avro.Load](adapt(t, tables(t), interchange("004010", "204\nB2**ABCD**L100\nS5*1*LD\nL11*B1*BM\nOID*D1*P1\nS5*2*LD\nL11*B2*BM\nS5*3*UL\nL11*B1*BM\nL11*X1*CN")))[0]
	var got []string
	for _, s := range l.Shipments {
		got = append(got, fmt.Sprint(s.ShipmentID, s.BOL, s.PRO, s.OrderIDs, s.DeliveryNumbers))
	}
	for _, s := range l.Stops {
		got = append(got, fmt.Sprint(s.Sequence, s.ShipmentIDs))
	}
	if want := []string{"B1B1X1[P1] [D1]", "B2B2[] []", "1 [B1]", "2 [B2]", "3 [B1]"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestResponse(t *testing.T) {
	for code, want := range map[string]avro.MilestoneCode{"A": avro.MilestoneCodeAccepted, "D": avro.MilestoneCodeDeclined, "Q": avro.MilestoneCodeUnmapped} {
		f := of[avro.Fact](adapt(t, tables(t), interchange("004010", "990\nB1*ABCD*L100*20260105*"+code+"\nN9*CN*77")))
		if len(f) != 1 || f[0].Milestone != want || f[0].Code != code || f[0].Identifiers[0].Value != "L100" || len(f[0].Links) != 1 || f[0].Links[0].From.Issuer != "ABCD" || utc(f[0].OccurredAt) != "2026-01-05T09:30:00Z" {
			t.Errorf("%s: got %+v", code, f)
		}
	}
}

func TestInvoice(t *testing.T) {
	const head = "210\nB3**I7*S1*CC**20260105*"
	for _, c := range []struct{ set, want string }{
		{head + "4640****ABCD\nN9*CN*77\nLX*1\nL1*1***4500****400\nL1*2***140****405****FUEL\nL3*36*G***4640", "4640 [4500 LINE_HAUL false][140 FUEL_SURCHARGE false]"},
		{head + "4400****ABCD\nC3*USD\nL1*1***4500****400\nL1*2***-100****999\nL3*****4400", "4400 USD[4500 LINE_HAUL false][-100 UNSPECIFIED true]"},
		{head + "5000****ABCD\nL1*1***4500*600*100\nL3*****4500*600*100", "5000 [4500 UNSPECIFIED false]"},
		{head + "450000****ABCD\nC3*JPY\nL1****450000\nL3*****450000", "4500 JPY[4500 UNSPECIFIED false]"},
		{head + "4640****ABCD\nL1*1***4500\nL1*2***130\nL3*36*G***4640", `segment 5, L305 "4640" is 46.40, but the charges of the L1 lines come to 46.30`},
		{head + "4641****ABCD\nL1*1***4500\nL1*2***140\nL3*36*G***4640", `segment 2, B307 "4641" is 46.41, but the lines come to 46.40`},
		{head + "45.00****ABCD\nL1*1***45.00", `B307 "45.00" is no amount with two implied decimals`},
		{head + "450001****ABCD\nC3*JPY\nL1****450001", "is no amount with two implied decimals, in whole minor units of the currency JPY"},
		{"210\nB3***S1*CC**2026015*\nL1****1", `B302 is missing: it is the invoice's number, send it; segment 2, B306 "2026015" "2026015" is no date`},
	} {
		out, err := x12.New(tables(t)).Adapt(message(wrap(c.set, "1")))
		if err != nil {
			if fault.Reason(err) != "BAD_SEGMENTS" || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
			continue
		}
		in := of[avro.Invoice](out)[0]
		got := fmt.Sprintf("%d %s", in.TotalMinor, in.Currency)
		for _, l := range in.Lines {
			got += fmt.Sprintf("[%d %s %v]", l.AmountMinor, l.Type, l.Correction)
		}
		if got != c.want || in.InvoiceID != "I7" || in.Issuer != "ABCD" {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestShipNotice(t *testing.T) {
	const notice = "856\nBSN*00*S1*20260105*0930\nHL*1**S\nREF*BM*B1\nTD5*B*2*ABCD\nTD3*TL**T77\nDTM*011*20260105*1100*ET\nHL*2*1*O\nPRF*P1\nHL*3*2*P\nMAN*GM*00000010012345614785\nHL*4*3*I\nSN1**4*EA\nHL*5*1*O\nPRF*P2\nHL*6*5*P\nMAN*GM*106141411928374657"
	var got []string
	out := adapt(t, tables(t), interchange("004010", notice))
	for _, e := range of[avro.WarehouseEvent](out) {
		got = append(got, fmt.Sprintf("%s %s %v %s %s %s %s", e.Milestone, e.OrderID, e.SSCC, e.ShipmentID, e.BOL, e.TrailerID, utc(e.OccurredAt)))
	}
	want := []string{"PACKED P1 [000010012345614785] S1   2026-01-05T16:00:00Z", "PACKED P2 [106141411928374657] S1   2026-01-05T16:00:00Z", "SHIP_CONFIRMED  [000010012345614785 106141411928374657] S1 B1 T77 2026-01-05T16:00:00Z"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if f := of[avro.Fact](out); len(f) != 1 || len(f[0].Links) != 2 || f[0].HasMilestone {
		t.Errorf("orders are tied by %+v", f)
	}
}

func TestWarehouse(t *testing.T) {
	order := of[avro.Order](adapt(t, tables(t), interchange("004010", "940\nW05*N*O1*PO1\nN1*WH*DC*9*0581493780140\nN4*CHICAGO*IL*60609\nN1*ST*STORE\nN4*NASHVILLE*TN*37201\nN1*DE*MAKER*9*C1\nG62*10*20260105\nG62*02*20260107\nLX*1\nW01*12.5*CA*000100011110*VN*SKU1")))[0]
	if order.Event != avro.OrderEventReleased || order.OrderID != "O1" || order.CustomerPO != "PO1" || order.Customer != "C1" || utc(order.RequestedPickupAt.V) != "2026-01-05T06:00:00Z" || order.RequestedDeliveryAt.Ok {
		t.Errorf("got %+v", order)
	}
	if l := order.Lines; len(l) != 1 || l[0].LineID != "O1/1" || l[0].Product != "SKU1" || l[0].Quantity.V != (avro.Quantity{Value: 125_000, Unit: "CA"}) {
		t.Errorf("lines are %+v", l)
	}
	var got []string
	for _, e := range of[avro.WarehouseEvent](adapt(t, tables(t), interchange("004010", "945\nW06*F*O1*20260105*S1\nN1*SF*DC*9*W1\nN4*CHICAGO*IL*60609\nN9*BM*B1\nW27*M*ABCD\nLX*1\nMAN*GM*106141411928374657\nW12*CC*10*10*0*EA\nLX*2\nW12*CP*10*7.5*2.5*EA"))) {
		got = append(got, fmt.Sprintf("%s %s %s %s %v %v %d %s %s", e.Milestone, e.OrderID, e.ShipmentID, e.BOL, e.SSCC, e.OrderLineIDs, e.Quantity.V.Value, e.PlaceID, utc(e.OccurredAt)))
	}
	if want := []string{"SHIP_CONFIRMED O1 S1 B1 [106141411928374657] [] 0 W1 2026-01-05T06:00:00Z", "SHORTED O1 S1  [] [O1/2] 25000 W1 2026-01-05T06:00:00Z"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// A set at fault is told by segment, position, element and value, and what to do.
func TestFaultsAreToldByField(t *testing.T) {
	for _, c := range []struct{ set, reason, want string }{
		{"214\nLX*1", "BAD_SEGMENTS", "B10 is missing: it is the shipment and its carrier, send it"},
		{"214\nB10*7*S1\nLX*1\nAT7*X1*NS***20260105*0930*ET", "BAD_SEGMENTS", "segment 2, B1003 is missing: it is the carrier's SCAC, send it"},
		{"214\nB10*7*S1*ABCD\nLX*1\nAT7*X1*NS***20261305*0930*ET", "BAD_SEGMENTS", `segment 4, AT705 "20261305" "20261305" is no date written as CCYYMMDD or YYMMDD: correct it`},
		{"214\nB10*7*S1*ABCD\nLX*1\nAT7*X1*NS***20260105*2561*ET", "BAD_SEGMENTS", `segment 4, AT706 "2561" "2561" is no time written as HHMM`},
		{"214\nB10*7*S1*ABCD\nLX*1\nAT7*X1*NS***20260308*0230*ET", "BAD_SEGMENTS", "clocks went forward over it"},
		{"214\nB10*7*S1*ABCD\nLX*1", "BAD_SEGMENTS", "AT7 is missing"},
		{"204\nB2**ABCD**L1\nS5*x*LD", "BAD_SEGMENTS", `S501 "x" is no number of a stop`},
		{"204\nB2**ABCD**L1" + strings.Repeat("\nS5*1*LD", 1000), "BAD_SEGMENTS", "is one stop too many: a load has at most 999"},
		{"315\nB4", "UNKNOWN_SET", "no adapter reads transaction set"},
	} {
		_, err := x12.New(tables(t)).Adapt(message(wrap(c.set, "1")))
		if fault.Of(err) != fault.Poison || fault.Reason(err) != c.reason || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, want %s", c.set, err, c.want)
		}
	}
	for _, c := range []struct{ in, reason string }{{"ST*214*1~B10*7*S1*ABCD~", "NO_TRAILER"}, {"hello", "BAD_X12"}, {isa("*", "U", "00401", ">~") + "IEA*0*000000042~", "BAD_X12"}, {strings.Repeat("x", adapter.MaxPayload+1), "OVERSIZE"}} {
		if _, err := x12.New(tables(t)).Adapt(message(c.in)); fault.Reason(err) != c.reason {
			t.Errorf("%.30s: got %v, want %s", c.in, err, c.reason)
		}
	}
}

// One set of three is at fault: the others are told, it is a message of its own that is refused alone, and the 997 says so.
func TestOneSetAtFault(t *testing.T) {
	const bad = "214\nB10*8*S2*ABCD\nLX*1\nAT7*X1*NS***20261305*0930*ET"
	for _, version := range []string{"004010", "005010"} {
		out := adapt(t, tables(t), interchange(version, status, bad, status))
		parts := of[avro.PartnerMessage](out)
		if len(of[avro.CarrierStatus](out)) != 2 || len(parts) != 1 || string(parts[0].Payload) != strings.TrimSpace(wrap(bad, "0002")) || parts[0].Line != 2 || parts[0].ReceivedAt != received {
			t.Fatalf("got %d records, parts %+v", len(out), parts)
		}
		again, err := x12.New(tables(t)).Adapt(parts[0])
		if fault.Reason(err) != "BAD_SEGMENTS" || !strings.Contains(err.Error(), `segment 4, AT705 "20261305"`) || !strings.Contains(err.Error(), "f.edi:2, set 214 0002") {
			t.Errorf("alone it gives %v, %v", again, err)
		}
		ack := of[avro.Acknowledgement](out)[0]
		ack.Control, ack.ToldAt = x12.Control(3, 41), received
		gs, isaVersion, version1 := "004010", "U*00401", ""
		if version == "005010" {
			gs, isaVersion, version1 = "005010", "^*00501", "*005010"
		}
		want := "ISA*00*          *00*          *02*SHIPPER        *ZZ*CARRIER        *260105*0800*" + isaVersion + "*000004203*0*P*>~\n" +
			"GS*FA*SHIPPER*CARRIER*20260105*0800*4203*X*" + gs + "~\nST*997*0001~\nAK1*QM*7" + version1 + "~\nAK2*214*0001~\nAK5*A~\nAK2*214*0002~\n" +
			"AK3*AT7*4**8~\nAK4*5**8*20261305~\nAK5*R*5~\nAK2*214*0003~\nAK5*A~\nAK9*P*3*3*2~\nSE*12*0001~\nGE*1*4203~\nIEA*1*000004203~\n"
		if got := string(x12.Render(ack)); got != want {
			t.Errorf("the 997 is\n%swant\n%s", got, want)
		}
	}
}

// A set that is refused is read again as it was in its payload, also where alone it would seem to have other delimiters.
func TestAPartKeepsItsDelimiters(t *testing.T) {
	out := adapt(t, tables(t), "ST*940*1~\n"+"W05*N*O1~SE*3*1~ST*315*2|3~SE*2*2|3~")
	part := of[avro.PartnerMessage](out)[0]
	if _, err := x12.New(tables(t)).Adapt(part); fault.Reason(err) != "UNKNOWN_SET" || !strings.Contains(err.Error(), "set 315 2|3") {
		t.Errorf("%q under %q gives %v", part.Payload, part.Header, err)
	}
}

// A part that the door refuses is refused as one that cannot be read; a fault that is not the part's ends the work.
func TestTheDoorMayRefuse(t *testing.T) {
	n := 0
	rest, err := x12.New(tables(t)).AdaptParts(message(interchange("004010", status, status)), func([]avro.Record) error {
		if n++; n == 1 {
			return fault.Poisonf("TOO_LARGE", "split it")
		}
		return nil
	})
	ack := of[avro.Acknowledgement](rest)[0].Groups[0]
	if err != nil || len(of[avro.PartnerMessage](rest)) != 1 || ack.Status != "P" || ack.Sets[0].Status != "R" || ack.Sets[1].Status != "A" {
		t.Errorf("got %+v, %v", rest, err)
	}
	_, err = x12.New(tables(t)).AdaptParts(message(interchange("004010", status)), func([]avro.Record) error { return fmt.Errorf("no room") })
	if fault.Of(err) != fault.Fatal {
		t.Errorf("got %v, want a fatal error", err)
	}
}

// What is wrong with the envelope alone is tolerated and noted.
func TestEnvelopesAreTolerated(t *testing.T) {
	whole := interchange("004010", status)
	for _, c := range []struct{ name, in, verdict string }{
		{"whole", whole, "A [] A []"},
		{"no GE and IEA", whole[:strings.Index(whole, "GE*")], "E [3] A []"},
		{"GE counts wrong", strings.Replace(whole, "GE*1*7", "GE*2*7", 1), "E [5] A []"},
		{"GE of another group", strings.Replace(whole, "GE*1*7", "GE*1*8", 1), "E [4] A []"},
		{"SE counts wrong", strings.Replace(whole, "SE*6*", "SE*7*", 1), "E [] E [4]"},
		{"SE of another set", strings.Replace(whole, "SE*6*0001", "SE*6*0002", 1), "E [] E [3]"},
		{"no ISA", whole[strings.Index(whole, "GS*"):], "A [] A []"},
		{"two interchanges with other delimiters", whole + strings.NewReplacer("*", "|", ">~", ">!", "~", "!").Replace(whole), "A [] A [], A [] A []"},
		{"indented, with blank lines and a byte order mark", "\ufeff" + strings.ReplaceAll(whole, "~\n", "~\r\n\r\n   "), "A [] A []"},
	} {
		out := adapt(t, tables(t), c.in)
		var got []string
		for _, a := range of[avro.Acknowledgement](out) {
			for _, g := range a.Groups {
				got = append(got, fmt.Sprint(g.Status, " ", g.Codes, " ", g.Sets[0].Status, " ", g.Sets[0].Codes))
			}
		}
		if strings.Join(got, ", ") != c.verdict || len(of[avro.CarrierStatus](out)) != len(got) {
			t.Errorf("%s: got %q, want %s", c.name, got, c.verdict)
		}
	}
	if out := adapt(t, tables(t), wrap(status, "1")); len(out) != 1 {
		t.Errorf("a bare set is acknowledged: %+v", out)
	}
	out := adapt(t, tables(t), strings.Replace(interchange("004010", "997\nAK1*QM*7\nAK9*A*1*1*1"), "GS*QM", "GS*FA", 1))
	if len(out) != 1 || len(of[avro.PartnerMessage](out)) != 1 {
		t.Errorf("an acknowledgement is acknowledged: %+v", out)
	}
}

// Elements are padded in fixed forms; what we look up or hand on has no padding, an identifier keeps its raw form.
func TestPadding(t *testing.T) {
	c := of[avro.CarrierStatus](adapt(t, tables(t), wrap("214\nB10*0007  *S1*ABCD \nLX*1\nAT7*X1 *AG ***20260105*0930*ET \nMS1*ALBANY  *NY", "1")))[0]
	if c.Scac != "ABCD" || c.City != "ALBANY" || c.Milestone != avro.MilestoneCodeArrivedDelivery || c.PRO != "0007  " {
		t.Errorf("got %+v", c)
	}
}

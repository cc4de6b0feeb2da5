package normalise_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"waybill/avro"
	"waybill/processors/normalise"
	"waybill/processors/sim"
	"waybill/topics"
)

const (
	ediHead = "ISA*00*          *00*          *ZZ*CARRIER        *02*SHIPPER        *260105*0930*U*00401*000000042*0*P*>~\nGS*QM*CARRIER*SHIPPER*20260105*0930*7*X*004010~\n"
	ediTail = "GE*3*7~\nIEA*1*000000042~\n"
)

func set214(control, code, date string) string {
	return fmt.Sprintf("ST*214*%s~\nB10*PRO%s*S%s*ABCD~\nLX*1~\nAT7*%s*NS***%s*0930*ET~\nSE*5*%s~\n", control, control, control, code, date, control)
}

func partner(payload string) *avro.PartnerMessage {
	return &avro.PartnerMessage{Tenant: "acme", Format: "x12", Partner: "p", Name: "f.edi", Line: 1, Payload: []byte(payload)}
}

func send(t *testing.T, opt sim.Options, cfg normalise.Config, payload string) *sim.Sim {
	t.Helper()
	s := sim.New(opt, normalise.New(cfg))
	m := partner(payload)
	s.Send(topics.PartnerMessages.Name, topics.Key(m.Tenant, m.Partner, m.Name), m)
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
	return s
}

// One set of three is at fault. However often work is aborted and instances are lost, the good ones are told once, the bad one
// is one dead letter with its own bytes and field, and there is one 997.
func TestOneSetOfAnInterchangeIsRefused(t *testing.T) {
	payload := ediHead + set214("0001", "X1", "20260105") + set214("0002", "D1", "20261305") + set214("0003", "CD", "20260105") + ediTail
	var first string
	for seed := range uint64(40) {
		s := send(t, sim.Options{Seed: seed, Faults: 0.5}, normalise.DefaultConfig(), payload)
		facts, acks, dead := factIDs(s), sim.Out[avro.Acknowledgement](s, topics.Acknowledged.Name), s.DeadLetters()
		if len(facts) != 2 || len(acks) != 1 || len(dead) != 1 {
			t.Fatalf("seed %d: %d facts, %d acknowledgements, %d dead letters", seed, len(facts), len(acks), len(dead))
		}
		var part avro.PartnerMessage
		if err := part.Decode(dead[0].Value.V); err != nil {
			t.Fatal(err)
		}
		if string(part.Payload) != strings.TrimSpace(set214("0002", "D1", "20261305")) || dead[0].Reason != "BAD_SEGMENTS" || !strings.Contains(dead[0].Causes[0], `segment 4, AT705 "20261305"`) {
			t.Errorf("seed %d: %s %q: %q", seed, dead[0].Reason, dead[0].Causes, part.Payload)
		}
		if first == "" {
			first = string(acks[0].Payload)
		}
		if got := string(acks[0].Payload); got != first || !strings.Contains(got, "AK9*P*3*3*2~") || !strings.Contains(got, "ISA*00*          *00*          *02*SHIPPER") {
			t.Errorf("seed %d: the 997 is\n%s", seed, got)
		}
	}
}

func factIDs(s *sim.Sim) map[string]bool {
	out := map[string]bool{}
	for _, f := range sim.Out[avro.Fact](s, topics.ResolveInbox.Name) {
		out[f.FactID] = true
	}
	return out
}

// A refused set that is sent again once the operator's table is mended is taken in as the partner sent it, and not acknowledged twice.
func TestARefusedSetIsReplayedAlone(t *testing.T) {
	payload := ediHead + set214("0001", "X1", "20260105") + set214("0002", "D1", "20261305") + ediTail
	s := send(t, sim.Options{}, normalise.DefaultConfig(), payload)
	var part avro.PartnerMessage
	if err := part.Decode(s.DeadLetters()[0].Value.V); err != nil {
		t.Fatal(err)
	}
	part.Payload = []byte(strings.Replace(string(part.Payload), "20261305", "20260105", 1))
	s = sim.New(sim.Options{}, normalise.New(normalise.DefaultConfig()))
	s.Send(topics.PartnerMessages.Name, "k", &part)
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
	if f := factIDs(s); len(f) != 1 || len(s.DeadLetters()) != 0 || len(sim.Out[avro.Acknowledgement](s, topics.Acknowledged.Name)) != 0 {
		t.Errorf("%d facts, %d dead letters", len(f), len(s.DeadLetters()))
	}
}

// What the door refuses of a set that can be read is refused as that set, not as the interchange.
func TestTheDoorRefusesASet(t *testing.T) {
	var lines strings.Builder
	for i := range 5001 {
		fmt.Fprintf(&lines, "LX*%d~W01*1*EA~\n", i+1)
	}
	order := func(control, more string) string {
		return "ST*940*" + control + "~\nW05*N*O" + control + "~\n" + more + fmt.Sprintf("SE*%d*%s~\n", 3+strings.Count(more, "~"), control)
	}
	s := send(t, sim.Options{}, normalise.DefaultConfig(), ediHead+order("0001", "")+order("0002", lines.String())+order("0003", "")+ediTail)
	dead := s.DeadLetters()
	if len(factIDs(s)) != 2 || len(dead) != 1 || dead[0].Reason != "TOO_LARGE" {
		t.Errorf("%d facts, dead letters %+v", len(factIDs(s)), dead)
	}
	// Its second order is too large: what its first says is not told either.
	units := "BSN*00*S1*20260105*0930~\nHL*1**S~\nDTM*011*20260105*1100*ET~\n"
	for o := range 2 {
		units += fmt.Sprintf("HL*%d*1*O~\nPRF*P%d~\nHL*%d*%d*P~\n", 2*o+2, o, 2*o+3, 2*o+2)
		for i := range 1 + 5000*o {
			units += fmt.Sprintf("MAN*GM*10614141%d%09d~\n", o, i)
		}
	}
	s = send(t, sim.Options{}, normalise.DefaultConfig(), ediHead+fmt.Sprintf("ST*856*1~\n%sSE*%d*1~\n", units, 2+strings.Count(units, "~"))+ediTail)
	if dead := s.DeadLetters(); len(factIDs(s)) != 0 || len(dead) != 1 || dead[0].Reason != "TOO_LARGE" {
		t.Errorf("%d facts, dead letters %d", len(factIDs(s)), len(dead))
	}
}

// A local time whose zone is not known becomes a fact that keeps the code and tells no milestone.
func TestUnplacedTimesAreMarked(t *testing.T) {
	s := send(t, sim.Options{}, normalise.DefaultConfig(), strings.Replace(ediHead+set214("0001", "D1", "20260105")+ediTail, "*ET~", "~", 1))
	f := sim.Out[avro.Fact](s, topics.ResolveInbox.Name)[0]
	attributes := fmt.Sprint(f.Attributes)
	if f.Milestone != avro.MilestoneCodeUnmapped || f.Code != "D1 at 2026-01-05T09:30:00, zone unknown" || !strings.Contains(attributes, "{milestone DELIVERED}") || !strings.Contains(attributes, "set zone in a table of the partner") {
		t.Errorf("got %+v", f)
	}
}

func TestCodeDir(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "p.yaml"), []byte("{partner: p, codes: {214/AT7-01: {XB: POD_RECEIVED}}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	payload := ediHead + set214("0001", "XB", "20260105") + ediTail
	for cfg, want := range map[normalise.Config]avro.MilestoneCode{{CodeDir: dir}: avro.MilestoneCodePodReceived, {}: avro.MilestoneCodeUnmapped} {
		f := sim.Out[avro.Fact](send(t, sim.Options{}, cfg, payload), topics.ResolveInbox.Name)[0]
		if f.Milestone != want || f.Code != "XB" {
			t.Errorf("%+v: got %s %s", cfg, f.Milestone, f.Code)
		}
	}
	err := normalise.Config{CodeDir: dir + "/gone"}.Validate()
	if err == nil || !strings.Contains(err.Error(), "normalise.code_dir: list code tables of") {
		t.Errorf("a folder that is not there gives %v", err)
	}
}

// An invoice is one fact that names what it is for, and each of its lines.
func TestInvoiceFact(t *testing.T) {
	s := send(t, sim.Options{}, normalise.DefaultConfig(), "ST*210*1~B3**I7*S1*CC**20260105*4400****ABCD~C3*USD~N9*CN*77~L1****4500****400~L1****-100****999~L3*****4400~SE*8*1~")
	f := sim.Out[avro.Fact](s, topics.ResolveInbox.Name)[0]
	attributes := fmt.Sprint(f.Attributes)
	for _, want := range []string{"{amount 44.00 USD}", "{line/0001 400 LINE_HAUL 45.00 USD}", "{line/0002 999 UNSPECIFIED -1.00 USD, correction}"} {
		if !strings.Contains(attributes, want) {
			t.Errorf("%s lacks %s", attributes, want)
		}
	}
	if f.Milestone != avro.MilestoneCodeInvoiced || f.Identifiers[0].Issuer != "ABCD" || len(f.Links) != 2 {
		t.Errorf("got %+v", f)
	}
}

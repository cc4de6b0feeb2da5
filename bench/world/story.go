package world

import (
	"fmt"
	"io"
	"strings"
	"time"

	"waybill/topics"
)

// Story is everything about one load: what happened, what was said and when it came, what it comes to. For people who wonder.
type Story struct {
	LoadID    string
	Vehicle   string // carrier and number
	Device    string // provider and number
	From, To  time.Time
	Stops     []StopStory
	Said      []SaidStory // in delivery order; what was lost is not there
	Silences  []SilenceStory
	Shipments []ShipmentTruth
}

// StopStory is a stop as planned and as it went.
type StopStory struct {
	Sequence          int32
	Type              string
	Place             string
	Appointment       time.Time
	Arrive, Depart    time.Time
	FirstFix, LastFix time.Time // as made; what was delivered is in the truth
	Shipments         []string
}

// SaidStory is one delivered message.
type SaidStory struct {
	Topic      topics.Name
	Key        string
	OccurredAt time.Time
	DeliverAt  time.Time
	Duplicate  bool
	Record     any
}

// SilenceStory is a window whose fixes were lost, or held back until its end.
type SilenceStory struct {
	From, To time.Time
	Held     bool
}

// Story tells a load's story. It fails where there is no such load.
func (w *World) Story(loadID string) (Story, error) {
	l, d, ok := w.findLoad(loadID)
	if !ok {
		return Story{}, fmt.Errorf("tell the story of load %s: this world has loads LD%d to LD%d", loadID, 100_001, 100_000+w.cfg.Loads)
	}
	v := l.rides[0].vehicle
	out := Story{LoadID: l.id, Vehicle: v.carrier.scac + " " + v.id, Device: v.provider + " " + v.device, From: l.from, To: l.to}
	for _, s := range l.stops {
		out.Stops = append(out.Stops, storyOf(s))
	}
	for _, m := range w.messages(l) {
		out.Said = append(out.Said, SaidStory{Topic: m.Topic, Key: m.Key, OccurredAt: m.OccurredAt, DeliverAt: m.DeliverAt, Duplicate: m.Duplicate, Record: m.Record})
	}
	e := w.evidenceOf(d)
	for _, aboard := range l.legs {
		out.Shipments = append(out.Shipments, w.truthAbout(aboard.shipment, e))
	}
	out.Silences = silencesDuring(l, w.silences(d))
	return out, nil
}

func storyOf(s *stop) StopStory {
	out := StopStory{
		Sequence: s.seq, Type: s.kind.String(), Place: s.place.id + " " + s.place.name, Appointment: s.appointment,
		Arrive: s.arrive, Depart: s.depart, FirstFix: s.firstFix, LastFix: s.lastFix,
	}
	for _, aboard := range s.legs {
		out.Shipments = append(out.Shipments, aboard.shipment.id)
	}
	return out
}

func silencesDuring(l *load, all silences) []SilenceStory {
	var out []SilenceStory
	add := func(ws []window, held bool) {
		for _, w := range ws {
			if w.from.Before(l.to) && l.from.Before(w.to) {
				out = append(out, SilenceStory{From: w.from, To: w.to, Held: held})
			}
		}
	}
	add(all.lost, false)
	add(all.held, true)
	return out
}

// findLoad plans the days of the load's vehicle until it is there.
func (w *World) findLoad(id string) (*load, *day, bool) {
	var number int
	if _, err := fmt.Sscanf(id, "LD%d", &number); err != nil || number <= 100_000 || number > 100_000+w.cfg.Loads {
		return nil, nil, false
	}
	days := w.days(w.vehicle((number - 100_001) % w.cfg.Vehicles))
	for d, ok := days(); ok; d, ok = days() {
		for _, l := range d.loads {
			if l.id == id {
				return l, d, true
			}
		}
	}
	return nil, nil, false
}

// WriteTo writes the story as text.
func (s Story) WriteTo(out io.Writer) (int64, error) {
	n, err := io.WriteString(out, s.String())
	return int64(n), err
}

func (s Story) String() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("load %s, vehicle %s, device %s, from %s to %s", s.LoadID, s.Vehicle, s.Device, clock(s.From), clock(s.To))
	for _, at := range s.Stops {
		line("  stop %d %-8s %s: appointment %s, there %s to %s, fixes %s to %s, %s", at.Sequence, at.Type, at.Place, clock(at.Appointment), clock(at.Arrive), clock(at.Depart), clock(at.FirstFix), clock(at.LastFix), strings.Join(at.Shipments, " "))
	}
	for _, w := range s.Silences {
		line("  device silent %s to %s (sent later: %v)", clock(w.From), clock(w.To), w.Held)
	}
	for _, m := range s.Said {
		again := ""
		if m.Duplicate {
			again = " again"
		}
		line("  %s %-22s occurred %s%s %+v", clock(m.DeliverAt), m.Topic, clock(m.OccurredAt), again, m.Record)
	}
	for _, t := range s.Shipments {
		line("  shipment %s of order %s for %s", t.ID, strings.Join(t.OrderIDs, " "), t.Customer)
		for _, m := range t.Milestones {
			line("    %s %-18s stop %d by %s", clock(m.OccurredAt), m.Code, m.StopSequence.V, m.Source)
		}
		for _, e := range t.Expectations {
			line("    expected %-18s stop %d due %s: %s %s", e.Milestone, e.StopSequence.V, clock(e.DueAt), e.State, clock(e.OccurredAt))
		}
		for _, c := range t.Charges {
			line("    detention stop %d %s %s: %d cents, held %v %s; %s", c.StopSequence, c.Direction, c.Party, c.AmountMinor, c.Held, c.Reason, c.Arithmetic)
		}
	}
	return b.String()
}

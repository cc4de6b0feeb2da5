package processors_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"waybill/avro"
	"waybill/processors"
	"waybill/processors/sim"
	"waybill/topics"
)

// Helsinki's buses as freight: a journey is a load, a stop a stop of it, a bus a vehicle; what a driver signs on to is what the TMS says the
// vehicle was given. The passenger counter is a scanner at the doors that knows the vehicle alone. The line finds out when the vehicle was at
// which stop of which load; what was scanned is joined to that by two rules that have nothing of buses in them:
//
//   - What comes off was brought: it belongs to the last stop that the vehicle had arrived at, of those at which its load may have come from
//     somewhere. Nothing comes off at a load's first stop.
//   - What goes aboard is taken away: it belongs to the first stop that the vehicle had not departed from yet, of those after which its load
//     goes on. Nothing goes aboard at a load's last stop. The scanner tells when the doors are shut, up to ten seconds after the last
//     standing fix.
//
// What is compared with the authors' own join: which journey and stop, when and where, what came off and aboard at each door, and what was left
// aboard. Their odometer, line number and share of the seats are the bus's own and no result of the join.
func TestOutsideHSLJoin(t *testing.T) {
	folders, err := filepath.Glob(filepath.Join(dataDir(), "hsl-hfp-apc", "*", "apc.json"))
	if err != nil || len(folders) == 0 {
		t.Skipf("SKIPPED: no hsl-hfp-apc/*/apc.json under %s: set WAYBILL_DATA to the data sets", dataDir())
	}
	results := 0
	for _, path := range folders {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			want := expectedCounts(t, path)
			results += len(want)
			lines := readScenario(t, filepath.Dir(path))
			for seed := range uint64(6) {
				s := scenario(t, lines, seed)
				if got := joined(t, s); !slices.Equal(got, want) {
					t.Errorf("seed %d: got\n  %s\nwant\n  %s", seed, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
				}
				onlyWhatMoved(t, s, lines)
			}
		})
	}
	t.Logf("%d scenarios, %d results", len(folders), results)
}

// busLine is a line of a dump, with what a TMS and a fleet would know of it.
type busLine struct {
	raw     []byte
	event   string
	at      avro.Micros
	vehicle [2]string // operator and number
	journey string    // "" on a dead run
	stop    string
	fix     avro.Opt[avro.GeoPoint] // by satellite
	odo     float64
}

func readScenario(t *testing.T, dir string) (out []busLine) {
	t.Helper()
	for _, name := range []string{"hfp.dump", "partialApc.dump"} {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for l := range bytes.Lines(raw) {
			if l = bytes.TrimSpace(l); len(l) > 0 {
				out = append(out, readBusLine(t, l))
			}
		}
	}
	slices.SortStableFunc(out, func(a, b busLine) int { return cmp.Compare(a.at, b.at) })
	return out
}

func readBusLine(t *testing.T, raw []byte) busLine {
	t.Helper()
	head, body, _ := bytes.Cut(raw, []byte(" {"))
	topic := strings.Split(string(head), "/")
	var events map[string]struct {
		Tst                  time.Time
		Oday, Start, Dir     string
		Jrn, Line, Stop, Odo json.Number
		Lat, Long            *float64
		Loc                  string
	}
	if err := json.Unmarshal(append([]byte("{"), body...), &events); err != nil || len(topic) < 9 {
		t.Fatalf("%s: %v", raw, err)
	}
	l := busLine{raw: raw, vehicle: [2]string{strings.TrimLeft(topic[7], "0"), strings.TrimLeft(topic[8], "0")}}
	for name, e := range events {
		l.event, l.at, l.stop = name, avro.MicrosOf(e.Tst), e.Stop.String()
		if topic[3] == "journey" && e.Jrn != "" && e.Line != "" && name != "VJOUT" { // which signs off
			l.journey = journeyID(e.Oday, e.Jrn.String(), e.Start, e.Dir)
		}
		if e.Lat != nil && e.Long != nil && e.Loc == "GPS" {
			l.fix = avro.Some(avro.GeoPoint{LatE6: int32(*e.Lat * 1e6), LonE6: int32(*e.Long * 1e6)})
		}
		l.odo, _ = e.Odo.Float64()
	}
	return l
}

func journeyID(oday, jrn, start, dir string) string {
	return strings.Join([]string{oday, jrn, start, dir}, " ")
}

// scenario plays a dump through the whole line: the lines as partner messages; places, plans and assignments as the TMS would have them.
// Seed 0 is in order, any other in its own, with duplicates.
func scenario(t *testing.T, lines []busLine, seed uint64) *sim.Sim {
	t.Helper()
	var script []sim.Message
	send := func(topic topics.Topic, key string, rec avro.Record) {
		script = append(script, sim.Message{Topic: topic.Name, Key: key, Value: rec})
	}
	for _, p := range busStops(lines) {
		send(topics.Places, topics.Key(tenant, p.PlaceID), &p)
	}
	for _, l := range busLoads(lines) {
		send(topics.Loads, topics.Key(tenant, l.LoadID), &l)
	}
	for _, a := range signedOn(lines) {
		send(topics.Assignments, topics.Key(tenant, a.LoadID), &a)
	}
	installed := map[[2]string]bool{}
	for i, l := range lines {
		if v := l.vehicle; !installed[v] {
			installed[v] = true
			send(topics.Installations, topics.Key(tenant, "HSL/"+v[0], v[1]), &avro.DeviceInstallation{
				Tenant: tenant, DeviceIssuer: "HSL/" + v[0], DeviceID: v[1], VehicleIssuer: "HSL/" + v[0], VehicleID: v[1], ValidFrom: 1,
			})
		}
		message := func(raw []byte) *avro.PartnerMessage {
			return &avro.PartnerMessage{Tenant: tenant, Format: "hsl", Partner: "HSL", Name: "dump", Line: int64(i + 1), Payload: raw}
		}
		send(topics.PartnerMessages, "hsl", message(l.raw))
		if l.fix.Ok && l.event != "VP" { // an event that says where it was is a fix as well
			send(topics.PartnerMessages, "hsl", message(bytes.Replace(l.raw, []byte(`{"`+l.event+`":`), []byte(`{"VP":`), 1)))
		}
	}
	cfg := processors.DefaultConfig()
	cfg.Track.MinDwell, cfg.Loads.MinStop = 5*time.Second, 5*time.Second // a door cycle, where freight has a minute and three
	opt := sim.Options{Start: lines[len(lines)-1].at.Time().Add(24 * time.Hour)}
	if seed > 0 {
		script = sim.Duplicated(seed, 0.2, sim.Shuffled(seed, script))
		opt.Seed, opt.Partitions, opt.Faults = seed, int32(1+seed%4), 0.02
	}
	s := sim.New(opt, processors.All(cfg)...)
	s.Play(script)
	for day := range 3 {
		if err := s.Run(); err != nil {
			t.Fatal(err)
		}
		s.Tick(opt.Start.AddDate(0, 0, 1+day))
	}
	if dead := sim.Out[avro.DeadLetter](s, topics.DeadLetters.Name); len(dead) > 0 {
		t.Fatalf("dead letter of %s: %v", dead[0].Stage, dead[0].Causes)
	}
	return s
}

// busStops are the places: where buses stood at a stop, with a fence of 40 m.
func busStops(lines []busLine) (out []avro.Place) {
	sums := map[string][3]int64{}
	for _, l := range lines {
		if l.fix.Ok && l.journey != "" && l.stop != "" && slices.Contains([]string{"ARS", "DOO", "DOC"}, l.event) {
			s := sums[l.stop]
			sums[l.stop] = [3]int64{s[0] + int64(l.fix.V.LatE6), s[1] + int64(l.fix.V.LonE6), s[2] + 1}
		}
	}
	for id, s := range sums {
		out = append(out, avro.Place{Tenant: tenant, PlaceID: id, Location: avro.GeoPoint{LatE6: int32(s[0] / s[2]), LonE6: int32(s[1] / s[2])}, RadiusM: 40})
	}
	slices.SortFunc(out, func(a, b avro.Place) int { return strings.Compare(a.PlaceID, b.PlaceID) })
	return out
}

// busLoads are the journeys' plans: the stops that their events name, in order. One that was under way when the recording began has a stop
// before it, one that still was when it ended has one after it. A journey of which nothing is heard but the driver's sign-on is
// planned where the vehicle stood.
func busLoads(lines []busLine) (out []avro.Load) {
	stops, began, first := map[string][]string{}, map[string]bool{}, map[string]string{}
	var order []string
	for _, l := range lines {
		if l.journey == "" {
			continue
		}
		if _, known := began[l.journey]; !known {
			order, began[l.journey] = append(order, l.journey), l.odo > 100
		}
		if l.stop != "" && slices.Contains([]string{"DUE", "ARR", "ARS", "PAS", "PDE", "DEP"}, l.event) && !slices.Contains(stops[l.journey], l.stop) {
			stops[l.journey] = append(stops[l.journey], l.stop)
		}
		first[l.journey] = cmp.Or(first[l.journey], l.stop)
	}
	for _, id := range order {
		list := stops[id]
		if len(list) == 0 {
			list = []string{first[id], "further on"}
		}
		if began[id] {
			list = slices.Insert(list, 0, "before")
		}
		if lines[len(lines)-1].journey == id {
			list = append(list, "further on")
		}
		out = append(out, busLoad(id, list))
	}
	return out
}

func busLoad(id string, stops []string) avro.Load {
	l := avro.Load{Tenant: tenant, LoadID: id, Event: avro.LoadEventPlanned, OccurredAt: 1, Shipments: []avro.LoadShipment{{ShipmentID: "aboard " + id}}}
	for i, place := range stops {
		kind := avro.StopTypeDelivery
		if i == 0 {
			kind = avro.StopTypePickup
		}
		l.Stops = append(l.Stops, avro.Stop{Sequence: int32(i + 1), Type: kind, PlaceID: place})
	}
	return l
}

// signedOn are the assignments: a vehicle is a journey's from the first line that says so until one says otherwise.
func signedOn(lines []busLine) (out []avro.Assignment) {
	now := map[[2]string]int{} // the vehicle's assignment that stands
	for _, l := range lines {
		if l.event == "APC" {
			continue
		}
		if i, on := now[l.vehicle]; on {
			if out[i].LoadID == l.journey {
				continue
			}
			out[i].ValidTo = avro.Some(max(l.at, out[i].ValidFrom+1))
			delete(now, l.vehicle)
		}
		if l.journey != "" {
			now[l.vehicle] = len(out)
			out = append(out, avro.Assignment{Tenant: tenant, LoadID: l.journey, VehicleIssuer: "HSL/" + l.vehicle[0], VehicleID: l.vehicle[1], ValidFrom: l.at, OccurredAt: l.at})
		}
	}
	return out
}

// call is a vehicle's time at a stop of a load, as the timeline tells it.
type call struct {
	load, stop  string
	first, last bool // of its load
	arrived     avro.Micros
	departed    avro.Opt[avro.Micros]
}

// calls are what the current timelines say, in order of arrival.
func calls(s *sim.Sim) (out []call) {
	current := map[string]avro.Timeline{}
	for _, tl := range values[avro.Timeline](s, topics.Timelines) {
		current[tl.ShipmentID] = tl
	}
	for _, tl := range current {
		for _, stop := range tl.Stops {
			if stop.ArrivedAt.Ok || stop.DepartedAt.Ok {
				out = append(out, call{
					load: stop.LoadID, stop: stop.PlaceID, first: stop.Sequence == 1, last: int(stop.Sequence) == len(tl.Stops),
					arrived: stop.ArrivedAt.Or(stop.DepartedAt.V), departed: stop.DepartedAt,
				})
			}
		}
	}
	slices.SortFunc(out, func(a, b call) int { return cmp.Or(cmp.Compare(a.arrived, b.arrived), strings.Compare(a.load, b.load)) })
	return out
}

// scan is what the line makes of a counter's line.
type scan struct {
	at, received avro.Micros
	where        avro.GeoPoint
	aboard       int
	doors        []door
}

type door struct {
	name    string
	in, out int
}

func scans(t *testing.T, s *sim.Sim) (out []scan) {
	t.Helper()
	seen := map[string]bool{}
	for _, f := range values[avro.Fact](s, topics.ResolveInbox) {
		if f.Code != "APC" || seen[f.FactID] {
			continue
		}
		seen[f.FactID] = true
		said := map[string]string{}
		for _, a := range f.Attributes {
			said[strings.TrimPrefix(a.K, "vehiclecounts.")] = a.V
		}
		c := scan{at: f.OccurredAt, received: f.ReceivedAt, where: f.Location.V, aboard: number(t, said["vehicleload"])}
		for i := 0; said[fmt.Sprintf("doorcounts.%d.door", i)] != ""; i++ {
			at := fmt.Sprintf("doorcounts.%d.", i)
			c.doors = append(c.doors, door{said[at+"door"], number(t, said[at+"count.0.in"]), number(t, said[at+"count.0.out"])})
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b scan) int { return cmp.Compare(a.at, b.at) })
	return out
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// joined gives what came off and went aboard at each stop of each load, as lines.
func joined(t *testing.T, s *sim.Sim) (out []string) {
	t.Helper()
	made := calls(s)
	for all := scans(t, s); len(all) > 0; {
		from, to := off(made, all[0]), on(made, all[0])
		n := 1
		for n < len(all) && off(made, all[n]) == from && on(made, all[n]) == to {
			n++
		}
		group := all[:n]
		all = all[n:]
		switch {
		case from == to && from != none:
			out = append(out, tally(group, to, true, true))
			continue
		case from != none:
			out = append(out, tally(group, from, false, true))
		}
		if to != none {
			out = append(out, tally(group, to, true, false))
		}
	}
	slices.Sort(out)
	return out
}

var none call

// off is where what comes off belongs.
func off(made []call, c scan) call {
	for _, at := range slices.Backward(made) {
		if !at.first && at.arrived <= c.at {
			return at
		}
	}
	return none
}

// on is where what goes aboard belongs.
func on(made []call, c scan) call {
	const shut = 10_000_000
	for _, at := range made {
		if !at.last && at.departed.Or(c.at)+shut >= c.at {
			return at
		}
	}
	return none
}

// tally writes what was scanned while the vehicle changed from one stop's load to the next, as far as one of them is concerned.
func tally(group []scan, c call, in, out bool) string {
	last := group[len(group)-1]
	aboard := last.aboard
	doors := slices.Clone(last.doors)
	for i := range doors {
		doors[i].in, doors[i].out = 0, 0
		for _, g := range group {
			if out {
				doors[i].out += g.doors[i].out
			}
			if in {
				doors[i].in += g.doors[i].in
			} else {
				aboard -= g.doors[i].in // that is the next load's
			}
		}
	}
	return fmt.Sprintf("%s stop %s at %s told %s %v doors %v aboard %d", c.load, c.stop, last.at.Time().Format(time.RFC3339), last.received.Time().Truncate(time.Millisecond).Format(time.RFC3339Nano), last.where, doors, aboard)
}

// expectedCounts are the authors' own results, written the same way.
func expectedCounts(t *testing.T, path string) (out []string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	var all []struct {
		EventTimestamp int64
		Data           struct {
			Payload struct {
				Oday, Start, Dir string
				Jrn, Stop        json.Number
				Tst              int64
				Lat, Long        float64
				VehicleCounts    struct {
					VehicleLoad int
					DoorCounts  []struct {
						Door  string
						Count []struct{ In, Out int }
					}
				}
			}
		}
	}
	if err == nil {
		err = json.Unmarshal(raw, &all)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	for _, r := range all {
		p := r.Data.Payload
		s := scan{at: avro.MicrosOf(time.Unix(p.Tst, 0)), received: avro.MicrosOf(time.UnixMilli(r.EventTimestamp)), aboard: p.VehicleCounts.VehicleLoad, where: avro.GeoPoint{LatE6: micro(p.Lat), LonE6: micro(p.Long)}}
		for _, d := range p.VehicleCounts.DoorCounts {
			s.doors = append(s.doors, door{d.Door, d.Count[0].In, d.Count[0].Out})
		}
		out = append(out, tally([]scan{s}, call{load: journeyID(p.Oday, p.Jrn.String(), p.Start, p.Dir), stop: p.Stop.String()}, true, true))
	}
	slices.Sort(out)
	return out
}

func micro(degrees float64) int32 { return int32(degrees*1e6 + 0.5) }

// onlyWhatMoved holds that a load has calls only where the vehicle left a stop with it: a wrong journey that the driver signed on to and off
// again tells nothing.
func onlyWhatMoved(t *testing.T, s *sim.Sim, lines []busLine) {
	t.Helper()
	moved := map[string]bool{}
	for _, l := range lines {
		if slices.Contains([]string{"DEP", "PAS", "PDE"}, l.event) {
			moved[l.journey] = true
		}
	}
	for _, c := range calls(s) {
		if !moved[c.load] {
			t.Errorf("%s was at %s at %s, and the vehicle never left a stop with it", c.load, c.stop, c.arrived.Time())
		}
	}
}

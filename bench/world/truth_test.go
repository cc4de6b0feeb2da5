package world

import (
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geo"

	"waybill/avro"
	"waybill/topics"
)

// What telematics are said to tell is read off the delivered positions themselves here, by distance and time alone.
func TestStandingIsWhatThePositionsShow(t *testing.T) {
	for seed := range uint64(8) {
		standing(t, seed)
	}
}

func standing(t *testing.T, seed uint64) {
	c := small(seed)
	c.Damage = c.Damage.Times(2)
	c.Damage.Skewed, c.Damage.Noisy, c.Damage.Untold = 0, 0, Untold{}
	w := made(t, c)
	tracks, places := map[string][]avro.Position{}, map[string]avro.Place{}
	for d := range w.Deliveries() {
		switch rec := d.Record.(type) {
		case *avro.Position:
			tracks[d.Key] = append(tracks[d.Key], *rec)
		case *avro.Place:
			places[rec.PlaceID] = *rec
		}
	}
	for _, track := range tracks {
		slices.SortFunc(track, func(a, b avro.Position) int { return int(a.DeviceAt - b.DeviceAt) })
	}
	told := milestonesByStop(w.Truth())
	stood, silent := 0, 0
	for n := range c.Vehicles {
		v := w.vehicle(n)
		days := w.days(v)
		for d, ok := days(); ok; d, ok = days() {
			var way []avro.Position
			for _, tr := range d.trackers {
				during := window{from: tr.joins, to: tr.leaves}
				for _, fix := range tracks[topics.Key(c.Tenant, tr.provider, tr.device)] {
					if during.covers(fix.DeviceAt.Time()) {
						way = append(way, fix)
					}
				}
			}
			for _, l := range d.loads {
				for _, s := range l.stops {
					first, last, seen := standsAt(way, places[s.place.id], window{from: s.inbound.depart, to: s.outbound.arrive})
					arrived, departed := told[fmt.Sprintf("%s/%d/in", l.id, s.seq)], told[fmt.Sprintf("%s/%d/out", l.id, s.seq)]
					if !first.Equal(arrived) || !last.Equal(departed) {
						t.Errorf("seed %d, load %s stop %d: positions show %v to %v, the truth says %v to %v", seed, l.id, s.seq, first, last, arrived, departed)
					}
					stood, silent = stood+btoi(seen), silent+btoi(!seen)
				}
			}
		}
	}
	if stood == 0 || silent == 0 {
		t.Errorf("seed %d: %d stops with positions and %d without: both must occur", seed, stood, silent)
	}
}

func milestonesByStop(truth Truth) map[string]time.Time {
	told := map[string]time.Time{}
	for _, s := range truth.Shipments {
		for _, m := range s.Milestones {
			if m.Source != avro.SourceSystemTelematics {
				continue
			}
			way := "in"
			if m.Code == avro.MilestoneCodeDepartedPickup || m.Code == avro.MilestoneCodeDepartedDelivery {
				way = "out"
			}
			told[fmt.Sprintf("%s/%d/%s", m.LoadID, m.StopSequence.V, way)] = m.OccurredAt
		}
	}
	return told
}

// standsAt finds the first run of fixes within the geofence and the window that lie within 12 m of their first and last three
// minutes: at 12 m/s and 30 s no two fixes of a drive lie so.
func standsAt(track []avro.Position, p avro.Place, during window) (first, last time.Time, seen bool) {
	var from, to avro.Position
	for _, fix := range track {
		at := fix.DeviceAt.Time()
		if !during.covers(at) || !holds(p, pointOf(fix.LatE6, fix.LonE6)) {
			continue
		}
		if from.DeviceID == "" || geo.DistanceHaversine(pointOf(fix.LatE6, fix.LonE6), pointOf(from.LatE6, from.LonE6)) > 12 {
			if seen && to.DeviceAt-from.DeviceAt >= 180_000_000 {
				break
			}
			from, seen = fix, true
		}
		to = fix
	}
	if !seen || to.DeviceAt-from.DeviceAt < 180_000_000 {
		return time.Time{}, time.Time{}, false
	}
	return from.DeviceAt.Time(), to.DeviceAt.Time(), true
}

func pointOf(lat, lon int32) orb.Point { return orb.Point{float64(lon) / 1e6, float64(lat) / 1e6} }

// Nobody can mistake a drive for a stay: fixes under way are fast and far from the spots they come from and go to.
func TestDrivesAreClearlyDrives(t *testing.T) {
	for _, every := range []time.Duration{10 * time.Second, 30 * time.Second, time.Minute} {
		c := small(12)
		c.PositionEvery = every
		w := made(t, c)
		for n := range c.Vehicles {
			days := w.days(w.vehicle(n))
			for d, ok := days(); ok; d, ok = days() {
				for _, leg := range d.drives {
					first, last := w.tick(d.vehicle, leg.depart.Add(1)), w.tick(d.vehicle, leg.arrive).Add(-every)
					if leg.mps() < 10 || leg.share(first)*leg.arc.metres < 60 || (1-leg.share(last))*leg.arc.metres < 60 {
						t.Fatalf("every %v: a drive at %.1f m/s is %.0f m from its start at its first fix and %.0f m from its end at its last", every, leg.mps(), leg.share(first)*leg.arc.metres, (1-leg.share(last))*leg.arc.metres)
					}
				}
			}
		}
	}
}

// Without damage everything is known: every milestone is there and nothing is missed but what happened too late.
func TestUndamagedWorldLacksNothing(t *testing.T) {
	c := small(13)
	c.Damage = Damage{}
	truth := made(t, c).Truth()
	for _, s := range truth.Shipments {
		if n := len(s.Milestones); n < 18 {
			t.Errorf("shipment %s has %d milestones", s.ID, n)
		}
		for _, e := range s.Expectations {
			if e.State == avro.ExpectationStateMissed {
				t.Errorf("shipment %s: %s is missed", s.ID, e.Milestone)
			}
		}
		for _, m := range s.Milestones {
			if m.Source == avro.SourceSystemCarrier || !near(m.OccurredAt, m.WorldAt, m.Tolerance) {
				t.Errorf("shipment %s: %s at %v by %s, in the world at %v", s.ID, m.Code, m.OccurredAt, m.Source, m.WorldAt)
			}
		}
	}
	for _, c := range truth.Accounting {
		if c.Duplicates > 0 {
			t.Errorf("%s has %d duplicates", c.Topic, c.Duplicates)
		}
	}
}

// Every branch of the truth is really there in the demo's world.
func TestDefaultTruthHasEverything(t *testing.T) {
	seen := map[string]int{}
	for _, s := range made(t, DefaultConfig()).Truth().Shipments {
		for _, e := range s.Expectations {
			seen[e.State.String()]++
		}
		for _, c := range s.Charges {
			seen[fmt.Sprintf("%s held %v", c.Direction, c.Held)]++
			seen[c.Reason]++
		}
		for _, m := range s.Milestones {
			seen[m.Source.String()]++
		}
	}
	for _, want := range []string{"MET", "LATE", "MISSED", "RECEIVABLE held true", "RECEIVABLE held false", "PAYABLE held true", "PAYABLE held false", "no contract", "2 shipments share the stop", "CARRIER", "TELEMATICS", "EPOD"} {
		if seen[want] == 0 {
			t.Errorf("nothing is %q in %v", want, seen)
		}
	}
}

func TestPrice(t *testing.T) {
	base := avro.Clause{Free: 3600 * perSecond, Increment: 1800 * perSecond, Price: 583333, Rounding: avro.RoundingUp}
	with := func(change func(*avro.Clause)) avro.Clause {
		c := base
		change(&c)
		return c
	}
	down := with(func(c *avro.Clause) { c.Rounding = avro.RoundingDown })
	nearest := with(func(c *avro.Clause) { c.Rounding = avro.RoundingNearest })
	capped := with(func(c *avro.Clause) { c.MaximumMinor = avro.Some[int64](5000) })
	half := with(func(c *avro.Clause) { c.Increment, c.Price = 3600*perSecond, 100050 })
	for _, c := range []struct {
		name  string
		terms avro.Clause
		dwell time.Duration
		units int64
		minor int64
	}{
		{"all of it free", base, time.Hour, 0, 0},
		{"a second over counts up", base, time.Hour + time.Second, 1, 2917}, // 29.16665
		{"an increment exactly", base, 90 * time.Minute, 1, 2917},
		{"begun is not done", down, 119 * time.Minute, 1, 2917},
		{"less than one is none", down, 89 * time.Minute, 0, 0},
		{"half counts up", nearest, 75 * time.Minute, 1, 2917},
		{"under half counts down", nearest, 75*time.Minute - time.Second, 0, 0},
		{"no more than the cap", capped, 5 * time.Hour, 8, 5000},
		{"half a cent counts up", half, 2 * time.Hour, 1, 1001}, // 10.005
		{"never there", base, -time.Hour, 0, 0},
	} {
		if units, minor := price(&c.terms, c.dwell); units != c.units || minor != c.minor {
			t.Errorf("%s: %d units, %d cents; want %d, %d", c.name, units, minor, c.units, c.minor)
		}
	}
}

// The same prices in fractions, without a thought for cents until the end.
func TestPriceEqualsFractions(t *testing.T) {
	w := made(t, small(14))
	r := w.source("prices")
	for range 20_000 {
		c := terms(r, r.IntN(60), avro.Direction(r.IntN(2)))
		dwell := between(r, 0, 9*time.Hour)
		_, minor := price(&c, dwell)
		if want := inFractions(c, dwell); minor != want {
			t.Fatalf("%+v for %v: %d cents, in fractions %d", c, dwell, minor, want)
		}
	}
}

func inFractions(c avro.Clause, dwell time.Duration) int64 {
	increment := int64(c.Increment / perSecond)
	over := big.NewRat(int64(dwell/time.Second)-int64(c.Free/perSecond), increment)
	if over.Sign() <= 0 {
		return 0
	}
	shift := map[avro.Rounding]*big.Rat{avro.RoundingDown: big.NewRat(0, 1), avro.RoundingNearest: big.NewRat(1, 2), avro.RoundingUp: big.NewRat(increment-1, increment)}[c.Rounding]
	units := floor(over.Add(over, shift))
	cents := new(big.Rat).Mul(new(big.Rat).SetInt(units), big.NewRat(increment*int64(c.Price), 3600*100))
	minor := floor(cents.Add(cents, big.NewRat(1, 2))).Int64()
	if c.MaximumMinor.Ok && minor > c.MaximumMinor.V {
		return c.MaximumMinor.V
	}
	return minor
}

func floor(r *big.Rat) *big.Int { return new(big.Int).Div(r.Num(), r.Denom()) }

func TestContractVersions(t *testing.T) {
	w := made(t, small(15))
	noon := w.cfg.Start.Add(14 * time.Hour)
	for _, c := range []struct {
		customer int
		at       time.Time
		id       string
		version  int64
	}{
		{0, noon, "REC-2201", 1},
		{1, noon.Add(-time.Second), "REC-2202", 1},
		{1, noon, "REC-2202", 2},
		{5, noon.Add(-time.Second), "REC-2206", 1},
		{5, noon, "REC-2206B", 1},
	} {
		got, ok := w.agreedAt(avro.DirectionReceivable, w.customers[c.customer].id, c.at)
		if !ok || got.ContractID != c.id || got.Version != c.version {
			t.Errorf("customer %d at %v: %+v, want %s version %d", c.customer, c.at, got, c.id, c.version)
		}
	}
	if got, ok := w.agreedAt(avro.DirectionReceivable, w.customers[3].id, noon); ok {
		t.Errorf("the customer without a contract has %+v", got)
	}
	if got, ok := w.agreedAt(avro.DirectionPayable, w.carriers[3].scac, noon); !ok || got.Version != 2 {
		t.Errorf("the superseded version stands: %+v", got)
	}
}

func TestCheckDigits(t *testing.T) {
	// The examples of GS1's own check digit calculator.
	for digits, want := range map[string]string{"629104150021": "6291041500213", "37610425002123456": "376104250021234569"} {
		if got := checked(digits); got != want {
			t.Errorf("%s becomes %s, want %s", digits, got, want)
		}
	}
}

func TestStory(t *testing.T) {
	w := made(t, small(16))
	s, err := w.Story("LD100040")
	if err != nil || s.LoadID != "LD100040" || len(s.Said) < 15 || len(s.String()) < 1000 {
		t.Errorf("%v, %s", err, s)
	}
	if _, err := w.Story("LD100041"); err == nil {
		t.Error("a load that does not exist has a story")
	}
}

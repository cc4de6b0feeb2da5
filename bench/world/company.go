package world

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geo"

	"waybill/avro"
)

// The company: what stands before the first order comes in. All of it is small: it grows with the square root of the fleet,
// or not at all.

type place struct {
	id     string // GLN
	name   string
	city   string
	at     orb.Point
	radius int32
	shape  shape
}

type customer struct {
	id     string
	agreed bool // has a contract
}

type carrier struct {
	scac string
}

type vehicle struct {
	index    int
	carrier  carrier
	id       string // repeats between carriers
	provider string
	device   string // repeats between providers
	phase    time.Duration
	yard     orb.Point
	wired    bool // tells ignition, doors and odometer
	speed    bool // tells its speed
}

// centre of the map: flat country with sea and mountains far away.
var centre = orb.Point{-88.2, 41.6}

// cell is the side of the square in which there is one warehouse or site. Places keep to the middle of their cells and yards
// to the corners, so that no two geofences meet and no yard lies in one.
const cell = 7_000.0

// nearest is the shortest drive that is planned, in metres: long enough to have a middle far from both ends.
const nearest = 6_000.0

func (w *World) layOutPlaces() {
	side := 8 + min(w.cfg.Vehicles/500, 6)
	r := w.source("places")
	for row := range side {
		for col := range side {
			n := len(w.warehouses) + len(w.sites)
			p := place{
				id: gln(n), radius: int32(whole(r, 150, 400)), city: pick(r, cities),
				at: displaced(centre, (float64(col-side/2)+uniform(r, -0.18, 0.18))*cell, (float64(row-side/2)+uniform(r, -0.18, 0.18))*cell),
			}
			p.shape = shapeOf(n, w.source("fence", n), float64(p.radius))
			if (row+col)%5 == 0 {
				p.name = fmt.Sprintf("%s warehouse %d", p.city, n+1)
				w.warehouses = append(w.warehouses, p)
				continue
			}
			p.name = fmt.Sprintf("%s store %d", p.city, n+1)
			w.sites = append(w.sites, p)
		}
	}
}

func (w *World) foundCustomers() {
	n := 8 + min(w.cfg.Loads/200, 24)
	for i := range n {
		w.customers = append(w.customers, customer{id: fmt.Sprintf("C%d", 4001+7*i), agreed: i != 3})
	}
}

func (w *World) hireCarriers() {
	for _, scac := range []string{"HALM", "NORQ", "PELI", "TRUV"} {
		w.carriers = append(w.carriers, carrier{scac: scac})
	}
}

var providers = []string{"fleetlink", "roadeye"}

// vehicle n of the fleet. Vehicle numbers repeat between carriers, device numbers between providers.
func (w *World) vehicle(n int) *vehicle {
	r := w.source("vehicle", n)
	side := 8 + min(w.cfg.Vehicles/500, 6)
	corner := func() float64 { return (float64(whole(r, 0, side)-side/2) - 0.5) * cell }
	return &vehicle{
		index: n, carrier: w.carriers[n%len(w.carriers)], id: fmt.Sprintf("T%d", 101+n/len(w.carriers)),
		provider: providers[n/2%2], device: fmt.Sprintf("%d", 860_000_001+7*(n/4*2+n%2)),
		phase: time.Duration(r.IntN(int(w.cfg.PositionEvery/time.Second))) * time.Second,
		yard:  within(r, displaced(centre, corner(), corner()), 300),
		wired: n/2%2 == 0, speed: n%10 != 7,
	}
}

func (w *World) contracts() []*avro.Contract {
	var out []*avro.Contract
	for i, c := range w.customers {
		if c.agreed {
			out = append(out, w.agree(i, avro.DirectionReceivable, c.id)...)
		}
	}
	for i, c := range w.carriers {
		out = append(out, w.agree(i, avro.DirectionPayable, c.scac)...)
	}
	return out
}

// agree gives every second party one contract for good; the others get a second version, from noon of the first day or for
// the whole time, or another contract after the first has run out.
func (w *World) agree(i int, direction avro.Direction, party string) []*avro.Contract {
	r := w.source("contract", direction, party)
	noon := avro.MicrosOf(w.cfg.Start.Add(14 * time.Hour))
	first := &avro.Contract{
		Tenant: w.cfg.Tenant, ContractID: fmt.Sprintf("%s-%d", direction.String()[:3], 2201+i), Version: 1, Direction: direction, Party: party, Currency: "USD",
		ValidFrom: avro.MicrosOf(w.cfg.Start.AddDate(0, -3, 0)), SettleS: int64(i%2) * 1800, Clauses: []avro.Clause{terms(r, i, direction)},
	}
	second := *first
	second.Clauses = []avro.Clause{terms(r, i, direction)}
	switch i % 6 {
	case 1:
		second.Version, second.ValidFrom = 2, noon
	case 3:
		second.Version = 2
	case 5:
		first.ValidTo = avro.Some(noon)
		second.ContractID, second.ValidFrom = first.ContractID+"B", noon
	default:
		return []*avro.Contract{first}
	}
	return []*avro.Contract{first, &second}
}

// Rates have up to four decimals, so that a float would show.
var rates = []avro.Unscaled{650000, 725050, 583333, 812525, 499999, 900000}

// terms is a detention clause: increments of a quarter, half or whole hour, in each way of rounding.
func terms(r *rand.Rand, i int, direction avro.Direction) avro.Clause {
	k := avro.Clause{
		Clause: fmt.Sprintf("§%d.%d Detention", whole(r, 3, 9), whole(r, 1, 5)),
		Type:   avro.ChargeTypeDetention, On: avro.OccasionVisit, Measure: avro.MeasureDwell, Unit: avro.UnitHour,
		Free: pick(r, []avro.Unscaled{3600, 5400, 7200}) * perSecond, Increment: []avro.Unscaled{900, 1800, 3600}[i%3] * perSecond, Rounding: avro.Rounding((i + i/3) % 3),
		Price: pick(r, rates),
	}
	if direction == avro.DirectionPayable {
		k.Price = k.Price * 3 / 4
	}
	if i%3 == 2 {
		k.MaximumMinor = avro.Some(int64(whole(r, 9_000, 40_000)))
	}
	if i%4 == 1 {
		k.Clock = avro.Some(avro.Clock{Late: avro.LateArrivalNoCharge})
	}
	if i%7 == 6 {
		k.When = avro.Some(avro.Conditions{StopTypes: []avro.StopType{avro.StopTypeDelivery}})
	}
	return k
}

// perSecond is a second in a clause's decimals.
const perSecond = 10_000

func metres(a, b orb.Point) float64 { return geo.DistanceHaversine(a, b) }

var cities = []string{"Aurora", "Batavia", "Clinton", "Dunham", "Elgin", "Fairview", "Geneva", "Hinckley", "Kirkland", "Lisle"}

// gln is a place's GS1 Global Location Number; GS1 General Specifications, section 3.4.2.
func gln(n int) string { return checked(fmt.Sprintf("9501234%05d", 10_000+n)) }

// sscc is a GS1 Serial Shipping Container Code; GS1 General Specifications, section 3.2.1.
func sscc(serial int) string { return checked(fmt.Sprintf("39501234%09d", serial)) }

// checked appends the GS1 check digit; GS1 General Specifications, section 7.9.
func checked(digits string) string {
	sum := 0
	for i := range digits {
		weight := 1 + 2*((len(digits)-i)%2)
		sum += weight * int(digits[i]-'0')
	}
	return fmt.Sprintf("%s%d", digits, (10-sum%10)%10)
}

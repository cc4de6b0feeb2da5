package world

import (
	"errors"
	"fmt"
	"time"
)

// Config says how large a world is, when it begins and what is done to its messages. Equal configurations make equal worlds,
// byte for byte.
type Config struct {
	Seed   uint64
	Tenant string
	Start  time.Time // midnight of the first day; orders come in from then on, vehicles leave their yards from 05:00

	Vehicles int
	Loads    int // in all, spread evenly over vehicles and days
	Days     int
	// PositionEvery is the devices' rate, in whole seconds. Between 10 s and 60 s a standing vehicle cannot be mistaken for a
	// driving one, so that every stay has a first and a last fix that nobody can argue about.
	PositionEvery time.Duration

	Damage Damage
}

// DefaultConfig is the demo's world: 50 vehicles, 200 loads, one day.
func DefaultConfig() Config {
	return Config{
		Seed: 1, Tenant: "demo", Start: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC),
		Vehicles: 50, Loads: 200, Days: 1, PositionEvery: 30 * time.Second, Damage: DefaultDamage(),
	}
}

// Validate names all faults at once.
func (c Config) Validate() error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	check(c.Tenant != "", "tenant: it is empty; every key begins with one")
	check(!c.Start.IsZero(), "start: it is not set")
	check(c.Start.Truncate(time.Second).Equal(c.Start), "start: %v is not a whole second", c.Start)
	check(c.Vehicles > 0, "vehicles: %d; at least one is needed", c.Vehicles)
	check(c.Loads > 0, "loads: %d; at least one is needed", c.Loads)
	check(c.Days > 0, "days: %d; at least one is needed", c.Days)
	check(c.PositionEvery >= 10*time.Second && c.PositionEvery <= time.Minute, "position every: %v is outside 10s to 60s", c.PositionEvery)
	check(c.PositionEvery%time.Second == 0, "position every: %v is not whole seconds", c.PositionEvery)
	check(c.Vehicles <= 0 || c.Days <= 0 || c.Loads <= maxLoadsPerDay*c.Vehicles*c.Days, "loads: %d are more than %d a day for each of %d vehicles over %d days", c.Loads, maxLoadsPerDay, c.Vehicles, c.Days)
	return errors.Join(append(faults, c.Damage.Validate())...)
}

// maxLoadsPerDay keeps a vehicle's working day within reach of 24 hours.
const maxLoadsPerDay = 6

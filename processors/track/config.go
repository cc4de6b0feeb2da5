package track

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Config says what standing is. The defaults are not tuned to any data set; DESIGN.md argues each.
type Config struct {
	// MinDwell is how long a standing lasts before it is a stay.
	MinDwell time.Duration
	// Radius in metres about the mean of its fixes is where a vehicle stands.
	Radius float64
	// LeaveRadius in metres must be left for a stay to end: between the two radii a vehicle may have left or not.
	LeaveRadius float64
	// StandSpeed in m/s: a fix that says it is faster begins no standing and does not lengthen one.
	StandSpeed float64
	// MoveSpeed in m/s: a fix that says it is faster is not a standing vehicle's, wherever it is.
	MoveSpeed float64
	// LeaveAfter is how long a vehicle must be away for a stay to end; a shorter absence is noise. The stay ended when it was last inside.
	LeaveAfter time.Duration
	// MaxAccuracy in metres: a fix that states a worse one is not used. A fix that states none is.
	MaxAccuracy float64
	// MaxSkew is how far a device's clock may be ahead of that of who first saw the fix; of the broker's where the record does not say.
	MaxSkew time.Duration
	// Window (W) is how late a position may be, against the device's newest one, and still be used; and the longest silence a stay bridges.
	Window time.Duration
	// Finest is the finest sampling kept: of several fixes within one such slice of the clock the first stands.
	Finest time.Duration
	// Settle is how long late fixes are collected, by the broker's clock, before what they change is told.
	Settle time.Duration
}

// DefaultConfig suits road vehicles that report every second to every five minutes.
func DefaultConfig() Config {
	return Config{
		MinDwell: time.Minute, Radius: 30, LeaveRadius: 60, StandSpeed: 1, MoveSpeed: 3, LeaveAfter: 30 * time.Second,
		MaxAccuracy: 50, MaxSkew: 10 * time.Minute, Window: 48 * time.Hour, Finest: time.Second, Settle: 2 * time.Second,
	}
}

// Validate names every fault at once.
func (c Config) Validate() error {
	var faults []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf("track: "+format, args...))
		}
	}
	need(c.MinDwell > 0, "MinDwell is %v, want above 0", c.MinDwell)
	need(c.Radius > 0 && c.Radius <= c.LeaveRadius && c.LeaveRadius <= maxRadius, "Radius %v m and LeaveRadius %v m: want 0 < Radius <= LeaveRadius <= %v", c.Radius, c.LeaveRadius, float64(maxRadius))
	need(c.StandSpeed > 0 && c.StandSpeed <= c.MoveSpeed && c.MoveSpeed <= maxSpeed, "StandSpeed %v m/s and MoveSpeed %v m/s: want 0 < StandSpeed <= MoveSpeed <= %v", c.StandSpeed, c.MoveSpeed, float64(maxSpeed))
	need(c.LeaveAfter > 0, "LeaveAfter is %v, want above 0", c.LeaveAfter)
	need(c.MaxAccuracy > 0 && c.MaxAccuracy <= maxRadius, "MaxAccuracy is %v m, want above 0 and at most %v", c.MaxAccuracy, float64(maxRadius))
	need(c.MaxSkew >= 0, "MaxSkew is %v, want 0 or more", c.MaxSkew)
	need(c.Window >= blockSpan && c.Window >= c.LeaveAfter, "Window is %v, want at least %v and LeaveAfter", c.Window, blockSpan)
	need(c.Finest > 0 && blockSpan%max(c.Finest, 1) == 0, "Finest is %v, want a divisor of %v", c.Finest, blockSpan)
	need(c.Settle >= 0, "Settle is %v, want 0 or more", c.Settle)
	return errors.Join(faults...)
}

const (
	maxRadius = 10_000 // metres: within it a plane is good enough
	maxSpeed  = 1_000  // m/s
)

// limits is Config in the units of fixes.
type limits struct {
	Config
	minDwell, leaveAfter, window, finest, skew int64 // microseconds
	standSpeed, moveSpeed, accuracy            int32 // mm/s, mm
}

func (c Config) limits() limits {
	milli := func(v float64) int32 { return int32(math.Round(v * 1000)) }
	return limits{
		Config: c, minDwell: c.MinDwell.Microseconds(), leaveAfter: c.LeaveAfter.Microseconds(), window: c.Window.Microseconds(),
		finest: c.Finest.Microseconds(), skew: c.MaxSkew.Microseconds(),
		standSpeed: milli(c.StandSpeed), moveSpeed: milli(c.MoveSpeed), accuracy: milli(c.MaxAccuracy),
	}
}

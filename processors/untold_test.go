package processors_test

import (
	"testing"

	"waybill/bench/world"
)

// What nobody tells is undetermined: it waits where everybody can see it, its milestones are told by who is believed next or are missing,
// and nothing takes its place. One test for each kind of link.

func untold(t *testing.T, kind string, u world.Untold) {
	t.Helper()
	field(t, kind, world.Field{Consolidated: 0.3, SplitOrder: 0.2, Swapped: 0.1, Corrected: 0.2, CrossDock: 0.2}, func(c *world.Config) { c.Damage.Untold = u })
}

func TestUntoldInstallations(t *testing.T) {
	untold(t, "untold installation", world.Untold{UntoldInstallation: 0.6})
}

func TestUntoldAssignments(t *testing.T) {
	untold(t, "untold assignment", world.Untold{UntoldAssignment: 0.5})
}

func TestUntoldDeliveries(t *testing.T) {
	untold(t, "untold delivery", world.Untold{UntoldDelivery: 0.5})
}

func TestUntoldUnits(t *testing.T) {
	untold(t, "untold unit", world.Untold{UntoldUnit: 0.5})
}

// Nobody scanned the freight onto its second load, and no driver says whose it is: it is on that load by the plan alone.
func TestUntoldUnitsAtATerminal(t *testing.T) {
	field(t, "cross-dock", world.Field{CrossDock: 1, Consolidated: 0.7}, func(c *world.Config) {
		c.Damage.Untold = world.Untold{UntoldUnit: 0.8, UntoldDelivery: 0.2}
		c.Damage.MissingDelivered, c.Damage.MissingPOD = 0.5, 0.5
	})
}

// A confirmation that leads to its shipment by a BOL alone which another shipment goes by, too: the load tells the two apart.
func TestUntoldDeliveriesUnderSharedBOLs(t *testing.T) {
	field(t, "shared", world.Field{Recycled: 0.8, Consolidated: 0.2}, func(c *world.Config) {
		c.Damage.Untold = world.Untold{UntoldUnit: 0.3, UntoldDelivery: 0.7}
	})
}

func TestUntoldAmongMuchElse(t *testing.T) {
	among := world.Field{Swapped: 0.6, WrongTrip: 0.4, Reissued: 0.3, Corrected: 0.5, CrossDock: 0.5, Notation: 0.3, Skewed: 0.3, Noisy: 0.3, Consolidated: 0.5}
	field(t, "untold delivery", among, func(c *world.Config) {
		c.Damage.Untold = world.Untold{UntoldUnit: 0.4, UntoldDelivery: 0.4, UntoldAssignment: 0.3, UntoldInstallation: 0.3}
		c.Damage.Duplicated, c.Damage.TelematicsOutage, c.Damage.MissingCarrier = 0.3, 0.2, 0.2
	})
}

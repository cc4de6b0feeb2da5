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

func TestUntoldAll(t *testing.T) {
	untold(t, "untold unit", world.Untold{UntoldInstallation: 0.2, UntoldAssignment: 0.2, UntoldDelivery: 0.5, UntoldUnit: 0.5})
}

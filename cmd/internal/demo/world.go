package demo

import (
	"context"
	"fmt"

	"waybill/bench/world"
	"waybill/cmd/internal/audit"
	"waybill/cmd/internal/page"
	"waybill/cmd/internal/pipeline"
	"waybill/topics"
)

// World is the built-in source: a day of a made company, with what the field does to its messages.
type World struct {
	world *world.World
	truth world.Truth
	total int64
}

// NewWorld makes the demo's world for a tenant.
func NewWorld(tenant string) (*World, error) {
	cfg := world.DefaultConfig()
	cfg.Tenant = tenant
	w, err := world.New(cfg)
	if err != nil {
		return nil, fmt.Errorf("make the demo's world: %w", err)
	}
	s := &World{world: w, truth: w.Truth()}
	for _, c := range s.truth.Accounting {
		s.total += int64(c.Delivered)
	}
	return s, nil
}

// Title implements Source.
func (s *World) Title() string {
	c := s.world.Config()
	return fmt.Sprintf("Waybill: a day of %d vehicles and %d loads, told by their systems: late, twice, out of order, or never", c.Vehicles, c.Loads)
}

// Total implements Source.
func (s *World) Total() int64 { return s.total }

// Feed implements Source.
func (s *World) Feed(ctx context.Context, line *pipeline.Line, sent func(int)) ([]page.Count, error) {
	n, twice := map[topics.Name]int64{}, map[topics.Name]int64{}
	for d := range s.world.Deliveries() {
		if err := line.Send(ctx, d.Topic, d.Key, d.Record); err != nil {
			return nil, err
		}
		n[d.Topic]++
		if d.Duplicate {
			twice[d.Topic]++
		}
		sent(1)
	}
	return perTopic(n, twice), ctx.Err()
}

func perTopic(n, twice map[topics.Name]int64) []page.Count {
	var out []page.Count
	for _, t := range topics.All() {
		if n[t.Name] == 0 {
			continue
		}
		c := page.Count{Name: string(t.Name), N: n[t.Name], Note: t.Doc}
		if twice[t.Name] > 0 {
			c.Note = fmt.Sprintf("%d of them twice. %s", twice[t.Name], t.Doc)
		}
		out = append(out, c)
	}
	return out
}

// Judge implements Source.
func (s *World) Judge(a *audit.Audit) []page.Check {
	var orders, shipments, milestones, expectations, charges, gaps int64
	for _, sh := range s.truth.Shipments {
		shipments++
		milestones += int64(len(sh.Milestones))
		expectations += int64(len(sh.Expectations))
		charges += int64(len(sh.Charges))
	}
	orders = int64(len(s.truth.Orders))
	gaps = int64(len(audit.CurrentGaps(a.Gaps)))
	check := func(name string, n int64, differences []string) page.Check {
		c := page.Check{Name: name, Want: n, Got: n, Wrong: int64(len(differences))}
		if len(differences) > 0 {
			c.Example = differences[0]
		}
		return c
	}
	return []page.Check{
		check(fmt.Sprintf("milestones of %d shipments", shipments), milestones, world.CompareTimelines(s.truth, a.Timelines)),
		check("order timelines", orders, world.CompareOrders(s.truth, a.Orders)),
		check("expectations", expectations, world.CompareExpectations(s.truth, a.Timelines)),
		check("gaps", gaps, world.CompareGaps(s.truth, a.Gaps)),
		check("charges, to the cent", charges, world.CompareCharges(s.truth, a.Charges)),
	}
}

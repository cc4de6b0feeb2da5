package runtime

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// faultCount counts what was tested, for people.
type faultCount struct {
	sync.Mutex
	runs, records, letters, said int
	faults                       map[string]int
}

func (c *faultCount) add(w *truth) {
	c.Lock()
	defer c.Unlock()
	c.runs++
	c.records += w.inputs
	c.letters += len(w.dead)
	for _, s := range w.said {
		c.said += len(s)
	}
}

func (c *faultCount) fault(kind string) {
	c.Lock()
	defer c.Unlock()
	if c.faults == nil {
		c.faults = map[string]int{}
	}
	c.faults[kind]++
}

func (c *faultCount) String() string {
	c.Lock()
	defer c.Unlock()
	faults, kills := 0, 0
	for kind, n := range c.faults {
		if faults += n; strings.HasPrefix(kind, string(killed)) {
			kills += n
		}
	}
	s := fmt.Sprintf("%d runs, %d faults, %d records in, %d out, %d dead letters;", c.runs, faults, c.records, c.said, c.letters)
	if kills > 0 {
		s += fmt.Sprintf(" %d of the faults %s;", kills, killed)
	}
	for _, kind := range slices.Sorted(maps.Keys(c.faults)) {
		s += fmt.Sprintf(" %s %d,", kind, c.faults[kind])
	}
	return s[:len(s)-1]
}

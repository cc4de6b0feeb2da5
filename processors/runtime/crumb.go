package runtime

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/topics/fault"
)

// crumbs find the record that kills the process, as one does whose handler asks for more memory than there is.
//
// They cost nothing while all is well: a file says that a process runs, and a process that ends in order takes it away. One that finds it works warily:
// one record at a time in the whole process, of each partition so many as a cycle may have had, and before each it writes down which. What is written
// down when it dies has killed it, or was killed with it. Who did so deadlyAfter times is a dead letter, unseen by its handler.
//
// The file is not synced: a process that is killed leaves what it wrote to the system. What a tick or a sweep sets off is not found: its record would be
// buried, and the next one would kill.
type crumbs struct {
	mu     sync.Mutex // one record at a time
	file   *os.File
	wary   bool
	deaths map[string]int // by where the record lies
}

// deadlyAfter so many deaths over one record it is taken to be their cause. An operator's kill may fall on any, but not on the same again and again.
const deadlyAfter = 3

const deadlyReason = "DEADLY"

const (
	crumbFile  = "breadcrumb"  // there while the process runs; what it works on, while it is wary
	deathsFile = "deaths.json" // how often which records were worked on at a death
	crumbBytes = 512           // what is written is as long each time: one write, and nothing of the one before is left
)

// openCrumbs says what became of the last process on this directory.
func openCrumbs(dir string, log *slog.Logger) (*crumbs, error) {
	c := &crumbs{deaths: map[string]int{}}
	path, deaths := filepath.Join(dir, crumbFile), filepath.Join(dir, deathsFile)
	last, err := os.ReadFile(path)
	if c.wary = err == nil; c.wary {
		if err := c.remember(deaths, strings.TrimRight(string(last), " ")); err != nil {
			return nil, err
		}
		log.Warn("the last process on this state directory ended without a word: until what it may have died of is behind, one record is worked on at a time", "dir", dir, "worked on", strings.TrimSpace(string(last)))
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("look for what the last process worked on: %w", err)
	}
	if c.file, err = os.Create(path); err != nil {
		return nil, fmt.Errorf("say that a process works on the state directory: %w", err)
	}
	return c, nil
}

// remember counts a death.
func (c *crumbs) remember(path, at string) error {
	b, err := os.ReadFile(path)
	if err == nil && json.Unmarshal(b, &c.deaths) != nil { // the process died while it wrote it
		c.deaths = map[string]int{}
	}
	if at == "" {
		return nil
	}
	c.deaths[at]++
	if b, err = json.Marshal(c.deaths); err == nil {
		err = os.WriteFile(path, b, 0o644)
	}
	if err != nil {
		return fmt.Errorf("note that the process died over %s: %w", at, err)
	}
	return nil
}

// close says that the process ended in order.
func (c *crumbs) close() error {
	deaths := filepath.Join(filepath.Dir(c.file.Name()), deathsFile)
	err := os.Remove(deaths)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err := errors.Join(err, c.file.Close(), os.Remove(c.file.Name())); err != nil {
		return fmt.Errorf("say that the process ended: %w", err)
	}
	return nil
}

// over works on a record with its place written down, alone in the process. One that was deadly often enough it does not work on.
func (c *crumbs) over(stage string, r *kgo.Record, work func() error) error {
	place := stage + " " + at(r)
	if n := c.deaths[place]; n >= deadlyAfter {
		return fault.Poisonf(deadlyReason, "%d times the process ended without a word while stage %s worked on this record: its handler may need more memory than there is", n, stage)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.write(place); err != nil {
		return err
	}
	defer func() { _ = c.write("") }() // a record that is written down too long is counted too often, at worst
	return work()
}

func (c *crumbs) write(place string) error {
	if _, err := c.file.WriteAt(fmt.Appendf(nil, "%-*.*s", crumbBytes, crumbBytes, place), 0); err != nil {
		return fmt.Errorf("write down what is worked on: %w", err)
	}
	return nil
}

// warily says of how many records of a partition that is taken over it is to be written down that they are worked on.
func (s *stage) warily() int {
	if s.crumbs == nil || !s.crumbs.wary {
		return 0
	}
	return s.cfg.CycleRecords
}

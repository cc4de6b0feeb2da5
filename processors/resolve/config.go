package resolve

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"waybill/avro"
	"waybill/topics"
)

// Config is what an operator may set. All times are told by ticks.
type Config struct {
	// Delay is how long a fact is expected to wait for a link. Past it a gap opens for its identifier; 0: never.
	Delay time.Duration
	// Delays are other delays for what some say: SYSTEM=DURATION or SYSTEM/MILESTONE=DURATION, such as CARRIER=72h or
	// WMS/PICKED=120h. What names the milestone goes before what does not.
	Delays []string
	// Horizon is how long a fact waits at most: past it, it is a dead letter. What devices, vehicles and trailers did longer ago is forgotten.
	Horizon time.Duration
	// Keep is for how long identifiers of which nothing more is heard are remembered, with their facts and links.
	Keep time.Duration
	// MaxFacts and MaxBytes bound what waits of one tenant in one partition. When it is full the partition is not read, until there is room.
	MaxFacts int64
	MaxBytes int64
}

// DefaultConfig expects links within a day, and gives up after 60.
func DefaultConfig() Config {
	return Config{Delay: 24 * time.Hour, Horizon: 60 * 24 * time.Hour, Keep: topics.DisputeHorizon, MaxFacts: 1_000_000, MaxBytes: 2 << 30}
}

// Validate reports every fault at once.
func (c Config) Validate() error {
	var faults []error
	refuse := func(is bool, format string, args ...any) {
		if is {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	refuse(c.Horizon < time.Hour, "resolve.horizon is %v: give an hour or more", c.Horizon)
	refuse(c.Delay < 0 || c.Delay >= c.Horizon, "resolve.delay is %v: give less than resolve.horizon, which is %v, or 0 for no gaps", c.Delay, c.Horizon)
	refuse(c.Keep < c.Horizon, "resolve.keep is %v: give resolve.horizon, which is %v, or more", c.Keep, c.Horizon)
	refuse(c.MaxFacts < 1, "resolve.max_facts is %d: give 1 or more", c.MaxFacts)
	refuse(c.MaxBytes < 1, "resolve.max_bytes is %d: give 1 or more", c.MaxBytes)
	delays, err := readDelays(c.Delays)
	if err != nil {
		faults = append(faults, err)
	}
	for of, d := range delays {
		refuse(d >= c.Horizon, "resolve.delays: %s is %v: give less than resolve.horizon, which is %v, or 0 for no gaps", of, d, c.Horizon)
	}
	return errors.Join(faults...)
}

// speech is whose word a delay is for.
type speech struct {
	system    avro.SourceSystem
	milestone avro.MilestoneCode
	any       bool // whatever the milestone
}

func (s speech) String() string {
	if s.any {
		return s.system.String()
	}
	return s.system.String() + "/" + s.milestone.String()
}

func readDelays(list []string) (map[speech]time.Duration, error) {
	out := map[speech]time.Duration{}
	var faults []error
	for _, text := range list {
		of, d, err := readDelay(text)
		if err != nil {
			faults = append(faults, fmt.Errorf("resolve.delays: %q: %w", text, err))
			continue
		}
		out[of] = d
	}
	return out, errors.Join(faults...)
}

func readDelay(text string) (of speech, d time.Duration, err error) {
	who, long, ok := strings.Cut(text, "=")
	if !ok {
		return of, 0, errors.New("give SYSTEM=DURATION or SYSTEM/MILESTONE=DURATION, such as CARRIER=72h")
	}
	system, milestone, named := strings.Cut(who, "/")
	if of.system, ok = avro.ParseSourceSystem(strings.ToUpper(strings.TrimSpace(system))); !ok {
		return of, 0, fmt.Errorf("there is no source system %q", system)
	}
	of.any = !named
	if named {
		if of.milestone, ok = avro.ParseMilestoneCode(strings.ToUpper(strings.TrimSpace(milestone))); !ok {
			return of, 0, fmt.Errorf("there is no milestone %q", milestone)
		}
	}
	if d, err = time.ParseDuration(strings.TrimSpace(long)); err != nil || d < 0 {
		return of, 0, fmt.Errorf("%q is no duration such as 72h", long)
	}
	return of, d, nil
}

// patience is how long a fact is expected to wait; 0: no gap is opened for it.
func (r *rules) patience(f *avro.Fact) avro.Micros {
	d, ok := r.delays[speech{system: f.Source.System, milestone: f.Milestone}]
	if !ok {
		d, ok = r.delays[speech{system: f.Source.System, any: true}]
	}
	if !ok {
		d = r.Delay
	}
	return avro.Micros(d.Microseconds())
}

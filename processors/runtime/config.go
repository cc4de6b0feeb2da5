package runtime

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"
)

// Config is what an operator decides about the engine.
type Config struct {
	App      string   // prefix of group ids, transactional ids and changelogs; a second pipeline on one cluster has another
	Instance string   // this process among its peers, such as the ordinal of its pod: unique, and the same after a restart
	Brokers  []string // host:port, some of the cluster
	StateDir string   // local disk for state; one an instance
	Mode     Mode     // what a crash may do to what is said: exactly-once or at-least-once

	GroupProtocol    Protocol // who shares out the partitions: auto, classic (the members) or consumer (the brokers, KIP-848)
	StaticMembership bool     // an instance that stops keeps its partitions until the session timeout: it is expected back

	MaxSkew time.Duration // a tick whose broker's stamp and sender's clock lie further apart moves no time

	CommitInterval     time.Duration // longest cycle; what is said becomes visible so much later
	CycleRecords       int           // most records of a cycle
	CycleBytes         int           // most bytes that a cycle reads and says, about
	SessionTimeout     time.Duration // a dead instance's partitions stand still for so long
	RebalanceTimeout   time.Duration // longest wait for members during a rebalance
	TransactionTimeout time.Duration // above both: a shorter one fences healthy members
	DrainTimeout       time.Duration // a process that is to stop has so long to finish its cycle; what runs the engine ends it then
	MaxMessageBytes    int           // longest record; the brokers' max.message.bytes or less
	CacheBytes         int64         // cache shared by all stores of the process
	HotBytes           int64         // about how much decoded state all tasks of the process keep in memory
	SnapshotInterval   time.Duration // stages that take snapshots of their state take one so often
	SnapshotRecords    int           // and at the latest after so many records of a partition: what a restore reads again
	Poison             Poison        // when a source is paused of which too much dies
}

// DefaultConfig is what runs well without further thought, but for App's peers sharing an Instance.
func DefaultConfig() Config {
	return Config{
		App: "waybill", Instance: "0", Brokers: []string{"127.0.0.1:9092"}, StateDir: "state", Mode: ExactlyOnce, GroupProtocol: AutoProtocol, MaxSkew: 5 * time.Minute,
		CommitInterval: 100 * time.Millisecond, CycleRecords: 50_000, CycleBytes: 8 << 20,
		SessionTimeout: 10 * time.Second, RebalanceTimeout: 20 * time.Second, TransactionTimeout: 40 * time.Second,
		DrainTimeout:    25 * time.Second, // Kubernetes waits 30
		MaxMessageBytes: 1_000_012, CacheBytes: 256 << 20, HotBytes: 512 << 20,
		SnapshotInterval: 30 * time.Second, SnapshotRecords: 200_000,
		Poison: Poison{Share: 0.5, Letters: 100, Window: 1000, Probe: 100, PauseFirst: time.Minute, PauseMost: 15 * time.Minute},
	}
}

var name = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

// Validate names every fault at once.
func (c Config) Validate() error {
	var faults []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	refuse(!name.MatchString(c.App), "app %q: want letters, digits, dot, dash and underscore", c.App)
	refuse(!name.MatchString(c.Instance), "instance %q: want letters, digits, dot, dash and underscore", c.Instance)
	refuse(len(c.Brokers) == 0, "brokers: want at least one host:port")
	refuse(c.StateDir == "", "state dir: want a directory on local disk")
	refuse(c.Mode != ExactlyOnce && c.Mode != AtLeastOnce, "mode %q: want %s or %s", c.Mode, ExactlyOnce, AtLeastOnce)
	refuse(!slices.Contains([]Protocol{AutoProtocol, ClassicProtocol, ConsumerProtocol}, c.GroupProtocol),
		"group protocol %q: want %s, %s or %s", c.GroupProtocol, AutoProtocol, ClassicProtocol, ConsumerProtocol)
	refuse(c.StaticMembership && c.GroupProtocol == ConsumerProtocol, "static membership goes with group protocol classic or auto: where the brokers assign, a killed member is let in again only when its session is over")
	refuse(c.MaxSkew <= 0, "max skew %s (ticks.max_skew): want more than 0", c.MaxSkew)
	refuse(c.CommitInterval <= 0, "commit interval %s: want more than 0", c.CommitInterval)
	refuse(c.CycleRecords <= 0, "cycle records %d: want more than 0", c.CycleRecords)
	refuse(c.CycleBytes <= 0, "cycle bytes %d: want more than 0", c.CycleBytes)
	refuse(c.SessionTimeout <= 0, "session timeout %s: want more than 0", c.SessionTimeout)
	refuse(c.RebalanceTimeout <= 0, "rebalance timeout %s: want more than 0", c.RebalanceTimeout)
	refuse(c.TransactionTimeout <= max(c.SessionTimeout, c.RebalanceTimeout),
		"transaction timeout %s: want more than session timeout %s and rebalance timeout %s, or healthy members are fenced", c.TransactionTimeout, c.SessionTimeout, c.RebalanceTimeout)
	refuse(c.DrainTimeout <= 0, "drain timeout %s: want more than 0", c.DrainTimeout)
	refuse(c.MaxMessageBytes < leastMessage, "max message bytes %d: want %d or more: a dead letter may need so many", c.MaxMessageBytes, leastMessage)
	refuse(c.CacheBytes < 0, "cache bytes %d: want 0 or more", c.CacheBytes)
	refuse(c.HotBytes < 0, "hot bytes %d: want 0 or more", c.HotBytes)
	refuse(c.SnapshotInterval <= 0, "snapshot interval %s: want more than 0", c.SnapshotInterval)
	refuse(c.SnapshotRecords <= 0, "snapshot records %d: want more than 0", c.SnapshotRecords)
	faults = append(faults, c.Poison.faults()...)
	return errors.Join(faults...)
}

func (p Poison) faults() []error {
	if p.Letters == 0 {
		return nil
	}
	var faults []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	refuse(p.Letters < 0, "poison letters %d: want 0 or more; with 0 no source is paused", p.Letters)
	refuse(!(p.Share >= 0 && p.Share < 1), "poison share %g: want 0 or more and less than 1", p.Share)
	refuse(p.Window < p.Letters, "poison window %d: want at least as many records as poison letters %d", p.Window, p.Letters)
	refuse(p.Probe <= 0, "poison probe %d: want more than 0", p.Probe)
	refuse(p.PauseFirst <= 0 || p.PauseMost < p.PauseFirst, "poison pauses of %s to %s: want more than 0, in this order", p.PauseFirst, p.PauseMost)
	return faults
}

// Group is the consumer group of a stage.
func (c Config) Group(stage string) string { return c.App + "." + stage }

// transactionalID is stable over restarts, so that a new process aborts at once what its predecessor left open.
func (c Config) transactionalID(stage string) string {
	return fmt.Sprintf("%s.%s.%s.0", c.App, stage, c.Instance)
}

// instanceID is the name by which a group knows a static member again.
func (c Config) instanceID(stage string) string {
	return fmt.Sprintf("%s.%s.%s", c.App, stage, c.Instance)
}

func (c Config) heartbeat() time.Duration { return max(c.SessionTimeout/10, 50*time.Millisecond) }

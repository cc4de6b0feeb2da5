package ops

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"waybill/processors/runtime"
	"waybill/sinks"
	"waybill/topics/meter"
)

// collector turns what stages and sink count into Prometheus' metrics when it is asked. Nothing is registered while records
// are worked on. It describes nothing beforehand: what a stage tallies names metrics of its own.
type collector struct{ *Server }

// Describe implements prometheus.Collector.
func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	from, _ := c.asked()
	m := metrics{out: out, now: time.Now()}
	m.gauge(truth(report(c.asked()).Ready), "ready", "Whether every assigned partition is at work, no stage stands still and the sink consumes.", nil)
	if from == nil {
		return
	}
	now := from.Look()
	for _, s := range now.Stages {
		m.stage(s)
		m.partitions(s)
	}
	if now.Sink != nil {
		m.sink(*now.Sink)
	}
	m.lags(c.behind(now))
}

type metrics struct {
	out chan<- prometheus.Metric
	now time.Time
}

// labels of a metric, in order: name, value, name, value.
type labels []string

func (l labels) split() (names, values []string) {
	for i := 0; i < len(l); i += 2 {
		names, values = append(names, l[i]), append(values, l[i+1])
	}
	return names, values
}

func (m metrics) emit(kind prometheus.ValueType, value float64, name, help string, l labels) {
	names, values := l.split()
	m.out <- prometheus.MustNewConstMetric(prometheus.NewDesc("waybill_"+name, help, names, nil), kind, value, values...)
}

func (m metrics) gauge(value float64, name, help string, l labels) {
	m.emit(prometheus.GaugeValue, value, name, help, l)
}

func (m metrics) counter(value int64, name, help string, l labels) {
	m.emit(prometheus.CounterValue, float64(value), name+"_total", help, l)
}

func (m metrics) histogram(s meter.Snapshot, name, help string, l labels) {
	buckets := map[float64]uint64{}
	for _, b := range s.Buckets {
		buckets[b.Most.Seconds()] = uint64(b.Count)
	}
	names, values := l.split()
	m.out <- prometheus.MustNewConstHistogram(prometheus.NewDesc("waybill_"+name+"_seconds", help, names, nil), uint64(s.Count), s.Seconds, buckets, values...)
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

func (m metrics) stage(s runtime.Stats) {
	l := labels{"stage", s.Stage}
	m.counter(s.In, "records_in", "Records read and committed, ticks and dead letters included.", l)
	m.counter(s.Out, "records_out", "Records written, dead letters and changelog not included.", l)
	m.counter(s.Commits, "commits", "Transactions committed, fences included.", l)
	m.counter(s.Aborts, "aborts", "Transactions aborted, by a rebalance or a fault that is tried again.", l)
	m.counter(s.Doubtful, "doubtful_ticks", "Ticks that moved no time: the broker's clock and their sender's lie further apart than ticks.max_skew.", l)
	m.counter(s.Rebuilds, "rebuilds", "Lanes closed and opened anew because the outcome of something was unknown.", l)
	m.counter(s.Pauses, "source_pauses", "Sources paused because too much of what they say cannot be used.", l)
	m.counter(s.Restored, "restored_records", "Changelog records read to restore state.", l)
	m.counter(s.Hits, "decoded_cache_hits", "Reads of state that found their value decoded in memory.", l)
	m.counter(s.Misses, "decoded_cache_misses", "Reads of state that had to look at the local store.", l)
	m.histogram(s.CycleTime, "cycle_duration", "From when reading began to the end of the transaction; cycles that read nothing are left out.", l)
	m.histogram(s.CommitTime, "commit_duration", "Committing a transaction.", l)
	m.endToEnd(s.EndToEnd, s.Stage)
	m.letters(s.Reasons, s.Stage)
	m.gauge(truth(!s.Broken.IsZero()), "standing_still", "1 where a stage has failed again and again and keeps trying.", l)
	m.membership(s.Joined, s.Beat, s.Stage)
}

func (m metrics) endToEnd(s meter.Snapshot, stage string) {
	m.histogram(s, "end_to_end_latency", "From a record's append time to the commit that made its effects visible. Records of one cycle and partition count as the oldest of them.", labels{"stage", stage})
}

func (m metrics) letters(byReason map[string]int64, stage string) {
	for _, reason := range slices.Sorted(maps.Keys(byReason)) {
		m.counter(byReason[reason], "dead_letters", "Records that could not be used, by reason.", labels{"stage", stage, "reason", reason})
	}
}

func (m metrics) membership(joined bool, beat time.Time, stage string) {
	m.gauge(truth(joined), "joined", "Whether the group has given this process its share of the partitions.", labels{"stage", stage})
	m.gauge(m.now.Sub(beat).Seconds(), "idle_seconds", "Since the lane last made a move; it makes one each cycle, work or none.", labels{"stage", stage})
}

func (m metrics) partitions(s runtime.Stats) {
	for _, p := range s.Partitions {
		l := at(s.Stage, p.Topic, p.Partition)
		m.gauge(truth(p.Working), "partition_working", "Whether the partition is at work; else it is restored.", l)
		m.gauge(truth(!p.Paused.IsZero()), "source_paused", "Whether the partition is not read because too much of what it says cannot be used, or its stage has no room.", l)
		m.gauge(truth(p.Full != ""), "stage_full", "Whether the stage has no room for what comes next in the partition.", l)
		if !p.Working {
			m.gauge(float64(p.Restore.Done), "restore_done_records", "Changelog records read of a restore under way.", l)
			m.gauge(float64(p.Restore.Total), "restore_total_records", "Changelog records of a restore under way.", l)
			m.gauge(p.Restore.Left().Seconds(), "restore_left_seconds", "What a restore under way still takes if it goes on as it went.", l)
		}
		if p.State.DiskBytes > 0 {
			m.gauge(float64(p.State.DiskBytes), "state_disk_bytes", "Local state on disk.", l)
			m.gauge(float64(p.State.Keys), "state_keys", "Keys of local state, about.", l)
		}
		for _, name := range slices.Sorted(maps.Keys(p.Tallies)) {
			m.gauge(float64(p.Tallies[name]), name, "What the stage holds back here.", l)
		}
		m.heaviest(p.Hot, l)
	}
}

// heaviest shows how much the heaviest key takes, which need not be the same in both.
func (m metrics) heaviest(keys []runtime.HotKey, l labels) {
	if len(keys) == 0 {
		return
	}
	var records, work float64
	for _, k := range keys {
		records, work = max(records, k.Records), max(work, k.Work)
	}
	m.gauge(records, "hot_key_share", "Share of the partition's records that its heaviest key has at least; /hot names it.", l)
	m.gauge(work, "hot_key_work_share", "Share of the time in handlers of records that the heaviest key of the partition takes at least; /hot names it.", l)
}

func at(stage, topic string, partition int32) labels {
	return labels{"stage", stage, "topic", topic, "partition", strconv.Itoa(int(partition))}
}

func (m metrics) sink(s sinks.Stats) {
	for _, topic := range slices.Sorted(maps.Keys(s.Rows)) {
		m.counter(s.Rows[topic], "sink_rows", "Rows stored.", labels{"stage", SinkStage, "topic", string(topic)})
	}
	l := labels{"stage", SinkStage}
	m.counter(s.Blocks, "sink_inserts", "Blocks of rows stored.", l)
	m.counter(s.Retries, "sink_retries", "Writes and sessions tried again.", l)
	m.gauge(truth(s.Failing != ""), "sink_failing", "Whether something went wrong since a block was last stored.", l)
	m.histogram(s.WriteTime, "sink_write_duration", "Storing a block, retries included.", l)
	m.endToEnd(s.EndToEnd, SinkStage)
	m.letters(s.DeadLetters, SinkStage)
	m.membership(s.Joined, s.Beat, SinkStage)
}

func (m metrics) lags(last lags) {
	m.counter(last.failed, "lag_looks_failed", "Looks at the lag that failed; the figures are older then.", nil)
	for _, b := range last.behind {
		l := at(b.Group, b.Topic, b.Partition)
		m.gauge(float64(b.Records), "lag_records", "Offsets from the oldest record not yet worked on to the last stable one.", l)
		if b.Records > 0 && b.Oldest.IsZero() {
			continue // there is one, and its age is not known
		}
		age := 0.0
		if b.Records > 0 {
			age = last.age(b, m.now).Seconds()
		}
		m.gauge(age, "lag_seconds", "Age of the oldest record not yet worked on.", l)
	}
}

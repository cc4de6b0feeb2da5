package stream

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"waybill/avro"
)

// clock is the time of a task that has timers: the latest tick it has seen. It never goes back, though the stamps of an inbox
// may: the leader of a partition can move to a broker whose clock is behind. So it is a function of the inbox alone, and part of the state,
// under a key of its own.
//
// A tick carries its sender's clock beside the broker's stamp. Where the two lie further apart than Spec.MaxSkew one of them is
// wrong, nobody here knows which, and the tick moves no time. So neither one sender nor one broker with a wrong clock makes
// timers fire early; with either, time goes on by the ticks of the others. What lies within MaxSkew is believed, and a clock of
// which both are read, as on one machine, is believed whatever it says.
//
// A record that is no tick moves no time: it carries no second clock. Its handler sees its stamp, or the task's time where that is later.
type clock struct {
	now, flushed, committed int64 // microseconds
	doubtful                int64 // ticks since they were last asked for
}

const clockStore = "clock"

// clockForm is how the clock is kept.
var clockForm = store{name: clockStore, kind: ClockKind, record: func() avro.Record { return new(due) }, version: 1}

func (c *clock) load(kv KV) error {
	v, err := kv.Get(appendID(nil, clockStore, "", ""))
	if err != nil || v == nil {
		return err
	}
	var d due
	if err := clockForm.decode(v, &d); err != nil {
		return fmt.Errorf("read the task's clock: %w", err)
	}
	c.now, c.committed = d.at, d.at
	return nil
}

// take gives the time at which a record is worked on, and whether it is: a doubtful tick is not.
func (c *clock) take(r Record, skew time.Duration) (time.Time, bool) {
	at := r.Time.UnixMicro()
	if tick, ok := r.Value.(*avro.Tick); ok {
		if off := at - int64(tick.SentAt); tick.SentAt != 0 && skew > 0 && max(off, -off) > skew.Microseconds() {
			c.doubtful++
			return time.Time{}, false
		}
		c.now = max(c.now, at)
	}
	if at >= c.now {
		return r.Time, true
	}
	return time.UnixMicro(c.now).UTC(), true
}

// flush adds the clock to the changes, which are in order of keys but for the derived ones behind.
func (c *clock) flush(changes []Change) []Change {
	c.flushed = c.now
	if c.now == c.committed {
		return changes
	}
	key := appendID(nil, clockStore, "", "")
	at, _ := slices.BinarySearchFunc(changes, key, func(x Change, key []byte) int {
		if x.Derived {
			return 1
		}
		return slices.Compare(x.Key, key)
	})
	return slices.Insert(changes, at, Change{Key: key, Value: binary.BigEndian.AppendUint64([]byte{clockForm.version}, uint64(c.now))})
}

// Doubtful says how many ticks since the last call moved no time, since stamp and sender disagree.
func (t *Task) Doubtful() int64 {
	n := t.clock.doubtful
	t.clock.doubtful = 0
	return n
}

// Heard gives the first by name of those whose ticks were seen since the last call; empty where there were none.
func (t *Task) Heard() string {
	name := t.heard
	t.heard = ""
	return name
}

func (t *Task) hear(producer string) {
	if t.heard == "" || producer < t.heard {
		t.heard = producer
	}
}

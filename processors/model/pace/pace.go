// Package pace says when what is large is derived anew: a view of few facts with each of them, a view of thousands at intervals that grow
// with it, so that what a fact costs does not grow with how many there are.
package pace

import (
	"time"

	"waybill/avro"
	"waybill/processors/stream"
)

// Small is up to which size a view is derived with each fact. Sizes count what is gone through: facts and entries.
const Small = 512

// Timer is the name of the timer by which a view is derived.
const Timer = "tell"

// longest is how long at most what came last waits to be told.
const longest = time.Minute

// delay is how long what comes waits, and with it what comes after it: a second for so much as is gone through in some hundredth of that.
func delay(size int64) time.Duration {
	return min(time.Duration(size/Small)*time.Second, longest)
}

// Pace is how often the running key's view is derived. All of it follows from the inbox: the delay ends with a tick.
type Pace struct {
	kept   *stream.Value[avro.Pace, *avro.Pace]
	timers *stream.Timers
}

// Of opens the store of it. The stage derives the key's view when Timer fires.
func Of(b *stream.Binder) Pace { return Pace{stream.ValueOf[avro.Pace](b, "pace"), b.Timers()} }

// Later says whether the view is not to be derived for what just came, but when the timer fires that this sets.
func (p Pace) Later(now time.Time) bool {
	at, large := p.kept.Get()
	if !large {
		return false
	}
	if at.TellAt == 0 {
		due := now.Add(delay(at.Size))
		p.kept.Edit().TellAt = avro.MicrosOf(due)
		p.timers.Set(Timer, due)
	}
	return true
}

// Derived notes that the view was derived, and from how much.
func (p Pace) Derived(size int) {
	at, known := p.kept.Get()
	if at.TellAt != 0 {
		p.timers.Cancel(Timer)
	}
	switch {
	case size > Small:
		if at.TellAt != 0 || at.Size != int64(size) {
			*p.kept.Edit() = avro.Pace{Size: int64(size)}
		}
	case known:
		p.kept.Delete()
	}
}

package runtime

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"waybill/processors/stream"
	"waybill/topics"
)

// Upline looks at how far the stages of a line have come, and says of an inbox which of those that write to it, or to those that do,
// are behind: what has not come yet may still be on its way.
//
// The stage that reads the inbox does not count, unless the line leads back to it: a tick comes to it in order, behind
// everything that was there before.
//
// A stage is behind where it has not committed what was in a topic some time ago. What was there then is remembered, so that no
// timestamp is believed and nothing is read but where it stays behind: markers of transactions, which nobody commits, may be all that is
// left.
type Upline struct {
	probe *Probe
	names map[string]string        // of stages, by group
	above map[topics.Name][]string // groups by inbox
	after time.Duration

	looked time.Time
	looks  []ends
	behind map[string]bool // by group
	bare   map[place]gap   // seen to hold no record
}

// ends is where topics ended at a time.
type ends struct {
	at  time.Time
	end map[place]int64
}

// lookEvery is how often the brokers are asked at most.
const lookEvery = time.Second

// NewUpline makes one for all stages of a line, whose groups are named by c. A stage is behind where it has not worked off what
// was there so long ago.
func NewUpline(probe *Probe, c Config, after time.Duration, line ...stream.Spec) *Upline {
	u := &Upline{probe: probe, names: map[string]string{}, above: map[topics.Name][]string{}, after: after, bare: map[place]gap{}}
	for _, s := range line {
		u.names[c.Group(s.Name)] = s.Name
		if !s.Keyed {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(above(line, s.Inboxes[0].Name, map[string]bool{}))) {
			u.above[s.Inboxes[0].Name] = append(u.above[s.Inboxes[0].Name], c.Group(name))
		}
	}
	return u
}

// above finds the stages from which something can come to an inbox.
func above(line []stream.Spec, inbox topics.Name, found map[string]bool) map[string]bool {
	for _, s := range line {
		if found[s.Name] || !slices.Contains(s.Outputs, inbox) {
			continue
		}
		found[s.Name] = true
		for _, in := range s.Inboxes {
			above(line, in.Name, found)
		}
	}
	return found
}

// Behind names the stages above an inbox that were behind at the last look, in order.
func (u *Upline) Behind(inbox topics.Name) []string {
	var all []string
	for _, group := range u.above[inbox] {
		if u.behind[group] {
			all = append(all, u.names[group])
		}
	}
	return all
}

// Look asks the brokers, unless it has just done so. The first look takes for behind whoever has not worked off all there is.
func (u *Upline) Look(ctx context.Context) error {
	now := time.Now()
	if now.Sub(u.looked) < lookEvery {
		return nil
	}
	behind := map[string]bool{}
	here := ends{at: now, end: map[place]int64{}}
	stable, err := u.list(ctx, here.end)
	if err != nil {
		return err
	}
	u.looks = append(u.looks, here)
	for len(u.looks) > 1 && now.Sub(u.looks[1].at) >= u.after {
		u.looks = u.looks[1:]
	}
	committed := u.probe.adm.FetchManyOffsets(ctx, slices.Sorted(maps.Keys(u.names))...)
	for _, r := range u.probe.readers {
		of := committed[r.Group]
		if of.Err != nil && !errors.Is(of.Err, kerr.GroupIDNotFound) {
			return fmt.Errorf("fetch offsets of %s: %w", r.Group, of.Err)
		}
		if behind[r.Group], err = u.lags(ctx, r, of.Fetched, stable); err != nil {
			return err
		}
	}
	u.looked, u.behind = now, behind
	return nil
}

func (u *Upline) list(ctx context.Context, end map[place]int64) (stable map[place]int64, err error) {
	var all []string
	for _, r := range u.probe.readers {
		all = append(all, names(r.Topics)...)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	stable = map[place]int64{}
	for _, list := range []struct {
		of   func(context.Context, ...string) (kadm.ListedOffsets, error)
		into map[place]int64
	}{{u.probe.adm.ListCommittedOffsets, stable}, {u.probe.adm.ListEndOffsets, end}} {
		listed, err := list.of(ctx, all...)
		if err == nil {
			err = listed.Error()
		}
		if err != nil {
			return nil, fmt.Errorf("list offsets: %w", err)
		}
		listed.Each(func(o kadm.ListedOffset) { list.into[place{o.Topic, o.Partition}] = o.Offset })
	}
	return stable, nil
}

// lags says whether a reader has left anything of what was there at the oldest look.
func (u *Upline) lags(ctx context.Context, r Reader, committed kadm.OffsetResponses, stable map[place]int64) (bool, error) {
	left := map[place]gap{}
	for at, end := range u.looks[0].end {
		if !slices.Contains(r.Topics, topics.Name(at.topic)) {
			continue
		}
		g := gap{to: end}
		if c, ok := committed.Lookup(at.topic, at.partition); ok && c.Err == nil {
			g.from = max(c.At, 0)
		}
		switch {
		case g.from >= g.to, u.bare[at] == g:
		case stable[at] < g.to:
			return true, nil // a transaction has been open for so long
		default:
			left[at] = g
		}
	}
	if len(left) == 0 {
		return false, nil
	}
	starts, err := u.probe.adm.ListStartOffsets(ctx, names(r.Topics)...)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return false, fmt.Errorf("list start offsets for %s: %w", r.Group, err)
	}
	for at, g := range left {
		if s, _ := starts.Lookup(at.topic, at.partition); s.Offset >= g.to {
			delete(left, at) // purged
		}
	}
	firsts, err := u.probe.firsts(ctx, left)
	if err != nil {
		return false, err
	}
	lags := false
	for at, g := range left {
		if f, ok := firsts[at]; ok && f.offset >= g.to {
			u.bare[at] = g
			continue
		}
		lags = true
	}
	return lags, nil
}

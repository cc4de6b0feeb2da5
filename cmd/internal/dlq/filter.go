package dlq

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Status is how a letter stands.
type Status string

// The statuses; Any is both others.
const (
	Open     Status = "open"
	Replayed Status = "replayed"
	Any      Status = "all"
)

// Statuses lists them, for flags and completion.
func Statuses() []string { return []string{string(Open), string(Replayed), string(Any)} }

// Status of the letter: Open or Replayed.
func (l Letter) Status() Status {
	if l.Sent != nil {
		return Replayed
	}
	return Open
}

func (i ID) compare(o ID) int {
	return cmp.Or(cmp.Compare(i.Partition, o.Partition), cmp.Compare(i.Offset, o.Offset))
}

// Filter says which letters are meant. What is empty takes all.
type Filter struct {
	Stages, Reasons, Topics []string  // one of them; reasons in any case
	Since, Until            time.Time // when the letter was written: from Since on, before Until
	Status                  Status
}

// Takes says whether the letter is meant.
func (f Filter) Takes(l Letter) bool {
	switch {
	case !among(f.Stages, l.Stage), !among(f.Reasons, l.Reason), !among(f.Topics, l.Topic):
		return false
	case l.At.Before(f.Since), !f.Until.IsZero() && !l.At.Before(f.Until):
		return false
	}
	return f.Status == "" || f.Status == Any || f.Status == l.Status()
}

func among(list []string, s string) bool {
	return len(list) == 0 || slices.ContainsFunc(list, func(o string) bool { return strings.EqualFold(o, s) })
}

// Choose keeps the letters that are meant, in their order.
func Choose(all []Letter, f Filter) []Letter {
	return slices.DeleteFunc(slices.Clone(all), func(l Letter) bool { return !f.Takes(l) })
}

// Group counts letters that died of the same.
type Group struct {
	Stage    string    `json:"stage"`
	Topic    string    `json:"topic"`
	Reason   string    `json:"reason"`
	Letters  int       `json:"letters"`
	Open     int       `json:"open"`
	Replayed int       `json:"replayed"`
	First    time.Time `json:"first"` // when the oldest of them was written
	Last     time.Time `json:"last"`
	Newest   ID        `json:"newest"` // to look at
}

// Groups counts letters by stage, topic and reason, those with most open letters first.
func Groups(of []Letter) []Group {
	type of3 struct{ stage, topic, reason string }
	at := map[of3]int{}
	var groups []Group
	for _, l := range of {
		k := of3{l.Stage, l.Topic, l.Reason}
		i, ok := at[k]
		if !ok {
			i = len(groups)
			at[k] = i
			groups = append(groups, Group{Stage: l.Stage, Topic: l.Topic, Reason: l.Reason, First: l.At})
		}
		groups[i].add(l)
	}
	slices.SortFunc(groups, func(a, b Group) int {
		return cmp.Or(-cmp.Compare(a.Open, b.Open), -cmp.Compare(a.Letters, b.Letters), cmp.Compare(a.Stage, b.Stage), cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Reason, b.Reason))
	})
	return groups
}

func (g *Group) add(l Letter) {
	g.Letters++
	if l.Sent != nil {
		g.Replayed++
	} else {
		g.Open++
	}
	if l.At.Before(g.First) {
		g.First = l.At
	}
	if !l.At.Before(g.Last) {
		g.Last, g.Newest = l.At, l.ID
	}
}

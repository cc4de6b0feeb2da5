package main

import (
	"fmt"
	"slices"
	"strings"
)

// contest is one question: contestants that do the same work in different ways, and the tables that compare them.
type contest struct {
	name        string // for -only
	about       string
	site        string // where it is held; empty: no Kafka is needed
	table       bool   // needs ClickHouse
	micro       []microPackage
	contestants []contestant
	tables      []layout
}

// contestant is a part that takes part.
type contestant struct {
	who  string
	part string
	prepare
}

// allContests are held in this order in each round.
func allContests() []contest {
	return slices.Concat([]contest{codecContest, adapterContest(), hotContest, correlationContest}, trackContests(), modeContests(), restoreContests(), restartContests(), latencyContests(), liveContests(), []contest{sinkContest})
}

// chosen are the contests that only names, all of them where it is empty.
func chosen(only string) (out []contest, err error) {
	all := allContests()
	if only == "" {
		return all, nil
	}
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(all, func(c contest) bool { return c.name == name })
		if i < 0 {
			return nil, fmt.Errorf("-only %s: there is no contest of this name, there are %s", name, strings.Join(names(all), ", "))
		}
		out = append(out, all[i])
	}
	return out, nil
}

func names(cs []contest) (out []string) {
	for _, c := range cs {
		out = append(out, c.name)
	}
	return out
}

// listed describes the contests for -h.
func listed() string {
	var b strings.Builder
	for _, c := range allContests() {
		fmt.Fprintf(&b, "\n  %-14s %s", c.name, c.about)
	}
	return b.String()
}

// brief is a trial as progress shows it: the first quantity of the contest's tables.
func (t trial) brief(c contest) string {
	unit := c.tables[0].unit
	said := number(t[unit]) + " " + unit
	if t[abortedToo] > 0 {
		said += fmt.Sprintf(", %.0f %s", t[abortedToo], abortedToo)
	}
	return said
}

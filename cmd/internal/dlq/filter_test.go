package dlq

import (
	"fmt"
	"testing"
	"time"
)

func TestParseID(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"0-17", "0-17"}, {"12-9007199254740993", "12-9007199254740993"},
		{"", ""}, {"17", ""}, {"0-", ""}, {"-1-2", ""}, {"0--2", ""}, {"a-b", ""}, {"0-17-3", ""}, {"99999999999-1", ""},
	} {
		id, err := ParseID(tc.in)
		if got := id.String(); (err == nil) != (tc.want != "") || err == nil && got != tc.want {
			t.Errorf("%q: %v, %v, want %q", tc.in, id, err, tc.want)
		}
	}
}

func at(hour int) time.Time { return time.Date(2026, 3, 2, hour, 0, 0, 0, time.UTC) }

func some() []Letter {
	sent := &Sent{By: "test", At: at(20)}
	return []Letter{
		{ID: ID{0, 0}, At: at(1), Stage: "normalise", Topic: "a", Reason: "NO_TIME"},
		{ID: ID{0, 1}, At: at(2), Stage: "normalise", Topic: "a", Reason: "NO_TIME", Sent: sent},
		{ID: ID{1, 0}, At: at(3), Stage: "normalise", Topic: "b", Reason: "NO_TIME"},
		{ID: ID{1, 1}, At: at(4), Stage: "track", Topic: "c", Reason: "BAD_KEY"},
		{ID: ID{1, 2}, At: at(5), Stage: "normalise", Topic: "b", Reason: "NO_TIME"},
	}
}

func TestChoose(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   Filter
		want string
	}{
		{"everything", Filter{}, "[0-0 0-1 1-0 1-1 1-2]"},
		{"a stage", Filter{Stages: []string{"track"}}, "[1-1]"},
		{"reasons in any case", Filter{Reasons: []string{"bad_key", "x"}}, "[1-1]"},
		{"a topic", Filter{Topics: []string{"b"}}, "[1-0 1-2]"},
		{"from then on", Filter{Since: at(4)}, "[1-1 1-2]"},
		{"before then", Filter{Until: at(2)}, "[0-0]"},
		{"open", Filter{Status: Open, Topics: []string{"a"}}, "[0-0]"},
		{"replayed", Filter{Status: Replayed}, "[0-1]"},
		{"any", Filter{Status: Any, Until: at(3)}, "[0-0 0-1]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var ids []ID
			for _, l := range Choose(some(), tc.in) {
				ids = append(ids, l.ID)
			}
			if got := fmt.Sprint(ids); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestGroups(t *testing.T) {
	got := Groups(some())
	want := []Group{
		{Stage: "normalise", Topic: "b", Reason: "NO_TIME", Letters: 2, Open: 2, First: at(3), Last: at(5), Newest: ID{1, 2}},
		{Stage: "normalise", Topic: "a", Reason: "NO_TIME", Letters: 2, Open: 1, Replayed: 1, First: at(1), Last: at(2), Newest: ID{0, 1}},
		{Stage: "track", Topic: "c", Reason: "BAD_KEY", Letters: 1, Open: 1, First: at(4), Last: at(4), Newest: ID{1, 1}},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

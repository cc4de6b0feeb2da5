package sim

import (
	"fmt"
	"slices"
	"testing"
)

func TestShrinkFindsWhatFails(t *testing.T) {
	var script []Message
	for i := range 200 {
		script = append(script, Message{Key: fmt.Sprint(i)})
	}
	at := func(s []Message, key string) int {
		return slices.IndexFunc(s, func(m Message) bool { return m.Key == key })
	}
	fails := func(s []Message) bool { // three messages, two of them in order
		a, b, c := at(s, "17"), at(s, "120"), at(s, "199")
		return a >= 0 && b > a && c >= 0
	}
	small := Shrink(script, 10_000, fails)
	if len(small) != 3 || !fails(small) {
		t.Errorf("got %v", small)
	}
	calls := 0
	if got := Shrink(script, 5, func(s []Message) bool { calls++; return fails(s) }); calls > 5 || !fails(got) {
		t.Errorf("%d calls of 5 that were allowed, and what is left fails: %v", calls, fails(got))
	}
}

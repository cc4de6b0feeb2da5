package show

import (
	"strings"
	"testing"
	"time"
)

func TestRestoresInOneBar(t *testing.T) {
	var out strings.Builder
	r := NewRestores(&out)
	r.terminal, r.patience = true, 0
	r.Move("loads/0", 0, 1000, false)
	for end := time.Now().Add(10 * time.Second); !strings.Contains(out.String(), "(500/4000)"); { // it is drawn ten times a second at most
		r.Move("loads/1", 500, 3000, false)
		if time.Now().After(end) {
			t.Fatalf("drawn: %q", out.String())
		}
	}
	out.Reset()
	if _, err := r.Write([]byte("a line of the log\n")); err != nil {
		t.Fatal(err)
	}
	if s := out.String(); !strings.HasPrefix(s, "\033[2K\ra line of the log\n") {
		t.Errorf("a line above the bar is %q", s)
	}
	r.Move("loads/0", 1000, 1000, true)
	out.Reset()
	r.Move("loads/1", 700, 3000, true) // taken away on the way
	if s := out.String(); !strings.Contains(s, "restored   1700 records of 2 partitions") {
		t.Errorf("at the end: %q", s)
	}
	if r.bar != nil || len(r.parts) > 0 {
		t.Errorf("something is left: %v", r.parts)
	}
}

func TestNoBarWhereThereIsNoTerminal(t *testing.T) {
	var out strings.Builder
	r := NewRestores(&out)
	r.patience = 0
	r.Move("loads/0", 0, 1000, false)
	if _, err := r.Write([]byte("line\n")); err != nil || out.String() != "line\n" {
		t.Errorf("drawn: %q, %v", out.String(), err)
	}
}

func TestShortRestoresAreNotDrawn(t *testing.T) {
	var out strings.Builder
	r := NewRestores(&out)
	r.terminal = true
	r.Move("loads/0", 0, 1, false)
	r.Move("loads/0", 1, 1, true)
	if out.Len() > 0 {
		t.Errorf("drawn: %q", out.String())
	}
}

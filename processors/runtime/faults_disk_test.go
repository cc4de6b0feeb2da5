package runtime

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"waybill/avro"
	"waybill/processors/state"
)

// store is one partition's local state after the instances have ended.
type store struct {
	dir        string
	checkpoint state.Checkpoint
	raw        map[string]string // as the changelog has it
	meaning    map[string]string // as the model has it
	index      map[string]string // what is derived, as the model has what it follows from
}

// openStore reads what an instance left on its disk; nil where it left nothing.
func openStore(t testing.TB, dir, app, stage, inbox string, partition int32) *store {
	t.Helper()
	id := state.ID{App: app, Stage: stage, Topic: inbox, Partition: partition}
	s, err := state.Look(state.Found{ID: id, Dir: filepath.Join(dir, app, stage, inbox, fmt.Sprint(partition))}, slog.New(slog.DiscardHandler))
	if errors.Is(err, state.ErrNoState) || errors.Is(err, state.ErrDamaged) {
		return nil // never opened, or killed while it was made
	}
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	out := &store{dir: dir, raw: map[string]string{}, meaning: map[string]string{}, index: map[string]string{}}
	var written bool
	if out.checkpoint, written, err = s.Checkpoint(); err != nil || !written {
		return nil // killed before anything reached the disk
	}
	if err := s.Scan(nil, nil, out.take); err != nil {
		t.Fatal(err)
	}
	return out
}

// take reads one entry. This alone knows how packages stream and state write them: a value is the version of its form and the
// record, the entries of a list are numbered in eight bytes, and timers are indexed by whose they are (here: handlers') and when they are due.
func (s *store) take(key, value []byte) error {
	scope, rest, _ := strings.Cut(string(key), "\x00")
	name, entry, _ := strings.Cut(rest, "\x00")
	if scope == "" && name == "" {
		if rest = entry; rest[0] != 't' {
			return fmt.Errorf("index %q: want a timer of a handler's", key)
		}
		due := int64(binary.BigEndian.Uint64([]byte(rest[1:])) ^ 1<<63)
		s.index["timer "+strings.ReplaceAll(rest[9:], "\x00", " ")] = fmt.Sprint(due)
		return nil
	}
	s.raw[string(key)] = string(value)
	if name == "clock" {
		return nil // the task's own
	}
	if name == "latest" {
		entry = fmt.Sprint(binary.BigEndian.Uint64([]byte(entry)))
	}
	full := name + " " + scope + " " + entry
	if name == "needs" {
		s.meaning[full] = "needed"
		return nil
	}
	if name == "timer" {
		s.meaning[full] = fmt.Sprint(int64(binary.BigEndian.Uint64(value[1:])))
		return nil
	}
	var m avro.PartnerMessage
	if err := m.Decode(value[1:]); err != nil {
		return fmt.Errorf("state %q: %w", key, err)
	}
	if value[0] == 2 {
		m.Line = -m.Line // the form of tallying
	}
	s.meaning[full] = remembered(&m)
	return nil
}

// timers are the entries that the index follows from.
func (s *store) timers() map[string]string {
	all := maps.Clone(s.meaning)
	maps.DeleteFunc(all, func(name, _ string) bool { return !strings.HasPrefix(name, "timer ") })
	return all
}

// sameState says how two states differ.
func sameState(t testing.TB, what string, have, want map[string]string) {
	t.Helper()
	if maps.Equal(have, want) {
		return
	}
	wrong := 0
	first := ""
	for _, k := range slices.Sorted(maps.Keys(union(have, want))) {
		if have[k] == want[k] {
			continue
		}
		if wrong++; first == "" {
			first = fmt.Sprintf("%q is %q, want %q", k, have[k], want[k])
		}
	}
	t.Errorf("%s: %d of %d entries are wrong: %s", what, wrong, len(want), first)
}

func union(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

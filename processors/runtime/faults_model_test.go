package runtime

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"waybill/avro"
)

// The oracle's side: what a stage must say and remember, worked out from its inbox record by record, in one go and in plain
// maps. It shares no code with the engine, nor with the stores that a stage is written against.

// model is the state of one inbox partition.
type model interface {
	// message works on a record and gives what is said; dead says that it becomes a dead letter and changes nothing.
	message(key string, at time.Time, m *avro.PartnerMessage) (out []said, dead bool)
	// tick lets time pass.
	tick(at time.Time) []said
	// sweep goes on with a sweep.
	sweep(from *avro.Sweep) []said
	// state is what is remembered, in the terms of remembered.
	state() map[string]string
}

// said is one output record.
type said struct {
	totals   bool // else numbered
	key      string
	value    avro.PartnerMessage
	everyone bool // one in each partition

	next *avro.Sweep // instead of the above: with what a sweep goes on, in the partition itself
}

// unswept is a model without reference data.
type unswept struct{}

func (unswept) sweep(*avro.Sweep) []said { return nil }

// alarms are a model's timers.
type alarms map[alarm]int64 // due, microseconds

type alarm struct{ key, name string }

// next takes the first alarm due by now, in order of due, key and name. One that rang at this tick waits for the next.
func (a alarms) next(now time.Time, rang map[alarm]bool) (alarm, int64, bool) {
	due := slices.DeleteFunc(slices.Collect(maps.Keys(a)), func(x alarm) bool { return a[x] > now.UnixMicro() || rang[x] })
	if len(due) == 0 {
		return alarm{}, 0, false
	}
	first := slices.MinFunc(due, func(x, y alarm) int {
		return cmp.Or(cmp.Compare(a[x], a[y]), cmp.Compare(x.key, y.key), cmp.Compare(x.name, y.name))
	})
	at := a[first]
	delete(a, first)
	rang[first] = true
	return first, at, true
}

func (a alarms) remember(in map[string]string) {
	for x, due := range a {
		in["timer "+x.key+" "+x.name] = fmt.Sprint(due)
	}
}

// dies says which messages become dead letters whatever the stage.
func dies(m *avro.PartnerMessage) bool {
	return m.Format == toPoison || m.Format == toKill || m.Format == toPanic || m.Format == toOversize
}

// everyoneToo adds what a message wants every partition told.
func everyoneToo(out []said, key string, m *avro.PartnerMessage) []said {
	if m.Format == toEveryone {
		out = append(out, said{totals: true, key: key, value: avro.PartnerMessage{Name: m.Name}, everyone: true})
	}
	return out
}

type tallyModel struct {
	count map[string]avro.PartnerMessage
	alarms
	unswept
}

func newTally() model { return &tallyModel{count: map[string]avro.PartnerMessage{}, alarms: alarms{}} }

func (s *tallyModel) message(key string, at time.Time, m *avro.PartnerMessage) ([]said, bool) {
	if dies(m) {
		return nil, true
	}
	n := s.count[key].Line + 1
	s.count[key] = avro.PartnerMessage{Name: m.Name, Line: n}
	s.alarms[alarm{key, "total"}] = at.Add(time.Minute).UnixMicro()
	return everyoneToo([]said{{key: key, value: avro.PartnerMessage{Name: m.Name, Line: n}}}, key, m), false
}

func (s *tallyModel) tick(now time.Time) (out []said) {
	for rang := map[alarm]bool{}; ; {
		x, due, ok := s.next(now, rang)
		if !ok {
			return out
		}
		n := s.count[x.key].Line
		out = append(out, said{totals: true, key: x.key, value: avro.PartnerMessage{Name: x.name, Line: n, Header: fmt.Sprint(due)}})
		if x.name == "total" && n%2 == 1 {
			s.alarms[alarm{x.key, "again"}] = due + 30_000_000
		}
	}
}

func (s *tallyModel) state() map[string]string {
	all := map[string]string{}
	for key, m := range s.count {
		all["count "+key+" "] = remembered(&m)
	}
	s.remember(all)
	return all
}

// remembered is a value in state, as text.
func remembered(m *avro.PartnerMessage) string { return fmt.Sprintf("%s %d", m.Name, m.Line) }

type shelvesModel struct {
	shelves map[string]map[string]avro.PartnerMessage // by key and shelf
	latest  map[string][]string                       // by key, names of messages
	gone    map[string]int                            // by key, how many left the latest
	alarms
	unswept
}

func newShelves() model {
	return &shelvesModel{shelves: map[string]map[string]avro.PartnerMessage{}, latest: map[string][]string{}, gone: map[string]int{}, alarms: alarms{}}
}

func (s *shelvesModel) message(key string, at time.Time, m *avro.PartnerMessage) ([]said, bool) {
	if dies(m) {
		return nil, true
	}
	of := s.shelves[key]
	if of == nil {
		of = map[string]avro.PartnerMessage{}
		s.shelves[key] = of
	}
	shelf := fmt.Sprint("shelf-", m.Line%7)
	if m.Line%11 == 0 {
		delete(of, shelf)
		delete(s.alarms, alarm{key, shelf})
	} else {
		of[shelf] = avro.PartnerMessage{Name: m.Name, Line: of[shelf].Line + 1}
		s.alarms[alarm{key, shelf}] = at.Add(time.Duration(1+m.Line%3) * 20 * time.Second).UnixMicro()
	}
	if s.latest[key] = append(s.latest[key], m.Name); len(s.latest[key]) > 5 {
		s.latest[key] = s.latest[key][1:]
		s.gone[key]++
	}
	listing := ""
	for _, name := range slices.Sorted(maps.Keys(of)) {
		listing += fmt.Sprintf("%s=%d ", name, of[name].Line)
	}
	for _, name := range s.latest[key] {
		listing += name + " "
	}
	return everyoneToo([]said{{key: key, value: avro.PartnerMessage{Name: m.Name, Header: listing}}}, key, m), false
}

func (s *shelvesModel) tick(now time.Time) (out []said) {
	for rang := map[alarm]bool{}; ; {
		x, due, ok := s.next(now, rang)
		if !ok {
			return out
		}
		out = append(out, said{totals: true, key: x.key, value: avro.PartnerMessage{Name: x.name, Line: s.shelves[x.key][x.name].Line, Header: fmt.Sprint(due)}})
		delete(s.shelves[x.key], x.name)
	}
}

func (s *shelvesModel) state() map[string]string {
	all := map[string]string{}
	for key, of := range s.shelves {
		for name, m := range of {
			all["shelf "+key+" "+name] = remembered(&m)
		}
	}
	for key, names := range s.latest {
		for i, name := range names {
			all[fmt.Sprintf("latest %s %d", key, s.gone[key]+i)] = remembered(&avro.PartnerMessage{Name: name})
		}
	}
	s.remember(all)
	return all
}

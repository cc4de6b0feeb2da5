package contracts

import (
	"slices"
	"strings"
	"time"

	"waybill/avro"
)

// interval is a time in which a clock runs: [from, to).
type interval struct{ from, to avro.Micros }

func (i interval) long() avro.Micros { return max(0, i.to-i.from) }

// running is when a clock ran, in order.
type running []interval

func (r running) long() avro.Micros {
	var sum avro.Micros
	for _, i := range r {
		sum += i.long()
	}
	return sum
}

// at is the instant at which the clock shows after; the end where it never does.
func (r running) at(after avro.Micros) avro.Micros {
	for _, i := range r {
		if after < i.long() {
			return i.from + after
		}
		after -= i.long()
	}
	if len(r) == 0 {
		return 0
	}
	return r[len(r)-1].to
}

// until cuts the clock off at what it shows after that.
func (r running) until(after avro.Micros) running {
	var out running
	for _, i := range r {
		if after <= 0 {
			break
		}
		part := interval{i.from, i.from + min(i.long(), after)}
		after -= part.long()
		out = append(out, part)
	}
	return out
}

// without takes an interval out.
func (r running) without(cut interval) running {
	var out running
	for _, i := range r {
		for _, rest := range []interval{{i.from, min(i.to, cut.from)}, {max(i.from, cut.to), i.to}} {
			if rest.from < rest.to {
				out = append(out, rest)
			}
		}
	}
	return out
}

// within keeps what lies in an interval.
func (r running) within(i interval) running {
	var out running
	for _, x := range r {
		if part := (interval{max(x.from, i.from), min(x.to, i.to)}); part.from < part.to {
			out = append(out, part)
		}
	}
	return out
}

// stay is from when to when an occasion lasted, by the clause's clock.
func (r *rating) stay() (interval, error) {
	o, c := r.o, r.clockTerms()
	start, end, err := r.ends(c)
	if err != nil {
		return interval{}, err
	}
	if end < start && end < o.CheckedIn.Or(o.Arrived.V) {
		return interval{}, heldf("it ended at %s, before it began at %s: correct one of them", clock(end), clock(o.CheckedIn.Or(o.Arrived.V)))
	}
	if end-start > longest {
		return interval{}, heldf("it lasted from %s to %s: correct one of them", clock(start), clock(end))
	}
	return interval{start, max(start, end)}, nil
}

// longest is more than anything lasts: a longer stay is a wrong time, and its days are not counted one by one.
const longest = 100 * 366 * 86_400 * second

func (r *rating) clockTerms() avro.Clock { return r.k.Clock.V }

// ends are the instants between which the clock may run.
func (r *rating) ends(c avro.Clock) (start, end avro.Micros, err error) {
	o := r.o
	if !o.CheckedIn.Ok && !o.Arrived.Ok {
		return 0, 0, heldf("its arrival is not known")
	}
	start = o.CheckedIn.Or(o.Arrived.V)
	if c.Start == avro.ClockStartCheckInOrAppointment && o.Appointment.Ok && o.Kind == avro.OccasionVisit {
		start = max(start, o.Appointment.V)
	}
	switch {
	case c.End == avro.ClockEndReleaseOrDeparture && o.Released.Ok, c.End == avro.ClockEndRelease && o.Released.Ok:
		return start, o.Released.V, nil
	case c.End == avro.ClockEndRelease:
		return 0, 0, heldf("its release is not known")
	case !o.Departed.Ok:
		return 0, 0, heldf("its departure is not known")
	}
	return start, o.Departed.V, nil
}

// late says whether the vehicle itself came after its appointment.
func (o *Occasion) late() bool {
	return o.Kind == avro.OccasionVisit && o.Appointment.Ok && o.CheckedIn.Or(o.Arrived.V) > o.Appointment.V
}

// dwell is when the clock of an occasion ran: within business hours, without what the faults exclude.
func (r *rating) dwell() (running, error) {
	whole, err := r.stay()
	if err != nil {
		return nil, err
	}
	r.tellStay(whole)
	run := running{whole}
	if hours := r.clockTerms().Hours; len(hours) > 0 {
		if run, err = r.business(hours, whole); err != nil {
			return nil, err
		}
		r.text.addf("%s of it in business hours", span(run.long()))
	}
	return r.blameless(run)
}

func (r *rating) tellStay(whole interval) {
	parts := []string{"arrived " + clock(r.o.Arrived.Or(r.o.CheckedIn.V))}
	for _, p := range []struct {
		word string
		at   avro.Opt[avro.Micros]
	}{{"appointment", r.o.Appointment}, {"checked in", r.o.CheckedIn}, {"released", r.o.Released}, {"departed", r.o.Departed}} {
		if p.at.Ok {
			parts = append(parts, p.word+" "+clock(p.at.V))
		}
	}
	r.text.addf("%s", strings.Join(parts, ", "))
	r.text.addf("%s from %s", span(whole.long()), clock(whole.from))
}

// business is the part of an interval that lies in business hours, local to the occasion, on days that are no holidays.
func (r *rating) business(hours []avro.Hours, whole interval) (running, error) {
	z, err := r.zone()
	if err != nil {
		return nil, err
	}
	holidays, err := r.holidays()
	if err != nil {
		return nil, err
	}
	var out running
	for d := dayOf(whole.from, z); startOf(d, 0, z) < whole.to; d++ {
		if _, free := slices.BinarySearch(holidays, d); free {
			continue
		}
		out = append(out, open(hours, d, z).within(whole)...)
	}
	return out, nil
}

// open is when it is open on a day, in order; hours do not overlap.
func open(hours []avro.Hours, d avro.Days, z *time.Location) running {
	var out running
	for _, h := range hours {
		if slices.Contains(h.Weekdays, int32(weekday(d))) {
			out = append(out, interval{startOf(d, h.FromS, z), startOf(d, h.ToS, z)})
		}
	}
	slices.SortFunc(out, func(a, b interval) int { return int(a.from - b.from) })
	return out
}

// holidays are the contract's, and those of the calendar it names, sorted.
func (r *rating) holidays() ([]avro.Days, error) {
	days := slices.Clone(r.c.Holidays)
	if name := r.c.Calendar; name != "" {
		more, ok := r.job.Calendars[name]
		if !ok {
			return nil, heldf("calendar %q is not known: send it", name)
		}
		days = append(days, more...)
	}
	slices.Sort(days)
	return days, nil
}

// zone is where the occasion happened.
func (r *rating) zone() (*time.Location, error) {
	if r.o.Zone != "" {
		return zoneOf(r.o.Zone)
	}
	return zoneOf(r.c.Zone)
}

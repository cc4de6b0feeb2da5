package page

import (
	"time"

	"waybill/avro"
)

// axis maps instants to columns.
type axis struct {
	from, to time.Time // whole steps
	step     time.Duration
	columns  int
}

// labelWidth is the room one label of the axis needs, with a blank.
const labelWidth = 8

// steps are what a person reads easily.
var steps = []time.Duration{
	5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	24 * time.Hour, 48 * time.Hour, 7 * 24 * time.Hour, 28 * 24 * time.Hour,
}

// newAxis spans every instant of the stops; there is none where no stop has any.
func newAxis(stops []avro.TimelineStop, columns int) (axis, bool) {
	var from, to avro.Micros
	any := false
	for _, s := range stops {
		for _, at := range []avro.Opt[avro.Micros]{s.PlannedAt, s.AppointmentAt, s.ArrivedAt, s.DepartedAt} {
			if !at.Ok {
				continue
			}
			if !any {
				from, to, any = at.V, at.V, true
			}
			from, to = min(from, at.V), max(to, at.V)
		}
	}
	if !any {
		return axis{}, false
	}
	a := axis{columns: columns}
	for _, a.step = range steps {
		a.from = from.Time().Truncate(a.step)
		a.to = to.Time().Truncate(a.step).Add(a.step)
		if int(a.to.Sub(a.from)/a.step)*labelWidth <= columns {
			break
		}
	}
	return a, true
}

// column is where an instant lies, 0 to columns-1.
func (a axis) column(at avro.Micros) int {
	share := float64(at.Time().Sub(a.from)) / float64(a.to.Sub(a.from))
	return min(max(int(share*float64(a.columns)), 0), a.columns-1)
}

func (a axis) blank() []rune {
	row := make([]rune, a.columns)
	for i := range row {
		row[i] = ' '
	}
	return row
}

// labels is the row of times above the stops, in UTC: hours, or days where a step is as long.
func (a axis) labels() string {
	row := a.blank()
	layout := "15:04"
	if a.step >= 24*time.Hour {
		layout = "02 Jan"
	}
	for at := a.from; at.Before(a.to); at = at.Add(a.step) {
		write(row, a.column(avro.MicrosOf(at)), at.Format(layout))
	}
	return string(row)
}

// ruler is the row of ticks below the stops.
func (a axis) ruler() string {
	row := a.blank()
	for i := range row {
		row[i] = '─'
	}
	for at := a.from; at.Before(a.to); at = at.Add(a.step) {
		row[a.column(avro.MicrosOf(at))] = '┴'
	}
	return string(row)
}

// plan draws the start of the window and the appointment.
func (a axis) plan(s avro.TimelineStop) string {
	row := a.blank()
	if s.PlannedAt.Ok && s.AppointmentAt.Ok {
		for i := a.column(min(s.PlannedAt.V, s.AppointmentAt.V)); i < a.column(max(s.PlannedAt.V, s.AppointmentAt.V)); i++ {
			row[i] = '─'
		}
	}
	if s.PlannedAt.Ok {
		row[a.column(s.PlannedAt.V)] = '◇'
	}
	if s.AppointmentAt.Ok {
		row[a.column(s.AppointmentAt.V)] = '◆'
	}
	return string(row)
}

// actual draws the time between arrival and departure, with an arrow while it stands there.
func (a axis) actual(s avro.TimelineStop) string {
	row := a.blank()
	switch {
	case s.ArrivedAt.Ok && s.DepartedAt.Ok:
		for i := a.column(s.ArrivedAt.V); i <= a.column(s.DepartedAt.V); i++ {
			row[i] = '█'
		}
	case s.ArrivedAt.Ok:
		for i := a.column(s.ArrivedAt.V); i < a.columns; i++ {
			row[i] = '░'
		}
		row[a.column(s.ArrivedAt.V)], row[a.columns-1] = '█', '▶'
	case s.DepartedAt.Ok:
		row[a.column(s.DepartedAt.V)] = '▷'
	}
	return string(row)
}

func write(row []rune, at int, text string) {
	for i, r := range []rune(text) {
		if at+i < len(row) {
			row[at+i] = r
		}
	}
}

package codes

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // a table's time zone must not depend on the machine

	"waybill/avro"
	"waybill/processors/normalise/adapter"
)

// Wall is a time as a clock on the wall shows it, with what the message says of its zone and place.
type Wall struct {
	Date  string // CCYYMMDD or YYMMDD
	Clock string // HHMM, HHMMSS, HHMMSSD, HHMMSSDD; empty: the day alone
	Code  string // time zone as the message says it, X12 623; empty: it does not
	Place Place
}

// Place is where it was, as far as the message says.
type Place struct{ Country, Region, City, Locode string }

func (p Place) empty() bool { return p == Place{} }

func (p Place) String() string {
	var parts []string
	for _, s := range []string{p.City, p.Region, p.Country, p.Locode} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, ", ")
}

// Moment is an instant, or where the zone is not known the earliest that it can be.
type Moment struct {
	At    avro.Micros
	Local string // as written, 2006-01-02T15:04:05 or 2006-01-02; set where the zone is not known
	Note  string // what is to be known of At: that the zone is unknown, that it is a day, that clocks went back
}

// Placed says whether the instant is known.
func (m Moment) Placed() bool { return m.Local == "" }

// Errors of times, so that a 997 can tell a bad date from a bad time.
var (
	ErrDate  = errors.New("is no date written as CCYYMMDD or YYMMDD")
	ErrClock = errors.New("is no time written as HHMM, HHMMSS or HHMMSS with hundredths")
)

// farthest east is UTC+14: nowhere is a local time passed earlier.
const farthestEast = 14 * time.Hour

// Moment places a wall time: by the zone that the message says, else that of its place, else the partner's. Where there is
// none the time is marked, never guessed. Of the two instants that a local time has when clocks go back it gives the
// earlier and says so; one that clocks going forward leave out is at fault.
func (v View) Moment(w Wall) (Moment, error) {
	wall, err := w.parse()
	if err != nil {
		return Moment{}, err
	}
	zone, why := v.zoneOf(w)
	if zone == nil {
		return Moment{At: avro.MicrosOf(wall.Add(-farthestEast)), Local: w.written(wall), Note: why}, nil
	}
	return w.in(wall, zone)
}

// Document places the time at which a document was made: by the zone that the message says, else the partner's, else the
// one that the tables set for documents, which it notes.
func (v View) Document(w Wall) (Moment, error) {
	wall, err := w.parse()
	if err != nil {
		return Moment{}, err
	}
	if zone, _ := v.zoneOf(w); zone != nil {
		return w.in(wall, zone)
	}
	for _, t := range v.layers {
		if t.documentZone != nil {
			m, err := w.in(wall, t.documentZone)
			m.Note = join(m.Note, fmt.Sprintf("%s read as %s, the tables' document_zone: set zone in a table of the partner", w.written(wall), t.DocumentZone))
			return m, err
		}
	}
	return v.Moment(w)
}

// in gives the instant of a wall time, which is written as if it were UTC, in a zone.
func (w Wall) in(wall time.Time, zone *time.Location) (Moment, error) {
	at := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), wall.Nanosecond(), zone)
	if clockOf(at) != clockOf(wall) {
		if w.Clock == "" { // a day that begins at one o'clock
			return Moment{At: avro.MicrosOf(at), Note: dayAlone}, nil
		}
		return Moment{}, fmt.Errorf("%w that exists in %s: clocks went forward over it", ErrClock, zone)
	}
	m := Moment{At: avro.MicrosOf(at)}
	if w.Clock == "" {
		m.Note = dayAlone
	}
	for _, shift := range []time.Duration{time.Hour, -time.Hour, 30 * time.Minute, -30 * time.Minute} {
		if other := at.Add(shift); clockOf(other.In(zone)) == clockOf(at) {
			m.At = min(m.At, avro.MicrosOf(other))
			m.Note = join(m.Note, "ambiguous local time, the earlier of two")
		}
	}
	return m, nil
}

const dayAlone = "the day alone is said: its beginning"

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// clockOf is what a clock on the wall shows, as one number.
func clockOf(t time.Time) int64 {
	_, offset := t.Zone()
	return t.UnixMicro() + int64(offset)*1e6
}

// zoneOf is the zone of a wall time, or nil and why there is none.
func (v View) zoneOf(w Wall) (*time.Location, string) {
	if w.Code != "" {
		zone, ok := v.timeCode(w.Code)
		if zone != nil {
			return zone, ""
		}
		if !ok {
			return nil, fmt.Sprintf("no table knows time code %s: name it under time_codes in a table of the partner", adapter.Quote(w.Code))
		}
	}
	if zone := v.zoneAt(w.Place); zone != nil {
		return zone, ""
	}
	for _, t := range v.layers {
		if t.zone != nil {
			return t.zone, ""
		}
	}
	if w.Place.empty() {
		return nil, "the message says neither time zone nor place: set zone in a table of the partner"
	}
	return nil, fmt.Sprintf("the message says no time zone, and none is known for %s: name it under zones in a table of the partner", adapter.Quote(w.Place.String()))
}

// timeCode is the zone of an X12 time code; nil and true where it means the place's own.
func (v View) timeCode(code string) (zone *time.Location, ok bool) {
	code = strings.ToUpper(code)
	for _, t := range v.layers {
		if zone, ok := t.timeCodes[code]; ok {
			return zone, true
		}
	}
	n, err := strconv.Atoi(code)
	if err != nil || len(code) != 2 || n < 1 || n > 24 {
		return nil, false
	}
	if n > 12 { // X12 623: 13 is twelve hours behind UTC, 24 is one
		n -= 25
	}
	return time.FixedZone(fmt.Sprintf("UTC%+d", n), n*3600), true
}

// zoneAt is the zone of a place, most specific first. A region without a country is one of the United States or Canada:
// X12 leaves the country out there (N4 syntax notes), and their codes do not overlap.
func (v View) zoneAt(p Place) *time.Location {
	countries := []string{p.Country}
	if p.Country == "" {
		countries = []string{"US", "CA"}
	}
	for _, c := range countries {
		if p.Region != "" {
			if zone := v.zone(c + "/" + p.Region + "/" + p.City); zone != nil {
				return zone
			}
			if zone := v.zone(c + "/" + p.Region); zone != nil {
				return zone
			}
		}
	}
	if zone := v.zone(p.Locode); zone != nil {
		return zone
	}
	return v.zone(p.Country)
}

func (v View) zone(key string) *time.Location {
	if key == "" {
		return nil
	}
	key = strings.ToUpper(key)
	for _, t := range v.layers {
		if zone := t.zones[key]; zone != nil {
			return zone
		}
	}
	return nil
}

func (w Wall) written(wall time.Time) string {
	if w.Clock == "" {
		return wall.Format("2006-01-02")
	}
	return wall.Format("2006-01-02T15:04:05")
}

// parse reads date and clock as if they were UTC.
func (w Wall) parse() (time.Time, error) {
	date := w.Date
	if len(date) == 6 && digits(date) { // 4010's YYMMDD; ISA dates turn the century at 70, as strptime does
		century := "20"
		if date[:2] >= "70" {
			century = "19"
		}
		date = century + date
	}
	day, err := time.Parse("20060102", date)
	if err != nil || day.Year() < 1971 || day.Year() > 2200 {
		return time.Time{}, fmt.Errorf("%s %w", adapter.Quote(w.Date), ErrDate)
	}
	since, ok := sinceMidnight(w.Clock)
	if !ok {
		return time.Time{}, fmt.Errorf("%s %w", adapter.Quote(w.Clock), ErrClock)
	}
	return day.Add(since), nil
}

func sinceMidnight(clock string) (time.Duration, bool) {
	if clock == "" {
		return 0, true
	}
	if len(clock) < 4 || len(clock) > 8 || len(clock) == 5 || !digits(clock) {
		return 0, false
	}
	clock += "0000"[:8-len(clock)]
	n, _ := strconv.Atoi(clock)
	h, m, s, c := n/1_000_000, n/10_000%100, n/100%100, n%100
	if h > 23 || m > 59 || s > 59 {
		return 0, false
	}
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second + time.Duration(c)*10*time.Millisecond, true
}

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

package contracts

import (
	"sync"
	"time"
	_ "time/tzdata" // days must not depend on the machine

	"waybill/avro"
)

// zones keeps what was loaded: reading one takes longer than all the arithmetic of a charge.
var zones sync.Map // string → *time.Location

// zoneOf is an IANA zone.
func zoneOf(name string) (*time.Location, error) {
	if z, ok := zones.Load(name); ok {
		return z.(*time.Location), nil
	}
	z, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, heldf("zone %q is no IANA zone: correct it, such as America/Chicago", name)
	}
	zones.Store(name, z)
	return z, nil
}

// dayOf is the local date of an instant.
func dayOf(m avro.Micros, z *time.Location) avro.Days { return avro.DaysOf(m.Time().In(z)) }

// startOf is the first instant of a local date, or secs after it by the wall clock.
func startOf(d avro.Days, secs int64, z *time.Location) avro.Micros {
	y, m, day := d.Time().Date()
	return avro.MicrosOf(time.Date(y, m, day, 0, 0, int(secs), 0, z))
}

// weekday is 1 for Monday to 7 for Sunday.
func weekday(d avro.Days) int64 {
	return int64((d.Time().Weekday()+6)%7) + 1
}

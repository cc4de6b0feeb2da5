package normalise

import (
	"waybill/avro"
	"waybill/processors/stream"
	"waybill/topics"
	"waybill/topics/fault"
)

// period bounds links in time, [from, to).
type period struct {
	from    avro.Micros
	to      avro.Opt[avro.Micros]
	revoked bool
}

// during gives all links of the draft their validity.
func (d *draft) during(p period) {
	d.require(p.from != 0, "NO_TIME", "the record has no valid_from: set it to the start of the assignment or installation")
	d.require(!p.to.Ok || p.to.V > p.from, "BAD_PERIOD", "valid_to %s is not after valid_from %s: leave it out while it stands, and set revoked for what never held", p.to.V.Time(), p.from.Time())
	for i := range d.Links {
		l := &d.Links[i]
		l.ValidFrom, l.ValidTo, l.Revoked = avro.Some(p.from), p.to, p.revoked
	}
}

// assignments makes one fact of vehicle, trailer and driver given to a load over a time.
func assignments(a *avro.Assignment, r reception) (stream.Emits, error) {
	d := begin(envelope{
		tenant: a.Tenant, partner: a.Partner, eventID: a.EventID, system: avro.SourceSystemTMS, occurred: a.OccurredAt, received: a.ReceivedAt,
	}, r)
	d.milestone(avro.MilestoneCodeAssigned, "")
	load := d.name(avro.IdentifierKindLoad, "", a.LoadID)
	d.require(len(load) > 0, "NO_IDENTIFIER", "the assignment has no load_id: set it to the load the vehicle is given to")
	d.link(d.name(avro.IdentifierKindVehicle, a.VehicleIssuer, a.VehicleID), load, avro.ClassifierActual)
	d.link(d.name(avro.IdentifierKindTrailer, "", a.TrailerID), load, avro.ClassifierActual)
	d.require(len(d.Identifiers) > 1 || a.DriverID != "", "NO_IDENTIFIER", "the assignment of load %q names neither vehicle, trailer nor driver: set one, or revoke the one before it", a.LoadID)
	d.during(period{from: a.ValidFrom, to: a.ValidTo, revoked: a.Revoked})
	d.say("driver", a.DriverID)
	if a.Revoked {
		d.say("revoked", "true")
	}
	return d.file()
}

// installations makes one fact of a device built into a vehicle: no milestone, a link with its validity. It happened when
// it began.
func installations(i *avro.DeviceInstallation, r reception) (stream.Emits, error) {
	d := begin(envelope{tenant: i.Tenant, system: avro.SourceSystemTelematics, occurred: i.ValidFrom, received: i.ReceivedAt}, r)
	device := d.name(avro.IdentifierKindDevice, i.DeviceIssuer, i.DeviceID)
	vehicle := d.name(avro.IdentifierKindVehicle, i.VehicleIssuer, i.VehicleID)
	d.require(len(device) > 0 && len(vehicle) > 0, "NO_IDENTIFIER", "the installation names device %q and vehicle %q: set both", i.DeviceID, i.VehicleID)
	d.link(device, vehicle, avro.ClassifierActual)
	d.during(period{from: i.ValidFrom, to: i.ValidTo})
	return d.file()
}

var vehicleMilestones = map[avro.VehicleEventType]avro.MilestoneCode{
	avro.VehicleEventTypeDoorOpened: avro.MilestoneCodeDoorOpened,
	avro.VehicleEventTypeDoorClosed: avro.MilestoneCodeDoorClosed,
	avro.VehicleEventTypeSignedOn:   avro.MilestoneCodeSignedOn,
	avro.VehicleEventTypeSignedOff:  avro.MilestoneCodeSignedOff,
}

// vehicleEvents makes one fact of a sensor or driver-terminal event. The trip is carried along and never looked under: the
// driver may have signed on to the wrong one.
func vehicleEvents(e *avro.VehicleEvent, r reception) (stream.Emits, error) {
	d := begin(envelope{
		tenant: e.Tenant, partner: e.Partner, eventID: e.EventID, system: avro.SourceSystemTelematics, occurred: e.OccurredAt, received: e.ReceivedAt,
	}, r)
	m, ok := vehicleMilestones[e.Type]
	if !ok {
		m = avro.MilestoneCodeVehicleReported
	}
	code := e.RawType
	if code == "" {
		code = e.Type.String()
	}
	d.milestone(m, code)
	d.DeviceAt, d.PlaceID = avro.Some(e.OccurredAt), e.PlaceID
	d.name(avro.IdentifierKindVehicle, e.Issuer, e.VehicleID)
	d.name(avro.IdentifierKindDevice, e.Issuer, e.DeviceID)
	d.require(len(d.Identifiers) > 0, "NO_IDENTIFIER", "the vehicle event names neither vehicle_id nor device_id: set one")
	d.name(avro.IdentifierKindTrip, e.Issuer, e.TripID)
	d.at(e.Location)
	return d.file()
}

// positions sends a position that came on a partner feed to track. A position is no fact: there are too many of them.
func positions(p *avro.Position, r reception) (stream.Emits, error) {
	var out stream.Emits
	switch {
	case p.Tenant == "":
		return out, fault.Poisonf("NO_TENANT", "the position names no tenant: set tenant, every key begins with it")
	case p.DeviceID == "":
		return out, fault.Poisonf("NO_IDENTIFIER", "the position names no device: set device_id")
	case p.DeviceAt == 0:
		return out, fault.Poisonf("NO_TIME", "the position of device %q has no time: set device_at to the time of the fix", p.DeviceID)
	case !onEarth(p.LatE6, p.LonE6):
		return out, fault.Poisonf("BAD_COORDINATES", "the position of device %q is at %d, %d micro-degrees, which is not on Earth: send WGS 84 degrees times a million", p.DeviceID, p.LatE6, p.LonE6)
	}
	if p.ReceivedAt == 0 {
		p.ReceivedAt = r.at
	}
	out.To(topics.Positions.Name, topics.Key(p.Tenant, p.Issuer, p.DeviceID), p)
	return out, nil
}

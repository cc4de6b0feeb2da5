package world

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // the world must not depend on the machine

	"waybill/avro"
	"waybill/topics"
)

// Carriers that write local time: field problem 13.

// LocalMapping is the mapping that reads what they send.
const LocalMapping = "carrier-status"

// local is how the carriers of this country tell the time: on the wall, or with an offset without colon.
var local = []struct {
	layout string
	zoned  bool
}{{"2006-01-02T15:04", false}, {"20060102 1504-0700", true}, {"01/02/2006 15:04", false}, {"2006-01-02T15:04:05-0700", true}}

var chicago = func() *time.Location {
	zone, err := time.LoadLocation("America/Chicago")
	if err != nil {
		panic(fmt.Sprintf("the time zones that are built in lack America/Chicago: %v", err))
	}
	return zone
}()

// localTime sends a carrier's statuses of a load as it writes them. Who corrects what he said sends canonical records.
func localTime(d Damage, r *rand.Rand, in []Delivery) []Delivery {
	struck := hit(r, d.LocalTime)
	corrects := slices.ContainsFunc(in, func(m Delivery) bool { rec, ok := m.Record.(*avro.CarrierStatus); return ok && rec.CorrectsAt.Ok })
	if !struck || corrects {
		return in
	}
	for i, m := range in {
		if rec, ok := m.Record.(*avro.CarrierStatus); ok {
			in[i].says = understood(m.canonical().(*avro.CarrierStatus))
			in[i].Topic, in[i].Key, in[i].Record = topics.PartnerMessages.Name, topics.Key(rec.Tenant, rec.Scac, "statuses"), written(rec)
		}
	}
	return in
}

func clockOf(scac string) int { return int(scac[0]) % len(local) }

func written(rec *avro.CarrierStatus) *avro.PartnerMessage {
	body := map[string]any{
		"scac": rec.Scac, "pro": rec.PRO, "status": map[string]any{"code": rec.StatusCode, "reason": rec.ReasonCode},
		"stop": rec.StopSequence.V, "when": rec.OccurredAt.Time().In(chicago).Format(local[clockOf(rec.Scac)].layout), "message": rec.EventID,
		"equipment": rec.EquipmentID, "city": rec.City, "state": rec.Region, "shipment": rec.ShipmentID, "bol": rec.BOL,
	}
	payload, err := json.Marshal(body)
	if err != nil {
		panic(fmt.Sprintf("encode a carrier status: %v", err)) // strings and numbers always can be
	}
	return &avro.PartnerMessage{
		Tenant: rec.Tenant, Format: "json", Mapping: LocalMapping, Partner: rec.Scac, Name: "statuses", Line: 1, Payload: payload,
	}
}

// understood is what a status says as written: a wall clock's time that comes twice, when summer time ends, is the earlier of the two.
func understood(rec *avro.CarrierStatus) *avro.CarrierStatus {
	c := *rec
	at, style := rec.OccurredAt.Time(), local[clockOf(rec.Scac)]
	wall := func(t time.Time) string { return t.In(chicago).Format(style.layout) }
	if earlier := at.Add(-time.Hour); !style.zoned && strings.EqualFold(wall(earlier), wall(at)) {
		c.OccurredAt = avro.MicrosOf(earlier)
	}
	return &c
}

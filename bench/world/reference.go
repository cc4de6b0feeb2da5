package world

import (
	"time"

	"waybill/avro"
	"waybill/topics"
)

// serviceLevel is the template that all freight goes by.
const serviceLevel = "truckload"

// reference is what is delivered before anything else: places, the template, contracts. It suffers no damage.
func (w *World) reference() []Delivery {
	at := w.cfg.Start.Add(-time.Hour)
	var out []Delivery
	say := func(topic topics.Topic, rec avro.Record, key ...string) {
		out = append(out, Delivery{Topic: topic.Name, Key: topics.Key(w.cfg.Tenant, key...), Record: rec, OccurredAt: at, DeliverAt: at})
	}
	for _, places := range [][]place{w.warehouses, w.sites} {
		for _, p := range places {
			say(topics.Places, p.fenced(&avro.Place{Tenant: w.cfg.Tenant, PlaceID: p.id, Name: p.name, Location: geoPoint(p.at), RadiusM: p.radius, TimeZone: "America/Chicago", Version: 1}), p.id)
		}
	}
	say(topics.ServiceLevels, w.truckload(), serviceLevel)
	for _, c := range w.agreements {
		rec := *c
		say(topics.Contracts, &rec, c.ContractID, itoa(c.Version))
	}
	return out
}

func (w *World) truckload() *avro.ServiceLevel {
	const (
		minute = 60
		hour   = 60 * minute
	)
	return &avro.ServiceLevel{Tenant: w.cfg.Tenant, Name: serviceLevel, Version: 1, Expectations: []avro.Expectation{
		{Milestone: avro.MilestoneCodeAccepted, Scope: avro.ExpectationScopeLeg, Anchor: avro.AnchorMilestone, AnchorMilestone: avro.MilestoneCodeTendered, OffsetS: 2 * hour},
		{Milestone: avro.MilestoneCodeArrivedPickup, Scope: avro.ExpectationScopePickupStop, Anchor: avro.AnchorAppointment, OffsetS: 15 * minute},
		{Milestone: avro.MilestoneCodeDepartedPickup, Scope: avro.ExpectationScopePickupStop, Anchor: avro.AnchorMilestone, AnchorMilestone: avro.MilestoneCodeArrivedPickup, OffsetS: 2 * hour},
		{Milestone: avro.MilestoneCodeArrivedDelivery, Scope: avro.ExpectationScopeDeliveryStop, Anchor: avro.AnchorAppointment},
		{Milestone: avro.MilestoneCodeDelivered, Scope: avro.ExpectationScopeDeliveryStop, Anchor: avro.AnchorMilestone, AnchorMilestone: avro.MilestoneCodeArrivedDelivery, OffsetS: 2 * hour, Billing: true},
		{Milestone: avro.MilestoneCodePodReceived, Scope: avro.ExpectationScopeDeliveryStop, Anchor: avro.AnchorMilestone, AnchorMilestone: avro.MilestoneCodeDelivered, OffsetS: 24 * hour, Billing: true},
	}}
}

// Package normalise turns what systems say into facts.
//
// It is the door: every identifier is put into its one form here, every code becomes a milestone or UNMAPPED, and what a
// message says of two identifiers becomes a link. It keeps no state. A record that cannot be used becomes a dead letter
// whose reason says what to mend; nothing is skipped.
package normalise

import (
	"waybill/processors/stream"
	"waybill/topics"
)

// Name is the stage's name.
const Name = "normalise"

type none struct{}

// New declares the stage. Call [Config.Validate] first: a mapping that cannot be read stops the stage at the first message
// that asks for one.
func New(cfg Config) stream.Spec {
	p := newPartners(cfg)
	return stream.Define(stream.Processor[none]{
		Name: Name,
		Feeds: []topics.Topic{
			topics.PartnerMessages, topics.Orders, topics.WarehouseEvents, topics.Loads, topics.Assignments, topics.Installations,
			topics.CarrierStatuses, topics.CarrierInvoices, topics.VehicleEvents, topics.Deliveries, topics.Places, topics.ServiceLevels, topics.Contracts,
		},
		Inputs: []stream.Input[none]{
			stream.On(p.onMessage), stream.On(handled(orders)), stream.On(handled(warehouseEvents)), stream.On(handled(loads)),
			stream.On(handled(assignments)), stream.On(handled(installations)), stream.On(handled(carrierStatuses)), stream.On(handled(invoices)),
			stream.On(handled(vehicleEvents)), stream.On(handled(deliveries)), stream.On(handled(positions)),
			stream.On(handled(places)), stream.On(handled(serviceLevels)), stream.On(handled(contracts)),
		},
		Outputs: []topics.Name{topics.ResolveInbox.Name, topics.Positions.Name, topics.LoadsInbox.Name, topics.ShipmentsInbox.Name, topics.Acknowledged.Name, topics.PartnerMessages.Name},
	})
}

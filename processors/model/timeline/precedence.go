package timeline

import (
	"slices"

	"waybill/avro"
)

// precedence is who is believed about what: the first present decides, the others corroborate.
var precedence = map[avro.MilestoneCode][]avro.SourceSystem{
	avro.MilestoneCodeArrivedPickup:    movement,
	avro.MilestoneCodeDepartedPickup:   movement,
	avro.MilestoneCodeArrivedDelivery:  movement,
	avro.MilestoneCodeDepartedDelivery: movement,
	avro.MilestoneCodeDelivered:        delivery,
	avro.MilestoneCodeDeliveredPartial: delivery,
	avro.MilestoneCodePodReceived:      delivery,
	avro.MilestoneCodeAttemptFailed:    delivery,
	avro.MilestoneCodeRefused:          delivery,
	avro.MilestoneCodeDamaged:          delivery,
	avro.MilestoneCodeAllocated:        warehouse,
	avro.MilestoneCodePicked:           warehouse,
	avro.MilestoneCodePacked:           warehouse,
	avro.MilestoneCodeStaged:           warehouse,
	avro.MilestoneCodeLoaded:           warehouse,
	avro.MilestoneCodeShipConfirmed:    warehouse,
	avro.MilestoneCodeOrderReleased:    order,
	avro.MilestoneCodeOrderConfirmed:   order,
	avro.MilestoneCodeOrderCancelled:   order,
}

var (
	movement  = []avro.SourceSystem{avro.SourceSystemTelematics, avro.SourceSystemEpod, avro.SourceSystemCarrier, avro.SourceSystemTMS}
	delivery  = []avro.SourceSystem{avro.SourceSystemEpod, avro.SourceSystemCarrier, avro.SourceSystemTMS}
	warehouse = []avro.SourceSystem{avro.SourceSystemWMS, avro.SourceSystemTMS, avro.SourceSystemCarrier}
	order     = []avro.SourceSystem{avro.SourceSystemERP, avro.SourceSystemWMS, avro.SourceSystemTMS}
	planning  = []avro.SourceSystem{avro.SourceSystemTMS, avro.SourceSystemCarrier}
)

// rank is a source's place in a milestone's precedence; unlisted ones come after, in the schema's order.
func rank(m avro.MilestoneCode, s avro.SourceSystem) int {
	list, ok := precedence[m]
	if !ok {
		list = planning
	}
	if i := slices.Index(list, s); i >= 0 {
		return i
	}
	return len(list) + int(s)
}

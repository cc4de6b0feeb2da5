package normalise

import (
	"fmt"
	"strconv"
	"strings"

	"waybill/avro"
	terms "waybill/processors/model/contracts"
	"waybill/processors/model/fence"
	"waybill/processors/stream"
	"waybill/topics"
	"waybill/topics/fault"
)

// places hands a place to every task of loads.
func places(p *avro.Place, _ reception) (stream.Emits, error) {
	var out stream.Emits
	switch {
	case p.Tenant == "":
		return out, fault.Poisonf("NO_TENANT", "place %q names no tenant: set tenant, every key begins with it", p.PlaceID)
	case p.PlaceID == "":
		return out, fault.Poisonf("NO_IDENTIFIER", "the place has no place_id: set the GLN or your own id")
	case !onEarth(p.Location.LatE6, p.Location.LonE6):
		return out, fault.Poisonf("BAD_COORDINATES", "place %q is at %d, %d micro-degrees, which is not on Earth: send WGS 84 degrees times a million", p.PlaceID, p.Location.LatE6, p.Location.LonE6)
	}
	if _, err := fence.Of(p); err != nil {
		return out, fault.Poisoned("BAD_GEOFENCE", fmt.Errorf("place %q: %w", p.PlaceID, err))
	}
	out.Broadcast(topics.LoadsInbox.Name, topics.Key(p.Tenant, p.PlaceID), p)
	return out, nil
}

// serviceLevels hands a template to every task of shipments. No tenant: everyone's default.
func serviceLevels(s *avro.ServiceLevel, _ reception) (stream.Emits, error) {
	var out stream.Emits
	if s.Name == "" {
		return out, fault.Poisonf("NO_IDENTIFIER", "the service level has no name: set the name that orders and loads state")
	}
	out.Broadcast(topics.ShipmentsInbox.Name, topics.Key(s.Tenant, s.Name), s)
	return out, nil
}

// contracts hands a contract to every task of shipments.
func contracts(c *avro.Contract, _ reception) (stream.Emits, error) {
	var out stream.Emits
	switch {
	case c.Tenant == "":
		return out, fault.Poisonf("NO_TENANT", "contract %q names no tenant: set tenant, every key begins with it", c.ContractID)
	case c.ContractID == "":
		return out, fault.Poisonf("NO_IDENTIFIER", "the contract has no contract_id: set it")
	}
	if faults := terms.Check(c); len(faults) > 0 {
		return out, fault.Poisonf("BAD_CONTRACT", "contract %q version %d: %s: correct it, `waybill contracts validate` checks a file", c.ContractID, c.Version, joined(faults))
	}
	out.Broadcast(topics.ShipmentsInbox.Name, topics.Key(c.Tenant, c.ContractID, strconv.FormatInt(c.Version, 10)), c)
	return out, nil
}

// joined are a contract's faults, each by its path.
func joined(faults []terms.Fault) string {
	list := make([]string, len(faults))
	for i, f := range faults {
		list[i] = f.String()
	}
	return strings.Join(list, "; ")
}

package loads

import (
	"fmt"

	"waybill/avro"
	"waybill/processors/model/fence"
	"waybill/processors/model/geo"
)

// site is a planned place that reference data has, with its geofence.
type site struct {
	id    string
	at    avro.GeoPoint
	fence *fence.Fence
}

// migratePlace reads a place of before there were fences but circles.
func migratePlace(_ byte, old []byte, into avro.Record) error {
	var was avro.Place1
	if err := was.Decode(old); err != nil {
		return err
	}
	*into.(*avro.Place) = avro.Place{
		Tenant: was.Tenant, PlaceID: was.PlaceID, Name: was.Name, Location: was.Location, RadiusM: was.RadiusM, TimeZone: was.TimeZone, Version: was.Version,
	}
	return nil
}

// known gives the places of the stops that reference data has.
func (st state) known(tenant string, stops []avro.Stop) ([]site, error) {
	var out []site
	seen := map[string]bool{}
	for _, s := range stops {
		if seen[s.PlaceID] {
			continue
		}
		seen[s.PlaceID] = true
		p, ok := st.places.Get(placeKey(tenant, s.PlaceID))
		if !ok {
			continue
		}
		f, err := st.fences.of(p)
		if err != nil {
			return nil, fmt.Errorf("place %q: %w", p.PlaceID, err)
		}
		out = append(out, site{id: p.PlaceID, at: p.Location, fence: f})
	}
	return out, nil
}

// placeOf is the planned place whose geofence holds the point: of several the smallest, since a dock within a site is the more exact
// word, and of equally large ones the nearest.
func placeOf(at avro.GeoPoint, places []site) (id string, is bool) {
	least, nearest := 0.0, 0.0
	for _, p := range places {
		if !p.fence.Holds(at) {
			continue
		}
		area, away := p.fence.Area(), geo.Distance(at, p.at)
		if !is || area < least || area == least && away < nearest {
			id, least, nearest, is = p.id, area, away, true
		}
	}
	return id, is
}

// fences are those of places that were looked at of late: what a fence is made of takes longer to read than to ask. A fence is a pure function
// of its place, so what is kept here changes no result.
type fences map[avro.Place]*fence.Fence

// maxFences is about 20 MB of polygons with some dozen points each.
const maxFences = 4_096

func (k fences) of(p *avro.Place) (*fence.Fence, error) {
	if p.Fence == "" { // a circle is made as fast as it is found
		return fence.Of(p)
	}
	if f, ok := k[*p]; ok {
		return f, nil
	}
	f, err := fence.Of(p)
	if err != nil {
		return nil, err
	}
	if len(k) == maxFences {
		clear(k)
	}
	k[p.Clone()] = f // the record is the store's, its strings too
	return f, nil
}

package loads

import (
	"testing"

	"waybill/avro"
	"waybill/processors/model/fence"
)

func siteOf(t *testing.T, p *avro.Place) site {
	t.Helper()
	f, err := fence.Of(p)
	if err != nil {
		t.Fatal(err)
	}
	return site{id: p.PlaceID, at: p.Location, fence: f}
}

func TestPlaceOf(t *testing.T) {
	middle := avro.GeoPoint{LatE6: 41_600_000, LonE6: -88_200_000}
	north := func(e6 int32) avro.GeoPoint { return avro.GeoPoint{LatE6: middle.LatE6 + e6, LonE6: middle.LonE6} }
	circle := func(id string, at avro.GeoPoint, radius int32) site {
		return siteOf(t, &avro.Place{PlaceID: id, Location: at, RadiusM: radius})
	}
	site1 := circle("site", middle, 500)
	dock := siteOf(t, &avro.Place{PlaceID: "dock", Location: north(2000), Fence: "POLYGON((-88.2005 41.6015, -88.1995 41.6015, -88.1995 41.6025, -88.2005 41.6025, -88.2005 41.6015))"})
	gate := siteOf(t, &avro.Place{PlaceID: "gate", Location: north(-3000), Fence: "LINESTRING(-88.205 41.597, -88.195 41.597)", WidthM: 40})
	for _, c := range []struct {
		name   string
		at     avro.GeoPoint
		places []site
		want   string
	}{
		{"in one circle", middle, []site{site1, dock, gate}, "site"},
		{"in a dock within a site", north(2000), []site{site1, dock}, "dock"},
		{"whichever is planned first", north(2000), []site{dock, site1}, "dock"},
		{"on the way through the gate", north(-3000), []site{site1, gate}, "gate"},
		{"beside it", north(-3300), []site{site1, gate}, "site"},
		{"in none", north(9000), []site{site1, dock, gate}, ""},
		{"of two alike the nearer", north(400), []site{circle("A", middle, 100), circle("B", north(900), 100)}, "A"},
		{"of two alike the nearer, last", north(500), []site{circle("A", middle, 100), circle("B", north(900), 100)}, "B"},
	} {
		if got, _ := placeOf(c.at, c.places); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestFencesAreKeptByContent(t *testing.T) {
	kept := fences{}
	p := &avro.Place{PlaceID: "yard", Fence: "POLYGON((0 0, 0.01 0, 0.01 0.01, 0 0.01, 0 0))"}
	for range 2 {
		if _, err := kept.of(p); err != nil || len(kept) != 1 {
			t.Fatalf("kept %d fences of one place (%v)", len(kept), err)
		}
	}
	p.Fence = "POLYGON((0 0, 0.02 0, 0.02 0.02, 0 0.02, 0 0))"
	f, err := kept.of(p)
	if err != nil || !f.Holds(avro.GeoPoint{LatE6: 15_000, LonE6: 15_000}) {
		t.Errorf("a corrected fence is not the one that was kept (%v)", err)
	}
}

func TestPlacesOfVersion1AreCircles(t *testing.T) {
	was := avro.Place1{Tenant: "acme", PlaceID: "A", Name: "yard", Location: avro.GeoPoint{LatE6: 1, LonE6: 2}, RadiusM: 100, TimeZone: "UTC", Version: 3}
	var got avro.Place
	if err := migratePlace(1, was.Append(nil), &got); err != nil {
		t.Fatal(err)
	}
	if want := (avro.Place{Tenant: "acme", PlaceID: "A", Name: "yard", Location: avro.GeoPoint{LatE6: 1, LonE6: 2}, RadiusM: 100, TimeZone: "UTC", Version: 3}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// Package geo measures on the Earth: distances and circles between points in micro-degrees, across the 180° meridian too.
package geo

import (
	"math"

	"waybill/avro"
)

// EarthRadius is the mean radius R1 of the WGS 84 ellipsoid in metres (IUGG, Moritz 2000). A great circle on it differs
// from the geodesic by up to 0.6 %.
const EarthRadius = 6371008.8

const (
	turnE6   = 360_000_000
	radPerE6 = math.Pi / 180e6
	// metresPerE6 is a micro-degree of latitude, or of longitude at the equator.
	metresPerE6 = radPerE6 * EarthRadius
	aboveSqrt2  = 1.4143
	// Within these bounds the plane differs from the sphere by less than one part in 10,000, at a third of the cost.
	planeSpanE6 = 100_000    // 0.1 degrees apart, 11 km of latitude
	planeLatE6  = 80_000_000 // and this far from the poles
)

// Distance is the length of the great circle between a and b in metres.
func Distance(a, b avro.GeoPoint) float64 {
	lat, lon := int64(b.LatE6)-int64(a.LatE6), DeltaLon(a.LonE6, b.LonE6)
	if abs(lat) <= planeSpanE6 && abs(lon) <= planeSpanE6 && abs(int64(a.LatE6)) <= planeLatE6 {
		return plane(a.LatE6, lat, lon)
	}
	return haversine(a, b, lat, lon)
}

// plane is the equirectangular projection about the middle latitude.
func plane(latA int32, lat, lon int64) float64 {
	y := float64(lat) * radPerE6
	x := float64(lon) * radPerE6 * cosine((float64(latA)+float64(lat)/2)*radPerE6)
	return EarthRadius * math.Sqrt(x*x+y*y)
}

// cosine is that of a latitude in radians, within planeLatE6: the series up to x^14 alternates, so it is too small by less
// than x^16/16!, which is 6 parts in 10^11 at 80 degrees: less than a micrometre within planeSpanE6. It takes a third of the
// time of math.Cos, which is most of what a short distance costs.
func cosine(x float64) float64 {
	q := x * x
	q2 := q * q
	return 1 - q/2 + q2*(1./24-q/720+q2*(1./40320-q/3628800+q2*(1./479001600-q/87178291200)))
}

func haversine(a, b avro.GeoPoint, lat, lon int64) float64 {
	y, x := math.Sin(float64(lat)*radPerE6/2), math.Sin(float64(lon)*radPerE6/2)
	h := y*y + math.Cos(float64(a.LatE6)*radPerE6)*math.Cos(float64(b.LatE6)*radPerE6)*x*x
	return 2 * EarthRadius * math.Asin(math.Min(1, math.Sqrt(h)))
}

// InCircle says whether p lies within radius metres of centre, the rim included.
func InCircle(p, centre avro.GeoPoint, radius float64) bool {
	// No great circle is shorter than the arc between the latitudes of its ends.
	north := math.Abs(float64(p.LatE6)-float64(centre.LatE6)) * metresPerE6
	if north > radius {
		return false
	}
	// Nor is one longer than the way north and the way east as it would be at the equator, at a right angle.
	east := math.Abs(float64(DeltaLon(p.LonE6, centre.LonE6))) * metresPerE6
	if max(north, east)*aboveSqrt2 <= radius {
		return true
	}
	return Distance(p, centre) <= radius
}

// DeltaLon is the way from longitude a to b in micro-degrees, the short way round: east is positive.
func DeltaLon(a, b int32) int64 {
	d := int64(b) - int64(a)
	switch {
	case d > turnE6/2:
		return d - turnE6
	case d < -turnE6/2:
		return d + turnE6
	}
	return d
}

// Offset is p moved by micro-degrees of latitude and longitude, its longitude brought back to ±180 degrees.
func Offset(p avro.GeoPoint, lat, lon int64) avro.GeoPoint {
	east := int64(p.LonE6) + lon
	switch {
	case east > turnE6/2:
		east -= turnE6
	case east < -turnE6/2:
		east += turnE6
	}
	return avro.GeoPoint{LatE6: int32(int64(p.LatE6) + lat), LonE6: int32(east)}
}

// OnEarth says whether p is a latitude and a longitude at all.
func OnEarth(p avro.GeoPoint) bool {
	return abs(int64(p.LatE6)) <= turnE6/4 && abs(int64(p.LonE6)) <= turnE6/2
}

func abs(v int64) int64 {
	if v < 0 {
		return -v
	}
	return v
}

// Package world makes a small logistics company out of a seed: places on a map, contracts, orders, loads, drives and dwells; then
// what each of its systems would say about them; then the damage that the field does to what they say. It also knows the
// truth: what the delivered evidence determines once everything has been delivered.
//
// Three layers, each a pure function of the seed and of the layer before:
//
//	plan     what happens: itineraries of vehicles, stops with arrivals and departures, shipments, orders
//	telling  what the systems say, with the identifiers each of them really knows
//	damage   what becomes of it on the way: late, twice, out of order, never
//
// The truth is worked out from the plan and from the messages that survive the damage. The package shares no code with the
// processors that it judges.
package world

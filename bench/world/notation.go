package world

import (
	"math/rand/v2"
	"slices"
	"strings"

	"waybill/avro"
)

// Ways of writing one identifier: field problem 16.

// notation writes the identifiers of some messages as other systems do: padded with zeros or blanks, SSCCs as URN, Digital Link or
// element string. What they say stays what it was.
func notation(d Damage, r *rand.Rand, in []Delivery) []Delivery {
	for i, m := range in {
		way := writer{r.IntN(4)}
		if hit(r, d.Notation) {
			in[i].says, in[i].Record = m.canonical(), way.record(m.Record)
		}
	}
	return in
}

type writer struct{ way int }

func (w writer) record(rec avro.Record) avro.Record {
	switch rec := rec.(type) {
	case *avro.Order:
		c := *rec
		c.OrderID, c.DeliveryNumbers = w.text(c.OrderID), w.numbers(c.DeliveryNumbers)
		return &c
	case *avro.WarehouseEvent:
		c := *rec
		c.OrderID, c.DeliveryNumber, c.SSCC, c.ShipmentID, c.LoadID, c.BOL = w.text(c.OrderID), w.number(c.DeliveryNumber), w.units(c.SSCC), w.text(c.ShipmentID), w.text(c.LoadID), w.text(c.BOL)
		return &c
	case *avro.CarrierStatus:
		c := *rec
		c.PRO, c.ShipmentID, c.BOL = w.number(c.PRO), w.text(c.ShipmentID), w.text(c.BOL)
		return &c
	case *avro.ProofOfDelivery:
		c := *rec
		c.LoadID, c.ShipmentID, c.DeliveryNumber, c.SSCC = w.text(c.LoadID), w.text(c.ShipmentID), w.number(c.DeliveryNumber), w.units(c.SSCC)
		return &c
	case *avro.Assignment:
		c := *rec
		c.LoadID, c.VehicleID, c.TrailerID = w.text(c.LoadID), w.text(c.VehicleID), w.text(c.TrailerID)
		return &c
	case *avro.Load:
		return w.load(*rec)
	}
	return rec
}

func (w writer) load(c avro.Load) *avro.Load {
	c.LoadID = w.text(c.LoadID)
	c.Shipments, c.Stops = slices.Clone(c.Shipments), slices.Clone(c.Stops)
	for i, s := range c.Shipments {
		c.Shipments[i] = avro.LoadShipment{ShipmentID: w.text(s.ShipmentID), OrderIDs: w.texts(s.OrderIDs), DeliveryNumbers: w.numbers(s.DeliveryNumbers), BOL: w.text(s.BOL), PRO: w.number(s.PRO)}
	}
	for i := range c.Stops {
		c.Stops[i].ShipmentIDs = w.texts(c.Stops[i].ShipmentIDs)
	}
	return &c
}

func (w writer) text(v string) string {
	if v == "" {
		return v
	}
	return []string{v, " " + v, v + "   ", "  " + v + " "}[w.way]
}

// number pads to the width of a column, as X12 B10 and SAP do.
func (w writer) number(v string) string {
	if v == "" {
		return v
	}
	return []string{"0000" + v, strings.Repeat("0", max(0, 18-len(v))) + v, v + "  ", " 00" + v}[w.way]
}

// unit writes an SSCC as EPC URN, GS1 Digital Link, element string, or with blanks. The company prefix has seven digits.
func (w writer) unit(v string) string {
	return []string{"urn:epc:id:sscc:" + v[1:8] + "." + v[:1] + v[8:17], "https://id.gs1.org/00/" + v, "(00)" + v, " " + v + " "}[w.way]
}

func (w writer) texts(vs []string) []string   { return mapped(vs, w.text) }
func (w writer) numbers(vs []string) []string { return mapped(vs, w.number) }
func (w writer) units(vs []string) []string   { return mapped(vs, w.unit) }

func mapped(vs []string, f func(string) string) []string {
	var out []string
	for _, v := range vs {
		out = append(out, f(v))
	}
	return out
}

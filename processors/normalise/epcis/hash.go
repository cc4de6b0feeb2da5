package epcis

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// property is a field at its place in the hash, with those within it in their order.
type property struct {
	name  string
	order []property
}

func leaves(names ...string) []property {
	var out []property
	for _, n := range names {
		out = append(out, property{name: n})
	}
	return out
}

// quantities are the elements of a quantity list.
func quantities() []property {
	return []property{{"quantityElement", leaves("epcClass", "quantity", "uom")}}
}

// order is the order of an event's fields in its hash (CBV 2.0, 8.9.2, with certificationInfo after the zone's offset).
var order = slices.Concat(
	leaves("eventTime", "eventTimeZoneOffset", "certificationInfo"),
	[]property{{"epcList", leaves("epc")}, {"parentID", nil}, {"inputEPCList", leaves("epc")}, {"childEPCs", leaves("epc")}},
	[]property{{"quantityList", quantities()}, {"childQuantityList", quantities()}, {"inputQuantityList", quantities()}},
	[]property{{"outputEPCList", leaves("epc")}, {"outputQuantityList", quantities()}},
	leaves("action", "transformationID", "bizStep", "disposition"),
	[]property{{"persistentDisposition", leaves("set", "unset")}, {"readPoint", leaves("id")}, {"bizLocation", leaves("id")}},
	[]property{{"bizTransactionList", leaves("bizTransaction")}, {"destinationList", leaves("destination")}, {"sourceList", leaves("source")}},
	[]property{{"sensorElementList", []property{{"sensorElement", []property{
		{"sensorMetadata", leaves("time", "startTime", "endTime", "deviceID", "deviceMetadata", "rawData", "dataProcessingMethod", "bizRules")},
		{"sensorReport", leaves("type", "exception", "deviceID", "deviceMetadata", "rawData", "dataProcessingMethod", "time", "microorganism", "chemicalSubstance",
			"value", "component", "stringValue", "booleanValue", "hexBinaryValue", "uriValue", "minValue", "maxValue", "meanValue", "sDev", "percRank", "percValue", "uom",
			"coordinateReferenceSystem")},
	}}}}},
)

// envelope are the fields that tell of the telling: they change no hash.
var envelope = []string{"recordTime", "eventID", "errorDeclaration"}

// hashID is the event's hash id, a name for what the event says (RFC 6920).
func hashID(kind string, event *node) string {
	sum := sha256.Sum256([]byte(prehash(kind, event)))
	return "ni:///sha-256;" + hex.EncodeToString(sum[:]) + "?ver=CBV2.0"
}

// prehash is the canonical text of an event that is hashed.
func prehash(kind string, event *node) string {
	body := &node{}
	for _, k := range event.kids {
		if !slices.Contains(envelope, k.name) {
			body.kids = append(body.kids, k)
		}
	}
	return "eventType=" + kind + body.inOrder(order)
}

// inOrder writes the fields in their order, then those that the order does not name, which are extensions.
func (n *node) inOrder(props []property) string {
	if len(n.kids) == 0 {
		return ""
	}
	var out strings.Builder
	var room [16]*node
	some := room[:0]
	for _, p := range props {
		some = some[:0]
		for _, k := range n.kids {
			if k.name == p.name {
				some = append(some, k)
			}
		}
		if len(some) > 0 {
			out.WriteString(sorted(some, func(k *node) string { return k.written(p.order) }))
		}
	}
	rest := some[:0]
	for _, k := range n.kids {
		if !slices.ContainsFunc(props, func(p property) bool { return p.name == k.name }) {
			rest = append(rest, k)
		}
	}
	out.WriteString(sorted(rest, (*node).extension))
	return out.String()
}

// sorted writes elements in the order of what they are written as: a list's order is not content.
func sorted(list []*node, write func(*node) string) string {
	if len(list) == 0 {
		return ""
	}
	if len(list) == 1 {
		return write(list[0])
	}
	out := make([]string, 0, len(list))
	for _, k := range list {
		out = append(out, write(k))
	}
	slices.Sort(out)
	return strings.Join(out, "")
}

// written is an element of the standard: empty ones say nothing.
func (n *node) written(props []property) string {
	within := ""
	switch n.name {
	case "bizTransaction", "source", "destination": // the type goes before
		if kind := n.find("type").text; kind != "" {
			return "type=" + kind + n.name + "=" + n.text
		}
	default:
		if within = n.inOrder(props); within == "" && n.text == "" {
			return ""
		}
	}
	if n.text != "" {
		return n.name + "=" + n.text + within
	}
	return n.name + within
}

// extension is an element of somebody's own.
func (n *node) extension() string {
	text := n.name
	if n.text != "" {
		text += "=" + n.text
	}
	return text + sorted(n.kids, (*node).extension)
}

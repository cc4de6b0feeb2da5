// Package topics is the typed catalogue of Waybill's Kafka topics. A topic's name stands here and nowhere else.
package topics

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Name is a topic's name as Kafka knows it.
type Name string

// Cleanup is Kafka's cleanup.policy.
type Cleanup string

// Cleanup policies.
const (
	Delete  Cleanup = "delete"
	Compact Cleanup = "compact"
)

// Latency is how soon a record is expected to be worked on: what alerting and partition counts are sized by.
type Latency string

// Latency classes.
const (
	Live  Latency = "live"  // under a second: positions, inboxes
	Brisk Latency = "brisk" // seconds: business events, charges, gaps
	Calm  Latency = "calm"  // minutes: reference data, dead letters
)

// Forever is the retention of what is never deleted by time.
const Forever time.Duration = -1

// DisputeHorizon is how long inboxes and ledgers are kept: a year, and a month to argue about it.
const DisputeHorizon = 400 * 24 * time.Hour

// Topic is one topic of the catalogue.
type Topic struct {
	Name       Name
	Key        string   // what the record key is, for people; every key begins with the tenant
	Records    []string // full Avro names of the record types on it
	Partitions int32    // the default; a stage's tasks are as many as its inbox has partitions
	Retention  time.Duration
	Cleanup    Cleanup
	Owner      string // the system whose word it carries
	Latency    Latency
	Doc        string
	// Inbox: a stage reads it as its one log. The broker stamps it (LogAppendTime), ticks are sent to it.
	Inbox bool
	// Stamped: the broker stamps it, as it does inboxes.
	Stamped bool
}

// Record types, by full Avro name.
const (
	order, warehouseEvent        = "waybill.orders.Order", "waybill.warehouse.WarehouseEvent"
	load, assignment             = "waybill.loads.Load", "waybill.loads.Assignment"
	carrierStatus                = "waybill.carrier.CarrierStatus"
	position, vehicleEvent       = "waybill.telematics.Position", "waybill.telematics.VehicleEvent"
	installation                 = "waybill.telematics.DeviceInstallation"
	proofOfDelivery              = "waybill.epod.ProofOfDelivery"
	place, serviceLevel          = "waybill.reference.Place", "waybill.reference.ServiceLevel"
	contract, charge             = "waybill.billing.Contract", "waybill.billing.Charge"
	fact, parked                 = "waybill.correlation.Fact", "waybill.correlation.Parked"
	loadView, shipmentView       = "waybill.correlation.LoadView", "waybill.correlation.ShipmentView"
	milestone, timeline          = "waybill.correlation.Milestone", "waybill.correlation.Timeline"
	orderTimeline, gap           = "waybill.correlation.OrderTimeline", "waybill.correlation.Gap"
	partnerMessage, tick, letter = "waybill.platform.PartnerMessage", "waybill.platform.Tick", "waybill.platform.DeadLetter"
	withdrawal                   = "waybill.correlation.Withdrawal"
	letterReplay                 = "waybill.platform.DeadLetterReplay"
	invoice, acknowledgement     = "waybill.billing.Invoice", "waybill.platform.Acknowledgement"
)

// What the source systems say.
var (
	PartnerMessages = source("partner.messages.v1", "tenant, partner, name", "partners", partnerMessage, Brisk, "Partner payloads as they came; adapters turn them into facts and positions.")
	Orders          = source("erp.orders.v1", "tenant, order", "ERP", order, Brisk, "Order releases, changes, cancellations.")
	WarehouseEvents = source("wms.events.v1", "tenant, place", "WMS", warehouseEvent, Brisk, "Scans and confirmations.")
	Loads           = source("tms.loads.v1", "tenant, load", "TMS", load, Brisk, "Load plans, tenders, acceptances.")
	Assignments     = source("tms.assignments.v1", "tenant, load", "TMS", assignment, Brisk, "Vehicle, trailer and driver per load.")
	Installations   = source("fleet.installations.v1", "tenant, device", "fleet", installation, Calm, "Devices in vehicles.")
	CarrierStatuses = source("carrier.statuses.v1", "tenant, SCAC, PRO", "carriers", carrierStatus, Brisk, "Carrier status messages.")
	CarrierInvoices = source("carrier.invoices.v1", "tenant, SCAC, invoice", "carriers", invoice, Brisk, "Invoices of carriers.")
	VehicleEvents   = source("telematics.events.v1", "tenant, vehicle", "telematics", vehicleEvent, Brisk, "Doors, ignition, driver terminals.")
	Deliveries      = source("epod.deliveries.v1", "tenant, load", "ePOD", proofOfDelivery, Brisk, "Proofs of delivery.")
	Places          = reference("reference.places.v1", "tenant, place", "reference", place, "Places with geofences.")
	ServiceLevels   = reference("reference.service-levels.v1", "tenant, name", "reference", serviceLevel, "Service-level templates.")
	Contracts       = reference("billing.contracts.v1", "tenant, contract, version", "billing", contract, "Contracts.")
)

// Inboxes: one a keyed stage.
var (
	Positions      = inbox("telematics.positions.v1", "tenant, issuer, device", "telematics", "Positions; track's inbox.", position)
	ResolveInbox   = inbox("waybill.resolve.v1", "tenant, identifier", "waybill", "Facts, once under each of their identifiers, and which of them lead there no more; resolve's inbox.", fact, withdrawal)
	LoadsInbox     = inbox("waybill.loads.v1", "tenant, load", "waybill", "Facts about loads, and places; loads' inbox.", fact, withdrawal, place)
	ShipmentsInbox = inbox("waybill.shipments.v1", "tenant, shipment", "waybill", "Facts about shipments, views of loads, contracts, templates; shipments' inbox.", fact, withdrawal, loadView, contract, serviceLevel)
	OrdersInbox    = inbox("waybill.orders.v1", "tenant, order", "waybill", "Facts about orders, views of shipments; orders' inbox.", fact, withdrawal, shipmentView)
)

// What Waybill says.
var (
	Parked         = output("correlation.parked.v1", "tenant, identifier", parked, "Facts that wait for a link, and their releases.")
	Milestones     = output("correlation.milestones.v1", "tenant, shipment", milestone, "Milestone versions of shipments.")
	Timelines      = output("correlation.timelines.v1", "tenant, shipment", timeline, "Timeline versions of shipments.")
	OrderTimelines = output("correlation.order-timelines.v1", "tenant, order", orderTimeline, "Timeline versions of orders.")
	Charges        = output("billing.charges.v1", "tenant, shipment", charge, "The charge ledger: billing's contract with us.")
	Gaps           = output("reconciliation.gaps.v1", "tenant, shipment", gap, "Gaps opened and closed.")
	Acknowledged   = output("partner.acknowledgements.v1", "tenant, partner", acknowledgement, "What became of partners' interchanges, as X12 997 ready to be sent back.")
	DeadLetters    = Topic{Name: "waybill.dead-letters.v1", Key: "the dead record's own", Records: []string{letter}, Partitions: 3, Retention: DisputeHorizon, Cleanup: Delete, Owner: "waybill", Latency: Calm, Doc: "Records that could not be used, with reason and raw bytes."}
	// One partition: replays are few, and a reader of all of them has to know that it saw all. Compacted and so kept for
	// ever: a mark that went before its letter would let the letter be sent again.
	DeadLetterReplays = Topic{Name: "waybill.dead-letter-replays.v1", Key: "the letter's partition-offset", Records: []string{letterReplay}, Partitions: 1, Retention: Forever, Cleanup: Compact, Owner: "waybill", Latency: Calm, Stamped: true, Doc: "Which dead letters were sent back to where they came from, written in the transaction that sent them."}
)

func source(name Name, key, owner, record string, latency Latency, doc string) Topic {
	return Topic{Name: name, Key: key, Records: []string{record}, Partitions: 6, Retention: DisputeHorizon, Cleanup: Delete, Owner: owner, Latency: latency, Doc: doc}
}

// reference topics are compacted: the last word per key is all that a new reader needs.
func reference(name Name, key, owner, record, doc string) Topic {
	return Topic{Name: name, Key: key, Records: []string{record}, Partitions: 1, Retention: Forever, Cleanup: Compact, Owner: owner, Latency: Calm, Doc: doc}
}

func inbox(name Name, key, owner, doc string, records ...string) Topic {
	return Topic{Name: name, Key: key, Records: append(records, tick), Partitions: 6, Retention: DisputeHorizon, Cleanup: Delete, Owner: owner, Latency: Live, Doc: doc, Inbox: true}
}

func output(name Name, key, record, doc string) Topic {
	return Topic{Name: name, Key: key, Records: []string{record}, Partitions: 6, Retention: DisputeHorizon, Cleanup: Delete, Owner: "waybill", Latency: Brisk, Doc: doc}
}

// All is the catalogue, in the order of the straight line.
func All() []Topic {
	return []Topic{
		PartnerMessages, Orders, WarehouseEvents, Loads, Assignments, Installations, CarrierStatuses, CarrierInvoices, VehicleEvents, Deliveries, Places, ServiceLevels, Contracts,
		Positions, ResolveInbox, LoadsInbox, ShipmentsInbox, OrdersInbox,
		Parked, Milestones, Timelines, OrderTimelines, Charges, Gaps, Acknowledged, DeadLetters, DeadLetterReplays,
	}
}

// ByName finds a topic of the catalogue.
func ByName(name Name) (Topic, bool) {
	all := All()
	i := slices.IndexFunc(all, func(t Topic) bool { return t.Name == name })
	if i < 0 {
		return Topic{}, false
	}
	return all[i], true
}

// Changelog is the compacted topic that holds a stage's state; its partitions are its inbox's.
func Changelog(app, stage string, partitions int32) Topic {
	return Topic{
		Name: Name(fmt.Sprintf("%s.%s.changelog", app, stage)), Key: "store key", Partitions: partitions, Retention: Forever, Cleanup: Compact,
		Owner: "waybill", Latency: Live, Doc: "State of stage " + stage + "; written by it alone.",
	}
}

// Subject is the registry subject of a record type on a topic: TopicNameStrategy where the topic has one type, so that
// Kafka Connect and ClickHouse find it without configuration, TopicRecordNameStrategy where it has several.
func Subject(topic Name, record string) string {
	t, ok := ByName(topic)
	if ok && len(t.Records) > 1 {
		return string(topic) + "-" + record
	}
	return string(topic) + "-value"
}

// Key joins the tenant and the parts of a record key. Parts are escaped so that no value can pass for two.
func Key(tenant string, parts ...string) string {
	var b strings.Builder
	n := len(tenant)
	for _, p := range parts {
		n += 1 + len(p)
	}
	b.Grow(n)
	b.WriteString(escape.Replace(tenant))
	for _, p := range parts {
		b.WriteByte('|')
		b.WriteString(escape.Replace(p))
	}
	return b.String()
}

// SplitKey is the inverse of Key.
func SplitKey(key string) []string {
	parts := strings.Split(key, "|")
	for i, p := range parts {
		if strings.IndexByte(p, '%') >= 0 { // Replace would copy
			parts[i] = unescape.Replace(p)
		}
	}
	return parts
}

var (
	escape   = strings.NewReplacer("%", "%25", "|", "%7C")
	unescape = strings.NewReplacer("%7C", "|", "%25", "%")
)

// Config is Kafka's topic configuration for t.
func (t Topic) Config() map[string]string {
	c := map[string]string{"cleanup.policy": string(t.Cleanup), "retention.ms": "-1"}
	if t.Retention != Forever {
		c["retention.ms"] = fmt.Sprint(t.Retention.Milliseconds())
	}
	if t.Cleanup == Compact {
		// Compaction leaves the open segment alone, by default 1 GB or a week: a changelog that ticks write to, or a hot key, would
		// be read in full by whoever restores from it.
		c["segment.bytes"] = fmt.Sprint(64 << 20)
	}
	if t.Inbox || t.Stamped {
		c["message.timestamp.type"] = "LogAppendTime"
	}
	return c
}

// SortedConfig is Config as sorted key=value pairs, for printing.
func (t Topic) SortedConfig() []string {
	var out []string
	for k, v := range t.Config() {
		out = append(out, k+"="+v)
	}
	slices.SortFunc(out, cmp.Compare)
	return out
}

package normalise

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"waybill/avro"
	"waybill/processors/normalise/adapter"
	"waybill/processors/normalise/dcsa"
	"waybill/processors/normalise/epcis"
	"waybill/processors/normalise/hsl"
	"waybill/processors/normalise/mapped"
	"waybill/processors/normalise/ocel"
	"waybill/processors/normalise/otm"
	"waybill/processors/normalise/traccar"
	"waybill/processors/stream"
	"waybill/topics/fault"
)

// partners takes in partner messages by the adapter of their format.
type partners struct {
	adapters map[string]adapter.Adapter
	err      error // why there are no adapters: whoever starts the stage has not asked Config.Validate
}

func newPartners(cfg Config) *partners {
	a, err := adapters(cfg)
	return &partners{adapters: a, err: err}
}

// adapters lists the adapters by format: an explicit list.
func adapters(cfg Config) (map[string]adapter.Adapter, error) {
	o, errO := ocel.New()
	h, errH := hsl.New()
	t, errT := traccar.New()
	m, errM := mapped.New(cfg.MappingDir)
	e, errE := epcis.New(cfg.MappingDir)
	d, errD := dcsa.New(cfg.MappingDir)
	p, errP := otm.New(cfg.MappingDir)
	return map[string]adapter.Adapter{
		ocel.Format: o, hsl.Format: h, traccar.Format: t, mapped.CSV: m, mapped.JSON: m, adapter.Oversize: oversize{},
		epcis.Format: e, dcsa.Format: d, otm.Format: p,
	}, errors.Join(errO, errH, errT, errM, errE, errD, errP)
}

// Formats lists the formats of partner messages, sorted.
func Formats() []string {
	return []string{mapped.CSV, dcsa.Format, epcis.Format, hsl.Format, mapped.JSON, ocel.Format, otm.Format, traccar.Format}
}

func (p *partners) onMessage(_ context.Context, _ string, ev stream.Event[avro.PartnerMessage], _ none) (stream.Emits, error) {
	var out stream.Emits
	if p.err != nil {
		return out, fmt.Errorf("adapt partner messages: %w", p.err)
	}
	msg := ev.Value
	if msg.Tenant == "" {
		return out, fault.Poisonf("NO_TENANT", "%s names no tenant: set tenant, every key begins with it", adapter.Where(msg))
	}
	a, ok := p.adapters[msg.Format]
	if !ok {
		return out, fault.Poisonf("UNKNOWN_FORMAT", "%s has a format that no adapter reads: there are %s", adapter.Where(msg), strings.Join(Formats(), ", "))
	}
	said, err := a.Adapt(msg)
	if err != nil {
		return out, fmt.Errorf("adapt %s message: %w", msg.Format, err)
	}
	r := receptionOf(ev)
	r.origin.RawHash = hash(msg.Payload)
	if msg.ReceivedAt != 0 {
		r.at = msg.ReceivedAt
	}
	for _, rec := range said {
		if err := tell(&out, rec, msg, r); err != nil {
			return out, fmt.Errorf("adapt %s: %w", adapter.Where(msg), err)
		}
	}
	return out, nil
}

func hash(payload []byte) string {
	h := sha256.Sum256(payload)
	return hex.EncodeToString(h[:16])
}

// tell sends what an adapter made of a payload the way it goes: a canonical record as if it had come on its own feed.
func tell(out *stream.Emits, rec avro.Record, msg *avro.PartnerMessage, r reception) error {
	more, err := dispatch(rec, msg, r)
	out.Records = append(out.Records, more.Records...)
	return err
}

func dispatch(rec avro.Record, msg *avro.PartnerMessage, r reception) (stream.Emits, error) {
	switch v := rec.(type) {
	case *avro.Fact:
		return adapted(v, msg, r)
	case *avro.Position:
		return positions(v, r)
	case *avro.Order:
		return orders(v, r)
	case *avro.WarehouseEvent:
		return warehouseEvents(v, r)
	case *avro.Load:
		return loads(v, r)
	case *avro.Assignment:
		return assignments(v, r)
	case *avro.DeviceInstallation:
		return installations(v, r)
	case *avro.CarrierStatus:
		return carrierStatuses(v, r)
	case *avro.VehicleEvent:
		return vehicleEvents(v, r)
	case *avro.ProofOfDelivery:
		return deliveries(v, r)
	}
	return stream.Emits{}, fmt.Errorf("adapter gave a %s, which has no way to go", rec.AvroName())
}

// adapted completes a fact that an adapter made. It may have no identifier: then it waits under its own id, visible.
func adapted(f *avro.Fact, msg *avro.PartnerMessage, r reception) (stream.Emits, error) {
	d := &draft{Fact: *f}
	d.Tenant, d.Origin = msg.Tenant, r.origin
	if d.Source.Partner == "" {
		d.Source.Partner = msg.Partner
	}
	if d.ReceivedAt == 0 {
		d.ReceivedAt = r.at
	}
	d.require(d.OccurredAt != 0, "NO_TIME", "%s says nothing of when it happened", adapter.Where(msg))
	d.at(d.Location)
	return d.file()
}

// oversize refuses what the reader of a feed could not send whole.
type oversize struct{}

func (oversize) Adapt(msg *avro.PartnerMessage) ([]avro.Record, error) {
	return nil, fault.Poisoned("OVERSIZE", errors.New(adapter.Where(msg)+" is too large: "+msg.Header))
}

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
	"waybill/processors/normalise/codes"
	"waybill/processors/normalise/dcsa"
	"waybill/processors/normalise/edi/edifact"
	"waybill/processors/normalise/edi/x12"
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
	tables, errC := codes.New(cfg.CodeDir)
	d, errD := dcsa.New(tables)
	if errM != nil {
		errM = fmt.Errorf("normalise.mapping_dir: %w", errM)
	}
	if errC != nil {
		errC = fmt.Errorf("normalise.code_dir: %w", errC)
	}
	return map[string]adapter.Adapter{
		ocel.Format: o, hsl.Format: h, traccar.Format: t, mapped.CSV: m, mapped.JSON: m, adapter.Oversize: oversize{},
		x12.Format: x12.New(tables), edifact.Format: edifact.New(tables),
		epcis.Format: epcis.New(tables), dcsa.Format: d, otm.Format: otm.New(tables),
	}, errors.Join(errO, errH, errT, errM, errC, errD)
}

// Formats lists the formats of partner messages, sorted.
func Formats() []string {
	return []string{mapped.CSV, dcsa.Format, epcis.Format, hsl.Format, edifact.Format, mapped.JSON, ocel.Format, otm.Format, traccar.Format, x12.Format}
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
	r := receptionOf(ev)
	r.appended = r.at
	r.origin.RawHash = hash(msg.Payload)
	if msg.ReceivedAt != 0 {
		r.at = msg.ReceivedAt
	}
	if err := adapt(&out, a, msg, r); err != nil {
		return out, fmt.Errorf("adapt %s message: %w", msg.Format, err)
	}
	return out, nil
}

// adapt tells what a payload says; of one that has parts, what those say that can be taken in.
func adapt(out *stream.Emits, a adapter.Adapter, msg *avro.PartnerMessage, r reception) error {
	parted, ok := a.(adapter.Parted)
	if !ok {
		said, err := a.Adapt(msg)
		if err != nil {
			return err
		}
		return tellAll(out, said, msg, r)
	}
	received := *msg
	received.ReceivedAt = r.at // a part that is sent again was first seen now
	rest, err := parted.AdaptParts(&received, func(said []avro.Record) error {
		var part stream.Emits
		if err := tellAll(&part, said, &received, r); err != nil {
			return err
		}
		out.Records = append(out.Records, part.Records...)
		return nil
	})
	if err != nil {
		return err
	}
	return tellAll(out, rest, &received, r)
}

func tellAll(out *stream.Emits, said []avro.Record, msg *avro.PartnerMessage, r reception) error {
	for _, rec := range said {
		if err := tell(out, rec, msg, r); err != nil {
			return fmt.Errorf("adapt %s: %w", adapter.Where(msg), err)
		}
	}
	return nil
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
	case *avro.Invoice:
		return invoices(v, r)
	case *avro.Acknowledgement:
		return acknowledgements(v, r)
	case *avro.PartnerMessage:
		return again(v)
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

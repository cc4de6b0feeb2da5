package normalise

import (
	"context"
	"time"

	"waybill/avro"
	"waybill/processors/stream"
	"waybill/topics"
)

// Trial takes in partner messages as the stage does, and sends nothing: to see what a mapping or an adapter makes of a sample.
type Trial struct{ p *partners }

// NewTrial reads mappings and code tables.
func NewTrial(cfg Config) (*Trial, error) {
	p := newPartners(cfg)
	return &Trial{p}, p.err
}

// Adapt gives what the stage would send on of a message, each record once: sealed facts and positions. Its error is the cause of
// the dead letter that the message would become. The message is not changed.
func (t *Trial) Adapt(ctx context.Context, msg *avro.PartnerMessage) ([]avro.Record, error) {
	m := msg.Clone()
	ev := stream.Event[avro.PartnerMessage]{Value: &m, Time: time.Unix(0, 0), Source: stream.Source{Topic: topics.PartnerMessages.Name}}
	said, err := t.p.onMessage(ctx, "", ev, none{})
	if err != nil {
		return nil, err
	}
	var out []avro.Record
	seen := map[string]bool{}
	for _, e := range said.Records {
		f, ok := e.Value.(*avro.Fact)
		if ok && seen[f.FactID] {
			continue
		}
		if ok {
			seen[f.FactID] = true
		}
		out = append(out, e.Value)
	}
	return out, nil
}

package track

import (
	"strconv"
	"time"

	"waybill/avro"
	"waybill/processors/model/facts"
	"waybill/processors/model/hops"
	"waybill/processors/model/ids"
	"waybill/processors/stream"
	"waybill/topics"
)

// news is a stay to tell, or to take back.
type news struct {
	stay avro.Stay
	void bool
}

// teller makes the facts that one record or timer led to. The series of a stay is its device and arrival: a stay whose
// arrival moves is another stay, and the first is void. Revisions count up per device.
type teller struct {
	key string
	src stream.Source // zero for a timer
	at  time.Time
}

// tell makes the running handler's news facts.
func (d *device) tell(head *avro.TrackHead, t teller) (out stream.Emits) {
	for i := range d.news {
		head.Revision++
		f := t.fact(d.news[i].stay)
		f.Revision, f.Void = head.Revision, d.news[i].void
		facts.Seal(f)
		hops.Send(&out, f)
	}
	return out
}

func (t *teller) fact(s avro.Stay) *avro.Fact {
	parts := topics.SplitKey(t.key) // tenant, issuer, device: onPosition saw to it
	return &avro.Fact{
		Tenant: parts[0], Classifier: avro.ClassifierActual,
		Identifiers: []avro.Identifier{ids.Of(avro.IdentifierKindDevice, parts[1], parts[2])},
		OccurredAt:  s.ArrivedAt, DeviceAt: avro.Some(s.ArrivedAt), ReceivedAt: avro.MicrosOf(t.at),
		Source:   avro.Source{System: avro.SourceSystemTelematics, Partner: parts[1]},
		Location: avro.Some(s.Centre), Stay: avro.Some(s),
		Series: facts.Hash("stay", parts[0], parts[1], parts[2], strconv.FormatInt(int64(s.ArrivedAt), 10)),
		Origin: avro.Origin{Topic: string(t.src.Topic), Partition: t.src.Partition, Offset: t.src.Offset},
	}
}

// difference is what changed from the stays that stood to those that stand, both in order of arrival.
func (d *device) difference(stood, stand []avro.Stay) {
	for len(stood) > 0 || len(stand) > 0 {
		switch {
		case len(stand) == 0 || len(stood) > 0 && stood[0].ArrivedAt < stand[0].ArrivedAt:
			d.news = append(d.news, news{stay: stood[0], void: true})
			stood = stood[1:]
		case len(stood) == 0 || stand[0].ArrivedAt < stood[0].ArrivedAt:
			d.news = append(d.news, news{stay: stand[0]})
			stand = stand[1:]
		default:
			if stood[0] != stand[0] {
				d.news = append(d.news, news{stay: stand[0]})
			}
			stood, stand = stood[1:], stand[1:]
		}
	}
}

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

// teller makes the facts that one record or timer led to. The series of a stay is its device and arrival: a stay whose
// arrival moves is another stay, and the first is void. Revisions count up per device.
type teller struct {
	key string
	src stream.Source // zero for a timer
	at  time.Time
	out stream.Emits
}

// stay tells a stay as it stands now.
func (t *teller) stay(head *avro.TrackHead, s avro.Stay) { t.send(head, s, false) }

// void takes a stay back.
func (t *teller) void(head *avro.TrackHead, s avro.Stay) { t.send(head, s, true) }

func (t *teller) send(head *avro.TrackHead, s avro.Stay, void bool) {
	head.Revision++
	f := t.fact(s)
	f.Revision, f.Void = head.Revision, void
	facts.Seal(f)
	hops.Send(&t.out, f)
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

// difference tells what changed from the stays that stood to those that stand, both in order of arrival.
func (t *teller) difference(head *avro.TrackHead, stood, stand []avro.Stay) {
	for len(stood) > 0 || len(stand) > 0 {
		switch {
		case len(stand) == 0 || len(stood) > 0 && stood[0].ArrivedAt < stand[0].ArrivedAt:
			t.void(head, stood[0])
			stood = stood[1:]
		case len(stood) == 0 || stand[0].ArrivedAt < stood[0].ArrivedAt:
			t.stay(head, stand[0])
			stand = stand[1:]
		default:
			if stood[0] != stand[0] {
				t.stay(head, stand[0])
			}
			stood, stand = stood[1:], stand[1:]
		}
	}
}

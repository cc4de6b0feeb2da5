package dlq

import (
	"fmt"
	"strings"

	"waybill/processors/stream"
)

// what to do next, beside what the causes say, by reason code. A code without an entry is told the general way.
var advice = map[string]string{
	// The bytes and their schema.
	"SHORT_RECORD":        "The record is shorter than a registry's header: its producer wrote it without the schema registry's serializer. Mend the producer and send it anew; replaying the same bytes dies again.",
	"BAD_MAGIC":           "The record does not begin as a registry's records do: its producer wrote it without the schema registry's serializer. Mend the producer and send it anew; replaying the same bytes dies again.",
	"BAD_AVRO":            "The bytes are not what their schema id says: they are damaged, or the producer framed them with another schema's id. Look at the marked byte, mend the producer and send it anew; replaying the same bytes dies again.",
	"UNKNOWN_SCHEMA":      "The registry does not know the schema id: it is another registry's, or was lost from this one. Restore the schema there under the same id (registries import with ids), then replay.",
	"UNKNOWN_RECORD":      "The schema is of a record type that this version does not know. Run the version that knows it, then replay; or send the producer to another topic.",
	"INCOMPATIBLE_SCHEMA": "The producer's schema cannot be read as ours: it passed a registry without the gate. `waybill schemas check` says what breaks; mend the schema, send anew what was written with it, or run the version that reads it and replay.",
	"UNEXPECTED_RECORD":   "The record type does not belong on this topic. Send it to the topic whose catalogue entry lists it (`waybill topics list --catalogue`); replaying it here dies again.",
	"TOMBSTONE":           "The record has no value: somebody deleted a key of a topic on which nothing is deleted. There is nothing to mend but who sent it.",

	// Keys.
	"NO_KEY":  "The record has no key, and the stage keeps its state by key. Send it anew with the key that the catalogue says; replaying it dies again.",
	"BAD_KEY": "The key is not as the catalogue says (`waybill topics list --catalogue`). Send it anew with the right one; replaying it dies again.",

	// What the record says.
	"NO_TENANT":       "The record does not say whose data it is. Have its source set tenant, and send it anew; replaying it dies again.",
	"NO_IDENTIFIER":   "The record names nothing that it could be joined by. Have its source set the identifier that the causes name, and send it anew; replaying it dies again.",
	"NO_ISSUER":       "An identifier does not say whose it is, so it could be anybody's. Have its source set the issuer, or the mapping a default one; then send it anew, or replay it where the mapping was at fault.",
	"NO_TIME":         "The record does not say when it happened. Have its source set the time, or the mapping the right column; then send it anew, or replay it where the mapping was at fault.",
	"BAD_COORDINATES": "The place is not on Earth: often latitude and longitude are swapped, or degrees were sent for micro-degrees. Mend the source or the mapping; then send it anew, or replay it where the mapping was at fault.",
	"BAD_GEOFENCE":    "Set a radius above zero and send the place anew; replaying it dies again.",
	"BAD_PERIOD":      "Make the period end after it begins and send it anew; replaying it dies again.",
	"BAD_CONTRACT":    "Complete the contract and send it anew under the next version; replaying it dies again.",
	"PAST_HORIZON":    "The fact waited for a link to an order, load or shipment until processors.resolve.horizon, and none came. Find out who should have told it (`waybill gaps --status all` has the gap); once the link is told, replay.",
	"TOO_LARGE":       "Have the source split it: one record for each thing that happened, naming fewer things. Replaying it dies again.",
	"OVERSIZE":        "It, or what it leads to, is longer than a record may be. Have the source split it; or raise max.message.bytes on the brokers and runtime.max_message_bytes here, then replay.",

	// Partners' payloads.
	"UNKNOWN_FORMAT": "No adapter reads this format. Correct the format where the message was made (`waybill replay --format`) and send it anew, or run a version that has the adapter and replay.",
	"NO_MAPPING":     "The mapping that the message asks for is not there. Put it into the folder processors.normalise.mapping_dir of `waybill run`, restart, then replay.",
	"BAD_FIELDS":     "Fields of the payload do not fit the mapping. Where the mapping is wrong, mend it, restart `waybill run` and replay; where the payload is, have the partner send it anew.",
	"BAD_CSV":        "The row is no CSV as its header says: often a quote or a comma too many, or a header line of another file. Mend the file and send it anew.",
	"BAD_SEGMENTS":   "Elements of the transaction set are at fault; the causes name segment, element and what to do. The partner was told by a 997 where he sent an interchange: he sends the set anew. Where a code table is at fault, mend it in the folder processors.normalise.code_dir of `waybill run`, restart, then replay.",
	"UNKNOWN_SET":    "No adapter reads this transaction set or message. Have the partner stop sending it, or run a version that reads it and replay.",
	"NO_TRAILER":     "The set does not end, so part of it may be missing. Have the partner send it anew; replaying it dies again.",
	"BAD_X12":        "The payload is no X12 interchange and no transaction set. Mend the feed and send it anew; replaying it dies again.",
	"BAD_EDIFACT":    "The payload is no EDIFACT interchange and no message. Mend the feed and send it anew; replaying it dies again.",
	"BAD_LINE":       "The line is not of the format. Mend the feed and send it anew; replaying it dies again.",
	"BAD_JSON":       "The payload is not one JSON object of the format. Mend the feed and send it anew; replaying it dies again.",
	"BAD_EPCIS":      "The document is not EPCIS 2.0 in JSON-LD or XML: the causes name the field. Have the partner mend it and send it anew; replaying it dies again.",

	// Our own faults.
	"PANIC":    "This is a fault of Waybill, not of the record: report it with the causes, which hold the stack. After an upgrade that mends it, replay.",
	"DEADLY":   "The process died again and again while it worked on this record, most often for want of memory. Have its source split it, or give the process more memory; then replay. If neither helps it is a fault of Waybill: report it.",
	"UNKNOWN":  "Whoever refused the record gave no reason code, which is a fault of Waybill: report it with the causes. Replay after an upgrade that mends it.",
	Unreadable: "What lies on the dead letters' topic is no dead letter that this version can read. See who else writes there, or run the version that wrote it.",
}

const (
	generalAdvice = "Mend what the causes name, then replay the letter; where the record itself is wrong, have its source send it anew."
	timerAdvice   = "A timer's handler failed: what it changed was undone, nothing was said, and the timer is gone. No record stands behind it that could be replayed. Mend the cause, then send any record of the key anew, such as one that was told before: the stage sets its timers again whenever it works on the key."
	sweepAdvice   = "A key could not be brought up to date with reference data that changed: what that changed was undone, other keys were swept. No record stands behind it that could be replayed. Mend the cause, then send the reference record anew, which sweeps all keys again, or any record of this key."
	sinkAdvice    = "The sink could not read the record, which lies in its topic as before. Mend the cause, stop the sinks, set their consumer group back to offset %d of %s/%d (kafka-consumer-groups --reset-offsets --to-offset), and start them: rows that are there already collapse. Sent to the topic again it would be doubled for every other reader."
)

// Advice says what to do next about a letter.
func Advice(l Letter) string {
	switch {
	case l.Unit == stream.TimerUnit:
		return timerAdvice
	case l.Unit == stream.SweepUnit:
		return sweepAdvice
	case isSink(l.Stage):
		return fmt.Sprintf(sinkAdvice, l.Offset, l.Topic, l.Partition)
	}
	if a, ok := advice[strings.ToUpper(l.Reason)]; ok {
		return a
	}
	return generalAdvice
}

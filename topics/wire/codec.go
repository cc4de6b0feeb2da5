package wire

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	twmb "github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/sr"

	"waybill/avro"
	"waybill/topics"
	"waybill/topics/fault"
)

// DefaultMissFor is how long a schema that was not found is not asked for again: long enough that a burst of bad records
// does not become a burst of requests, short enough to follow a registry that lags behind its producers.
const DefaultMissFor = 5 * time.Second

// Codec encodes and decodes by one registry. It is safe for concurrent use.
type Codec struct {
	client  *sr.Client
	readers cache[int, *Reader]
	ids     cache[written, int]
}

// written is a record type on a topic.
type written struct {
	topic  topics.Name
	record string
}

// Options of a Codec. The zero value is what production uses.
type Options struct {
	MissFor time.Duration    // DefaultMissFor where zero
	Now     func() time.Time // time.Now where nil
}

// New makes a codec on a registry.
func New(client *sr.Client, o Options) *Codec {
	if o.MissFor == 0 {
		o.MissFor = DefaultMissFor
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &Codec{client: client}
	c.readers = cache[int, *Reader]{fetch: c.fetchReader, missFor: o.MissFor, now: o.Now}
	c.ids = cache[written, int]{fetch: c.fetchID, missFor: o.MissFor, now: o.Now}
	return c
}

// Append appends a record as it goes onto a topic: header and Avro bytes. The first of its kind asks the registry for the
// id of the record's schema.
func (c *Codec) Append(ctx context.Context, dst []byte, topic topics.Name, r avro.Record) ([]byte, error) {
	id, err := c.ids.get(ctx, written{topic, r.AvroName()})
	if err != nil {
		return dst, err
	}
	return r.Append(Frame(dst, id)), nil
}

// Prepare asks for the ids of all records that a topic carries, so that a schema that is not registered stops the program
// at its start and not at its first record.
func (c *Codec) Prepare(ctx context.Context, of ...topics.Topic) error {
	var missing []error
	for _, t := range of {
		for _, record := range t.Records {
			if _, err := c.ids.get(ctx, written{t.Name, record}); err != nil {
				missing = append(missing, err)
			}
		}
	}
	return errors.Join(missing...)
}

// Decode reads a framed record into a new one of its type, sharing no memory with b.
func (c *Codec) Decode(ctx context.Context, b []byte) (avro.Record, error) {
	reader, payload, err := c.Reader(ctx, b)
	if err != nil {
		return nil, err
	}
	r := reader.New()
	if err := r.DecodePlan(payload, reader.plan); err != nil {
		return nil, poisoned(err)
	}
	return r, nil
}

// DecodeAlias is Decode whose strings alias b: they are valid as long as b is unchanged.
func (c *Codec) DecodeAlias(ctx context.Context, b []byte) (avro.Record, error) {
	reader, payload, err := c.Reader(ctx, b)
	if err != nil {
		return nil, err
	}
	r := reader.New()
	if err := reader.DecodeAlias(payload, r); err != nil {
		return nil, err
	}
	return r, nil
}

// Scratch holds a record of each type, to be decoded into again and again. It belongs to one goroutine; its zero value is ready.
type Scratch struct {
	last    *Reader // whose record was read last
	record  avro.Record
	records map[string]avro.Record
}

func (s *Scratch) of(r *Reader) avro.Record {
	if s.last == r {
		return s.record
	}
	if s.records == nil {
		s.records = map[string]avro.Record{}
	}
	rec, ok := s.records[r.Name]
	if !ok {
		rec = r.New()
		s.records[r.Name] = rec
	}
	s.last, s.record = r, rec
	return rec
}

// DecodeInto reads a framed record into the scratch's record of its type, which is valid until the next call. Strings and bytes alias b.
func (c *Codec) DecodeInto(ctx context.Context, b []byte, scratch *Scratch) (avro.Record, error) {
	reader, payload, err := c.Reader(ctx, b)
	if err != nil {
		return nil, err
	}
	r := scratch.of(reader)
	return r, reader.DecodeAlias(payload, r)
}

// Reader finds how to read a framed record, for those who decode into a record they reuse. The payload aliases b.
func (c *Codec) Reader(ctx context.Context, b []byte) (*Reader, []byte, error) {
	id, payload, err := Unframe(b)
	if err != nil {
		return nil, nil, err
	}
	reader, err := c.readers.get(ctx, id)
	return reader, payload, err
}

// Reader reads what was written with one schema as the generated type of the same name.
type Reader struct {
	Name string     // full name of the record type
	plan *avro.Plan // nil where writer and reader have the same schema
}

// New is an empty record of the reader's type.
func (r *Reader) New() avro.Record {
	rec, _ := avro.New(r.Name)
	return rec
}

// DecodeAlias reads payload into a record of the reader's type. Strings alias payload.
func (r *Reader) DecodeAlias(payload []byte, into avro.Record) error {
	if r.plan == nil {
		return poisoned(into.DecodeAlias(payload))
	}
	return poisoned(into.DecodePlanAlias(payload, r.plan))
}

func poisoned(err error) error {
	if err == nil {
		return nil
	}
	return fault.Poisoned(ReasonAvro, err)
}

// fetchID asks for the id of a record's own schema under its subject.
func (c *Codec) fetchID(ctx context.Context, w written) (int, error) {
	r, ok := avro.New(w.record)
	if !ok {
		return 0, fmt.Errorf("encode for %s: there is no record type %s", w.topic, w.record)
	}
	subject := topics.Subject(w.topic, w.record)
	found, err := c.client.LookupSchema(ctx, subject, sr.Schema{Schema: r.AvroSchema()})
	if isNotFound(err) {
		return 0, fmt.Errorf("the schema of %s is not registered under %s: run `waybill schemas register`: %w", w.record, subject, err)
	}
	if err != nil {
		return 0, classified(fmt.Errorf("look up the schema of %s under %s: %w", w.record, subject, err))
	}
	return found.ID, nil
}

// fetchReader fetches a writer's schema and compiles a reader for it.
func (c *Codec) fetchReader(ctx context.Context, id int) (*Reader, error) {
	writer, err := c.WriterSchema(ctx, id)
	if err != nil {
		return nil, err
	}
	reader, err := newReader(writer)
	if err != nil {
		return nil, fmt.Errorf("schema %d: %w", id, err)
	}
	return reader, nil
}

// WriterSchema fetches the schema of an id, with what it refers to; nothing is kept. It is for those who show records that
// may be of no type known here.
func (c *Codec) WriterSchema(ctx context.Context, id int) (*twmb.Schema, error) {
	if id > math.MaxInt32 { // registries count in 32 bits with a sign, and what they answer to more is anything from 404 to 500
		return nil, fault.Poisoned(ReasonUnknownSchema, fmt.Errorf("schema %d: %w", id, ErrUnknownSchema))
	}
	text, err := c.client.SchemaByID(ctx, id)
	if isNotFound(err) {
		return nil, fault.Poisoned(ReasonUnknownSchema, fmt.Errorf("schema %d: %w", id, ErrUnknownSchema))
	}
	if err != nil {
		return nil, classified(fmt.Errorf("fetch schema %d: %w", id, err))
	}
	writer, err := c.parse(ctx, &twmb.SchemaCache{}, text, 0)
	if err != nil {
		return nil, fmt.Errorf("schema %d: %w", id, err)
	}
	return writer, nil
}

// maxReferences bounds how deep schemas refer to other subjects.
const maxReferences = 8

// parse parses a schema after those it refers to.
func (c *Codec) parse(ctx context.Context, known *twmb.SchemaCache, s sr.Schema, depth int) (*twmb.Schema, error) {
	if s.Type != sr.TypeAvro || depth > maxReferences {
		return nil, incompatible(fmt.Errorf("it is of type %s with references %d deep", s.Type, depth))
	}
	for _, ref := range s.References {
		of, err := c.client.SchemaByVersion(ctx, ref.Subject, ref.Version)
		if isNotFound(err) {
			return nil, fault.Poisoned(ReasonUnknownSchema, fmt.Errorf("%s version %d, to which it refers: %w", ref.Subject, ref.Version, ErrUnknownSchema))
		}
		if err != nil {
			return nil, classified(fmt.Errorf("fetch %s version %d, to which it refers: %w", ref.Subject, ref.Version, err))
		}
		if _, err := c.parse(ctx, known, of.Schema, depth+1); err != nil {
			return nil, err
		}
	}
	schema, err := known.Parse(s.Schema)
	if err != nil {
		return nil, incompatible(err)
	}
	return schema, nil
}

func incompatible(err error) error {
	return fault.Poisoned(ReasonIncompatible, fmt.Errorf("%w: %w", ErrIncompatible, err))
}

func isNotFound(err error) bool {
	var answer *sr.ResponseError
	return errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound
}

// classified marks as retryable what another try may cure: no answer at all, an overloaded or broken registry. What the
// registry says about us, such as missing credentials, stays fatal.
func classified(err error) error {
	var answer *sr.ResponseError
	if errors.As(err, &answer) && answer.StatusCode < 500 &&
		answer.StatusCode != http.StatusTooManyRequests && answer.StatusCode != http.StatusRequestTimeout {
		return err
	}
	return fault.Retry(err)
}

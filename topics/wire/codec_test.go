package wire_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"waybill/avro"
	"waybill/topics"
	"waybill/topics/fault"
	"waybill/topics/wire"
)

// registry is srfake, counting requests.
type registry struct {
	*srfake.Registry
	client   *sr.Client
	requests atomic.Int64
	status   atomic.Int64 // answered to everything, where not zero
}

func newRegistry(tb testing.TB) *registry {
	r := &registry{Registry: srfake.New()}
	tb.Cleanup(r.Close)
	r.Intercept(func(w http.ResponseWriter, _ *http.Request) bool {
		r.requests.Add(1)
		status := int(r.status.Load())
		if status != 0 {
			http.Error(w, `{"error_code":1,"message":"as the test wishes"}`, status)
		}
		return status != 0
	})
	client, err := sr.NewClient(sr.URLs(r.URL()))
	if err != nil {
		tb.Fatal(err)
	}
	r.client = client
	return r
}

// register registers the schemas of all topics.
func (r *registry) register(tb testing.TB) {
	if _, err := wire.RegisterAll(tb.Context(), r.client, wire.Subjects(topics.All()...)); err != nil {
		tb.Fatal(err)
	}
}

// clock is moved by hand.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time           { return time.Unix(0, c.at.Load()) }
func (c *clock) advance(by time.Duration) { c.at.Add(int64(by)) }

func position() *avro.Position {
	return &avro.Position{Tenant: "acme", DeviceID: "7", DeviceAt: 1_700_000_000_000_000, LatE6: 60_170_000, LonE6: 24_940_000, SpeedMmS: avro.Some[int32](9_000)}
}

func TestRoundTrip(t *testing.T) {
	r := newRegistry(t)
	r.register(t)
	codec := wire.New(r.client, wire.Options{})
	framed, err := codec.Append(t.Context(), []byte("before"), topics.Positions.Name, position())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(framed), "before\x00") {
		t.Fatalf("%q does not append a header", framed)
	}
	framed = framed[len("before"):]
	got, err := codec.Decode(t.Context(), framed)
	if err != nil {
		t.Fatal(err)
	}
	clear(framed)
	if p, ok := got.(*avro.Position); !ok || *p != *position() {
		t.Fatalf("got %+v", got)
	}
}

// A topic of several record types decodes each to its own.
func TestDecodeFindsTheTypeByName(t *testing.T) {
	r := newRegistry(t)
	r.register(t)
	codec := wire.New(r.client, wire.Options{})
	for _, record := range topics.ShipmentsInbox.Records {
		in, _ := avro.New(record)
		b, err := codec.Append(t.Context(), nil, topics.ShipmentsInbox.Name, in)
		if err != nil {
			t.Fatal(err)
		}
		out, err := codec.DecodeAlias(t.Context(), b)
		if err != nil || out.AvroName() != record {
			t.Errorf("%s came back as %v, %v", record, out, err)
		}
	}
}

func TestSchemaIsFetchedOnceByMany(t *testing.T) {
	r := newRegistry(t)
	r.register(t)
	b, err := wire.New(r.client, wire.Options{}).Append(t.Context(), nil, topics.Positions.Name, position())
	if err != nil {
		t.Fatal(err)
	}
	codec := wire.New(r.client, wire.Options{})
	before := r.requests.Load()
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			if _, err := codec.Decode(context.Background(), b); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := r.requests.Load() - before; n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

func TestMissIsRememberedForAWhile(t *testing.T) {
	r, c := newRegistry(t), &clock{}
	codec := wire.New(r.client, wire.Options{MissFor: time.Minute, Now: c.now})
	framed := position().Append(wire.Frame(nil, 1))
	for _, step := range []struct {
		advance  time.Duration
		requests int64
	}{{0, 1}, {59 * time.Second, 1}, {time.Second, 2}} {
		c.advance(step.advance)
		if _, err := codec.Decode(t.Context(), framed); !errors.Is(err, wire.ErrUnknownSchema) {
			t.Fatalf("got %v", err)
		}
		if n := r.requests.Load(); n != step.requests {
			t.Errorf("%s later: %d requests, want %d", step.advance, n, step.requests)
		}
	}
	if _, _, err := r.RegisterSchema("late", sr.Schema{Schema: position().AvroSchema()}); err != nil {
		t.Fatal(err)
	}
	c.advance(time.Minute)
	if _, err := codec.Decode(t.Context(), framed); err != nil {
		t.Errorf("after the schema arrived: %v", err)
	}
}

func TestBadRecords(t *testing.T) {
	r := newRegistry(t)
	ids := map[string]int{}
	for name, text := range map[string]string{
		"own":          position().AvroSchema(),
		"other name":   strings.Replace(position().AvroSchema(), `"name":"Position"`, `"name":"Elsewhere"`, 1),
		"millis":       strings.ReplaceAll(position().AvroSchema(), "timestamp-micros", "timestamp-millis"),
		"lacks device": `{"type":"record","name":"Position","namespace":"waybill.telematics","fields":[{"name":"tenant","type":"string"}]}`,
		"no record":    `"string"`,
	} {
		id, _, err := r.RegisterSchema(name, sr.Schema{Schema: text})
		if err != nil {
			t.Fatal(err)
		}
		ids[name] = id
	}
	body := position().Append(nil)
	for _, c := range []struct {
		name   string
		in     []byte
		want   error
		reason string
	}{
		{"empty", nil, wire.ErrShort, wire.ReasonShort},
		{"header cut", []byte{0, 0, 0, 0}, wire.ErrShort, wire.ReasonShort},
		{"JSON", []byte(`{"a":1}`), wire.ErrMagic, wire.ReasonMagic},
		{"unknown id", wire.Frame(nil, 999), wire.ErrUnknownSchema, wire.ReasonUnknownSchema},
		{"unknown record", append(wire.Frame(nil, ids["other name"]), body...), wire.ErrUnknownRecord, wire.ReasonUnknownRecord},
		{"not a record", wire.Frame(nil, ids["no record"]), wire.ErrUnknownRecord, wire.ReasonUnknownRecord},
		{"a field without default is missing", append(wire.Frame(nil, ids["lacks device"]), body...), wire.ErrIncompatible, wire.ReasonIncompatible},
		{"resolves and misreads", append(wire.Frame(nil, ids["millis"]), body...), wire.ErrIncompatible, wire.ReasonIncompatible},
		{"truncated", append(wire.Frame(nil, ids["own"]), body[:len(body)-1]...), nil, wire.ReasonAvro},
	} {
		codec := wire.New(r.client, wire.Options{})
		_, err := codec.Decode(t.Context(), c.in)
		if fault.Of(err) != fault.Poison || fault.Reason(err) != c.reason || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v error %s: %v", c.name, fault.Of(err), fault.Reason(err), err)
		}
		if _, aliasErr := codec.DecodeAlias(t.Context(), c.in); aliasErr == nil || aliasErr.Error() != err.Error() {
			t.Errorf("%s: DecodeAlias says %v, Decode %v", c.name, aliasErr, err)
		}
	}
}

func TestRegistryFaults(t *testing.T) {
	for _, c := range []struct {
		status int
		want   fault.Class
	}{{500, fault.Retryable}, {503, fault.Retryable}, {429, fault.Retryable}, {401, fault.Fatal}} {
		r := newRegistry(t)
		r.status.Store(int64(c.status))
		codec := wire.New(r.client, wire.Options{})
		_, err := codec.Decode(t.Context(), wire.Frame(nil, 1))
		if err == nil || fault.Of(err) != c.want {
			t.Errorf("decode at status %d: %v: %v, want %v", c.status, fault.Of(err), err, c.want)
		}
		if _, err := codec.Append(t.Context(), nil, topics.Positions.Name, position()); err == nil || fault.Of(err) != c.want {
			t.Errorf("encode at status %d: %v: %v, want %v", c.status, fault.Of(err), err, c.want)
		}
	}
}

// A registry that is down is asked again by the next record.
func TestUnreachableRegistryIsRetryable(t *testing.T) {
	r := newRegistry(t)
	r.register(t)
	framed, err := wire.New(r.client, wire.Options{}).Append(t.Context(), nil, topics.Positions.Name, position())
	if err != nil {
		t.Fatal(err)
	}
	codec := wire.New(r.client, wire.Options{})
	r.status.Store(503)
	if _, err := codec.Decode(t.Context(), framed); fault.Of(err) != fault.Retryable {
		t.Fatalf("down: %v: %v", fault.Of(err), err)
	}
	r.status.Store(0)
	if _, err := codec.Decode(t.Context(), framed); err != nil {
		t.Fatalf("up again: %v", err)
	}
	r.Close()
	if _, err := codec.Decode(t.Context(), framed); err != nil {
		t.Errorf("a known schema needs no registry: %v", err)
	}
	if _, err := codec.Decode(t.Context(), wire.Frame(nil, 77)); fault.Of(err) != fault.Retryable {
		t.Errorf("gone: %v: %v", fault.Of(err), err)
	}
}

func TestEncoderNeverRegisters(t *testing.T) {
	r := newRegistry(t)
	codec := wire.New(r.client, wire.Options{})
	_, err := codec.Append(t.Context(), nil, topics.Positions.Name, position())
	if err == nil || fault.Of(err) != fault.Fatal || !strings.Contains(err.Error(), "waybill schemas register") {
		t.Errorf("got %v: %v", fault.Of(err), err)
	}
	if err := codec.Prepare(t.Context(), topics.All()...); err == nil {
		t.Error("Prepare is content without schemas")
	}
	subjects, err := r.client.Subjects(t.Context())
	if err != nil || len(subjects) > 0 {
		t.Errorf("subjects %v, %v", subjects, err)
	}
	r.register(t)
	if err := wire.New(r.client, wire.Options{}).Prepare(t.Context(), topics.All()...); err != nil {
		t.Error(err)
	}
}

// A schema may refer to types of other subjects, as producers in other languages like to.
func TestSchemaWithReferences(t *testing.T) {
	r := newRegistry(t)
	point := `{"type":"record","name":"GeoPoint","namespace":"waybill.common","fields":[{"name":"lon_e6","type":"int"},{"name":"lat_e6","type":"int"}]}`
	if _, _, err := r.RegisterSchema("geo", sr.Schema{Schema: point}); err != nil {
		t.Fatal(err)
	}
	event := `{"type":"record","name":"VehicleEvent","namespace":"waybill.telematics","fields":[{"name":"location","type":"waybill.common.GeoPoint"},{"name":"tenant","type":"string"}]}`
	id, _, err := r.RegisterSchema("event", sr.Schema{Schema: event, References: []sr.SchemaReference{{Name: "waybill.common.GeoPoint", Subject: "geo", Version: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := wire.New(r.client, wire.Options{}).Decode(t.Context(), append(wire.Frame(nil, id), 2, 4, 2, 'a'))
	if err != nil {
		t.Fatal(err)
	}
	if e := got.(*avro.VehicleEvent); e.Tenant != "a" || e.Location != avro.Some(avro.GeoPoint{LatE6: 2, LonE6: 1}) {
		t.Errorf("got %+v", e)
	}
}

// What a record's writer got wrong is the record's fault, whatever the registry makes of it: it must not end the process, nor hold
// up its partition.
func TestWritersFaultsArePoison(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		switch q.URL.Path {
		case "/schemas/ids/7":
			_, _ = w.Write([]byte(`{"schema":"{\"type\":\"record\",\"name\":\"Position\",\"namespace\":\"waybill.telematics\",\"fields\":[]}","references":[{"name":"geo","subject":"geo","version":1}]}`))
		case "/subjects/geo/versions/1":
			http.Error(w, `{"error_code":40402,"message":"Version 1 not found."}`, http.StatusNotFound)
		default:
			http.Error(w, `{"error_code":50001,"message":"no number"}`, http.StatusInternalServerError)
		}
	}))
	defer server.Close()
	client, err := sr.NewClient(sr.URLs(server.URL))
	if err != nil {
		t.Fatal(err)
	}
	codec := wire.New(client, wire.Options{})
	for name, value := range map[string][]byte{"a reference that is gone": wire.Frame(nil, 7), "an id that no registry gives": {0, 0xff, 0xff, 0xff, 0xff}} {
		_, err := codec.Decode(t.Context(), value)
		if fault.Of(err) != fault.Poison || fault.Reason(err) != wire.ReasonUnknownSchema || !errors.Is(err, wire.ErrUnknownSchema) {
			t.Errorf("%s: %v error %s: %v", name, fault.Of(err), fault.Reason(err), err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	r := newRegistry(f)
	r.register(f)
	codec := wire.New(r.client, wire.Options{})
	for _, topic := range topics.All() {
		for _, record := range topic.Records {
			in, _ := avro.New(record)
			b, err := codec.Append(f.Context(), nil, topic.Name, in)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Add([]byte{0, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		rec, err := codec.Decode(context.Background(), b)
		if err != nil && fault.Of(err) != fault.Poison {
			t.Fatalf("%x: %v: %v", b, fault.Of(err), err)
		}
		if err != nil {
			return
		}
		again := rec.Append(bytesOfHeader(b))
		second, err := codec.Decode(context.Background(), again)
		if err != nil || string(second.Append(nil)) != string(again[5:]) {
			t.Fatalf("%x, written again as %x: %v", b, again, err)
		}
	})
}

func bytesOfHeader(b []byte) []byte { return append([]byte(nil), b[:5]...) }

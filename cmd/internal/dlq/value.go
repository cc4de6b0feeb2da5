package dlq

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"waybill/avro"
	"waybill/cmd/internal/show"
	"waybill/topics/fault"
	"waybill/topics/wire"
)

// Content is a key or a value as far as it can be made out: decoded, else as text, else as bytes.
type Content struct {
	Bytes    []byte `json:"base64"`
	Schema   string `json:"schema,omitempty"` // full name of the writer's record type
	SchemaID *int   `json:"schema_id,omitempty"`
	Decoded  any    `json:"decoded,omitempty"` // by the writer's schema
	Text     string `json:"text,omitempty"`    // where it is not decoded, and is text
	Fault    string `json:"fault,omitempty"`   // why it is not decoded
	At       int    `json:"fault_at"`          // the byte at which decoding failed; -1: nobody knows
}

// framed is how long the header is that a registry's records begin with.
const framed = 5

// Read makes out a value. Whatever is wrong with it is its Fault; err is of the registry alone.
func (b *Box) Read(ctx context.Context, value []byte) (Content, error) {
	c := Text(value)
	id, payload, err := wire.Unframe(value)
	if err != nil {
		c.Fault = err.Error()
		return c, nil
	}
	c.SchemaID = &id
	schema, err := b.Schemas.WriterSchema(ctx, id)
	if err != nil {
		if fault.Of(err) != fault.Poison {
			return c, fmt.Errorf("show the value: %w", err)
		}
		c.Fault, c.At = err.Error(), 1 // the id itself
		return c, nil
	}
	c.Schema = strings.TrimPrefix(schema.Root().Namespace+"."+schema.Root().Name, ".")
	var v any
	rest, err := decode(func() ([]byte, error) { return schema.Decode(payload, &v) })
	switch {
	case err != nil:
		c.Fault, c.At = err.Error(), b.faultAt(ctx, value)
	case len(rest) > 0:
		c.Fault, c.At = fmt.Sprintf("%d bytes are left over behind the record", len(rest)), len(value)-len(rest)
	default:
		c.Decoded, c.Text = readable(show.Plain(v)), ""
	}
	return c, nil
}

// decode: a library that panics on somebody's bytes must not end the command that is to show them.
func decode(run func() ([]byte, error)) (rest []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the decoder panicked: %v", p)
		}
	}()
	return run()
}

// faultAt asks our own decoder, which knows at which byte it stopped.
func (b *Box) faultAt(ctx context.Context, value []byte) int {
	_, err := b.Codec.Decode(ctx, value)
	var at *avro.DecodeError
	if errors.As(err, &at) {
		return framed + at.Offset
	}
	return -1
}

// Text makes out what has no schema, such as a key.
func Text(b []byte) Content {
	c := Content{Bytes: b, At: -1}
	if isText(b) {
		c.Text = string(b)
	}
	return c
}

func isText(b []byte) bool {
	if !utf8.Valid(b) {
		return false
	}
	return strings.IndexFunc(string(b), func(r rune) bool { return !unicode.IsPrint(r) && r != '\n' && r != '\r' && r != '\t' }) < 0
}

// readable makes text of bytes that are text, and hexadecimal of others.
func readable(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = readable(v[k])
		}
	case []any:
		for i := range v {
			v[i] = readable(v[i])
		}
	case []byte:
		if isText(v) {
			return string(v)
		}
		return "0x" + hex.EncodeToString(v)
	case float32, float64: // of which JSON has no word for some
		if s := fmt.Sprint(v); strings.ContainsAny(s, "NI") {
			return s
		}
	}
	return v
}

// Around what is dumped of long content: whole rows of 16 bytes.
const (
	dumpBefore = 8 * 16
	dumpMost   = 32 * 16
)

// Dump shows bytes in rows of 16, with ▶ before the row in which decoding failed. Of long content it shows what is around
// that, or the beginning, and says how much is left out.
func (c Content) Dump() string {
	from := 0
	if c.At > dumpBefore {
		from = (c.At - dumpBefore) / 16 * 16
	}
	to := min(len(c.Bytes), from+dumpMost)
	var out strings.Builder
	if from > 0 {
		fmt.Fprintf(&out, "  … %d bytes before\n", from)
	}
	for at := from; at < to; at += 16 {
		row := c.Bytes[at:min(at+16, to)]
		sign := ' '
		if c.At >= at && c.At < at+16 {
			sign = '▶'
		}
		fmt.Fprintf(&out, "%c %08x  %-47s  %s\n", sign, at, fmt.Sprintf("% x", row), strings.Map(dot, string(latin1(row))))
	}
	if c.At >= len(c.Bytes) {
		fmt.Fprintf(&out, "▶ %08x  the end\n", len(c.Bytes))
	}
	if to < len(c.Bytes) {
		fmt.Fprintf(&out, "  … %d bytes behind\n", len(c.Bytes)-to)
	}
	return out.String()
}

// latin1 makes a rune of each byte.
func latin1(row []byte) []rune {
	out := make([]rune, len(row))
	for i, b := range row {
		out[i] = rune(b)
	}
	return out
}

func dot(r rune) rune {
	if r < ' ' || r > '~' {
		return '.'
	}
	return r
}

// Chain is the causes of a letter, outermost first, each without what the next one says.
func Chain(causes []string) []string {
	out := make([]string, len(causes))
	for i, c := range causes {
		if i+1 < len(causes) {
			c = strings.TrimSuffix(strings.TrimSuffix(c, causes[i+1]), ": ")
		}
		out[i] = c
	}
	return out
}

package adapter

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"waybill/avro"
	"waybill/topics/fault"
)

// CheckSize refuses a payload that is too large to be taken apart.
func CheckSize(msg *avro.PartnerMessage) error {
	if len(msg.Payload) > MaxPayload {
		return fault.Poisonf("OVERSIZE", "%s has %d bytes, the limit is %d: split it", Where(msg), len(msg.Payload), MaxPayload)
	}
	return nil
}

// Row reads a CSV payload of one row under the message's header line (RFC 4180).
func Row(msg *avro.PartnerMessage) (header, row []string, err error) {
	if header, err = oneRow(msg.Header); err != nil {
		return nil, nil, fault.Poisonf("BAD_CSV", "%s: read header: %v: send the file's first line as header", Where(msg), err)
	}
	if row, err = oneRow(string(msg.Payload)); err != nil {
		return nil, nil, fault.Poisonf("BAD_CSV", "%s: read row: %v: mend the row and send it again", Where(msg), err)
	}
	if len(row) != len(header) {
		return nil, nil, fault.Poisonf("BAD_CSV", "%s: row has %d columns, the header has %d: quote values that hold commas", Where(msg), len(row), len(header))
	}
	return header, row, nil
}

func oneRow(s string) ([]string, error) {
	if line := strings.TrimSuffix(s, "\n"); line != "" && !strings.ContainsAny(line, "\"\r\n") {
		return strings.Split(line, ","), nil // nothing is quoted
	}
	b := buffers.Get().(*bufio.Reader)
	defer buffers.Put(b)
	b.Reset(strings.NewReader(s))
	r := csv.NewReader(b)
	row, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("it is empty")
	}
	if err != nil {
		return nil, err
	}
	if _, err := r.Read(); !errors.Is(err, io.EOF) {
		return nil, errors.New("it holds more than one row")
	}
	return row, nil
}

// buffers are what csv reads through: one of its own for each row would be a hundred times the row.
var buffers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 4096) }}

// Scaled reads a measurement, such as degrees or metres per second, and gives it as a whole number of scale-ths within
// [low, high]. Physical quantities only: money and quantities are exact.
func Scaled(text string, scale float64, low, high int64) (int64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, fmt.Errorf("%s is not a number", Quote(text))
	}
	v = math.Round(v * scale)
	if !(v >= float64(low) && v <= float64(high)) { // also what is not a number
		return 0, fmt.Errorf("%s is not from %v to %v", Quote(text), float64(low)/scale, float64(high)/scale)
	}
	return int64(v), nil
}

// Exact reads a decimal of up to 14 digits before the point and 4 after it, as an unscaled quantity.
func Exact(text string) (avro.Unscaled, error) {
	whole, fraction, _ := strings.Cut(text, ".")
	digits := strings.TrimPrefix(whole, "-")
	if digits == "" || len(digits) > 14 || len(fraction) > avro.QuantityValueScale || strings.Trim(digits+fraction, "0123456789") != "" {
		return 0, fmt.Errorf("%s is no number of up to 14 digits before the point and %d after it", Quote(text), avro.QuantityValueScale)
	}
	n, err := strconv.ParseInt(whole+fraction+strings.Repeat("0", avro.QuantityValueScale-len(fraction)), 10, 64)
	return avro.Unscaled(n), err
}

// Zoned are the ways that instants with a zone are written: RFC 3339, and older Traccar's and many others' offset without
// a colon. Fractions of a second are read after either.
var Zoned = []string{time.RFC3339, "2006-01-02T15:04:05Z0700"}

// Instant reads an instant by the first layout that fits. What has no zone is in zone; a nil zone means that it must have
// one. The years are bounded to those that a microsecond timestamp can hold with room to reckon.
func Instant(text string, layouts []string, zone *time.Location) (avro.Micros, error) {
	for _, l := range layouts {
		t, err := parse(l, text, zone)
		if err != nil {
			continue
		}
		if t.Year() < 1971 || t.Year() > 2200 {
			return 0, fmt.Errorf("%s is in the year %d: is it the right field?", Quote(text), t.Year())
		}
		return avro.MicrosOf(t), nil
	}
	return 0, fmt.Errorf("%s is not a time written as %s", Quote(text), strings.Join(layouts, " or "))
}

func parse(layout, text string, zone *time.Location) (time.Time, error) {
	if zone == nil {
		return time.Parse(layout, text)
	}
	return time.ParseInLocation(layout, text, zone)
}

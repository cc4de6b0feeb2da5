package feed

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"

	"waybill/avro"
	"waybill/processors/normalise/mapped"
	"waybill/processors/normalise/ocel"
)

// longestRow is how many lines a quoted value may run over. A quote that is never closed would otherwise make the rest of
// the file one row.
const longestRow = 100

// rows gives a CSV file's rows, each with the header line.
func (f *file) rows() iter.Seq2[*avro.PartnerMessage, error] {
	return f.read(func(p *pieces, yield func(*avro.PartnerMessage, error) bool) error {
		header, err := f.header(p)
		if err != nil {
			return err
		}
		for {
			row, err := p.row()
			if err != nil {
				return err
			}
			if !row.blank() && !yield(f.message(row, header), nil) {
				return nil
			}
		}
	})
}

// read opens the file, runs the loop until it gives an error, and closes the file. io.EOF is its end.
func (f *file) read(loop func(*pieces, func(*avro.PartnerMessage, error) bool) error) iter.Seq2[*avro.PartnerMessage, error] {
	return func(yield func(*avro.PartnerMessage, error) bool) {
		r, err := os.Open(f.path)
		if err != nil {
			yield(nil, unreadable(f.path, err))
			return
		}
		defer r.Close() // it was only read
		if err := loop(cut(r), yield); err != nil && !errors.Is(err, io.EOF) {
			yield(nil, unreadable(f.path, err))
		}
	}
}

// check opens the file, so that what cannot be read is known before anything is sent, a table without a header line too; of
// an event log it finds the mapping.
func (f *file) check() error {
	r, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer r.Close() // it was only read
	if f.Format != ocel.Format && f.Format != mapped.CSV {
		return nil
	}
	_, err = f.header(cut(r))
	return err
}

// header reads the first line, and finds the mapping of an event log by it.
func (f *file) header(p *pieces) (string, error) {
	first, err := p.row()
	if errors.Is(err, io.EOF) {
		return "", fmt.Errorf("it is empty: want a header line")
	}
	if err != nil {
		return "", err
	}
	header := strings.TrimPrefix(string(first.text), "\ufeff") // spreadsheets mark UTF-8 with it
	if f.Format != ocel.Format || f.Mapping != "" {
		return header, nil
	}
	columns, err := csv.NewReader(strings.NewReader(header)).Read()
	if err != nil {
		return "", fmt.Errorf("its header line is no CSV: %w", err)
	}
	logs, err := ocel.New()
	if err != nil {
		return "", err
	}
	f.Mapping, err = logs.Match(columns)
	return header, err
}

// row gives a row: a line, or several where a quoted value holds line ends. Quotes that do not close within longestRow
// lines make no row: then the first line is one alone, and those after it are read again.
func (p *pieces) row() (piece, error) {
	row, err := p.next()
	if err != nil {
		return row, err
	}
	first, taken := row, []piece{}
	for open(row) {
		more, err := p.next()
		if err == nil {
			taken = append(taken, more)
			row = joined(row, more)
		}
		if err != nil || len(taken) == longestRow || row.size > MaxPayload {
			p.giveBack(taken)
			return first, nil
		}
	}
	return row, nil
}

// open says whether a quote is open at the end: their number is odd, since a quote within quotes is written twice.
func open(x piece) bool {
	return x.size == int64(len(x.text)) && bytes.Count(x.text, []byte{'"'})%2 == 1
}

func joined(a, b piece) piece {
	text := append(append(append([]byte(nil), a.text...), '\n'), b.text...)
	return piece{text: text, size: a.size + 1 + b.size, line: a.line}
}

// lines gives a file's lines.
func (f *file) lines() iter.Seq2[*avro.PartnerMessage, error] {
	return f.read(f.eachLine)
}

func (f *file) eachLine(p *pieces, yield func(*avro.PartnerMessage, error) bool) error {
	for {
		x, err := p.next()
		if err != nil {
			return err
		}
		if !x.blank() && !yield(f.message(x, ""), nil) {
			return nil
		}
	}
}

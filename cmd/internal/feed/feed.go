// Package feed reads files of partner payloads from disk, as `waybill replay` and `waybill demo --data` feed them in.
//
// It cuts files into payloads and reads nothing in them: a payload that makes no sense becomes a message like any other, so
// that it ends as a dead letter with its bytes, and the rest of the file goes through. Errors are about files: one that is
// not there, cannot be read, or is of no known form.
package feed

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"waybill/avro"
	"waybill/processors/normalise/adapter"
	"waybill/processors/normalise/dcsa"
	"waybill/processors/normalise/edi/edifact"
	"waybill/processors/normalise/edi/x12"
	"waybill/processors/normalise/epcis"
	"waybill/processors/normalise/hsl"
	"waybill/processors/normalise/mapped"
	"waybill/processors/normalise/ocel"
	"waybill/processors/normalise/otm"
	"waybill/processors/normalise/traccar"
	"waybill/topics"
)

// MaxPayload is the largest payload in bytes that is sent whole: it, and a dead letter around it, fit a Kafka record of the
// default size of 1 MiB. Of a larger one the first MaxKept bytes are sent, as a message that becomes a dead letter.
const (
	MaxPayload = 900 << 10
	MaxKept    = 64 << 10
)

// Source says what to read.
type Source struct {
	Tenant  string
	Format  string   // one of Formats
	Mapping string   // csv and json: which; ocel: empty finds it by the file's columns
	Partner string   // who sent it; empty: the format's name
	Paths   []string // files, and folders: of those, all files of the format, in order of name
}

// form is how a format lies on disk.
type form struct {
	extensions []string // of its files in a folder
	messages   func(*file) iter.Seq2[*avro.PartnerMessage, error]
}

// forms lists the formats.
func forms() map[string]form {
	return map[string]form{
		ocel.Format:    {[]string{".csv"}, (*file).rows},
		hsl.Format:     {[]string{".dump"}, (*file).lines},
		dcsa.Format:    {[]string{".json", ".jsonl", ".ndjson"}, (*file).documents},
		epcis.Format:   {[]string{".jsonld", ".json", ".xml"}, (*file).documents},
		otm.Format:     {[]string{".json", ".jsonl", ".ndjson"}, (*file).documents},
		traccar.Format: {[]string{".json", ".jsonl", ".ndjson"}, (*file).documents},
		mapped.JSON:    {[]string{".json", ".jsonl", ".ndjson"}, (*file).documents},
		mapped.CSV:     {[]string{".csv"}, (*file).rows},
		x12.Format:     {[]string{".edi", ".x12", ".txt"}, (*file).whole},
		edifact.Format: {[]string{".edi", ".edifact", ".txt"}, (*file).whole},
	}
}

// Formats lists what can be read, sorted.
func Formats() []string {
	var out []string
	for f := range forms() {
		out = append(out, f)
	}
	slices.Sort(out)
	return out
}

// Key is the record key of a message on the partners' topic: what one file or channel says stays in order.
func Key(m *avro.PartnerMessage) string { return topics.Key(m.Tenant, m.Partner, m.Name) }

// file is one file to read.
type file struct {
	Source
	path string // on disk
	name string // for people and keys: below the folder it was found in
}

// Messages reads the files one after the other, a message at a time. An error ends it.
func (s Source) Messages() iter.Seq2[*avro.PartnerMessage, error] {
	return func(yield func(*avro.PartnerMessage, error) bool) {
		files, err := s.files()
		if err != nil {
			yield(nil, err)
			return
		}
		for _, f := range files {
			for m, err := range forms()[s.Format].messages(f) {
				if !yield(m, err) || err != nil {
					return
				}
			}
		}
	}
}

// Check finds what can be known to be wrong before anything is sent: the format, the mapping's absence, the paths.
func (s Source) Check() error {
	_, err := s.files()
	return err
}

// files lists what there is to read, and checks it before anything is sent.
func (s Source) files() ([]*file, error) {
	f, ok := forms()[s.Format]
	if !ok {
		return nil, fmt.Errorf("format %q is not known: there are %s", s.Format, strings.Join(Formats(), ", "))
	}
	if s.Mapping == "" && (s.Format == mapped.CSV || s.Format == mapped.JSON) {
		return nil, fmt.Errorf("format %s needs a mapping: name the one that says what its fields mean", s.Format)
	}
	if len(s.Paths) == 0 {
		return nil, errors.New("there is nothing to read: name a file or folder")
	}
	s.Partner = cmp.Or(s.Partner, s.Format)
	var out []*file
	for _, path := range s.Paths {
		more, err := s.find(path, f)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	for _, f := range out {
		if err := f.check(); err != nil {
			return nil, unreadable(f.path, err)
		}
	}
	return out, nil
}

func (s Source) find(path string, f form) ([]*file, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	if !info.IsDir() {
		return []*file{{Source: s, path: path, name: filepath.Base(path)}}, nil
	}
	var out []*file
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return unreadable(p, err)
		}
		if s.Format == ocel.Format && d.IsDir() && d.Name() == "entities" {
			return filepath.SkipDir // the objects' attributes; a log's events are beside it
		}
		if !d.IsDir() && slices.Contains(f.extensions, strings.ToLower(filepath.Ext(p))) {
			name, _ := filepath.Rel(path, p) // p is below path
			out = append(out, &file{Source: s, path: p, name: filepath.ToSlash(name)})
		}
		return nil
	})
	if err == nil && len(out) == 0 {
		err = fmt.Errorf("folder %s holds no %s file (%s): is it the right folder, or the right format?", path, s.Format, strings.Join(f.extensions, ", "))
	}
	return out, err
}

// unreadable says what is wrong with a path in a sentence.
func unreadable(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s is not there: check the path (%w)", path, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s may not be read by this user: check its permissions (%w)", path, err)
	}
	return fmt.Errorf("read %s: %w", path, err)
}

// message wraps a payload. One that is too large keeps its beginning alone.
func (f *file) message(p piece, header string) *avro.PartnerMessage {
	m := &avro.PartnerMessage{
		Tenant: f.Tenant, Format: f.Format, Mapping: f.Mapping, Partner: f.Partner, Name: f.name, Line: p.line, Header: header, Payload: p.text,
	}
	if len(header) > MaxPayload-len(p.text) { // together no record holds them
		m.Payload, p.size = p.text[:min(len(p.text), MaxKept)], p.size+int64(len(header))
	}
	if p.size > int64(len(p.text)) {
		m.Format = adapter.Oversize
		m.Header = fmt.Sprintf("%d bytes of %s, the limit is %d: split it; its first %d bytes are kept", p.size, f.Format, MaxPayload, len(m.Payload))
	}
	return m
}

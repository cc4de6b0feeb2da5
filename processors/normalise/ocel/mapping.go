package ocel

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"time"
	_ "time/tzdata" // a mapping's time zone must not depend on the machine

	"waybill/avro"
)

// mapping says what one log's columns and event types mean. It is data: a new log is a file.
type mapping struct {
	Name     string            `json:"name"`
	Doc      string            `json:"doc"`
	TimeZone string            `json:"time_zone"` // of times without one, which is all of OCEL's CSV form
	Layouts  []string          `json:"time_layouts"`
	Objects  map[string]string `json:"objects"` // column: identifier kind
	Events   map[string]event  `json:"events"`  // event type: what it means

	zone  *time.Location
	kinds map[string]avro.IdentifierKind
}

// event is what one event type means.
type event struct {
	Milestone    string `json:"milestone"`
	System       string `json:"system"`
	File         string `json:"file"` // the column it is filed under first
	Links        []pair `json:"links"`
	ServiceLevel string `json:"service_level"`

	milestone avro.MilestoneCode
	system    avro.SourceSystem
}

// pair says that the ids of two columns belong together. At most one of the two may hold several in one event, or the
// event says nothing about which belongs to which.
type pair struct {
	From       string `json:"from"`
	To         string `json:"to"`
	Classifier string `json:"classifier"`

	classifier avro.Classifier
}

//go:embed mappings/*.json
var files embed.FS

// load reads the mappings that ship with the binary.
func load() (map[string]*mapping, error) {
	out := map[string]*mapping{}
	names, err := fs.Glob(files, "mappings/*.json")
	if err != nil {
		return nil, fmt.Errorf("list mappings: %w", err)
	}
	for _, name := range names {
		raw, err := files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read mapping %s: %w", name, err)
		}
		m, err := parseMapping(raw)
		if err != nil {
			return nil, fmt.Errorf("read mapping %s: %w", path.Base(name), err)
		}
		out[m.Name] = m
	}
	return out, nil
}

// parseMapping reads and checks one mapping, and reports every fault at once.
func parseMapping(raw []byte) (*mapping, error) {
	var m mapping
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return nil, err
	}
	var errs []error
	if m.Name == "" || len(m.Layouts) == 0 {
		errs = append(errs, errors.New("name and time_layouts must be set"))
	}
	var err error
	if m.zone, err = time.LoadLocation(m.TimeZone); err != nil || m.TimeZone == "" {
		errs = append(errs, fmt.Errorf("time_zone %q is no IANA zone", m.TimeZone))
	}
	errs = append(errs, m.readObjects(), m.readEvents())
	return &m, errors.Join(errs...)
}

func (m *mapping) readObjects() error {
	var errs []error
	m.kinds = map[string]avro.IdentifierKind{}
	for _, column := range slices.Sorted(maps.Keys(m.Objects)) {
		kind, ok := avro.ParseIdentifierKind(m.Objects[column])
		if !ok {
			errs = append(errs, fmt.Errorf("objects.%s: %q is no identifier kind", column, m.Objects[column]))
		}
		m.kinds[column] = kind
	}
	return errors.Join(errs...)
}

func (m *mapping) readEvents() error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(m.Events)) {
		e := m.Events[name]
		if err := e.read(m); err != nil {
			errs = append(errs, fmt.Errorf("events.%s: %w", name, err))
		}
		m.Events[name] = e
	}
	return errors.Join(errs...)
}

func (e *event) read(m *mapping) error {
	var errs []error
	var ok bool
	if e.milestone, ok = avro.ParseMilestoneCode(e.Milestone); !ok {
		errs = append(errs, fmt.Errorf("milestone: %q is none", e.Milestone))
	}
	if e.system, ok = avro.ParseSourceSystem(e.System); !ok {
		errs = append(errs, fmt.Errorf("system: %q is none", e.System))
	}
	if _, ok := m.Objects[e.File]; !ok {
		errs = append(errs, fmt.Errorf("file: %q is no object column", e.File))
	}
	for i := range e.Links {
		p := &e.Links[i]
		if p.classifier, ok = avro.ParseClassifier(p.Classifier); !ok {
			errs = append(errs, fmt.Errorf("links[%d].classifier: %q is none", i, p.Classifier))
		}
		for _, column := range []string{p.From, p.To} {
			if _, ok := m.Objects[column]; !ok {
				errs = append(errs, fmt.Errorf("links[%d]: %q is no object column", i, column))
			}
		}
	}
	return errors.Join(errs...)
}

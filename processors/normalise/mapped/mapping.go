package mapped

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a mapping's time zone must not depend on the machine

	"go.yaml.in/yaml/v3"

	"waybill/avro"
)

// Mapping says what the fields of one partner's payloads mean. Mappings are files, YAML or JSON; see mappings/scms.yaml.
type Mapping struct {
	Name   string `yaml:"name"`   // as partner messages ask for it
	Format string `yaml:"format"` // csv or json
	Doc    string `yaml:"doc"`    // for people

	System      string           `yaml:"system"`      // who speaks: ERP, WMS, TMS, CARRIER, TELEMATICS, EPOD, BILLING
	Identifiers []identifier     `yaml:"identifiers"` // what payloads name
	Links       []link           `yaml:"links"`       // which of them belong together
	Attributes  map[string]field `yaml:"attributes"`  // what else is said, by attribute
	EventID     field            `yaml:"event_id"`    // the source's envelope id
	ReceivedAt  moment           `yaml:"received_at"` // when it was first recorded
	Place       field            `yaml:"place"`
	Reason      field            `yaml:"reason"`
	Stop        field            `yaml:"stop"` // sequence within the load
	Latitude    field            `yaml:"latitude"`
	Longitude   field            `yaml:"longitude"`
	Quantity    quantity         `yaml:"quantity"`
	Facts       []fact           `yaml:"facts"`  // what each payload tells: one fact or several
	Ignore      []string         `yaml:"ignore"` // fields that say nothing to us; a field that is neither used nor here is refused

	system avro.SourceSystem
}

// field is where a value comes from: a column of a CSV row, a dotted path into a JSON object (lists by number), or a
// constant.
type field struct {
	From     string            `yaml:"from"`
	Constant string            `yaml:"constant"`
	Absent   []string          `yaml:"absent"` // values that mean that there is none
	Codes    map[string]string `yaml:"codes"`  // what each value means; a value that is not here is refused, a milestone is UNMAPPED
}

func (f field) empty() bool { return f.From == "" && f.Constant == "" }

// identifier is one identifier of the payload, or several in one field.
type identifier struct {
	field  `yaml:",inline"`
	Name   string `yaml:"name"` // what links and facts call it; its kind where left out
	Kind   string `yaml:"kind"`
	Issuer field  `yaml:"issuer"`
	Split  string `yaml:"split"` // what separates several in one field

	kind avro.IdentifierKind
}

// link says that two identifiers, by name, belong together. At most one of them may be several in one payload.
type link struct {
	From       string `yaml:"from"`
	To         string `yaml:"to"`
	Classifier string `yaml:"classifier"` // ACTUAL where left out

	classifier avro.Classifier
}

// moment is a time. Layouts are Go's (02-Jan-06), or unix, unix_ms. A layout without a zone needs one here: local times are
// never guessed.
type moment struct {
	field   `yaml:",inline"`
	Layouts []string `yaml:"layouts"`
	Zone    string   `yaml:"zone"` // IANA

	zone *time.Location
}

// quantity is an exact number of up to four decimals, and its unit.
type quantity struct {
	field `yaml:",inline"`
	Unit  field `yaml:"unit"`
}

// fact is one fact that a payload tells.
type fact struct {
	Milestone   field    `yaml:"milestone"`   // a constant, or a field with a code table
	Classifier  string   `yaml:"classifier"`  // ACTUAL where left out
	System      string   `yaml:"system"`      // the mapping's where left out
	Identifiers []string `yaml:"identifiers"` // by name, the one it is filed under first; all of them where left out. Links between these are told
	OccurredAt  moment   `yaml:"occurred_at"`
	Optional    bool     `yaml:"optional"` // true: a payload without this time does not tell it

	classifier avro.Classifier
	system     avro.SourceSystem
}

// Formats of payloads.
const (
	CSV  = "csv"
	JSON = "json"
)

// Parse reads and checks one mapping. It reports every fault at once, by path; keys that it does not know are faults.
func Parse(raw []byte) (*Mapping, error) {
	var root yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader(raw)).Decode(&root); err != nil {
		return nil, fmt.Errorf("it is no YAML or JSON: %w", err)
	}
	var m Mapping
	if err := unknownKeys(&root, m); err != nil {
		return nil, err
	}
	if err := root.Decode(&m); err != nil {
		return nil, err
	}
	return &m, errors.Join(m.check()...)
}

// checker gathers faults by path.
type checker struct{ errs []error }

func (c *checker) addf(path, format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf("%s: %s", path, fmt.Sprintf(format, args...)))
}

func (m *Mapping) check() []error {
	var c checker
	if m.Name == "" {
		c.addf("name", "must be set")
	}
	if m.Format != CSV && m.Format != JSON {
		c.addf("format", "is %q, want csv or json", m.Format)
	}
	if len(m.Facts) == 0 {
		c.addf("facts", "must tell at least one")
	}
	m.system = c.system("system", m.System)
	if m.Latitude.empty() != m.Longitude.empty() {
		c.addf("latitude", "latitude and longitude must be set together")
	}
	if !m.ReceivedAt.empty() {
		c.moment("received_at", &m.ReceivedAt)
	}
	m.checkIdentifiers(&c)
	m.checkLinks(&c)
	for i := range m.Facts {
		m.checkFact(&c, fmt.Sprintf("facts[%d]", i), &m.Facts[i])
	}
	return c.errs
}

func (m *Mapping) checkIdentifiers(c *checker) {
	var seen []string
	for i := range m.Identifiers {
		id := &m.Identifiers[i]
		path := fmt.Sprintf("identifiers[%d]", i)
		var ok bool
		if id.kind, ok = avro.ParseIdentifierKind(id.Kind); !ok || id.kind == avro.IdentifierKindUnspecified {
			c.addf(path+".kind", "%q is no identifier kind", id.Kind)
		}
		if id.Name == "" {
			id.Name = id.Kind
		}
		if slices.Contains(seen, id.Name) {
			c.addf(path+".name", "%q is taken: give each identifier a name of its own", id.Name)
		}
		if id.empty() {
			c.addf(path, "needs from or constant")
		}
		seen = append(seen, id.Name)
	}
}

func (m *Mapping) checkLinks(c *checker) {
	for i := range m.Links {
		l := &m.Links[i]
		path := fmt.Sprintf("links[%d]", i)
		m.checkName(c, path+".from", l.From)
		m.checkName(c, path+".to", l.To)
		l.classifier = c.classifier(path+".classifier", l.Classifier)
	}
}

func (m *Mapping) checkName(c *checker, path, name string) {
	if !slices.ContainsFunc(m.Identifiers, func(id identifier) bool { return id.Name == name }) {
		c.addf(path, "%q is the name of no identifier", name)
	}
}

func (m *Mapping) checkFact(c *checker, path string, f *fact) {
	f.classifier = c.classifier(path+".classifier", f.Classifier)
	if f.system = m.system; f.System != "" {
		f.system = c.system(path+".system", f.System)
	}
	for i, name := range f.Identifiers {
		m.checkName(c, fmt.Sprintf("%s.identifiers[%d]", path, i), name)
	}
	c.moment(path+".occurred_at", &f.OccurredAt)
	c.milestones(path+".milestone", f.Milestone)
}

// milestones checks that all that a milestone field can come to exists.
func (c *checker) milestones(path string, f field) {
	if f.empty() {
		return // the fact links and describes only
	}
	if f.From != "" && len(f.Codes) == 0 {
		c.addf(path+".codes", "must say what the codes of %q mean", f.From)
	}
	for _, name := range append(values(f.Codes), f.Constant) {
		if _, ok := avro.ParseMilestoneCode(name); !ok && name != "" {
			c.addf(path, "%q is no milestone", name)
		}
	}
}

func (c *checker) moment(path string, m *moment) {
	if m.From == "" {
		c.addf(path+".from", "must be set")
	}
	if len(m.Layouts) == 0 {
		c.addf(path+".layouts", "must be set, such as 2006-01-02T15:04:05Z07:00")
	}
	if m.Zone != "" {
		var err error
		if m.zone, err = time.LoadLocation(m.Zone); err != nil {
			c.addf(path+".zone", "%q is no IANA zone", m.Zone)
		}
		return
	}
	for _, l := range m.Layouts {
		if !zoned(l) {
			c.addf(path+".zone", "must be set: layout %q has none, and local times are not guessed", l)
		}
	}
}

func zoned(layout string) bool {
	return strings.HasPrefix(layout, "unix") || strings.Contains(layout, "Z07") || strings.Contains(layout, "-07")
}

func (c *checker) classifier(path, name string) avro.Classifier {
	if name == "" {
		return avro.ClassifierActual
	}
	v, ok := avro.ParseClassifier(name)
	if !ok || v == avro.ClassifierUnspecified {
		c.addf(path, "%q is none of REQUESTED, PLANNED, ESTIMATED, ACTUAL", name)
	}
	return v
}

func (c *checker) system(path, name string) avro.SourceSystem {
	v, ok := avro.ParseSourceSystem(name)
	if !ok || v == avro.SourceSystemUnspecified {
		c.addf(path, "%q is no source system, such as ERP, WMS, TMS, CARRIER", name)
	}
	return v
}

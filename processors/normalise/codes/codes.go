// Package codes says what the codes of partners mean, and where their clocks hang: tables that are data, shared by all adapters of
// standards with codes.
//
// A code means what its partner means by it. Tables are files, keyed by partner, element, code and version; those
// that ship with the binary lie in tables/, an operator's own in a folder beside.
package codes

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"waybill/avro"
	"waybill/processors/normalise/adapter"
)

// Table is one file: what a partner's codes mean. See tables/edi.yaml.
type Table struct {
	Partner      string                       `yaml:"partner"`       // as partner messages name it; empty: whoever has no table of his own that says otherwise
	Version      string                       `yaml:"version"`       // how the version of the standard begins: 005010 of X12, 2 of EPCIS; empty: all
	Codes        map[string]map[string]string `yaml:"codes"`         // by STANDARD/ELEMENT or SET/ELEMENT, then by code
	Zone         string                       `yaml:"zone"`          // of the partner's local times, where neither message nor place says
	DocumentZone string                       `yaml:"document_zone"` // of the times at which documents were made
	TimeCodes    map[string]string            `yaml:"time_codes"`    // IANA name or ±hh:mm, empty: the place's
	Zones        map[string]string            `yaml:"zones"`         // by COUNTRY, COUNTRY/REGION, COUNTRY/REGION/CITY or UN/LOCODE
	Currency     string                       `yaml:"currency"`      // of amounts without one

	zone, documentZone *time.Location
	timeCodes, zones   map[string]*time.Location
}

// words are what a code of an element may mean.
var words = map[string]func(string) bool{
	"204/B2A-01":     known(avro.ParseLoadEvent),
	"204/S5-02":      known(avro.ParseStopType),
	"204/G62-01":     oneOf(From, To, Appointment),
	"990/B1-04":      known(avro.ParseMilestoneCode),
	"214/AT7-01":     known(avro.ParseMilestoneCode),
	"214/AT7-03":     known(avro.ParseMilestoneCode),
	"214/AT7-02":     oneOf("CARRIER", "CUSTOMER", "NEUTRAL"),
	"210/L1-08":      known(avro.ParseChargeType),
	"856/MAN-01":     known(avro.ParseIdentifierKind),
	"940/W05-01":     known(avro.ParseOrderEvent),
	"x12/REF":        known(avro.ParseIdentifierKind),
	"iftsta/STS":     known(avro.ParseMilestoneCode),
	"iftsta/RFF":     known(avro.ParseIdentifierKind),
	"iftsta/LOC-DTM": known(avro.ParseMilestoneCode),

	"epcis/bizStep":        known(avro.ParseMilestoneCode),
	"epcis/disposition":    known(avro.ParseMilestoneCode),
	"epcis/bizTransaction": known(avro.ParseIdentifierKind),
	"epcis/system":         known(avro.ParseSourceSystem),
	"epcis/issuer":         anything,
	"dcsa/transport":       known(avro.ParseMilestoneCode),
	"dcsa/equipment":       known(avro.ParseMilestoneCode),
	"dcsa/shipment":        known(avro.ParseMilestoneCode),
	"dcsa/reference":       known(avro.ParseIdentifierKind),
	"dcsa/issuer":          anything,
	"otm5/status":          known(avro.ParseLoadEvent),
	"otm5/lifecycle":       known(avro.ParseClassifier),
	"otm5/action":          known(avro.ParseMilestoneCode),
}

// What a date of a 204 is of a stop's time window.
const (
	From        = "FROM"
	To          = "TO"
	Appointment = "APPOINTMENT"
)

func known[T any](parse func(string) (T, bool)) func(string) bool {
	return func(s string) bool { _, ok := parse(s); return ok }
}

func anything(string) bool { return true }

func oneOf(list ...string) func(string) bool {
	return func(s string) bool { return slices.Contains(list, s) }
}

// Tables are all tables, the most specific first.
type Tables struct{ list []*Table }

//go:embed tables/*.yaml
var shipped embed.FS

// New reads the tables that ship with the binary, and those of a folder unless it is empty.
func New(dir string) (*Tables, error) {
	t := &Tables{}
	within, err := fs.Sub(shipped, "tables")
	if err != nil {
		return nil, fmt.Errorf("open the code tables that ship with the binary: %w", err)
	}
	errs := adapter.ReadFolder(within, "code table", "shipped", t.take)
	if dir != "" {
		own := &Tables{} // the operator's file for a partner stands beside the one that ships, and before it
		errs = append(errs, adapter.ReadFolder(os.DirFS(dir), "code table", dir, own.take)...)
		t.list = append(own.list, t.list...)
	}
	slices.SortStableFunc(t.list, func(a, b *Table) int { return b.rank() - a.rank() })
	return t, errors.Join(errs...)
}

// rank is how specific a table is: the partner counts more than any version.
func (t *Table) rank() int {
	n := len(t.Version)
	if t.Partner != "" {
		n += 1000
	}
	return n
}

func (t *Tables) take(raw []byte) error {
	table, err := Parse(raw)
	if err != nil {
		return err
	}
	for _, o := range t.list {
		if what := table.overlap(o); o.Partner == table.Partner && o.Version == table.Version && what != "" {
			return fmt.Errorf("partner %q, version %q: another table of the folder says %s for them too: say it in one of the two", table.Partner, table.Version, what)
		}
	}
	t.list = append(t.list, table)
	return nil
}

// overlap names something that both tables say, and of which neither could count more.
func (t *Table) overlap(o *Table) string {
	for _, element := range slices.Sorted(maps.Keys(t.Codes)) {
		if o.Codes[element] != nil {
			return "codes." + element
		}
	}
	for _, x := range []struct {
		name string
		both bool
	}{
		{"zone", t.Zone != "" && o.Zone != ""}, {"document_zone", t.DocumentZone != "" && o.DocumentZone != ""}, {"currency", t.Currency != "" && o.Currency != ""},
		{"time_codes", t.TimeCodes != nil && o.TimeCodes != nil}, {"zones", t.Zones != nil && o.Zones != nil},
	} {
		if x.both {
			return x.name
		}
	}
	return ""
}

// Parse reads and checks one table. It reports every fault at once; keys that it does not know are faults.
func Parse(raw []byte) (*Table, error) {
	var t Table
	d := yaml.NewDecoder(bytes.NewReader(raw))
	d.KnownFields(true)
	if err := d.Decode(&t); err != nil {
		return nil, fmt.Errorf("it is no code table: %w", err)
	}
	return &t, errors.Join(t.check()...)
}

func (t *Table) check() []error {
	var errs []error
	for _, element := range slices.Sorted(maps.Keys(t.Codes)) {
		may, ok := words[element]
		if !ok {
			errs = append(errs, fmt.Errorf("codes: no adapter asks for %q: there are %s", element, strings.Join(slices.Sorted(maps.Keys(words)), ", ")))
			continue
		}
		for _, code := range slices.Sorted(maps.Keys(t.Codes[element])) {
			if meaning := t.Codes[element][code]; !may(meaning) {
				errs = append(errs, fmt.Errorf("codes.%s.%s: %q is nothing that this element can mean", element, code, meaning))
			}
		}
	}
	var zoneErrs [4][]error
	t.zone, zoneErrs[0] = zoneAt("zone", t.Zone)
	t.documentZone, zoneErrs[1] = zoneAt("document_zone", t.DocumentZone)
	t.timeCodes, zoneErrs[2] = zonesAt("time_codes", t.TimeCodes)
	t.zones, zoneErrs[3] = zonesAt("zones", t.Zones)
	return append(errs, slices.Concat(zoneErrs[:]...)...)
}

func zonesAt(path string, names map[string]string) (map[string]*time.Location, []error) {
	out, errs := map[string]*time.Location{}, []error(nil)
	for _, k := range slices.Sorted(maps.Keys(names)) {
		zone, err := zoneAt(path+"."+k, names[k])
		out[strings.ToUpper(k)] = zone
		errs = append(errs, err...)
	}
	return out, errs
}

// zoneAt reads a zone: an IANA name or an offset such as -05:00. An empty one is nil.
func zoneAt(path, name string) (*time.Location, []error) {
	if name == "" {
		return nil, nil
	}
	if at, err := time.Parse("-07:00", name); err == nil {
		_, offset := at.Zone()
		return time.FixedZone(name, offset), nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, []error{fmt.Errorf("%s: %q is no IANA zone and no offset such as -05:00", path, name)}
	}
	return zone, nil
}

// View is what the tables say for one partner and version.
type View struct{ layers []*Table }

// For picks the tables that speak for a partner's messages of a version, the most specific first.
func (t *Tables) For(partner, version string) View {
	var v View
	for _, table := range t.list {
		if (table.Partner == "" || table.Partner == partner) && strings.HasPrefix(version, table.Version) {
			v.layers = append(v.layers, table)
		}
	}
	return v
}

// Meaning is what a code of an element means, and false where no table says.
func (v View) Meaning(element, code string) (string, bool) {
	for _, t := range v.layers {
		if m, ok := t.Codes[element][code]; ok {
			return m, true
		}
	}
	return "", false
}

// Milestone is what a code means; UNMAPPED where no table says.
func (v View) Milestone(element, code string) avro.MilestoneCode {
	m, _ := v.Meaning(element, code)
	c, _ := avro.ParseMilestoneCode(m)
	return c
}

// Kind is what an identifier's qualifier means; UNSPECIFIED where no table says.
func (v View) Kind(element, code string) avro.IdentifierKind {
	m, _ := v.Meaning(element, code)
	k, _ := avro.ParseIdentifierKind(m)
	return k
}

// Currency is that of amounts which come without one; empty where no table says.
func (v View) Currency() string {
	for _, t := range v.layers {
		if t.Currency != "" {
			return t.Currency
		}
	}
	return ""
}

package adapter

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"waybill/avro"
)

// TableSuffix is how the names of code tables end in the folder of an operator's mappings: EPCIS's are in acme.epcis.codes.json.
const TableSuffix = ".codes.json"

// Table says what the codes of one partner mean, in one version of a standard. Codes are grouped by the element they stand
// in, such as bizStep.
type Table struct {
	Partner string                       `json:"partner"` // as partner messages name it; empty: every partner
	Version string                       `json:"version"` // of the standard; empty: every version
	Codes   map[string]map[string]string `json:"codes"`   // by element, then code
}

// Tables are those of one format.
type Tables struct{ list []Table }

// ReadTables reads the tables that ship with the binary, and those of a folder: the files <name>.<format>.codes.json. A file
// is a list of tables. check says of an element whether a meaning is one; it is nil for elements that there are not.
func ReadTables(format string, shipped []byte, dir string, check map[string]func(string) bool) (*Tables, error) {
	var t Tables
	errs := []error{t.add(format+" tables that ship", shipped, check)}
	if dir != "" {
		names, err := filepath.Glob(filepath.Join(dir, "*."+format+TableSuffix))
		errs = append(errs, err)
		for _, name := range names {
			raw, err := os.ReadFile(name)
			if err != nil {
				errs = append(errs, fmt.Errorf("read code table: %w", err))
				continue
			}
			errs = append(errs, t.add(name, raw, check))
		}
	}
	return &t, errors.Join(errs...)
}

func (t *Tables) add(name string, raw []byte, check map[string]func(string) bool) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	var list []Table
	if err := d.Decode(&list); err != nil {
		return fmt.Errorf("read code table %s: %w: want a list of {partner, version, codes}", name, err)
	}
	var errs []error
	for i, table := range list {
		for _, element := range slices.Sorted(maps.Keys(table.Codes)) {
			if check[element] == nil {
				errs = append(errs, fmt.Errorf("code table %s, [%d].codes: no adapter asks for %q: there are %v", name, i, element, slices.Sorted(maps.Keys(check))))
				continue
			}
			for _, code := range slices.Sorted(maps.Keys(table.Codes[element])) {
				if m := table.Codes[element][code]; !check[element](m) {
					errs = append(errs, fmt.Errorf("code table %s, [%d].codes.%s.%s: %q is nothing that it can mean", name, i, element, code, m))
				}
			}
		}
	}
	t.list = append(t.list, list...)
	return errors.Join(errs...)
}

// Meaning is what a code means to a partner in a version of the standard. The partner's own table counts more than that of
// a version, and the one read last more than the one before it.
func (t *Tables) Meaning(partner, version, element, code string) (string, bool) {
	best, meaning := -1, ""
	for _, table := range t.list {
		m, ok := table.Codes[element][code]
		if !ok || table.Partner != "" && table.Partner != partner || table.Version != "" && table.Version != version {
			continue
		}
		rank := 0
		if table.Partner != "" {
			rank += 2
		}
		if table.Version != "" {
			rank++
		}
		if rank >= best {
			best, meaning = rank, m
		}
	}
	return meaning, best >= 0
}

// IsMilestone says whether a table may give it as a code's meaning.
func IsMilestone(s string) bool { _, ok := avro.ParseMilestoneCode(s); return ok }

// IsKind says whether it is a kind of identifier.
func IsKind(s string) bool { _, ok := avro.ParseIdentifierKind(s); return ok }

// IsSystem says whether it is a source system.
func IsSystem(s string) bool { _, ok := avro.ParseSourceSystem(s); return ok }

// Any takes whatever is written.
func Any(string) bool { return true }

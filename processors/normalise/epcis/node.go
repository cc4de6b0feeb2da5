package epcis

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// node is an element of an event in the XML form of the standard's data model, whichever form it came in: names with their
// namespace as {uri}name, values canonical. Of two forms of one event the nodes are the same but for their order.
type node struct {
	name string
	text string
	kids []*node
}

func (n *node) add(name, text string) *node {
	k := &node{name: name, text: text}
	n.kids = append(n.kids, k)
	return k
}

// find gives the first element of a name, or an empty one.
func (n *node) find(name string) *node {
	for _, k := range n.kids {
		if k.name == name {
			return k
		}
	}
	return &node{}
}

// all gives the elements of a list: those within the element of that name.
func (n *node) all(list string) []*node { return n.find(list).kids }

// vocabularies say how a bare word of a field is written in full (CBV 2.0, 8.9.2 and the EPCIS JSON-LD context).
const (
	cbv = "https://ref.gs1.org/cbv/"
	voc = "https://gs1.org/voc/"
)

// vocabulary of a field, by the element it stands in and its name; * is any element.
var vocabulary = map[[2]string]string{
	{"*", "bizStep"}: cbv + "BizStep-", {"*", "disposition"}: cbv + "Disp-", {"persistentDisposition", "set"}: cbv + "Disp-", {"persistentDisposition", "unset"}: cbv + "Disp-",
	{"bizTransaction", "type"}: cbv + "BTT-", {"source", "type"}: cbv + "SDT-", {"destination", "type"}: cbv + "SDT-", {"errorDeclaration", "reason"}: cbv + "ER-",
	{"sensorReport", "type"}: voc, {"sensorReport", "exception"}: voc, {"sensorReport", "component"}: cbv + "Comp-",
}

// legacy are the URNs of CBV 1.x.
var legacy = strings.NewReplacer("urn:epcglobal:cbv:bizstep:", cbv+"BizStep-", "urn:epcglobal:cbv:disp:", cbv+"Disp-", "urn:epcglobal:cbv:btt:", cbv+"BTT-",
	"urn:epcglobal:cbv:sdt:", cbv+"SDT-", "urn:epcglobal:cbv:er:", cbv+"ER-")

// spaces are the namespaces of a document by prefix.
type spaces map[string]string

// standard are those that the EPCIS context defines.
func standard() spaces {
	return spaces{"gs1": voc, "cbv": cbv, "cbvmda": "urn:epcglobal:cbv:mda:", "rdfs": "http://www.w3.org/2000/01/rdf-schema#"}
}

// name writes a field's name with its namespace in full.
func (s spaces) name(key string) string {
	if prefix, local, ok := strings.Cut(key, ":"); ok {
		if uri, known := s[prefix]; known {
			return "{" + uri + "}" + local
		}
	}
	return key
}

// value writes a field's value in its canonical form.
func (s spaces) value(within, name, v string) string {
	v = strings.TrimSpace(v)
	switch {
	case isTime(name):
		return instant(v)
	case name == "eventTimeZoneOffset":
		return v
	}
	if prefix, local, ok := strings.Cut(v, ":"); ok {
		if uri := s[prefix]; strings.HasPrefix(uri, "https://ref.gs1.org/") || strings.HasPrefix(uri, "https://gs1.org/") {
			v = uri + local
		}
		if strings.HasPrefix(v, "urn:epcglobal:cbv:") {
			v = legacy.Replace(v)
		}
		return canonical(v)
	}
	for _, place := range []string{within, "*"} {
		if in, ok := vocabulary[[2]string{place, name}]; ok && v != "" {
			return in + v
		}
	}
	return number(v)
}

// times are the fields that hold an instant.
func isTime(name string) bool {
	switch name {
	case "eventTime", "time", "startTime", "endTime", "declarationTime", "recordTime":
		return true
	}
	return false
}

// layouts of instants: ISO 8601 with seconds and a zone.
var layouts = []string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07"}

// instant writes an instant in UTC with milliseconds, rounded half up (CBV 2.0, 8.9.2). What is none stays as it is.
func instant(v string) string {
	t, ok := parseInstant(v)
	if !ok {
		return v
	}
	return t.Format("2006-01-02T15:04:05.000Z")
}

func parseInstant(v string) (time.Time, bool) {
	for _, l := range layouts {
		if t, err := time.Parse(l, v); err == nil && t.Year() > 0 && t.Year() < 9999 {
			return t.UTC().Round(time.Millisecond), true
		}
	}
	return time.Time{}, false
}

// number writes a number plainly: no plus, no noughts before it, none after its last decimal, no exponent. It is exact: two
// numbers are never made one. What is no number stays as it is, and so does one that would be longer than widest written out.
func number(v string) string {
	if v == "" || strings.IndexByte("+-.0123456789", v[0]) < 0 {
		return v
	}
	m := decimal.FindStringSubmatch(v)
	if m == nil || m[2]+m[3] == "" {
		return v
	}
	sign, whole, fraction := strings.TrimPrefix(m[1], "+"), m[2], m[3]
	if m[4] != "" {
		shift, err := strconv.Atoi(m[4])
		if err != nil || shift > widest || shift < -widest {
			return v
		}
		whole, fraction = shifted(whole, fraction, shift)
	}
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		whole = "0"
	}
	if fraction = strings.TrimRight(fraction, "0"); fraction != "" {
		return sign + whole + "." + fraction
	}
	if whole == "0" {
		return whole
	}
	return sign + whole
}

const widest = 20

var decimal = regexp.MustCompile(`^([+-]?)([0-9]*)\.?([0-9]*)(?:[eE]([+-]?[0-9]+))?$`)

// shifted moves the decimal point to the right, or to the left for a negative shift.
func shifted(whole, fraction string, shift int) (string, string) {
	if shift < 0 {
		whole = strings.Repeat("0", -shift) + whole
		cut := len(whole) + shift
		return whole[:cut], whole[cut:] + fraction
	}
	fraction += strings.Repeat("0", max(0, shift-len(fraction)))
	return whole + fraction[:shift], fraction[shift:]
}

// short is the bare word of a vocabulary's term, and any other value as it is.
func short(v string) string {
	for _, in := range []string{cbv + "BizStep-", cbv + "Disp-", cbv + "BTT-", cbv + "SDT-", cbv + "ER-", cbv + "Comp-", voc} {
		if word, ok := strings.CutPrefix(v, in); ok && word != "" {
			return word
		}
	}
	return v
}

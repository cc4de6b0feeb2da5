package epcis

import (
	"net/url"
	"slices"
	"strings"
)

// dl is where the canonical form of every GS1 key lives (GS1 Digital Link 1.2, 4.9).
const dl = "https://id.gs1.org/"

// scheme is how an EPC scheme is made of its parts (GS1 TDS 1.13, chapter 6): company prefix and reference together have
// digits digits, to which a check digit is added; a serial may follow.
type scheme struct {
	ai     string // application identifier of the key
	digits int    // of company prefix and reference; 0: any characters, no check digit
	lead   bool   // the reference's first digit, indicator or extension, goes to the front
	zero   bool   // a nought goes to the front
	serial string // application identifier of the serial; "" joins it to the key
	parts  int    // after the company prefix
	most   int    // longest serial
}

var schemes = map[string]scheme{
	"id:sgtin": {ai: "01", digits: 13, lead: true, serial: "21", parts: 2, most: 20},
	"id:sscc":  {ai: "00", digits: 17, lead: true, parts: 1},
	"id:sgln":  {ai: "414", digits: 12, serial: "254", parts: 2, most: 20},
	"id:grai":  {ai: "8003", digits: 12, zero: true, parts: 2, most: 16},
	"id:giai":  {ai: "8004", parts: 1, most: 30},
	"id:gsrn":  {ai: "8018", digits: 17, parts: 1},
	"id:gsrnp": {ai: "8017", digits: 17, parts: 1},
	"id:gdti":  {ai: "253", digits: 12, parts: 2, most: 17},
	"id:cpi":   {ai: "8010", serial: "8011", parts: 2, most: 12},
	"id:sgcn":  {ai: "255", digits: 12, parts: 2, most: 12},
	"id:ginc":  {ai: "401", parts: 1, most: 30},
	"id:gsin":  {ai: "402", digits: 16, parts: 1},
	"id:itip":  {ai: "8006", digits: 13, lead: true, serial: "21", parts: 4, most: 20},
	"id:upui":  {ai: "01", digits: 13, lead: true, serial: "235", parts: 2, most: 28},
	"id:pgln":  {ai: "417", digits: 12, parts: 1},

	"class:lgtin": {ai: "01", digits: 13, lead: true, serial: "10", parts: 2, most: 20},
	"idpat:sgtin": {ai: "01", digits: 13, lead: true, parts: 2},
	"idpat:grai":  {ai: "8003", digits: 12, zero: true, parts: 2},
	"idpat:gdti":  {ai: "253", digits: 12, parts: 2},
	"idpat:sgcn":  {ai: "255", digits: 12, parts: 2},
	"idpat:cpi":   {ai: "8010", parts: 2},
	"idpat:itip":  {ai: "8006", digits: 13, lead: true, parts: 4},
	"idpat:upui":  {ai: "01", digits: 13, lead: true, parts: 2},
}

// canonical gives a GS1 key as constrained canonical Digital Link URI, whether it was written as EPC URN or as a Digital
// Link of any domain (CBV 2.0, 8.9.2). What is neither comes back as it was.
func canonical(v string) string {
	if rest, ok := strings.CutPrefix(v, "urn:epc:"); ok {
		if link, ok := ofURN(rest); ok {
			return link
		}
		return v
	}
	if strings.HasPrefix(v, "https://") || strings.HasPrefix(v, "http://") {
		if link, ok := ofLink(v); ok {
			return link
		}
	}
	return v
}

func ofURN(rest string) (string, bool) {
	kind, name, _ := strings.Cut(rest, ":")
	name, body, ok := strings.Cut(name, ":")
	s, known := schemes[kind+":"+name]
	if !ok || !known {
		return "", false
	}
	parts := strings.SplitN(body, ".", s.parts+1)
	if len(parts) != s.parts+1 || !within(len(parts[0]), 6, 12) || !numeric(parts[0]) {
		return "", false
	}
	prefix, reference, more := parts[0], parts[1], parts[2:]
	if s.serial == "8011" || kind == "idpat" && s.ai == "8010" { // a component's reference may hold points
		i := strings.LastIndexByte(body, '.')
		reference, more = body[len(prefix)+1:i], []string{body[i+1:]}
	}
	key, ok := s.key(prefix, reference)
	if !ok {
		return "", false
	}
	return s.link(kind, key, more)
}

// key is the key's value: digits with their check digit, or prefix and reference as they are.
func (s scheme) key(prefix, reference string) (string, bool) {
	if s.digits == 0 {
		return prefix + encode(reference), reference != "" && len(prefix)+len(reference) <= 3*30
	}
	if len(prefix)+len(reference) != s.digits || reference != "" && !numeric(reference) {
		return "", false
	}
	body := prefix + reference
	if s.lead {
		body = reference[:1] + prefix + reference[1:]
	}
	if s.zero {
		body = "0" + body
	}
	return body + checkDigit(body), true
}

// link puts the key and what follows it together.
func (s scheme) link(kind, key string, more []string) (string, bool) {
	if s.ai == "8006" { // pieces and total, two digits each
		if len(more[0])+len(more[1]) != 4 || !numeric(more[0]+more[1]) {
			return "", false
		}
		key, more = key+more[0]+more[1], more[2:]
	}
	out := dl + s.ai + "/" + key
	if len(more) == 0 {
		return out, true
	}
	serial := more[0]
	switch {
	case kind == "idpat":
		return out, serial == "*"
	case serial == "" || len(serial) > 3*s.most: // percent-encoded at worst
		return "", false
	case s.serial == "":
		return out + encode(serial), true
	case s.ai == "414" && serial == "0": // no extension (TDS 6.3.3)
		return out, true
	}
	return out + "/" + s.serial + "/" + encode(serial), true
}

// encode percent-encodes what EPC URIs may hold and Digital Links may not (GS1 Digital Link, table 7-1).
var encode = strings.NewReplacer("!", "%21", "(", "%28", ")", "%29", "*", "%2A", "+", "%2B", ",", "%2C", ":", "%3A").Replace

// keys are the primary keys of Digital Links: their application identifier by it and by its older short name.
var keys = map[string]string{
	"01": "01", "gtin": "01", "8006": "8006", "itip": "8006", "8010": "8010", "cpid": "8010", "414": "414", "gln": "414", "417": "417", "party": "417",
	"8017": "8017", "gsrnp": "8017", "8018": "8018", "gsrn": "8018", "255": "255", "gcn": "255", "00": "00", "sscc": "00", "253": "253", "gdti": "253",
	"401": "401", "ginc": "401", "402": "402", "gsin": "402", "8003": "8003", "grai": "8003", "8004": "8004", "giai": "8004",
}

// qualifiers of keys, the finest first: only that is kept.
var qualifiers = map[string][]string{
	"01": {"21", "235", "10"}, "8006": {"21", "10"}, "414": {"254"}, "8010": {"8011"},
}

var qualifierNames = map[string]string{"ser": "21", "lot": "10", "cpv": "22"}

// lengths of keys that begin with digits: so many, and more characters where the second is larger.
var lengths = map[string][2]int{
	"00": {18, 18}, "01": {14, 14}, "253": {13, 30}, "255": {13, 25}, "402": {17, 17}, "414": {13, 13}, "417": {13, 13},
	"8003": {14, 30}, "8006": {18, 18}, "8017": {18, 18}, "8018": {18, 18}, "401": {4, 30}, "8004": {4, 30}, "8010": {4, 30},
}

func ofLink(v string) (string, bool) {
	u, err := url.Parse(v)
	if err != nil || u.Host == "" {
		return "", false
	}
	path := strings.Split(strings.Trim(u.EscapedPath(), "/"), "/")
	for i := 0; i+1 < len(path); i++ {
		if ai, ok := keys[path[i]]; ok && (len(path)-i)%2 == 0 {
			if link, ok := keyLink(ai, path[i+1:]); ok {
				return link, true
			}
		}
	}
	return "", false
}

// keyLink reads a key's value and the qualifiers after it.
func keyLink(ai string, path []string) (string, bool) {
	value := path[0]
	if pad := 14 - len(value); ai == "01" && numeric(value) && slices.Contains([]int{1, 2, 6}, pad) {
		value = strings.Repeat("0", pad) + value
	}
	size := lengths[ai]
	if !within(len(value), size[0], 3*size[1]) || size[0] == size[1] && len(value) != size[0] || !numeric(value[:size[0]]) {
		return "", false
	}
	given := map[string]string{}
	for i := 1; i+1 < len(path); i += 2 {
		name := path[i]
		if n, ok := qualifierNames[name]; ok {
			name = n
		}
		if !slices.Contains(qualifiers[ai], name) && name != "22" {
			return "", false
		}
		given[name] = path[i+1]
	}
	for _, q := range qualifiers[ai] {
		if s := given[q]; s != "" {
			return dl + ai + "/" + value + "/" + q + "/" + s, true
		}
	}
	return dl + ai + "/" + value, true
}

// checkDigit by GS1 General Specifications 7.9: weights 3 and 1 from the right.
func checkDigit(body string) string {
	sum := 0
	for i := range body {
		d := int(body[len(body)-1-i] - '0')
		if i%2 == 0 {
			d *= 3
		}
		sum += d
	}
	return string(rune('0' + (10-sum%10)%10))
}

func numeric(v string) bool { return v != "" && strings.Trim(v, "0123456789") == "" }

func within(n, low, high int) bool { return n >= low && n <= high }

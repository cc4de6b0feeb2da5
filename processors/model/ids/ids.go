// Package ids says what identifiers look like once they are through the door, what their record keys are, and which kinds
// lead on to which.
package ids

import (
	"cmp"
	"fmt"
	"strings"

	"waybill/avro"
	"waybill/topics"
)

// Of makes an identifier of a raw value as a source wrote it: normalised, with the raw form kept where that changed it.
func Of(kind avro.IdentifierKind, issuer, raw string) avro.Identifier {
	id := avro.Identifier{Kind: kind, Issuer: strings.TrimSpace(issuer), Value: Normalise(kind, raw)}
	if id.Value != raw {
		id.Raw = avro.Some(raw)
	}
	return id
}

// Normalise strips what the same identifier may be written with: blanks, a GS1 URN or Digital Link prefix, and the leading
// zeros of purely numeric document numbers (X12 B10 and SAP pad them). SSCCs keep theirs: GS1 General Specifications 3.2
// fixes them at 18 digits.
func Normalise(kind avro.IdentifierKind, raw string) string {
	v := strings.TrimSpace(raw)
	switch kind {
	case avro.IdentifierKindSSCC:
		return sscc(v)
	case avro.IdentifierKindOrder, avro.IdentifierKindDelivery, avro.IdentifierKindPRO, avro.IdentifierKindBOL, avro.IdentifierKindInvoice:
		return unpad(v)
	case avro.IdentifierKindContainer:
		return container(v)
	}
	return v
}

func sscc(v string) string {
	if _, after, ok := strings.Cut(v, "/00/"); ok { // GS1 Digital Link, application identifier 00
		return after
	}
	if rest, ok := strings.CutPrefix(v, "urn:epc:id:sscc:"); ok {
		return ssccOfURN(v, rest)
	}
	return strings.TrimPrefix(v, "(00)")
}

// ssccOfURN rebuilds the 18 digits: extension digit, company prefix, serial, check digit (GS1 TDS 6.3.2).
func ssccOfURN(v, rest string) string {
	prefix, serial, ok := strings.Cut(rest, ".")
	if !ok || len(prefix)+len(serial) != 17 || !numeric(prefix+serial) {
		return v
	}
	body := serial[:1] + prefix + serial[1:]
	sum := 0
	for i := range body {
		d := int(body[i] - '0')
		if i%2 == 0 {
			d *= 3
		}
		sum += d
	}
	return fmt.Sprintf("%s%d", body, (10-sum%10)%10)
}

// container closes up a freight container number, which is written with and without blanks and hyphens (ISO 6346: three
// letters of owner, one of category, six digits, a check digit). Other equipment keeps its own way of writing.
func container(v string) string {
	closed := strings.ToUpper(unspaced.Replace(v))
	if len(closed) < 10 || len(closed) > 11 || !numeric(closed[4:]) || strings.Trim(closed[:4], "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return v
	}
	return closed
}

var unspaced = strings.NewReplacer(" ", "", "-", "")

func unpad(v string) string {
	if !numeric(v) {
		return v
	}
	if t := strings.TrimLeft(v, "0"); t != "" {
		return t
	}
	return v
}

func numeric(v string) bool {
	return v != "" && strings.Trim(v, "0123456789") == ""
}

// Key is the record key of an identifier: tenant, kind, issuer, value.
func Key(tenant string, id avro.Identifier) string {
	return topics.Key(tenant, id.Kind.String(), id.Issuer, id.Value)
}

// ParseKey is the inverse of Key.
func ParseKey(key string) (tenant string, id avro.Identifier, err error) {
	parts := topics.SplitKey(key)
	if len(parts) != 4 {
		return "", id, fmt.Errorf("key %q has %d parts, want tenant|KIND|issuer|value", key, len(parts))
	}
	kind, ok := avro.ParseIdentifierKind(parts[1])
	if !ok {
		return "", id, fmt.Errorf("key %q names identifier kind %q, which the schema does not know", key, parts[1])
	}
	return parts[0], avro.Identifier{Kind: kind, Issuer: parts[2], Value: parts[3]}, nil
}

// Same says whether two identifiers name the same thing; the raw form does not matter.
func Same(a, b avro.Identifier) bool { return Compare(a, b) == 0 }

// Bare is an identifier without its raw form: to be a key, or to be said.
func Bare(id avro.Identifier) avro.Identifier {
	id.Raw = avro.Opt[string]{}
	return id
}

// Compare orders identifiers by kind, issuer, value.
func Compare(a, b avro.Identifier) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), strings.Compare(a.Issuer, b.Issuer), strings.Compare(a.Value, b.Value))
}

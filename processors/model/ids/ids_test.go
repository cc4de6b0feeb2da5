package ids_test

import (
	"testing"

	"waybill/avro"
	"waybill/processors/model/ids"
)

func TestNormalise(t *testing.T) {
	for _, c := range []struct {
		kind      avro.IdentifierKind
		raw, want string
	}{
		{avro.IdentifierKindPRO, " 0000123456 ", "123456"},
		{avro.IdentifierKindPRO, "000", "000"},
		{avro.IdentifierKindBOL, "00A1", "00A1"},
		{avro.IdentifierKindSSCC, "(00)006141411234567890", "006141411234567890"},
		{avro.IdentifierKindSSCC, "urn:epc:id:sscc:0614141.1234567890", "106141412345678908"},
		{avro.IdentifierKindSSCC, "https://id.gs1.org/00/106141412345678908", "106141412345678908"},
		{avro.IdentifierKindContainer, "mscu 123456 7", "MSCU1234567"},
		{avro.IdentifierKindContainer, "cr361", "cr361"},
		{avro.IdentifierKindVehicle, "0042", "0042"},
	} {
		if got := ids.Normalise(c.kind, c.raw); got != c.want {
			t.Errorf("%v %q: got %q, want %q", c.kind, c.raw, got, c.want)
		}
	}
}

func TestKeyRoundTrip(t *testing.T) {
	id := avro.Identifier{Kind: avro.IdentifierKindVehicle, Issuer: "HSL|18", Value: "6/00%7C18"}
	tenant, got, err := ids.ParseKey(ids.Key("a|b", id))
	if err != nil || tenant != "a|b" || !ids.Same(got, id) {
		t.Errorf("got %q %+v %v", tenant, got, err)
	}
	if _, _, err := ids.ParseKey("acme|NOPE||x"); err == nil {
		t.Error("unknown kind was accepted")
	}
}

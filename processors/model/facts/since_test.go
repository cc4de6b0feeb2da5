package facts_test

import (
	"testing"

	"waybill/avro"
	"waybill/processors/model/facts"
)

// Orders and loads said before the schemas had remarks keep their ids: these are what they were then.
func TestIDsFromBeforeRemarks(t *testing.T) {
	order := avro.Fact{Tenant: "acme", Order: avro.Some(avro.Order{Tenant: "acme", OrderID: "O1", DeliveryNumbers: []string{"D1"}})}
	load := avro.Fact{Tenant: "acme", Load: avro.Some(avro.Load{Tenant: "acme", LoadID: "L1", ReasonCode: "x"})}
	facts.Seal(&order)
	facts.Seal(&load)
	if order.FactID != "90cefd8a89ee3322ce8a5deb5090161a" || load.FactID != "f478819c92132f97adb696ddc94d0c58" {
		t.Errorf("an order has id %s, a load %s", order.FactID, load.FactID)
	}
	plain := load.FactID
	load.Load.V.Remarks = []avro.KV{{K: "a", V: "b"}}
	if facts.Seal(&load); load.FactID == plain {
		t.Error("remarks are content, and leave the id as it was")
	}
}

package main

import (
	"context"
	"strings"
	"testing"

	"waybill/avro"
	"waybill/cmd/internal/audit"
	"waybill/cmd/internal/states"
	"waybill/processors"
	"waybill/processors/model/ids"
)

// stateIsWhole looks into what the last process left: after whatever was done to those before it, each partition of each
// stage is what the changelog says.
func stateIsWhole(t *testing.T, ctx context.Context, a *audit.Audit) {
	t.Helper()
	var report states.Report
	tell(t, ctx, &report, "state", "verify")
	compared := map[string]int64{}
	for _, p := range report.Partitions {
		compared[p.Stage] += p.Compared
		if p.Useless != "" || p.Later != 0 {
			t.Errorf("state of %s/%d was not compared: %+v", p.Stage, p.Partition, p)
		}
	}
	var list []states.Directory
	tell(t, ctx, &list, "state", "ls")
	for _, stage := range (states.Disk{Specs: processors.All(processors.DefaultConfig())}).Stages() {
		if compared[stage] == 0 {
			t.Errorf("nothing of stage %s was compared", stage)
		}
	}
	if len(list) < len(report.Partitions) {
		t.Errorf("%d directories are listed, %d were verified", len(list), len(report.Partitions))
	}
	shipment := audit.Current(a.Timelines)[0]
	if _, err := ask(ctx, "state", "get", "shipments", shipment.ShipmentID); err == nil || !strings.Contains(err.Error(), "did you mean") {
		t.Errorf("state get of a part of a key: %v", err)
	}
	key := ids.Key(shipment.Tenant, avro.Identifier{Kind: avro.IdentifierKindShipment, Value: shipment.ShipmentID})
	got, err := ask(ctx, "state", "get", "shipments", key)
	if err != nil || !strings.Contains(got.out, "shipment_id: "+shipment.ShipmentID) || !strings.Contains(got.out, "stores:\n") {
		t.Errorf("state get shipments %s: %v\n%s", key, err, got.out)
	}
	table, err := ask(ctx, "state", "ls")
	if err != nil || !strings.Contains(table.out, "whole") || !strings.Contains(table.out, "contract") {
		t.Errorf("state ls: %v\n%s", err, table.out)
	}
	t.Logf("state compared with the changelog: %v", compared)
}

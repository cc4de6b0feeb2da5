package resolve_test

import (
	"strings"
	"testing"
	"time"

	"waybill/processors/resolve"
)

func TestValidateTellsEveryFault(t *testing.T) {
	if err := resolve.DefaultConfig().Validate(); err != nil {
		t.Errorf("the default: %v", err)
	}
	bad := resolve.Config{Delay: -1, Horizon: time.Minute, Delays: []string{"CARRIER", "NOBODY=1h", "WMS/NOTHING=1h", "WMS=soon", "TMS=9000h"}}
	err := bad.Validate()
	if err == nil {
		t.Fatal("no fault found")
	}
	for _, want := range []string{
		"resolve.horizon is 1m0s", "resolve.delay is -1ns", "resolve.keep is 0s", "resolve.max_facts is 0", "resolve.max_bytes is 0",
		`"CARRIER": give SYSTEM=DURATION`, `no source system "NOBODY"`, `no milestone "NOTHING"`, `"soon" is no duration`, "TMS is 9000h0m0s",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("nothing of %q in:\n%v", want, err)
		}
	}
}

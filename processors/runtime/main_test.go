package runtime

import (
	"flag"
	"os"
	"testing"

	"waybill/bench/rig"
)

// These tests wait far more than they compute: for sessions to expire, for transactions to time out. Some of them run the
// engine and its Kafka in other processes: this binary, started again.
func TestMain(m *testing.M) {
	rig.Child()
	if order := os.Getenv(orderEnv); order != "" {
		os.Exit(beInstance(order))
	}
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	code := m.Run()
	stopOneApache()
	os.Exit(code)
}

package runtime

import (
	"flag"
	"os"
	"testing"
)

// These tests wait far more than they compute: for sessions to expire, for transactions to time out.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

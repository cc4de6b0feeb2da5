package rig_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"waybill/bench/rig"
)

// parentDir makes the test binary a parent that starts ClickHouse in that folder, says so, and waits to be killed.
const parentDir = "RIG_TEST_PARENT_DIR"

func TestMain(m *testing.M) {
	rig.Child()
	if dir := os.Getenv(parentDir); dir != "" {
		os.Exit(beParent(dir))
	}
	os.Exit(m.Run())
}

func beParent(dir string) int {
	ch, err := rig.StartClickHouse(context.Background(), rig.ClickHouseOptions{Dir: dir})
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	fmt.Println("pid", ch.Pid())
	<-ch.Done()
	return 0
}

// startClickHouse starts one that the test's end stops, or skips visibly.
func startClickHouse(t *testing.T, o rig.ClickHouseOptions) *rig.ClickHouse {
	t.Helper()
	if _, err := rig.FindEngine(); errors.Is(err, rig.ErrNoEngine) {
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ch, err := rig.StartClickHouse(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ch.Stop() })
	return ch
}

package rig_test

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	if dir := os.Getenv(kafkaDir); dir != "" {
		os.Exit(beKafka(dir))
	}
	os.Exit(m.Run())
}

// kafkaDir makes the test binary a Kafka on that folder, which says where it is and waits to be killed.
const kafkaDir = "RIG_TEST_KAFKA_DIR"

func beKafka(dir string) int {
	k, err := rig.StartKafka(rig.KafkaOptions{DataDir: dir})
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	fmt.Println("brokers", k.BrokerList())
	_, _ = io.Copy(io.Discard, os.Stdin) // ends with the test that holds the other end
	return 0
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

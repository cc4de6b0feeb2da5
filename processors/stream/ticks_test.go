package stream_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"waybill/avro"
	"waybill/processors/stream"
)

// counting is committed state that counts the keys it lists.
type counting struct {
	memory
	listed *int
}

func (c counting) Scan(prefix, after []byte, fn func(key, value []byte) error) error {
	return c.memory.Scan(prefix, after, func(key, value []byte) error {
		*c.listed++
		return fn(key, value)
	})
}

// Hours of ticks come in one cycle where an instance was down for hours. Each reads of the index what has come due since the one before,
// not all that fired in the cycle: with a hundred thousand timers the cycle would not end.
func TestManyTicksOfACycleReadTheIndexOnce(t *testing.T) {
	const many = 1000
	r := newRun(t)
	for i := range many {
		r.must(fmt.Sprintf("k%04d", i), "alarm", "x", int64(i+1))
	}
	r.commit(0)
	listed := 0
	task, err := obeying.NewTask(counting{r.kv, &listed})
	if err != nil {
		t.Fatal(err)
	}
	fired := 0
	for i := range many + 1 {
		tick := stream.Record{Value: &avro.Tick{}, Time: time.UnixMicro(int64(i))}
		err := task.Process(context.Background(), tick, func(es []stream.Emit) error { fired += len(es); return nil })
		if err != nil {
			t.Fatal(err)
		}
		if fired != i {
			t.Fatalf("%d fired by %d", fired, i)
		}
	}
	if listed > 3*many {
		t.Errorf("%d entries of the index were read for %d timers", listed, many)
	}
}

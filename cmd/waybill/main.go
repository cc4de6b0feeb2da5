// Command waybill is the whole of Waybill in one binary: the pipeline, its sink, and the commands around them.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"waybill/bench/rig"
)

func main() {
	rig.Child() // never returns in the process that is the demo's ClickHouse
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal ends at once
	err := newRoot(os.Stdout, os.Stderr).ExecuteContext(ctx)
	stop()
	if err != nil && !errors.Is(err, errFailed) {
		fmt.Fprintln(os.Stderr, "waybill:", err)
	}
	os.Exit(exitCode(err))
}

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
	err := newRoot(os.Stdout, os.Stderr).ExecuteContext(untilSignal())
	if err != nil && !errors.Is(err, errFailed) {
		fmt.Fprintln(os.Stderr, "waybill:", err)
	}
	os.Exit(exitCode(err))
}

// untilSignal ends with the first signal to stop. By then the next one ends the process at once, so that whoever is told of the
// end may rely on it; signal.NotifyContext leaves a moment in which the second signal is swallowed.
func untilSignal() context.Context {
	ctx, end := context.WithCancel(context.Background())
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-asked
		signal.Reset(os.Interrupt, syscall.SIGTERM)
		end()
	}()
	return ctx
}

package rig

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"
	"golang.org/x/sys/unix"
)

// childEnv carries a childOrder to the re-executed binary.
const childEnv = "WAYBILL_CLICKHOUSE_CHILD"

// childGrace is how long the child may take to end by itself once asked; it normally needs 30 ms.
const childGrace = 20 * time.Second

// childOrder is what the child is to do.
type childOrder struct {
	Library string   // path of libchdb.so
	Args    []string // of clickhouse-local, without its name
}

// childCalled guards against a fork bomb: a binary that starts a child without calling Child would start itself again and again.
var childCalled atomic.Bool

// Child turns the process into the ClickHouse child if [StartClickHouse] started it as such, into Kafka if
// [StartKafkaProcess] did, and never returns then. Otherwise it returns at once. Call it first in main and in TestMain.
func Child() {
	childCalled.Store(true)
	if options := os.Getenv(kafkaEnv); options != "" {
		if err := beKafka(options); err != nil {
			fmt.Fprintln(os.Stderr, "kafka child:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	order := os.Getenv(childEnv)
	if order == "" {
		return
	}
	if err := runChild(order); err != nil {
		fmt.Fprintln(os.Stderr, "clickhouse child:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func runChild(order string) error {
	var o childOrder
	if err := json.Unmarshal([]byte(order), &o); err != nil {
		return fmt.Errorf("read order: %w", err)
	}
	// The parent may be gone, and its end of our stdout and stderr with it: a write must not kill us before the clean end.
	signal.Ignore(syscall.SIGPIPE)
	engine, err := loadEngine(o.Library)
	if err != nil {
		return err
	}
	if err := ownStdin(); err != nil {
		return fmt.Errorf("replace stdin: %w", err)
	}
	return engine.run(append([]string{"clickhouse"}, o.Args...))
}

// ownStdin makes descriptor 0 a pipe that this process alone holds. ClickHouse's keep-alive query reads it, so closing
// its other end is the clean way to stop. It is closed when the parent closes the original stdin or dies, and on SIGTERM.
func ownStdin() error {
	original, err := unix.Dup(0)
	if err != nil {
		return err
	}
	unix.CloseOnExec(original)
	var pipe [2]int
	if err := unix.Pipe(pipe[:]); err != nil {
		return err
	}
	unix.CloseOnExec(pipe[1])
	if err := unix.Dup2(pipe[0], 0); err != nil {
		return err
	}
	if err := unix.Close(pipe[0]); err != nil {
		return err
	}
	go closeWhenAsked(os.NewFile(uintptr(original), "parent"), pipe[1])
	return nil
}

func closeWhenAsked(parent io.Reader, pipe int) {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = io.Copy(io.Discard, parent) // any end of it, error or not, means that the parent is gone
	}()
	select {
	case <-stop:
	case <-gone:
	}
	_ = unix.Close(pipe)
	time.Sleep(childGrace)
	fmt.Fprintln(os.Stderr, "clickhouse child: still running after", childGrace, "- ending hard")
	os.Exit(2)
}

// engine is the part of libchdb's C interface that is used: chdb_query_cmdline runs clickhouse-local.
type engine struct {
	cmdline     func(argc int32, argv **byte) uintptr
	resultError func(uintptr) string
}

func loadEngine(path string) (engine, error) {
	h, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return engine{}, fmt.Errorf("load %s: %w (the engine needs glibc; musl will not do)", path, err)
	}
	var e engine
	for name, fn := range map[string]any{"chdb_query_cmdline": &e.cmdline, "chdb_result_error": &e.resultError} {
		if _, err := purego.Dlsym(h, name); err != nil {
			return engine{}, fmt.Errorf("load %s: no %s in it: is it libchdb 26.x?", path, name)
		}
		purego.RegisterLibFunc(fn, h, name)
	}
	// Go owns the signals of this process; ClickHouse's own handlers would take SIGSEGV and SIGTERM from it.
	if sym, err := purego.Dlsym(h, "chdb_set_signal_handlers_enabled"); err == nil {
		var enable func(int32)
		purego.RegisterFunc(&enable, sym)
		enable(0)
	}
	return e, nil
}

func (e engine) run(args []string) error {
	argv := make([]*byte, 0, len(args)+1)
	for _, a := range args {
		b := append([]byte(a), 0)
		argv = append(argv, &b[0])
	}
	argv = append(argv, nil)
	runtime.LockOSThread()
	result := e.cmdline(int32(len(args)), (**byte)(unsafe.Pointer(&argv[0])))
	runtime.KeepAlive(argv)
	if result == 0 {
		return fmt.Errorf("the engine gave no result")
	}
	if msg := e.resultError(result); msg != "" {
		return fmt.Errorf("%s", msg)
	}
	return nil
}

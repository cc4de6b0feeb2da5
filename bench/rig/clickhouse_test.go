package rig_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/ClickHouse/clickhouse-go/v2"

	"waybill/bench/rig"
)

func open(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("clickhouse", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func exec1(t *testing.T, db *sql.DB, query string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func count(t *testing.T, db *sql.DB, query string) (n uint64) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

func TestClickHouseKeepsDataOverStopAndKill(t *testing.T) {
	dir := t.TempDir()
	first := startClickHouse(t, rig.ClickHouseOptions{Dir: dir})
	db := open(t, first.DSN())
	exec1(t, db, "CREATE TABLE kept (n UInt64) ENGINE = MergeTree ORDER BY n")
	exec1(t, db, "INSERT INTO kept SELECT number FROM numbers(1000)")
	began := time.Now()
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	t.Logf("stopped in %s", time.Since(began).Round(time.Millisecond))

	second := startClickHouse(t, rig.ClickHouseOptions{Dir: dir})
	db = open(t, second.DSN())
	if n := count(t, db, "SELECT count() FROM kept"); n != 1000 {
		t.Errorf("after Stop: %d rows, want 1000", n)
	}
	exec1(t, db, "INSERT INTO kept SELECT 1000 + number FROM numbers(500)")
	if err := syscall.Kill(second.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-second.Done()

	third := startClickHouse(t, rig.ClickHouseOptions{Dir: dir})
	if n := count(t, open(t, third.DSN()), "SELECT count() FROM kept"); n != 1500 {
		t.Errorf("after kill -9: %d rows, want 1500", n)
	}
}

func TestClickHouseIsRevived(t *testing.T) {
	ch := startClickHouse(t, rig.ClickHouseOptions{Revive: true})
	db := open(t, ch.DSN())
	exec1(t, db, "CREATE TABLE kept (n UInt64) ENGINE = MergeTree ORDER BY n")
	exec1(t, db, "INSERT INTO kept VALUES (1)")
	if err := syscall.Kill(ch.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	var n uint64
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for err := error(nil); n == 0; err = db.QueryRowContext(ctx, "SELECT count() FROM kept").Scan(&n) {
		if ctx.Err() != nil {
			t.Fatalf("it did not come back: %v", err)
		}
	}
	if ch.Revived() != 1 {
		t.Errorf("revived %d times, want 1", ch.Revived())
	}
}

func TestClickHouseEndsWithItsParent(t *testing.T) {
	if _, err := rig.FindEngine(); errors.Is(err, rig.ErrNoEngine) {
		t.Skip(err)
	}
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentDir+"="+t.TempDir())
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	line, _ := bufio.NewReader(out).ReadString('\n')
	if _, err := fmt.Sscanf(line, "pid %d", &pid); err != nil {
		t.Fatalf("the parent said %q", line)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); ; {
		if gone(pid) {
			t.Logf("the child ended %s after its parent", time.Since(began).Round(time.Millisecond))
			return
		}
		select {
		case <-deadline:
			_ = syscall.Kill(pid, syscall.SIGKILL)
			t.Fatal("the child outlived its parent")
		case <-tick.C:
		}
	}
}

// gone counts a process that ended but was not waited for as gone: in a container nobody may wait for an orphan.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func TestClickHouseSecondOnSameFolderFailsFast(t *testing.T) {
	dir := t.TempDir()
	startClickHouse(t, rig.ClickHouseOptions{Dir: dir})
	second, err := rig.StartClickHouse(t.Context(), rig.ClickHouseOptions{Dir: dir})
	if err == nil {
		_ = second.Stop()
		t.Fatal("a second instance started on the same folder")
	}
	if !strings.Contains(err.Error(), "already running") {
		t.Errorf("the error does not say why: %v", err)
	}
}

func TestClickHouseDefaultUserCanDoNothing(t *testing.T) {
	ch := startClickHouse(t, rig.ClickHouseOptions{})
	exec1(t, open(t, ch.DSN()), "CREATE TABLE secret (n UInt64) ENGINE = MergeTree ORDER BY n")
	for _, query := range []string{"SELECT count() FROM waybill.secret", "CREATE TABLE waybill.t (n UInt8) ENGINE = Memory", "DROP DATABASE waybill"} {
		resp, err := http.Post("http://"+ch.HTTPAddr+"/", "text/plain", strings.NewReader(query))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			t.Errorf("the user default, who has no password, may %s", query)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestFindEngineSaysWhatToDo(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv(rig.EngineEnv, "")
	if _, err := rig.FindEngine(); !errors.Is(err, rig.ErrNoEngine) || !strings.Contains(err.Error(), "make tools") {
		t.Errorf("error is %v, want ErrNoEngine that names make tools", err)
	}
	t.Setenv(rig.EngineEnv, filepath.Join(t.TempDir(), "absent.so"))
	if _, err := rig.FindEngine(); err == nil || !strings.Contains(err.Error(), rig.EngineEnv) {
		t.Errorf("error is %v, want one that names %s", err, rig.EngineEnv)
	}
}

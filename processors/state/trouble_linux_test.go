package state

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"waybill/processors/stream"
)

// smallDisk is a disk of 4 MiB.
func smallDisk(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("a small disk is mounted by root alone")
	}
	dir := t.TempDir()
	if said, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=4m", "none", dir).CombinedOutput(); err != nil {
		t.Skipf("mount a small disk: %v: %s", err, said)
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", dir).Run() }) // Pebble that gave up holds files open
	return dir
}

// fill takes all there is of a disk, and gives it back.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	path := filepath.Join(dir, "full")
	if err := os.WriteFile(path, make([]byte, 8<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// A flush on a full disk says so instead of waiting for room, and so does what is written after it.
func TestFullDiskIsSaid(t *testing.T) {
	dir := smallDisk(t)
	s := open(t, newDisk(t, dir), someID)
	apply(t, s, 1, "a", "1")
	free := fill(t, dir)
	if err := s.Flush(); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "make room") {
		t.Errorf("flush says %v", err)
	}
	if err := s.Apply([]stream.Change{{Key: []byte("b"), Value: []byte("1")}}, Checkpoint{Next: 2}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("apply says %v", err)
	}
	_ = s.Close() // it may say so once more
	free()
	s = open(t, newDisk(t, dir), someID)
	apply(t, s, 1, "a", "1")
	if err := errors.Join(s.Flush(), s.Close()); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

// What cannot be made for want of room is an error that says so, and is not taken for damaged and set aside.
func TestFullDiskIsNoDamage(t *testing.T) {
	dir := smallDisk(t)
	d := newDisk(t, dir)
	fill(t, dir)
	if s, err := d.Open(someID); err == nil || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("opened %v, %v", s, err)
	}
	if aside, _ := filepath.Glob(filepath.Join(dir, "*", "*", "*", "*"+asideMark+"*")); len(aside) > 0 {
		t.Errorf("set aside: %v", aside)
	}
}

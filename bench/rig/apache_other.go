//go:build !linux

package rig

import "syscall"

// detached starts a process in a group of its own, so that Ctrl-C goes to us alone.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

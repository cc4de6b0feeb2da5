package rig

import "syscall"

// detached starts a process in a group of its own, so that Ctrl-C goes to us alone; it dies with us, however we die.
func detached() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

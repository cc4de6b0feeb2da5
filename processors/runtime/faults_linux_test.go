package runtime

import "syscall"

// diesWithUs makes a process die with this one, a stopped one too.
func diesWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

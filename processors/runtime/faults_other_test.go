//go:build !linux

package runtime

import "syscall"

func diesWithUs() *syscall.SysProcAttr { return nil }

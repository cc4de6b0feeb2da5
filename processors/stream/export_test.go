package stream

import "unsafe"

// Sum adds up what the task holds decoded.
func (t *Task) Sum() (n int) {
	for key, s := range t.b.scopes {
		n += scopeOverhead + len(key) + len(s.slots)*int(unsafe.Sizeof(slot{}))
		for _, at := range s.slots {
			n += int(at.value.size)
			if at.subs == nil {
				continue
			}
			n += subsOverhead
			for _, c := range at.subs.cells {
				n += int(c.size)
			}
			for _, name := range at.subs.list {
				n += nameOverhead + len(name)
			}
		}
	}
	return n
}

// ForgetAtOnce sets how many entries are forgotten at a tick, and gives how many they were.
func ForgetAtOnce(n int) (was int) {
	was, maxForgotten = maxForgotten, n
	return was
}

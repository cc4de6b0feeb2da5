package show

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// Restores draws how far the restores of a process are, all in one bar, on a terminal. Elsewhere it draws nothing: the log
// tells. It is for several goroutines.
type Restores struct {
	w        io.Writer
	terminal bool
	patience time.Duration // shorter restores are not worth a bar

	mu    sync.Mutex
	parts map[string]part // since none was under way
	begun time.Time
	bar   *progressbar.ProgressBar
}

// part is one restore.
type part struct {
	done, total int64
	over        bool
}

// NewRestores draws on w, normally standard error.
func NewRestores(w io.Writer) *Restores {
	_, ok := Terminal(w)
	return &Restores{w: w, terminal: ok, patience: time.Second, parts: map[string]part{}}
}

// Move says how far one restore is, and whether no more will come of it.
func (r *Restores) Move(id string, done, total int64, over bool) {
	if !r.terminal {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.parts) == 0 {
		r.begun = time.Now()
	}
	if over {
		total = done // what was taken from us on the way is not waited for
	}
	r.parts[id] = part{done, total, over}
	r.draw()
}

func (r *Restores) draw() {
	done, total, left := r.sum()
	if r.bar == nil && left > 0 && time.Since(r.begun) >= r.patience {
		r.bar = newBar(r.w, "restoring", total)
	}
	if r.bar != nil && left > 0 {
		r.bar.ChangeMax64(max(total, 1))
		_ = r.bar.Set64(done) // a bar that cannot be drawn must not stop the work
	}
	if left > 0 {
		return
	}
	if r.bar != nil {
		_ = r.bar.Clear()
		fmt.Fprintf(r.w, "%-10s %d records of %d partitions (%.1f s)\n", "restored", done, len(r.parts), time.Since(r.begun).Seconds())
	}
	r.bar = nil
	clear(r.parts)
}

func (r *Restores) sum() (done, total int64, left int) {
	for _, p := range r.parts {
		done, total = done+p.done, total+p.total
		if !p.over {
			left++
		}
	}
	return done, total, left
}

// Write writes lines, such as a log's, above the bar.
func (r *Restores) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bar == nil {
		return r.w.Write(b)
	}
	_ = r.bar.Clear()
	n, err := r.w.Write(b)
	_ = r.bar.RenderBlank()
	return n, err
}

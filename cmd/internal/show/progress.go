package show

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Terminal says whether w is one, and how wide it is.
func Terminal(w io.Writer) (width int, ok bool) {
	f, isFile := w.(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0, true
	}
	return width, true
}

// Colour says whether w shows colours: a terminal whose owner has not asked for none (https://no-color.org).
func Colour(w io.Writer) bool {
	_, ok := Terminal(w)
	return ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// Progress tells how far a long work is: bars on a terminal, a line at the end of each phase elsewhere.
type Progress struct {
	w        io.Writer
	terminal bool
}

// NewProgress writes to w, normally standard error.
func NewProgress(w io.Writer) *Progress {
	_, ok := Terminal(w)
	return &Progress{w, ok}
}

// Phase is one part of the work.
type Phase struct {
	p     *Progress
	name  string
	begun time.Time
	bar   *progressbar.ProgressBar
	most  int64 // of what was left
}

// Start begins a phase of total steps; -1: nobody knows.
func (p *Progress) Start(name string, total int64) *Phase {
	ph := &Phase{p: p, name: name, begun: time.Now()}
	if p.terminal {
		ph.bar = newBar(p.w, name, total)
	}
	return ph
}

func newBar(w io.Writer, name string, total int64) *progressbar.ProgressBar {
	return progressbar.NewOptions64(total, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(name), progressbar.OptionShowCount(),
		progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionUseANSICodes(true))
}

// Add says that n more steps are done.
func (ph *Phase) Add(n int) {
	if ph.bar != nil {
		_ = ph.bar.Add(n) // a bar that cannot be drawn must not stop the work
	}
}

// Left says how many steps are left, for works that only know that.
func (ph *Phase) Left(n int64) {
	ph.most = max(ph.most, n)
	if ph.bar != nil {
		ph.bar.ChangeMax64(ph.most)
		_ = ph.bar.Set64(ph.most - n)
	}
}

// Done ends the phase and says what came of it.
func (ph *Phase) Done(format string, args ...any) {
	if ph.bar != nil {
		_ = ph.bar.Finish()
	}
	fmt.Fprintf(ph.p.w, "%-10s %s (%.1f s)\n", ph.name, fmt.Sprintf(format, args...), time.Since(ph.begun).Seconds())
}

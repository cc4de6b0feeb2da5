package x12

import (
	"fmt"
	"strconv"
	"strings"
)

// interchange is ISA to IEA, or what stands without them.
type interchange struct {
	d      Delimiters
	isa    Segment // no elements where there is none that can be read
	groups []group
	notes  []string // what was wrong with the envelope and tolerated
}

// group is GS to GE, or what stands without them.
type group struct {
	gs       Segment // no elements where there is none
	head     string  // its bytes
	sets     []set
	trailer  bool // GE was there
	included int  // as GE says, else as found
	codes    []string
}

// set is one transaction set, ST to SE.
type set struct {
	segments []Segment
	raw      string
	codes    []string // of AK5, what was wrong with its envelope and tolerated
	whole    bool     // SE was there
}

func (s *Segment) there() bool { return len(s.elements) > 0 }

// ID is the transaction set's number, such as 214; Control its control number.
func (s *set) ID() string      { return s.segments[0].Get(1) }
func (s *set) control() string { return s.segments[0].Get(2) }

// reader takes a text apart.
type reader struct {
	lexer
	out     []interchange
	inside  *set // the set being read
	blocked int  // bytes of the set being read, from
}

// read takes a payload apart: interchanges, groups, sets. Missing ISA, GS, GE and IEA are tolerated and noted.
func read(text string) ([]interchange, error) {
	r := reader{lexer: lexer{text: text}}
	r.skipBlanks()
	for r.at < len(r.text) {
		if err := r.interchange(); err != nil {
			return nil, err
		}
		r.skipBlanks()
	}
	if len(r.out) == 0 {
		return nil, errNotX12
	}
	return r.out, nil
}

// readAs takes apart what stood in an interchange of these delimiters.
func readAs(d Delimiters, text string) ([]interchange, error) {
	r := reader{lexer: lexer{text: text, d: d}}
	r.elements = make([]string, 0, r.count())
	x := interchange{d: d}
	r.groups(&x)
	return []interchange{x}, nil
}

func (r *reader) skipBlanks() { r.at += blanks(r.text[r.at:]) }

// interchange reads one, up to its IEA, the next ISA or the end.
func (r *reader) interchange() error {
	d, whole, err := Detect([]byte(r.text[r.at:min(len(r.text), r.at+8*isaLength)]))
	if err != nil {
		return fmt.Errorf("at byte %d: %w", r.at, err)
	}
	r.d = d
	if r.elements == nil {
		r.elements = make([]string, 0, r.count())
	}
	x := interchange{d: d}
	if strings.HasPrefix(r.text[r.at:], "ISA") {
		r.header(&x, whole)
	}
	r.groups(&x)
	r.out = append(r.out, x)
	return nil
}

// count is how many elements there can be at most: what the array is made for.
func (r *reader) count() int {
	rest := r.text[r.at:]
	n := 1
	for i := range len(rest) {
		if c := rest[i]; c == r.d.Element || c == r.d.Segment {
			n++
		}
	}
	return n
}

// header reads the ISA. A damaged one is noted and passed over: who sent it is then known from GS alone.
func (r *reader) header(x *interchange, whole bool) {
	if whole {
		x.isa, _ = r.next()
		return
	}
	r.at += headerAt([]byte(r.text[r.at:min(len(r.text), r.at+8*isaLength)]), r.text[r.at+3])
	x.notes = append(x.notes, "ISA is damaged: it has not sixteen elements with a terminator behind them; delimiters were taken from the segment behind it")
}

func (r *reader) groups(x *interchange) {
	var g *group
	within := func() *group {
		if g == nil {
			x.groups = append(x.groups, group{trailer: true})
			g = &x.groups[len(x.groups)-1]
		}
		return g
	}
	for {
		before := r.at
		s, ok := r.next()
		if !ok {
			break
		}
		switch s.ID() {
		case "ISA":
			r.end(within)
			r.at = before
			r.skipBlanks()
			x.finish("")
			return
		case "GS":
			r.end(within)
			x.groups = append(x.groups, group{gs: s, head: r.text[s.start:s.end]})
			g = &x.groups[len(x.groups)-1]
		case "ST":
			r.end(within)
			r.inside, r.blocked = &set{segments: append(make([]Segment, 0, 8), s)}, s.start
		case "SE":
			r.trailer(s, x, within)
		case "GE":
			r.end(within)
			x.groupTrailer(g, s)
			g = nil
		case "IEA":
			r.end(within)
			x.finish(s.Get(2))
			return
		default:
			r.add(s, x)
		}
	}
	r.end(within)
	x.finish("")
}

func (r *reader) add(s Segment, x *interchange) {
	if r.inside != nil {
		r.inside.segments = append(r.inside.segments, s)
		return
	}
	if s.ID() != "TA1" {
		x.note("segment %s stands outside of any transaction set", s.ID())
	}
}

// trailer ends a set. Counts and control numbers that differ are noted: what a set says is held against its own sums and
// fields, and partners' counts are wrong more often than their data.
func (r *reader) trailer(s Segment, x *interchange, within func() *group) {
	if r.inside == nil {
		x.note("SE stands without ST")
		return
	}
	in := r.inside
	in.segments = append(in.segments, s)
	in.whole = true
	if s.Get(2) != in.control() {
		in.codes = append(in.codes, "3")
	}
	if n, err := strconv.Atoi(s.Get(1)); err != nil || n != len(in.segments) {
		in.codes = append(in.codes, "4")
	}
	r.end(within)
}

// end puts the set being read into its group, whole or not.
func (r *reader) end(within func() *group) {
	if r.inside == nil {
		return
	}
	last := r.inside.segments[len(r.inside.segments)-1]
	r.inside.raw = r.text[r.blocked:last.end]
	g := within()
	g.sets = append(g.sets, *r.inside)
	r.inside = nil
}

func (x *interchange) note(format string, args ...any) {
	if len(x.notes) < 10 {
		x.notes = append(x.notes, fmt.Sprintf(format, args...))
	}
}

func (x *interchange) groupTrailer(g *group, ge Segment) {
	if g == nil || !g.gs.there() {
		x.note("GE stands without GS")
		return
	}
	g.trailer = true
	n, err := strconv.Atoi(ge.Get(1))
	g.included = n
	if err != nil || n != len(g.sets) {
		g.codes = append(g.codes, "5")
	}
	if ge.Get(2) != g.gs.Get(6) {
		g.codes = append(g.codes, "4")
	}
}

// finish checks what an interchange can say of itself once it is read.
func (x *interchange) finish(control string) {
	if x.isa.there() && control != x.isa.Get(13) {
		x.note("ISA13 is %q and IEA02 %q", clip(x.isa.Get(13)), clip(control))
	}
	for i := range x.groups {
		g := &x.groups[i]
		if !g.trailer {
			g.codes = append(g.codes, "3")
			g.included = len(g.sets)
		}
	}
}

func clip(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "…"
	}
	return s
}

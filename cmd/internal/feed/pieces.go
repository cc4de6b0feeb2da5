package feed

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// piece is one payload of a file.
type piece struct {
	text []byte // without its line end
	size int64  // in bytes, more than text holds where it is too large
	line int64  // where it begins, from 1
}

// pieces cuts a file into lines. Memory is bounded whatever the file holds.
type pieces struct {
	r    *bufio.Reader
	line int64
	back []piece // lines given back, to be read again
}

func cut(r io.Reader) *pieces { return &pieces{r: bufio.NewReaderSize(r, 64<<10)} }

// next gives the next line, without its end. At the end of the file it gives io.EOF.
func (p *pieces) next() (piece, error) {
	if n := len(p.back); n > 0 {
		x := p.back[n-1]
		p.back = p.back[:n-1]
		return x, nil
	}
	p.line++
	x := piece{line: p.line}
	for {
		part, err := p.r.ReadSlice('\n')
		x.add(part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && (!errors.Is(err, io.EOF) || x.size == 0) {
			return piece{}, err
		}
		return x.trimmed(), nil
	}
}

// add keeps what there is room for: all, until it is too large, then the beginning.
func (x *piece) add(part ...byte) {
	whole := x.size == int64(len(x.text))
	x.size += int64(len(part))
	switch {
	case x.size <= MaxPayload:
		x.text = append(x.text, part...)
	case whole: // it has just become too large
		x.text = bytes.Clone(append(x.text, part...)[:MaxKept])
	}
}

// trimmed is the line without its end; an overlong line has lost its end already.
func (x piece) trimmed() piece {
	if x.size == int64(len(x.text)) {
		x.text = bytes.TrimSuffix(bytes.TrimSuffix(x.text, []byte("\n")), []byte("\r"))
		x.size = int64(len(x.text))
	}
	return x
}

// giveBack puts lines back, the first to be read first.
func (p *pieces) giveBack(lines []piece) {
	for i := len(lines) - 1; i >= 0; i-- {
		p.back = append(p.back, lines[i])
	}
}

func (x piece) blank() bool { return x.size == int64(len(x.text)) && len(bytes.TrimSpace(x.text)) == 0 }

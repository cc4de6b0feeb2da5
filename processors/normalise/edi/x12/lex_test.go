package x12_test

import (
	"fmt"
	"strings"
	"testing"

	"waybill/processors/normalise/edi/x12"
)

// isa is an ISA in its fixed form; its ends are the component separator and the segment terminator.
func isa(sep, repetition, version, ends string) string {
	e := []string{"ISA", "00", "          ", "00", "          ", "ZZ", "CARRIER        ", "02", "SHIPPER        ", "260105", "0930", repetition, version, "000000042", "0", "P"}
	return strings.Join(e, sep) + sep + ends
}

func TestDetect(t *testing.T) {
	gs := "GS*QM*CARRIER*SHIPPER*20260105*0930*7*X*004010"
	for _, c := range []struct {
		name, in string
		want     x12.Delimiters
		whole    bool
	}{
		{"4010 by position", isa("*", "U", "00401", ">~") + gs + "~", x12.Delimiters{'*', '>', 0, '~'}, true},
		{"5010 has a repetition separator", isa("*", "^", "00501", ":~") + gs + "~", x12.Delimiters{'*', ':', '^', '~'}, true},
		{"4010 has none, whatever ISA11 holds", isa("*", "^", "00401", ":~") + gs + "~", x12.Delimiters{'*', ':', 0, '~'}, true},
		{"a new line ends segments", isa("*", "U", "00401", ">\n") + gs + "\nST*214*1\n", x12.Delimiters{'*', '>', 0, '\n'}, true},
		{"CR and LF end segments", isa("*", "U", "00401", ">\r\n") + gs + "\r\n", x12.Delimiters{'*', '>', 0, '\r'}, true},
		{"a bar ends segments, ~ separates components", isa("*", "U", "00401", "~|") + gs + "|", x12.Delimiters{'*', '~', 0, '|'}, true},
		{"~ separates elements", isa("~", "U", "00401", "`*") + strings.ReplaceAll(gs, "*", "~") + "*", x12.Delimiters{'~', '`', 0, '*'}, true},
		{"elements without padding, by count", "ISA*00* *00* *02*SCAC *02*KLSA *060301*0028*U*00401*001*0*P*:~\n" + gs + "~", x12.Delimiters{'*', ':', 0, '~'}, true},
		{"ISA16 left out, segments end with ~ and a line", isa("*", "U", "00401", "~\n") + gs + "~\nST*214*1~\n", x12.Delimiters{'*', 0, 0, '~'}, false},
		{"~ is ISA16, segments end with a line", isa("*", "U", "00401", "~\n") + gs + "\nST*214*1\n", x12.Delimiters{'*', '~', 0, '\n'}, true},
		{"ISA16 and terminator left out", strings.TrimSuffix(isa("*", "U", "00401", ""), "*") + "\n" + gs + "~\n", x12.Delimiters{'*', 0, 0, '~'}, false},
		{"a separator lost in ISA", strings.Replace(isa("*", "U", "00401", ":~"), "*00*", "*00|", 1) + "\n" + gs + "~\n", x12.Delimiters{'*', 0, 0, '~'}, false},
		{"an element too many", isa("*", "U", "00401", ":*MORE~") + "\n" + gs + "~\n", x12.Delimiters{'*', 0, 0, '~'}, false},
		{"no ISA", gs + "~ST*214*1~", x12.Delimiters{'*', 0, 0, '~'}, false},
		{"neither ISA nor GS", "ST*204*18711~\nB2**SNDR~", x12.Delimiters{'*', 0, 0, '~'}, false},
		{"neither, 5010, with ST03", "ST|204|0001|005010\nB2||SNDR\n", x12.Delimiters{'|', 0, 0, '\n'}, false},
	} {
		d, whole, err := x12.Detect([]byte(c.in))
		if err != nil || d != c.want || whole != c.whole {
			t.Errorf("%s: got %+v %v %v, want %+v %v", c.name, show(d), whole, err, show(c.want), c.whole)
		}
	}
}

func show(d x12.Delimiters) string {
	return fmt.Sprintf("%q %q %q %q", d.Element, d.Component, d.Repetition, d.Segment)
}

func TestWhatIsNoX12(t *testing.T) {
	for _, in := range []string{"", "ISA", "hello world", "{\"a\":1}", "UNB+UNOC:2'", "ST*204", "STA204*1~", "ISA*00*" + strings.Repeat("x", 500), "GS*QM*1~", "ISAA" + strings.Repeat("A", 200)} {
		if d, _, err := x12.Detect([]byte(in)); err == nil {
			t.Errorf("%.20q has delimiters %s", in, show(d))
		}
	}
}

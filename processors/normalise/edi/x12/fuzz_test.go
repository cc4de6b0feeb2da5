package x12_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"waybill/avro"
	"waybill/processors/normalise/edi/x12"
	"waybill/topics/fault"
)

// Whatever the payload, what is allocated for it is at most perByte times its size and base.
const (
	perByte = 160
	base    = 256 << 10
)

// allocated runs f and gives the bytes it allocated. Nothing else may run.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// samples are sets of every kind that is read.
func samples() []string {
	return []string{
		status,
		"204\nB2**ABCD**L100\nB2A*00\nL11*B*BM\nS5*1*LD\nG62*37*20260105*1*0800*ET\nN1*SF*D*UL*950\nN4*ALBANY*NY*1*US\nS5*2*UL\nOID*1*2",
		"990\nB1*ABCD*L100*20260105*A\nN9*CN*77",
		"210\nB3**I7*S1*CC**20260105*4640****ABCD\nC3*USD\nLX*1\nL1*1***4500****400\nL1*2***140****405\nL3*36*G***4640",
		"856\nBSN*00*S1*20260105*0930\nHL*1**S\nREF*BM*B1\nDTM*011*20260105\nHL*2*1*O\nPRF*P1\nHL*3*2*P\nMAN*GM*00000010012345614785\nHL*4*1*O\nPRF*P2",
		"940\nW05*N*O1*PO1\nN1*WH*DC*9*058\nN4*CHICAGO*IL\nG62*10*20260105\nLX*1\nW01*12.5*CA**VN*SKU1",
		"945\nW06*F*O1*20260105*S1\nLX*1\nW12*CP*10*7.5*2.5*EA\nMAN*GM*106141411928374657",
	}
}

// FuzzAdapt: no panic, no error but poison, memory bounded by the payload, and a part that was refused is refused alone.
func FuzzAdapt(f *testing.F) {
	f.Add([]byte(interchange("004010", samples()...)))
	f.Add([]byte(interchange("005010", "214\nB10*7", "315\nB4", status)))
	for _, s := range samples() {
		f.Add([]byte(wrap(s, "1")))
	}
	f.Add([]byte("ISA*00* *00* *02*S *02*K *060301*0028*U*00401*001*0*P*:~GS*QM*S*K*20260105*0930*7*X*004010~ST*214*1~SE*2*1~GE*1*7~IEA*1*1~"))
	f.Add([]byte("ST|214|1\nAT7|X1\nSE|3|1"))
	a := x12.New(tables(f))
	f.Fuzz(func(t *testing.T, payload []byte) {
		m := message(string(payload))
		m.Payload = payload
		used := allocated(func() {
			out, err := a.Adapt(m)
			if err != nil && fault.Of(err) != fault.Poison {
				t.Fatalf("got %v, want poison", err)
			}
			for _, ack := range of[avro.Acknowledgement](out) {
				if len(x12.Render(ack)) == 0 {
					t.Fatal("an empty 997")
				}
			}
			for _, p := range of[avro.PartnerMessage](out) {
				if again, err := a.Adapt(p); err == nil && len(of[avro.PartnerMessage](again)) == 0 {
					t.Fatalf("%q was refused, and alone it is not: %v", p.Payload, again)
				}
			}
		})
		if limit := uint64(perByte*len(payload)) + 4*base; used > 3*limit { // refused parts are read again here
			t.Errorf("%d bytes took %d, the limit is %d", len(payload), used, limit)
		}
	})
}

// What is made to be costly is not.
func TestAllocationIsBounded(t *testing.T) {
	a := x12.New(tables(t))
	const n = 20_000
	for _, c := range []struct{ name, in string }{
		{"empty elements", wrap("214\nB10*7*S*A\n"+strings.Repeat("*", 400_000), "1")},
		{"empty segments", wrap("214\nB10*7*S*A\n"+strings.Repeat("A~", n), "1")},
		{"short segments", wrap("204\nB2**A**L\n"+strings.Repeat("A*~", n), "1")},
		{"statuses", wrap("214\nB10*7*S*A"+strings.Repeat("\nAT7*X1****20260105*0930*ET", n), "1")},
		{"unplaced statuses", wrap("214\nB10*7*S*A"+strings.Repeat("\nAT7*X1****20260105", n), "1")},
		{"loops, each with many references above it", wrap("214\nB10*7*S*A"+strings.Repeat("\nL11*1*PO", n)+strings.Repeat("\nL11*1*ZZ", 100)+strings.Repeat("\nLX*1\nAT7*X1****20260105*0930*ET\nL11*1*DO", n/2), "1")},
		{"wrong statuses", wrap("214\nB10*7*S*A"+strings.Repeat("\nAT7*X1", n), "1")},
		{"tiny sets", interchange("004010") + strings.Repeat("ST*214*1~SE*2*1~", n)},
		{"tiny sets without an envelope", strings.Repeat("ST*214*1~SE*2*1~", n)},
		{"a thousand refused sets", interchange("004010", strings.Split(strings.Repeat("315\nB4|", 999), "|")[:999]...)},
		{"groups", strings.Repeat("GS*QM*C*S*20260105*0930*7*X*004010~ST*214*1~SE*2*1~", 900)},
		{"stops", wrap("204\nB2**A**L"+strings.Repeat("\nS5*1*LD\nG62*37*20260105", n), "1")},
		{"dates of one stop", wrap("204\nB2**A**L\nS5*1*LD"+strings.Repeat("\nG62*37*20260105", n), "1")},
		{"lines", wrap("940\nW05*N*O1\nLX*1"+strings.Repeat("\nW01*1", n), "1")},
		{"charges", wrap("210\nB3**I*S***20260105*20000****A"+strings.Repeat("\nL1****1", n), "1")},
		{"units", wrap("856\nBSN*00*S*20260105\nHL*1**P"+strings.Repeat("\nMAN*GM*1", n), "1")},
		{"orders", wrap("856\nBSN*00*S*20260105"+strings.Repeat("\nHL*1**O\nPRF*1\nMAN*GM*1", n), "1")},
		{"shorted lines", wrap("945\nW06*F*O*20260105"+strings.Repeat("\nW12*C*2*1", n), "1")},
	} {
		var err error
		used := allocated(func() { _, err = a.Adapt(message(c.in)) })
		limit := uint64(perByte*len(c.in) + base)
		t.Logf("%-45s %8d bytes: %5.1f a byte (%v)", c.name, len(c.in), float64(used)/float64(len(c.in)), reason(err))
		if used > limit {
			t.Errorf("%s: %d bytes took %d, the limit is %d", c.name, len(c.in), used, limit)
		}
	}
}

func reason(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Reason
	}
	return fmt.Sprint(err)
}

// Taking an interchange of 214s apart, beside encoding/json over the same bytes as strings of a list.
func BenchmarkAdapt(b *testing.B) {
	for _, name := range []string{"214", "mixed"} {
		var sets []string
		for i := range 700 {
			if name == "214" {
				sets = append(sets, status)
			} else {
				sets = append(sets, samples()[i%len(samples())])
			}
		}
		payload := interchange("004010", sets...)
		asJSON, err := json.Marshal(strings.Split(payload, "\n"))
		if err != nil {
			b.Fatal(err)
		}
		a, m := x12.New(tables(b)), message(payload)
		b.Run(name+"/x12", func(b *testing.B) {
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := a.Adapt(m); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/json", func(b *testing.B) {
			b.SetBytes(int64(len(asJSON)))
			b.ReportAllocs()
			for b.Loop() {
				var v any
				if err := json.Unmarshal(asJSON, &v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

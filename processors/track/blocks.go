package track

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"time"

	"waybill/avro"
)

func blockKey(number int64) string {
	var n [8]byte
	var digits [16]byte
	binary.BigEndian.PutUint64(n[:], uint64(number))
	hex.Encode(digits[:], n[:])
	return string(digits[:])
}

// turn puts the block under way aside and opens the next. What is older than the window is forgotten, its stays included:
// they stand as told.
func (d *device) turn(head *avro.TrackHead, number int64, now avro.Micros) error {
	block := &head.Block
	if !head.Newest.Ok {
		block.Number = number
		return nil
	}
	first := blockOf(now - avro.Micros(d.window))
	if head.Late.Ok && head.Late.V.From < first { // before it is forgotten that fixes came late
		if err := d.settle(head); err != nil {
			return err
		}
	}
	d.forget(&head.Kept, first)
	if block.Number >= first {
		keep(&head.Kept, block.Number)
		copyBlock(d.blocks.Put(blockKey(block.Number)), block)
	}
	block.Number, block.DistanceMm, block.Fixes, block.Stays = number, 0, block.Fixes[:0], block.Stays[:0]
	copyScan(&block.Start, &head.Scan)
	return nil
}

// forget deletes the blocks before first.
func (d *device) forget(k *avro.TrackKept, first int64) {
	for n, ok := keptFrom(k, k.From); ok && n < first; n, ok = keptFrom(k, n+1) {
		d.blocks.Delete(blockKey(n))
	}
	dropKept(k, first)
}

// copyBlock leaves dst's memory to dst: the block under way goes on in its own, so that a fix in order allocates nothing.
func copyBlock(dst, src *avro.TrackBlock) {
	dst.Number, dst.DistanceMm = src.Number, src.DistanceMm
	dst.Fixes, dst.Stays = append(dst.Fixes[:0], src.Fixes...), append(dst.Stays[:0], src.Stays...)
	copyScan(&dst.Start, &src.Start)
}

func copyScan(dst, src *avro.TrackScan) {
	pending := append(dst.Pending[:0], src.Pending...)
	*dst = *src
	dst.Pending = pending
}

// late files a fix that is not the newest and marks its block for the next scan.
func (d *device) late(head *avro.TrackHead, f *avro.TrackFix, now time.Time) error {
	if int64(head.Newest.V.At-f.At) > d.window {
		head.Counts.TooOld++
		return nil
	}
	number := blockOf(f.At)
	changed, err := d.insert(d.blockFor(head, number), f)
	if err != nil {
		return err
	}
	if !changed {
		head.Counts.Repeated++
		return nil
	}
	head.Counts.Used++
	head.Counts.Late++
	if number == head.Block.Number {
		head.Newest = avro.Some(d.fixes[len(d.fixes)-1])
	}
	d.mark(head, number, now)
	return nil
}

func (d *device) mark(head *avro.TrackHead, number int64, now time.Time) {
	if !head.Late.Ok {
		head.Late = avro.Some(avro.TrackLate{From: number, To: number})
		d.timers.Set(settleTimer, now.Add(d.Settle))
		return
	}
	head.Late.V.From = min(head.Late.V.From, number)
	head.Late.V.To = max(head.Late.V.To, number)
}

// blockFor gives the block of a late fix to change. A new one starts as the block after it does: no fix lies between.
func (d *device) blockFor(head *avro.TrackHead, number int64) *avro.TrackBlock {
	if number == head.Block.Number {
		return &head.Block
	}
	after, found := keptFrom(&head.Kept, number)
	if found && after == number {
		return d.blocks.Edit(blockKey(number))
	}
	start := &head.Block.Start
	if found {
		next, _ := d.blocks.Get(blockKey(after))
		start = &next.Start
	}
	keep(&head.Kept, number)
	block := d.blocks.Put(blockKey(number))
	*block = avro.TrackBlock{Number: number, Start: start.Clone()}
	return block
}

// insert puts a fix among a block's, and says whether that changed them. It leaves them in d.fixes.
func (d *device) insert(block *avro.TrackBlock, f *avro.TrackFix) (changed bool, err error) {
	if d.fixes, err = unpack(d.fixes[:0], block.Fixes); err != nil {
		return false, err
	}
	i, found := slices.BinarySearchFunc(d.fixes, d.slice(f.At), func(a avro.TrackFix, slice int64) int { return cmp.Compare(d.slice(a.At), slice) })
	if found {
		m := merge(d.fixes[i], *f)
		if m == d.fixes[i] {
			return false, nil
		}
		d.fixes[i] = m
	} else {
		d.fixes = slices.Insert(d.fixes, i, *f)
	}
	block.Fixes = packAll(block.Fixes[:0], d.fixes)
	return true, nil
}

// settle scans again from the first block that late fixes were filed in, up to where the detector knows what it knew
// before, and keeps as news the difference between the stays that stood and those that stand.
func (d *device) settle(head *avro.TrackHead) error {
	if !head.Late.Ok {
		return nil
	}
	late := head.Late.V
	head.Late = avro.Opt[avro.TrackLate]{}
	d.timers.Cancel(settleTimer)
	r := rescan{device: d, head: head}
	err := r.from(late)
	d.difference(r.stood, r.stand)
	return err
}

// rescan goes over blocks once more.
type rescan struct {
	*device
	head         *avro.TrackHead
	scan         avro.TrackScan
	started      bool
	stood, stand []avro.Stay // before and after, in order of arrival
}

// from scans the blocks from the first that late fixes were filed in.
func (r *rescan) from(late avro.TrackLate) error {
	kept := &r.head.Kept
	for n, ok := keptFrom(kept, late.From); ok; n, ok = keptFrom(kept, n+1) {
		block, _ := r.blocks.Get(blockKey(n))
		if done, err := r.block(block, n > late.To); done || err != nil {
			return err
		}
	}
	if done, err := r.block(&r.head.Block, r.head.Block.Number > late.To); done || err != nil {
		return err
	}
	r.finish()
	return nil
}

// block scans one block. Done: from here on everything is as it was.
func (r *rescan) block(block *avro.TrackBlock, mayStop bool) (done bool, err error) {
	if !r.started {
		r.scan, r.started = block.Start.Clone(), true
	}
	same := bytes.Equal(r.scan.Append(nil), block.Start.Append(nil))
	if same && mayStop {
		return true, nil
	}
	next := avro.TrackBlock{Number: block.Number, Start: r.scan.Clone(), Fixes: block.Fixes}
	if r.fixes, err = unpack(r.fixes[:0], block.Fixes); err != nil {
		return false, err
	}
	r.closed = r.closed[:0]
	for i := range r.fixes {
		next.DistanceMm += r.step(&r.scan, &r.fixes[i])
	}
	next.Stays = slices.Clone(r.closed)
	r.stood, r.stand = append(r.stood, block.Stays...), append(r.stand, next.Stays...)
	r.head.DistanceMm += next.DistanceMm - block.DistanceMm
	r.replace(block, next)
	return false, nil
}

func (r *rescan) replace(old *avro.TrackBlock, next avro.TrackBlock) {
	if old.Number == r.head.Block.Number {
		r.head.Block = next
		return
	}
	*r.blocks.Edit(blockKey(old.Number)) = next
}

// finish takes over what is known after the newest fix.
func (r *rescan) finish() {
	if s, ok := underWay(&r.head.Scan); ok {
		r.stood = append(r.stood, s)
	}
	r.head.Scan = r.scan
	if s, ok := underWay(&r.head.Scan); ok {
		r.stand = append(r.stand, s)
	}
}

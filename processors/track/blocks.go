package track

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"waybill/avro"
)

func blockKey(number int64) string { return fmt.Sprintf("%016x", number) }

// turn puts the block under way aside and opens the next. What is older than the window is forgotten, its stays included:
// they stand as told.
func (d *device) turn(head *avro.TrackHead, t *teller, number int64, now avro.Micros) error {
	if !head.Newest.Ok {
		head.Block = avro.TrackBlock{Number: number}
		return nil
	}
	first := blockOf(now - avro.Micros(d.window))
	if head.Late.Ok && head.Late.V.From < first { // before it is forgotten that fixes came late
		if err := d.settle(head, t); err != nil {
			return err
		}
	}
	index := d.index.Edit()
	*d.blocks.Edit(blockKey(head.Block.Number)) = head.Block
	index.Numbers = append(index.Numbers, head.Block.Number)
	head.Block = avro.TrackBlock{Number: number, Start: head.Scan.Clone()}
	kept := slices.IndexFunc(index.Numbers, func(n int64) bool { return n >= first })
	if kept < 0 {
		kept = len(index.Numbers)
	}
	for _, n := range index.Numbers[:kept] {
		d.blocks.Delete(blockKey(n))
	}
	index.Numbers = slices.Delete(index.Numbers, 0, kept)
	return nil
}

// late files a fix that is not the newest and marks its block for the next scan.
func (d *device) late(head *avro.TrackHead, now time.Time, f avro.TrackFix) error {
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
	index, _ := d.index.Get()
	i, found := slices.BinarySearch(index.Numbers, number)
	if found {
		return d.blocks.Edit(blockKey(number))
	}
	after := &head.Block
	if i < len(index.Numbers) {
		after, _ = d.blocks.Get(blockKey(index.Numbers[i]))
	}
	edited := d.index.Edit()
	edited.Numbers = slices.Insert(edited.Numbers, i, number)
	block := d.blocks.Edit(blockKey(number))
	*block = avro.TrackBlock{Number: number, Start: after.Start.Clone()}
	return block
}

// insert puts a fix among a block's, and says whether that changed them. It leaves them in d.fixes.
func (d *device) insert(block *avro.TrackBlock, f avro.TrackFix) (changed bool, err error) {
	if d.fixes, err = unpack(d.fixes[:0], block.Fixes); err != nil {
		return false, err
	}
	i, found := slices.BinarySearchFunc(d.fixes, f, func(a, b avro.TrackFix) int { return int(min(max(d.slice(a.At)-d.slice(b.At), -1), 1)) })
	if found {
		m := merge(d.fixes[i], f)
		if m == d.fixes[i] {
			return false, nil
		}
		d.fixes[i] = m
	} else {
		d.fixes = slices.Insert(d.fixes, i, f)
	}
	block.Fixes = packAll(nil, d.fixes)
	return true, nil
}

// settle scans again from the first block that late fixes were filed in, up to where the detector knows what it knew
// before, and tells the difference between the stays that stood and those that stand.
func (d *device) settle(head *avro.TrackHead, t *teller) error {
	if !head.Late.Ok {
		return nil
	}
	late := head.Late.V
	head.Late = avro.Opt[avro.TrackLate]{}
	d.timers.Cancel(settleTimer)
	r := rescan{device: d, head: head}
	index, _ := d.index.Get()
	from, _ := slices.BinarySearch(index.Numbers, late.From)
	for _, n := range index.Numbers[from:] {
		block, _ := d.blocks.Get(blockKey(n))
		if done, err := r.block(block, n > late.To); done || err != nil {
			t.difference(head, r.stood, r.stand)
			return err
		}
	}
	done, err := r.block(&head.Block, head.Block.Number > late.To)
	if err == nil && !done {
		r.finish()
	}
	t.difference(head, r.stood, r.stand)
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
	for _, f := range r.fixes {
		next.DistanceMm += r.step(&r.scan, f)
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
	if r.head.Told.Ok {
		r.stood = append(r.stood, r.head.Told.V)
	}
	r.head.Scan, r.head.Told = r.scan, r.scan.Stand.V.Open
	if r.head.Told.Ok {
		r.stand = append(r.stand, r.head.Told.V)
	}
}

package runtime

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"waybill/topics/fault"
)

// position is what the group's coordinator tells of a place that has no transaction open over its offsets.
type position struct {
	next  int64 // inbox offset from which nothing was committed; the start of the log where nothing ever was
	fence int64 // offset behind the last fence in the changelog; -1 where there never was one
}

// fence is one that is committed.
type fence struct {
	offset int64 // in the changelog
	since  time.Time
}

// believed gives the inbox offsets of the fenced places of which the coordinator tells no less than was committed. See decision 0013.
//
// A coordinator may tell of older offsets than were committed: one that was deposed and has not heard, one whose log is ahead of its
// followers', one that forgot. Its answer is believed once it tells of our own fence, since it tells then of whatever was
// committed before. Taken for the truth, an older one has records worked on twice.
func (l *lane) believed(ctx context.Context, of []place) (map[place]int64, error) {
	offsets := map[place]int64{}
	for pause := time.Millisecond; ; pause *= 2 {
		told, err := l.told(ctx, of)
		if err != nil {
			return nil, err
		}
		left := 0
		for _, at := range of {
			f, fenced := l.fenced[at]
			p, stable := told[at]
			switch {
			case fenced && stable && p.fence == f.offset+1:
				offsets[at] = p.next
			case fenced:
				left++
			}
		}
		if left == 0 || pause > maxPause {
			return offsets, l.tooLong(offsets)
		}
		sleep(ctx, pause)
	}
}

// maxPause is the longest wait between two questions in a row. Markers are written within milliseconds; what takes longer is asked again in
// the next cycle, so that the lane's other partitions go on.
const maxPause = 16 * time.Millisecond

// tooLong gives up on a coordinator that does not tell of a fence: another lane asks for the coordinator anew.
func (l *lane) tooLong(but map[place]int64) error {
	for at, f := range l.fenced {
		if _, ok := but[at]; ok || time.Since(f.since) < l.cfg.TransactionTimeout {
			continue
		}
		return fault.Retry(fmt.Errorf("the coordinator of group %s has not told for %s of the fence at %s/%d@%d, which is committed: it tells of older offsets than there are, or a transaction hangs over them",
			l.cfg.Group(l.spec.Name), l.cfg.TransactionTimeout, l.changelog, at.partition, f.offset))
	}
	return nil
}

// told asks the coordinator for the positions of places that have no transaction open over their offsets.
func (l *lane) told(ctx context.Context, of []place) (map[place]position, error) {
	inbox := string(l.spec.Inboxes[0].Name)
	offsets, err := l.stableOffsets(ctx, of, inbox, l.changelog)
	if err != nil {
		return nil, err
	}
	starts, err := l.adm.ListStartOffsets(ctx, inbox)
	if err != nil {
		return nil, kafka(fmt.Errorf("list start offsets of %s: %w", inbox, err))
	}
	told := map[place]position{}
	for _, at := range of {
		next, stable := offsets[at]
		fence, also := offsets[place{l.changelog, at.partition}]
		if !stable || !also {
			continue
		}
		if next < 0 {
			start, _ := starts.Lookup(inbox, at.partition)
			if start.Err != nil {
				return nil, kafka(fmt.Errorf("list start offsets of %s/%d: %w", inbox, at.partition, start.Err))
			}
			next = start.Offset
		}
		told[at] = position{next, fence}
	}
	return told, nil
}

// stableOffsets gives the committed offsets of the places' partitions in some topics; -1 where none was ever committed, none where a
// transaction is open over it.
func (l *lane) stableOffsets(ctx context.Context, of []place, topics ...string) (map[place]int64, error) {
	req := kmsg.NewPtrOffsetFetchRequest()
	req.RequireStable = true
	group := kmsg.NewOffsetFetchRequestGroup()
	group.Group = l.cfg.Group(l.spec.Name)
	names := map[[16]byte]string{}
	for _, name := range topics {
		t := kmsg.NewOffsetFetchRequestGroupTopic()
		t.Topic, t.TopicID = name, l.topo.ids[name]
		names[t.TopicID] = name
		for _, at := range of {
			t.Partitions = append(t.Partitions, at.partition)
		}
		group.Topics = append(group.Topics, t)
	}
	req.Groups = append(req.Groups, group)
	res, err := req.RequestWith(ctx, l.sess.Client())
	if err != nil {
		return nil, kafka(fmt.Errorf("fetch offsets of %s: %w", group.Group, err))
	}
	if len(res.Groups) != 1 || len(res.Groups[0].Topics) != len(topics) {
		return nil, kafka(fmt.Errorf("fetch offsets of %s: the broker answered for %d groups", group.Group, len(res.Groups)))
	}
	if err := kerr.ErrorForCode(res.Groups[0].ErrorCode); err != nil {
		return nil, kafka(fmt.Errorf("fetch offsets of %s: %w", group.Group, err))
	}
	offsets := map[place]int64{}
	for _, t := range res.Groups[0].Topics {
		name := t.Topic
		if name == "" { // from version 10 on it has the id alone
			name = names[t.TopicID]
		}
		for _, p := range t.Partitions {
			err := kerr.ErrorForCode(p.ErrorCode)
			switch {
			case errors.Is(err, kerr.UnstableOffsetCommit):
			case err != nil:
				return nil, kafka(fmt.Errorf("fetch offset of %s/%d: %w", name, p.Partition, err))
			default:
				offsets[place{name, p.Partition}] = p.Offset
			}
		}
	}
	return offsets, nil
}

// stand makes the client read a task's partition from where the task stands, and go back there after an abort: it asked for the offset
// itself when it was assigned the partition, and may have been told of an older one.
func (l *lane) stand(t *task) {
	told, ok := l.sess.Client().CommittedOffsets()[t.topic][t.partition]
	if ok && told.Offset != t.next {
		l.goBack(t)
	}
}

func (l *lane) goBack(t *task) {
	l.log.Warn("the client is set to where the partition's work ended: it was told of another offset", "partition", t.partition, "offset", t.next)
	l.sess.Client().SetOffsets(map[string]map[int32]kgo.EpochOffset{t.topic: {t.partition: {Epoch: -1, Offset: t.next}}})
}

// ahead keeps of what was read what the tasks have not worked on. A client that began with an older offset than a task's reads on from where
// that stands, and nothing of what it has read is committed.
func (l *lane) ahead(batches []batch) []batch {
	return slices.DeleteFunc(batches, func(b batch) bool {
		t := l.tasks[b.place]
		old := t != nil && b.records[0].Offset < t.next
		if old {
			l.goBack(t)
		}
		return old
	})
}

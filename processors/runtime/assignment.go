package runtime

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// confirmed gives what is wanted and, by the word of the group's coordinator, ours. What is not is wanted no more; nothing is
// ours while the group makes up its mind.
//
// The session tells of the first revoke between two transactions and swallows those that follow. A partition that came and
// went again meanwhile would be fenced behind its new owner's back, and the offset fetched for the gate, old by then, committed
// over the new owner's: were that one to die, its last records would be read twice [seen]. A revoke that comes after the
// coordinator was asked undoes the fence.
func (l *lane) confirmed(ctx context.Context) ([]place, error) {
	ours, err := l.assignment(ctx)
	if err != nil || ours == nil {
		return nil, err
	}
	l.wanted = slices.DeleteFunc(l.wanted, func(p place) bool { return !ours.Lookup(p.topic, p.partition) })
	return slices.Clone(l.wanted), nil
}

// assignment is what the coordinator says is assigned to this member, nil while the group rebalances.
func (l *lane) assignment(ctx context.Context) (kadm.TopicsSet, error) {
	group := l.cfg.Group(l.spec.Name)
	member, _ := l.sess.Client().GroupMetadata()
	if l.protocol == ConsumerProtocol {
		return l.serverAssignment(ctx, group, member)
	}
	groups, err := l.adm.DescribeGroups(ctx, group)
	if err == nil {
		err = groups[group].Err
	}
	switch {
	case errors.Is(err, kerr.GroupIDNotFound), err == nil && groups[group].State == "Dead":
		return l.serverAssignment(ctx, group, member) // others brought the group to the brokers' protocol
	case err != nil:
		return nil, kafka(fmt.Errorf("describe group %s: %w", group, err))
	case groups[group].State != "Stable":
		return nil, nil
	}
	for _, m := range groups[group].Members {
		if assigned, ok := m.Assigned.AsConsumer(); ok && m.MemberID == member {
			ours := kadm.TopicsSet{}
			for _, t := range assigned.Topics {
				ours.Add(t.Topic, t.Partitions...)
			}
			return ours, nil
		}
	}
	return nil, nil
}

// serverAssignment is assignment where the brokers assign (KIP-848). What is to be revoked is not among it. It is asked for
// without kadm, which forgets the topics' ids, and the embedded Kafka says nothing else.
func (l *lane) serverAssignment(ctx context.Context, group, member string) (kadm.TopicsSet, error) {
	req := kmsg.NewPtrConsumerGroupDescribeRequest()
	req.Groups = []string{group}
	res, err := req.RequestWith(ctx, l.sess.Client())
	if err == nil && len(res.Groups) == 1 {
		err = kerr.ErrorForCode(res.Groups[0].ErrorCode)
	}
	switch {
	case errors.Is(err, kerr.GroupIDNotFound), errors.Is(err, kerr.UnsupportedVersion):
		return nil, nil // not there yet
	case err != nil:
		return nil, kafka(fmt.Errorf("describe group %s: %w", group, err))
	case len(res.Groups) != 1:
		return nil, kafka(fmt.Errorf("describe group %s: the broker answered for %d groups", group, len(res.Groups)))
	}
	for _, m := range res.Groups[0].Members {
		if m.MemberID == member {
			return l.named(m.Assignment), nil
		}
	}
	return nil, nil
}

func (l *lane) named(a kmsg.Assignment) kadm.TopicsSet {
	ours := kadm.TopicsSet{}
	for _, t := range a.TopicPartitions {
		for name, id := range l.topo.ids {
			if name == t.Topic || id == t.TopicID {
				ours.Add(name, t.Partitions...)
			}
		}
	}
	return ours
}

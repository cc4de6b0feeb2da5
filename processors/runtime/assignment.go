package runtime

import (
	"context"
	"errors"
	"fmt"
	"slices"

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
	l.wanted = slices.DeleteFunc(l.wanted, func(p place) bool { return !slices.Contains(ours, p.partition) })
	return slices.Clone(l.wanted), nil
}

// assignment gives the partitions of the inbox that are, says the coordinator, assigned to this member; nil while it does not
// say.
func (l *lane) assignment(ctx context.Context) ([]int32, error) {
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
			ours := []int32{}
			for _, t := range assigned.Topics {
				ours = append(ours, t.Partitions...) // a keyed stage has one inbox
			}
			return ours, nil
		}
	}
	return nil, nil
}

// serverAssignment is assignment where the brokers assign (KIP-848). What is to be revoked is not among it.
func (l *lane) serverAssignment(ctx context.Context, group, member string) ([]int32, error) {
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
	}
	for _, g := range res.Groups {
		for _, m := range g.Members {
			if m.MemberID != member {
				continue
			}
			ours := []int32{}
			for _, t := range m.Assignment.TopicPartitions {
				ours = append(ours, t.Partitions...)
			}
			return ours, nil
		}
	}
	return nil, nil
}

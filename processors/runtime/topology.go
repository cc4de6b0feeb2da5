package runtime

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"waybill/processors/stream"
	"waybill/topics"
)

// Changelogs lists the changelog topics of the keyed stages, to be created with the catalogue's.
func Changelogs(app string, specs ...stream.Spec) []topics.Topic {
	var all []topics.Topic
	for _, s := range specs {
		if s.Keyed {
			all = append(all, topics.Changelog(app, s.Name, s.Inboxes[0].Partitions))
		}
	}
	return all
}

// topology is what the brokers say about a stage's topics.
type topology struct {
	partitions map[string]int32
	ids        map[string][16]byte
	tombstones time.Duration  // delete.retention.ms of the changelog
	laid       []string       // topics whose number of partitions must not change: state is laid out by it
	longest    map[string]int // bytes of the longest record that a topic takes, where that is less than the configuration's
}

// topology asks for every topic that the stage reads or writes, so that a missing one stops it at its start.
func (s *stage) topology(ctx context.Context, adm *kadm.Client) (topology, error) {
	t := topology{partitions: map[string]int32{}, ids: map[string][16]byte{}, tombstones: 24 * time.Hour}
	wanted := []string{string(topics.DeadLetters.Name)}
	for _, in := range s.spec.Inboxes {
		wanted = append(wanted, string(in.Name))
	}
	for _, out := range s.spec.Outputs {
		wanted = append(wanted, string(out))
	}
	if s.spec.Keyed {
		wanted = append(wanted, s.changelog)
	}
	listed, err := adm.ListTopics(ctx, append(wanted, s.changelogsBelow()...)...)
	if err != nil {
		return t, kafka(fmt.Errorf("list topics: %w", err))
	}
	var missing []string
	for _, name := range wanted {
		d, ok := listed[name]
		switch {
		case !ok, errors.Is(d.Err, kerr.UnknownTopicOrPartition):
			missing = append(missing, name)
			continue
		case d.Err != nil: // it is there, and has no leader just now
			return t, kafka(fmt.Errorf("look for topic %s: %w", name, d.Err))
		}
		t.partitions[name], t.ids[name] = int32(len(d.Partitions)), d.ID
	}
	if len(missing) > 0 {
		return t, fmt.Errorf("%w: %s: create them with `waybill topics apply`, and start again", errMissing, strings.Join(missing, ", "))
	}
	if t.longest, err = s.lengths(ctx, adm, slices.Sorted(maps.Keys(t.partitions))); err != nil {
		return t, err
	}
	if err := s.layout(&t, listed); err != nil || !s.spec.Keyed {
		return t, err
	}
	if !s.deps.anyStamps {
		if err := stamped(ctx, adm, string(s.spec.Inboxes[0].Name)); err != nil {
			return t, err
		}
	}
	if err := kept(ctx, adm, s.changelog); err != nil {
		return t, err
	}
	t.tombstones, err = deleteRetention(ctx, adm, s.changelog, t.tombstones)
	return t, err
}

// lengths asks which topics take shorter records than the configuration says. What is too long for one of them is a dead letter then, and
// not a write that the broker refuses for ever. The dead letters' own topic must take any of those.
func (s *stage) lengths(ctx context.Context, adm *kadm.Client, names []string) (map[string]int, error) {
	configs, err := adm.DescribeTopicConfigs(ctx, names...)
	if err != nil {
		return nil, kafka(fmt.Errorf("describe %s: %w", strings.Join(names, ", "), err))
	}
	longest := map[string]int{}
	for _, c := range configs {
		if c.Err != nil {
			continue // it may be written and not described
		}
		for _, entry := range c.Configs {
			if n, err := strconv.Atoi(entry.MaybeValue()); entry.Key == "max.message.bytes" && err == nil && n < s.cfg.MaxMessageBytes {
				longest[c.Name] = n
			}
		}
	}
	if n, short := longest[string(topics.DeadLetters.Name)]; short && n < leastMessage {
		return nil, fmt.Errorf("topic %s takes records of %d bytes (max.message.bytes), and a dead letter may need %d: raise it with `waybill topics apply`, and start again", topics.DeadLetters.Name, n, leastMessage)
	}
	return longest, nil
}

// limit is the most bytes of a record for a topic.
func (s *stage) limit(t *topology, topic string) int {
	if n, ok := t.longest[topic]; ok {
		return n
	}
	return s.cfg.MaxMessageBytes
}

// kept refuses a changelog of which the brokers delete what is old, as they do with topics made by hand: the state of a key that
// nothing is said about for a week would be gone.
func kept(ctx context.Context, adm *kadm.Client, changelog string) error {
	policy, err := configOf(ctx, adm, changelog, "cleanup.policy")
	if err == nil && strings.Contains(policy, "delete") {
		return fmt.Errorf("of changelog %s the brokers delete what is old (cleanup.policy %s): set it to compact with `waybill topics apply`, and start again", changelog, policy)
	}
	return err
}

// sameTopics refuses an inbox or a changelog that was deleted and made anew while the process ran. Offsets say nothing about it: to go on would be
// to read something again or to leave it out, and to remember what no changelog tells. An output made anew is only a log that begins.
func (s *stage) sameTopics(t topology) error {
	anew := func(name string) bool {
		was, ok := s.ids[name]
		return ok && was != t.ids[name]
	}
	for _, in := range s.spec.Inboxes {
		if anew(string(in.Name)) {
			return fmt.Errorf("inbox %s was deleted and made anew while stage %s ran: what it held is gone, and its group's offsets are of the old one; delete the offsets of group %s for it, send again what the stage has not worked on, and start again", in.Name, s.spec.Name, s.cfg.Group(s.spec.Name))
		}
	}
	if anew(s.changelog) {
		return fmt.Errorf("changelog %s was deleted and made anew while stage %s ran: the stage's state is gone, but for copies under runtime.state_dir, which the next start drops; to begin from nothing, set the offsets of group %s to where the inbox begins, and start again", s.changelog, s.spec.Name, s.cfg.Group(s.spec.Name))
	}
	for _, out := range slices.Sorted(maps.Keys(t.ids)) {
		if anew(out) {
			s.log.Warn("an output was deleted and made anew: what was written to it before is gone, the stage goes on", "topic", out)
		}
	}
	s.ids = t.ids
	return nil
}

// stamped refuses an inbox whose records carry the clocks of whoever sends them: a device's would move time.
func stamped(ctx context.Context, adm *kadm.Client, inbox string) error {
	by, err := configOf(ctx, adm, inbox, "message.timestamp.type")
	if err == nil && by != "LogAppendTime" {
		return fmt.Errorf("the records of inbox %s carry their senders' clocks (message.timestamp.type %s): set it to LogAppendTime with `waybill topics apply`, and start again", inbox, by)
	}
	return err
}

func deleteRetention(ctx context.Context, adm *kadm.Client, topic string, otherwise time.Duration) (time.Duration, error) {
	value, err := configOf(ctx, adm, topic, "delete.retention.ms")
	if err != nil {
		return 0, err
	}
	if ms, err := strconv.ParseInt(value, 10, 64); err == nil {
		return time.Duration(ms) * time.Millisecond, nil
	}
	return otherwise, nil
}

// configOf gives a setting of a topic, empty where the broker does not know it.
func configOf(ctx context.Context, adm *kadm.Client, topic, key string) (string, error) {
	configs, err := adm.DescribeTopicConfigs(ctx, topic)
	if err != nil {
		return "", kafka(fmt.Errorf("describe %s: %w", topic, err))
	}
	for _, c := range configs {
		if c.Err != nil {
			return "", kafka(fmt.Errorf("describe %s: %w", topic, c.Err))
		}
		for _, entry := range c.Configs {
			if entry.Key == key {
				return entry.MaybeValue(), nil
			}
		}
	}
	return "", nil
}

package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/topics"
)

// State is how a topic on the cluster stands to the catalogue.
type State string

// The states.
const (
	Missing    State = "missing"
	Differs    State = "differs"    // in configuration; apply mends it
	Partitions State = "partitions" // in the number of partitions; apply leaves it: keys would move
	Same       State = "same"
)

// Status is one topic of the catalogue and what the cluster has of it.
type Status struct {
	Topic      topics.Topic
	State      State
	Partitions int32    // on the cluster
	Changes    []string // sorted; what differs, as "retention.ms 1000, wants 2000"
}

// Compare holds wanted topics against the cluster.
func Compare(ctx context.Context, adm *kadm.Client, wanted []topics.Topic) ([]Status, error) {
	names := namesOf(wanted)
	// Asking for authorised operations goes past the client's cache, which would hide what was created a moment ago.
	there, err := adm.ListTopics(kadm.WithAuthorizedOps(ctx), names...)
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	configs, err := configsOf(ctx, adm, there)
	if err != nil {
		return nil, err
	}
	out := make([]Status, len(wanted))
	for i, t := range wanted {
		if out[i], err = status(t, there[string(t.Name)], configs[string(t.Name)]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func namesOf(list []topics.Topic) []string {
	out := make([]string, len(list))
	for i, t := range list {
		out[i] = string(t.Name)
	}
	return out
}

func status(t topics.Topic, there kadm.TopicDetail, has map[string]string) (Status, error) {
	s := Status{Topic: t, State: Missing}
	if errors.Is(there.Err, kerr.UnknownTopicOrPartition) || there.Topic == "" {
		return s, nil
	}
	if there.Err != nil {
		return s, fmt.Errorf("describe topic %s: %w", t.Name, there.Err)
	}
	s.State, s.Partitions = Same, int32(len(there.Partitions))
	for key, want := range t.Config() {
		if has[key] != want {
			s.State = Differs
			s.Changes = append(s.Changes, fmt.Sprintf("%s %s, wants %s", key, has[key], want))
		}
	}
	slices.Sort(s.Changes)
	if s.State == Same && s.Partitions != t.Partitions {
		s.State = Partitions
	}
	return s, nil
}

func configsOf(ctx context.Context, adm *kadm.Client, there kadm.TopicDetails) (map[string]map[string]string, error) {
	var names []string
	for _, t := range there {
		if t.Err == nil {
			names = append(names, t.Topic)
		}
	}
	out := map[string]map[string]string{}
	if len(names) == 0 {
		return out, nil // an empty list would mean all topics
	}
	slices.Sort(names)
	all, err := adm.DescribeTopicConfigs(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("describe the configuration of topics: %w", err)
	}
	for _, r := range all {
		if r.Err != nil {
			return nil, fmt.Errorf("describe the configuration of topic %s: %w", r.Name, r.Err)
		}
		out[r.Name] = map[string]string{}
		for _, c := range r.Configs {
			out[r.Name][c.Key] = c.MaybeValue()
		}
	}
	return out, nil
}

// Deed is one thing that Apply did, or left undone with a reason.
type Deed struct {
	Topic string `json:"topic"`
	Did   string `json:"did"`
}

// Apply makes missing topics and sets configuration that differs. It deletes nothing, and it does not add partitions to a
// topic: the keys on it would move away from their state. When it returns, every broker knows the topics.
func Apply(ctx context.Context, client *kgo.Client, wanted []topics.Topic, replication int16) ([]Deed, error) {
	adm := kadm.NewClient(client)
	all, err := Compare(ctx, adm, wanted)
	if err != nil {
		return nil, err
	}
	var deeds []Deed
	for _, s := range all {
		did, err := apply(ctx, adm, s, replication)
		if err != nil {
			return deeds, err
		}
		deeds = append(deeds, Deed{string(s.Topic.Name), did})
	}
	return deeds, await(ctx, client, created(all))
}

func apply(ctx context.Context, adm *kadm.Client, s Status, replication int16) (string, error) {
	switch s.State {
	case Missing:
		return "created", create(ctx, adm, s.Topic, replication)
	case Differs:
		return "altered: " + strings.Join(s.Changes, "; "), alter(ctx, adm, s.Topic)
	case Partitions:
		return fmt.Sprintf("left with %d partitions where the catalogue says %d: adding some would part keys from their state", s.Partitions, s.Topic.Partitions), nil
	}
	return "unchanged", nil
}

func create(ctx context.Context, adm *kadm.Client, t topics.Topic, replication int16) error {
	config := map[string]*string{}
	for k, v := range t.Config() {
		config[k] = kadm.StringPtr(v)
	}
	_, err := adm.CreateTopic(ctx, t.Partitions, replication, config, string(t.Name))
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) { // another instance was quicker
		return fmt.Errorf("create topic %s: %w", t.Name, err)
	}
	return nil
}

func alter(ctx context.Context, adm *kadm.Client, t topics.Topic) error {
	var changes []kadm.AlterConfig
	for k, v := range t.Config() {
		changes = append(changes, kadm.AlterConfig{Op: kadm.SetConfig, Name: k, Value: kadm.StringPtr(v)})
	}
	slices.SortFunc(changes, func(a, b kadm.AlterConfig) int { return cmp.Compare(a.Name, b.Name) })
	answers, err := adm.AlterTopicConfigs(ctx, changes, string(t.Name))
	if err == nil && len(answers) > 0 {
		err = answers[0].Err
	}
	if err != nil {
		return fmt.Errorf("alter the configuration of topic %s: %w", t.Name, err)
	}
	return nil
}

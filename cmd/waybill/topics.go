package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"

	"waybill/cmd/internal/cluster"
	"waybill/cmd/internal/config"
	"waybill/cmd/internal/pipeline"
	"waybill/cmd/internal/show"
	"waybill/topics"
)

func (a *app) topicsCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "topics", Short: "Compare a cluster's topics with the catalogue, or make them so", Args: knownCommand, RunE: help}
	list := &cobra.Command{Use: "list", Short: "List the catalogue and how the cluster stands to it", Args: cobra.NoArgs}
	catalogue := list.Flags().Bool("catalogue", false, "the catalogue alone: asks no cluster")
	list.RunE = func(c *cobra.Command, _ []string) error { return a.listTopics(c.Context(), *catalogue) }
	apply := &cobra.Command{
		Use: "apply", Short: "Create missing topics and set configuration that differs; deletes nothing", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.applyTopics(c.Context()) },
	}
	cmd.AddCommand(list, apply)
	return cmd
}

// topicLine is a topic of the catalogue as programs read it.
type topicLine struct {
	Name       string            `json:"name"`
	State      string            `json:"state,omitempty"`
	Key        string            `json:"key"`
	Records    []string          `json:"records"`
	Partitions int32             `json:"partitions"`
	Config     map[string]string `json:"config"`
	Owner      string            `json:"owner"`
	Latency    string            `json:"latency"`
	Inbox      bool              `json:"inbox"`
	Doc        string            `json:"doc"`
	Changes    []string          `json:"changes,omitempty"`
}

func (a *app) listTopics(ctx context.Context, catalogue bool) error {
	c, f, err := a.start()
	if err != nil {
		return err
	}
	statuses, err := statuses(ctx, c, catalogue)
	if err != nil {
		return err
	}
	rows := show.Rows{Columns: []string{"topic", "on the cluster", "partitions", "retention", "cleanup", "latency", "owner", "key", "records"}}
	lines := make([]topicLine, 0, len(statuses))
	for _, s := range statuses {
		t := s.Topic
		rows.Rows = append(rows.Rows, []any{t.Name, stateText(s), t.Partitions, retention(t), t.Cleanup, t.Latency, t.Owner, t.Key, shortNames(t.Records)})
		lines = append(lines, topicLine{string(t.Name), string(s.State), t.Key, t.Records, t.Partitions, t.Config(), t.Owner, string(t.Latency), t.Inbox, t.Doc, s.Changes})
	}
	rows.Value = lines
	return rows.Print(a.out, f)
}

func statuses(ctx context.Context, c config.Config, catalogue bool) ([]cluster.Status, error) {
	if catalogue {
		var out []cluster.Status
		for _, t := range pipeline.Topics(c) {
			out = append(out, cluster.Status{Topic: t})
		}
		return out, nil
	}
	client, err := cluster.Connect(ctx, c.Kafka)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return cluster.Compare(ctx, kadm.NewClient(client), pipeline.Topics(c))
}

func stateText(s cluster.Status) string {
	switch s.State {
	case cluster.Differs:
		return "differs: " + strings.Join(s.Changes, "; ")
	case cluster.Partitions:
		return fmt.Sprintf("has %d partitions", s.Partitions)
	}
	return string(s.State)
}

func retention(t topics.Topic) string {
	if t.Retention == topics.Forever {
		return "for ever"
	}
	return fmt.Sprintf("%g d", t.Retention.Hours()/24)
}

// shortNames leaves out the namespaces.
func shortNames(records []string) string {
	out := make([]string, len(records))
	for i, r := range records {
		out[i] = r[strings.LastIndex(r, ".")+1:]
	}
	return strings.Join(out, ", ")
}

func (a *app) applyTopics(ctx context.Context) error {
	c, f, err := a.start()
	if err != nil {
		return err
	}
	client, err := cluster.Connect(ctx, c.Kafka)
	if err != nil {
		return err
	}
	defer client.Close()
	deeds, err := cluster.Apply(ctx, client, pipeline.Topics(c), c.Kafka.Replication)
	if err != nil {
		return err
	}
	rows := show.Rows{Columns: []string{"topic", "what was done"}, Value: deeds}
	for _, d := range deeds {
		rows.Rows = append(rows.Rows, []any{d.Topic, d.Did})
	}
	return rows.Print(a.out, f)
}

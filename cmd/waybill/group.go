package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"waybill/cmd/internal/pipeline"
	"waybill/cmd/internal/show"
)

func (a *app) groupCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "group", Short: "The consumer groups of the stages", Args: knownCommand, RunE: help,
	}
	leave := &cobra.Command{
		Use: "leave --instance NAME", Short: "Take an instance that stopped for good out of the stages' groups", Args: cobra.NoArgs,
		Long: `With runtime.static_membership the groups keep the partitions of an instance that stops until its session timeout: it is expected back.
After a real scale-down this gives them to the others at once. An instance that is still running comes back by itself.`,
	}
	instance := leave.Flags().String("instance", "", "its runtime.instance")
	leave.RunE = func(c *cobra.Command, _ []string) error {
		if *instance == "" {
			return usageError{fmt.Errorf("--instance is missing: give the runtime.instance that stopped for good")}
		}
		cfg, f, err := a.start()
		if err != nil {
			return err
		}
		line, err := pipeline.Open(c.Context(), cfg, a.logger(cfg.Log))
		if err != nil {
			return err
		}
		defer line.Close()
		left, err := line.Leave(c.Context(), *instance)
		if err != nil {
			return err
		}
		if len(left) == 0 {
			return show.Line(a.out, f, "left", fmt.Sprintf("no group of %s knows an instance %s: it is gone already, or is no static member", cfg.Kafka.App, *instance))
		}
		return show.Line(a.out, f, "left", fmt.Sprintf("instance %s is out of %s", *instance, strings.Join(left, ", ")))
	}
	cmd.AddCommand(leave)
	return cmd
}

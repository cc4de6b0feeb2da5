package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) devCmd() *cobra.Command {
	return &cobra.Command{Use: "dev", RunE: func(c *cobra.Command, _ []string) error { return a.dev(c.Context()) }}
}

func (a *app) dev(ctx context.Context) error {
	<-ctx.Done()
	_, err := fmt.Fprintln(a.out, "stopped")
	return err
}

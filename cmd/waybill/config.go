package main

import (
	"github.com/spf13/cobra"

	"waybill/cmd/internal/show"
)

func (a *app) configCmd() *cobra.Command {
	return &cobra.Command{
		Use: "config", Short: "Print the configuration in force, where each value comes from, secrets masked", Args: cobra.NoArgs,
		Long: `Print the configuration in force. A value is the flag's, else the environment's, else the file's, else the default. The keys are those
of the file: kafka.brokers is

  kafka:
    brokers: [host:9092]

and WAYBILL_KAFKA_BROKERS in the environment.`,
		RunE: func(*cobra.Command, []string) error {
			f, err := a.format()
			if err != nil {
				return err
			}
			l, err := a.load()
			if err != nil {
				return err
			}
			rows := show.Rows{Columns: []string{"key", "value", "origin"}, Value: l.Settings}
			for _, s := range l.Settings {
				rows.Rows = append(rows.Rows, []any{s.Key, s.Value, s.Origin})
			}
			return rows.Print(a.out, f)
		},
	}
}

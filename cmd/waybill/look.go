package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"waybill/avro"
	"waybill/cmd/internal/config"
	"waybill/cmd/internal/page"
	"waybill/cmd/internal/query"
	"waybill/cmd/internal/show"
)

// look opens ClickHouse for a command that only reads.
func (a *app) look(ctx context.Context, do func(config.Config, show.Format, *query.DB) error) error {
	c, f, err := a.start()
	if err != nil {
		return err
	}
	ch, err := c.ClickHouse.WithPassword()
	if err != nil {
		return err
	}
	db, err := query.Open(ctx, ch.DSN)
	if err != nil {
		return err
	}
	return errors.Join(do(c, f, db), db.Close())
}

func (a *app) timelineCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "timeline", Short: "Draw the timeline of a shipment or an order, plan against actual", Args: cobra.NoArgs,
		Example: "  waybill timeline --shipment SH1000111\n  waybill timeline --order SO1000111 -o json",
	}
	shipment := cmd.Flags().String("shipment", "", "shipment id")
	order := cmd.Flags().String("order", "", "order id")
	cmd.RunE = func(c *cobra.Command, _ []string) error {
		if (*shipment == "") == (*order == "") {
			return usageError{errors.New("timeline: give --shipment ID or --order ID, one of them")}
		}
		return a.look(c.Context(), func(cfg config.Config, f show.Format, db *query.DB) error {
			if *order != "" {
				t, err := db.Order(c.Context(), cfg.Tenant, *order)
				return a.drawOr(f, err, &t, func() error { return page.OrderTimeline(a.out, t, a.style()) })
			}
			t, err := db.Shipment(c.Context(), cfg.Tenant, *shipment)
			return a.drawOr(f, err, &t, func() error { return page.Timeline(a.out, t, a.style()) })
		})
	}
	return cmd
}

// drawOr draws for people and prints the record for programs.
func (a *app) drawOr(f show.Format, err error, rec avro.Record, draw func() error) error {
	if err != nil {
		return err
	}
	if f == show.Table {
		return draw()
	}
	v, err := show.Record(rec)
	if err != nil {
		return err
	}
	return show.Rows{Value: v}.Print(a.out, f)
}

func (a *app) gapsCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "gaps", Short: "List what should have happened and did not", Args: cobra.NoArgs}
	fl := cmd.Flags()
	shipment := fl.String("shipment", "", "of one shipment")
	status := fl.String("status", "open", "open, closed, waived or all")
	limit := fl.Int("limit", 100, "most to list; 0: all")
	cmd.RunE = func(c *cobra.Command, _ []string) error {
		want, err := gapStatus(*status)
		if err != nil {
			return err
		}
		return a.look(c.Context(), func(cfg config.Config, f show.Format, db *query.DB) error {
			gaps, err := db.Gaps(c.Context(), query.Filter{Tenant: cfg.Tenant, Shipment: *shipment, Status: want, Limit: *limit})
			if err != nil {
				return err
			}
			return a.printGaps(gaps, f)
		})
	}
	return cmd
}

func gapStatus(flag string) (string, error) {
	if flag == "all" {
		return "", nil
	}
	want := strings.ToUpper(flag)
	if _, ok := avro.ParseGapStatus(want); !ok {
		return "", usageError{fmt.Errorf("--status %s: give open, closed, waived or all", flag)}
	}
	return want, nil
}

func (a *app) printGaps(gaps []avro.Gap, f show.Format) error {
	value, err := show.Records(gaps)
	if err != nil {
		return err
	}
	rows := show.Rows{Columns: []string{"due", "status", "what", "of", "load", "stop", "orders", "holds billing", "template"}, Value: value, Empty: "no gaps"}
	for _, g := range gaps {
		rows.Rows = append(rows.Rows, []any{
			show.Instant(g.DueAt), strings.ToLower(g.Status.String()), page.What(g), cmp.Or(g.ShipmentID, subject(g)), g.LoadID, show.Optional(g.StopSequence), strings.Join(g.OrderIDs, ", "), yes(g.Billing), g.Template,
		})
	}
	return rows.Print(a.out, f)
}

// subject names what a gap is of that is of no shipment.
func subject(g avro.Gap) string {
	if !g.Subject.Ok {
		return ""
	}
	return strings.ToLower(g.Subject.V.Kind.String()) + " " + g.Subject.V.Value
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

func (a *app) chargesCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "charges", Short: "List the charge ledger with its arithmetic", Args: cobra.NoArgs}
	fl := cmd.Flags()
	shipment := fl.String("shipment", "", "of one shipment")
	period := fl.String("period", "", "of one accounting period, YYYY-MM")
	limit := fl.Int("limit", 100, "most lines to list; 0: all")
	cmd.RunE = func(c *cobra.Command, _ []string) error {
		// A period that cannot be would answer "no charges", which reads as nothing to bill.
		if _, err := time.Parse("2006-01", *period); *period != "" && err != nil {
			return usageError{fmt.Errorf("--period %s: give a month as YYYY-MM", *period)}
		}
		return a.look(c.Context(), func(cfg config.Config, f show.Format, db *query.DB) error {
			lines, err := db.Charges(c.Context(), query.Filter{Tenant: cfg.Tenant, Shipment: *shipment, Period: *period, Limit: *limit})
			if err != nil {
				return err
			}
			return a.printCharges(lines, f)
		})
	}
	return cmd
}

func (a *app) printCharges(lines []avro.Charge, f show.Format) error {
	value, err := show.Records(lines)
	if err != nil {
		return err
	}
	rows := show.Rows{Columns: []string{"shipment", "load", "stop", "type", "kind", "amount", "party", "arithmetic", "contract", "reason"}, Value: value, Empty: "no charges"}
	for _, c := range lines {
		rows.Rows = append(rows.Rows, []any{
			c.ShipmentID, c.LoadID, show.Optional(c.StopSequence), strings.ToLower(c.Type.String()), strings.ToLower(c.Kind.String()), page.Money(c.AmountMinor, c.Currency),
			c.Party, c.Arithmetic, fmt.Sprintf("%s v%d", c.ContractID, c.ContractVersion), c.Reason,
		})
	}
	return rows.Print(a.out, f)
}

// Package cluster speaks to Kafka on behalf of commands: clients from the configuration, and topics as the catalogue
// wants them.
package cluster

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/cmd/internal/config"
)

// patience is how long a broker may take to answer the first request.
const patience = 5 * time.Second

// Options are what every client of the cluster needs.
func Options(k config.Kafka) ([]kgo.Opt, error) {
	opts := []kgo.Opt{
		kgo.SeedBrokers(k.Brokers...), kgo.ClientID(k.App),
		// The default of 5 s turns two NOT_LEADER errors into ten seconds of silence.
		kgo.MetadataMinAge(250 * time.Millisecond),
	}
	secure, err := security(k)
	if err != nil {
		return nil, err
	}
	return append(opts, secure...), nil
}

// Connect makes a client and waits for an answer, so that a wrong address is told before anything else is.
func Connect(ctx context.Context, k config.Kafka, more ...kgo.Opt) (*kgo.Client, error) {
	opts, err := Options(k)
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(append(opts, more...)...)
	if err != nil {
		return nil, fmt.Errorf("make a Kafka client: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := client.Ping(ctx); err != nil {
		client.Close()
		return nil, fmt.Errorf("reach Kafka at %s: it does not answer; start it (`waybill dev` does), or name another with --brokers: %w", strings.Join(k.Brokers, ","), err)
	}
	return client, nil
}

// Package cluster speaks to Kafka on behalf of commands: clients from the configuration, and topics as the catalogue
// wants them.
package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

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
	if k.TLS.Enabled {
		t, err := tlsConfig(k.TLS)
		if err != nil {
			return nil, err
		}
		opts = append(opts, kgo.DialTLSConfig(t))
	}
	switch k.SASL.Mechanism {
	case "PLAIN":
		opts = append(opts, kgo.SASL(plain.Auth{User: k.SASL.User, Pass: k.SASL.Password}.AsMechanism()))
	case "SCRAM-SHA-256":
		opts = append(opts, kgo.SASL(scram.Auth{User: k.SASL.User, Pass: k.SASL.Password}.AsSha256Mechanism()))
	case "SCRAM-SHA-512":
		opts = append(opts, kgo.SASL(scram.Auth{User: k.SASL.User, Pass: k.SASL.Password}.AsSha512Mechanism()))
	}
	return opts, nil
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

func tlsConfig(c config.TLS) (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read kafka.tls.ca_file: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("kafka.tls.ca_file " + c.CAFile + " holds no PEM certificate")
		}
	}
	if c.CertFile == "" {
		return t, nil
	}
	pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("read kafka.tls.cert_file and key_file: %w", err)
	}
	t.Certificates = []tls.Certificate{pair}
	return t, nil
}

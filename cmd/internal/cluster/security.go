package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"waybill/cmd/internal/config"
)

// security is how the brokers know us and we them. Every file is read once here, so that a missing one is told at the start,
// and again at each connection or login, so that a renewed one counts without a restart.
func security(k config.Kafka) ([]kgo.Opt, error) {
	var opts []kgo.Opt
	if k.TLS.Enabled {
		if _, err := tlsConfig(k.TLS); err != nil {
			return nil, err
		}
		opts = append(opts, kgo.Dialer(dialer(k.TLS)))
	}
	if k.SASL.Mechanism == "" {
		return opts, nil
	}
	m, err := mechanism(k.SASL)
	if err != nil {
		return nil, err
	}
	return append(opts, kgo.SASL(m)), nil
}

// dialTimeout is how long a broker may take for connection and handshake.
const dialTimeout = 10 * time.Second

func dialer(c config.TLS) func(ctx context.Context, network, host string) (net.Conn, error) {
	return func(ctx context.Context, network, host string) (net.Conn, error) {
		t, err := tlsConfig(c)
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(ctx, dialTimeout)
		defer cancel()
		return (&tls.Dialer{Config: t}).DialContext(ctx, network, host) // checks the certificate against host
	}
}

func tlsConfig(c config.TLS) (*tls.Config, error) {
	roots, err := authorities("kafka.tls.ca_file", c.CAFile)
	if err != nil {
		return nil, err
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
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

// authorities reads a PEM file; nil, which means the system's, where none is named.
func authorities(key, file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New(key + " " + file + " holds no PEM certificate")
	}
	return pool, nil
}

func mechanism(s config.SASL) (sasl.Mechanism, error) {
	if s.Mechanism == config.OAuthBearer {
		return bearer(s)
	}
	password := func() (string, error) {
		return config.ReadSecret(s.Password, "kafka.sasl.password_file", s.PasswordFile)
	}
	if _, err := password(); err != nil {
		return nil, err
	}
	scrams := func(context.Context) (scram.Auth, error) {
		p, err := password()
		return scram.Auth{User: s.User, Pass: p}, err
	}
	switch s.Mechanism {
	case config.Scram256:
		return scram.Sha256(scrams), nil
	case config.Scram512:
		return scram.Sha512(scrams), nil
	}
	return plain.Plain(func(context.Context) (plain.Auth, error) {
		p, err := password()
		return plain.Auth{User: s.User, Pass: p}, err
	}), nil
}

func bearer(s config.SASL) (sasl.Mechanism, error) {
	token := func(context.Context) (string, error) {
		return config.ReadSecret("", "kafka.sasl.token_file", s.TokenFile)
	}
	if s.OIDC.TokenURL != "" {
		e, err := newEndpoint(s.OIDC)
		if err != nil {
			return nil, err
		}
		token = e.token
	} else if _, err := config.ReadSecret("", "kafka.sasl.token_file", s.TokenFile); err != nil {
		return nil, err
	}
	return oauth.Oauth(func(ctx context.Context) (oauth.Auth, error) {
		t, err := token(ctx)
		return oauth.Auth{Token: t}, err
	}), nil
}

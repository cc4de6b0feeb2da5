package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

// Kafka says which cluster, and who we are to it.
type Kafka struct {
	Brokers     []string // host:port
	App         string   // first part of group names, transactional ids and changelogs: one per deployment
	Replication int16    // of topics that are created; -1: the cluster's default
	TLS         TLS
	SASL        SASL
}

// TLS of the connections to Kafka. The files are read again at each connection.
type TLS struct {
	Enabled  bool
	CAFile   string // PEM; empty: the system's
	CertFile string // PEM of the client's certificate, if it has one
	KeyFile  string
}

// Mechanisms of SASL.
const (
	Plain       = "PLAIN"
	Scram256    = "SCRAM-SHA-256"
	Scram512    = "SCRAM-SHA-512"
	OAuthBearer = "OAUTHBEARER"
)

// SASL of the connections to Kafka. The files are read again at each login.
type SASL struct {
	Mechanism    string // PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER; empty: none
	User         string // of PLAIN and SCRAM
	Password     string `secret:"true"`
	PasswordFile string // holds the password
	TokenFile    string // of OAUTHBEARER: holds the token, which somebody else renews
	OIDC         OIDC   // of OAUTHBEARER: who gives tokens
}

// OIDC is an identity provider that gives tokens for OAuth 2.0 client credentials (RFC 6749, section 4.4).
type OIDC struct {
	TokenURL         string // of the token endpoint
	ClientID         string
	ClientSecret     string `secret:"true"`
	ClientSecretFile string // holds the secret
	Scopes           []string
	Audience         string // of the token, for providers that want to be told
	CAFile           string // PEM that the endpoint's certificate is checked against; empty: the system's
}

func (k Kafka) faults() []error {
	var errs []error
	if len(k.Brokers) == 0 {
		errs = append(errs, errors.New("kafka.brokers is empty: give host:port of at least one broker"))
	}
	for _, b := range k.Brokers {
		if _, _, err := net.SplitHostPort(b); err != nil {
			errs = append(errs, fmt.Errorf("kafka.brokers: %q is not host:port", b))
		}
	}
	if k.App == "" {
		errs = append(errs, errors.New("kafka.app is empty: give a name that no other deployment on this cluster has"))
	}
	if k.Replication == 0 || k.Replication < -1 {
		errs = append(errs, fmt.Errorf("kafka.replication is %d: give 1 or more, or -1 for the cluster's default", k.Replication))
	}
	return slices.Concat(errs, k.TLS.faults(), k.SASL.faults())
}

func (t TLS) faults() []error {
	var errs []error
	if (t.CertFile == "") != (t.KeyFile == "") {
		errs = append(errs, errors.New("kafka.tls.cert_file and kafka.tls.key_file go together: give both or neither"))
	}
	if !t.Enabled && t.CAFile+t.CertFile+t.KeyFile != "" {
		errs = append(errs, errors.New("kafka.tls names files and is not enabled: set kafka.tls.enabled, or the connections are in the clear"))
	}
	return errs
}

func (s SASL) faults() []error {
	switch s.Mechanism {
	case "":
		if s.User+s.Password+s.PasswordFile+s.TokenFile+s.OIDC.TokenURL != "" {
			return []error{errors.New("kafka.sasl says who logs in and not how: set kafka.sasl.mechanism")}
		}
		return nil
	case Plain, Scram256, Scram512:
		return s.passwordFaults()
	case OAuthBearer:
		return s.tokenFaults()
	}
	return []error{fmt.Errorf("kafka.sasl.mechanism is %q: give PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER, or leave it empty", s.Mechanism)}
}

func (s SASL) passwordFaults() []error {
	var errs []error
	if s.User == "" {
		errs = append(errs, fmt.Errorf("kafka.sasl.user is empty: %s wants one", s.Mechanism))
	}
	return append(errs, oneOf("kafka.sasl.password", s.Password, "kafka.sasl.password_file", s.PasswordFile)...)
}

func (s SASL) tokenFaults() []error {
	errs := oneOf("kafka.sasl.token_file", s.TokenFile, "kafka.sasl.oidc.token_url", s.OIDC.TokenURL)
	if s.OIDC.TokenURL == "" {
		return errs
	}
	if u, err := url.Parse(s.OIDC.TokenURL); err != nil || u.Host == "" || u.User != nil || !strings.HasPrefix(u.Scheme, "http") {
		errs = append(errs, fmt.Errorf("kafka.sasl.oidc.token_url%s: give https://host/path; who asks is said by client_id and client_secret_file", shown(s.OIDC.TokenURL)))
	}
	if s.OIDC.ClientID == "" {
		errs = append(errs, errors.New("kafka.sasl.oidc.client_id is empty: the token endpoint wants to know who asks"))
	}
	return append(errs, oneOf("kafka.sasl.oidc.client_secret", s.OIDC.ClientSecret, "kafka.sasl.oidc.client_secret_file", s.OIDC.ClientSecretFile)...)
}

// oneOf wants one of two keys to be set.
func oneOf(key, value, other, otherValue string) []error {
	switch {
	case value == "" && otherValue == "":
		return []error{fmt.Errorf("%s and %s are empty: give one of them", key, other)}
	case value != "" && otherValue != "":
		return []error{fmt.Errorf("%s and %s are both set: give one of them", key, other)}
	}
	return nil
}

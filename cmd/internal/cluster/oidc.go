package cluster

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"waybill/cmd/internal/config"
)

// tokenTimeout is how long the token endpoint may take.
const tokenTimeout = 10 * time.Second

// endpoint gives tokens of an identity provider. One is used until shortly before it expires; the next is asked for with the
// secret that the file holds by then.
type endpoint struct {
	config.OIDC

	mu   sync.Mutex
	last *oauth2.Token
}

func newEndpoint(c config.OIDC) (*endpoint, error) {
	e := &endpoint{OIDC: c}
	_, err := e.credentials()
	_, roots := e.client()
	return e, errors.Join(err, roots)
}

func (e *endpoint) token(ctx context.Context) (string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.last.Valid() {
		t, err := e.ask(ctx)
		if err != nil {
			return "", fmt.Errorf("ask kafka.sasl.oidc.token_url for a token: %w", err)
		}
		e.last = t
	}
	return e.last.AccessToken, nil
}

func (e *endpoint) ask(ctx context.Context) (*oauth2.Token, error) {
	c, err := e.credentials()
	if err != nil {
		return nil, err
	}
	client, err := e.client()
	if err != nil {
		return nil, err
	}
	t, err := c.Token(context.WithValue(ctx, oauth2.HTTPClient, client))
	return t, answered(err)
}

// answered leaves the body of an answer out: what a provider echoes there is not for logs.
func answered(err error) error {
	var said *oauth2.RetrieveError
	if !errors.As(err, &said) {
		return err
	}
	if said.ErrorCode != "" {
		return fmt.Errorf("it answers %s, %s: check client_id, client_secret and scopes", said.Response.Status, said.ErrorCode)
	}
	return fmt.Errorf("it answers %s", said.Response.Status)
}

func (e *endpoint) credentials() (*clientcredentials.Config, error) {
	secret, err := config.ReadSecret(e.ClientSecret, "kafka.sasl.oidc.client_secret_file", e.ClientSecretFile)
	if err != nil {
		return nil, err
	}
	c := &clientcredentials.Config{ClientID: e.ClientID, ClientSecret: secret, TokenURL: e.TokenURL, Scopes: e.Scopes}
	if e.Audience != "" {
		c.EndpointParams = url.Values{"audience": {e.Audience}}
	}
	return c, nil
}

func (e *endpoint) client() (*http.Client, error) {
	roots, err := authorities("kafka.sasl.oidc.ca_file", e.CAFile)
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	transport.DisableKeepAlives = true // asked once an hour or so
	return &http.Client{Transport: transport, Timeout: tokenTimeout}, nil
}

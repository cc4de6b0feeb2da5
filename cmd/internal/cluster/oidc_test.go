package cluster

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"waybill/cmd/internal/config"
)

// provider is an identity provider that knows one secret at a time.
type provider struct {
	secret string
	asked  int
	life   int // seconds, of the tokens it gives
	broken bool
	form   map[string][]string
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.asked++
	_ = r.ParseForm()
	p.form = r.PostForm
	id, secret, ok := r.BasicAuth()
	if !ok { // the other way that RFC 6749 allows
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	w.Header().Set("Content-Type", "application/json")
	switch {
	case p.broken:
		w.WriteHeader(http.StatusBadGateway)
		fmt.Fprintf(w, "<html>you sent %s", secret)
	case id != "waybill" || secret != p.secret:
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, `{"error":"invalid_client","error_description":"%s is wrong"}`, secret)
	default:
		fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"Bearer","expires_in":%d}`, p.asked, p.life)
	}
}

func TestTokensOfAnIdentityProvider(t *testing.T) {
	p := &provider{secret: "first", life: 3600}
	server := httptest.NewTLSServer(p)
	defer server.Close()
	dir := t.TempDir()
	file := writeFile(t, filepath.Join(dir, "secret"), []byte("first\n"))
	ca := writeFile(t, filepath.Join(dir, "ca.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	e, err := newEndpoint(config.OIDC{TokenURL: server.URL, ClientID: "waybill", ClientSecretFile: file, Scopes: []string{"kafka", "more"}, Audience: "brokers", CAFile: ca})
	if err != nil {
		t.Fatal(err)
	}
	token := func(want string) {
		t.Helper()
		if got, err := e.token(t.Context()); got != want || err != nil {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	token("token-1")
	if f := p.form; f["grant_type"][0] != "client_credentials" || f["scope"][0] != "kafka more" || f["audience"][0] != "brokers" {
		t.Errorf("it was asked with %v", p.form)
	}
	token("token-1") // it lives on
	e.last, p.life = nil, 1
	p.secret = "second" // over there first, as it goes
	_, err = e.token(t.Context())
	if err == nil || !strings.Contains(err.Error(), "invalid_client") || strings.Contains(err.Error(), "first") {
		t.Errorf("with the old secret: %v", err)
	}
	p.asked = 1
	writeFile(t, file, []byte("second\n"))
	token("token-2")
	token("token-3") // one that is as good as expired is not used
	p.broken = true
	if _, err := e.token(t.Context()); err == nil || !strings.Contains(err.Error(), "502") || strings.Contains(err.Error(), "second") {
		t.Errorf("from a broken provider: %v", err)
	}
}

func TestAnUnknownProviderIsNotTrusted(t *testing.T) {
	p := &provider{secret: "s", life: 3600}
	server := httptest.NewTLSServer(p)
	defer server.Close()
	e, err := newEndpoint(config.OIDC{TokenURL: server.URL, ClientID: "waybill", ClientSecret: "s"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.token(t.Context()); err == nil || p.asked > 0 {
		t.Errorf("the secret went to a server with a certificate of its own making (%v)", err)
	}
}

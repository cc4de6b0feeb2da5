package cluster

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"waybill/cmd/internal/config"
)

// authority signs certificates of a test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string // PEM
	next atomic.Int64
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, file: filepath.Join(t.TempDir(), "ca.pem")}
	template := a.template("authority")
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	a.key = newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	writeFile(t, a.file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *authority) template(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(a.next.Add(1)), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
}

// sign makes a certificate with its key, in PEM.
func (a *authority) sign(name string) (cert, key []byte) {
	a.t.Helper()
	k := newKey(a.t)
	der, err := x509.CreateCertificate(rand.Reader, a.template(name), a.cert, k.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		a.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

// server is the TLS of a server on this machine that wants to know its clients.
func (a *authority) server() *tls.Config {
	a.t.Helper()
	pair, err := tls.X509KeyPair(a.sign("server"))
	if err != nil {
		a.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
}

func writeFile(t *testing.T, path string, content []byte) string {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// client writes a client's certificate and key over those that may be there.
func (a *authority) client(dir, name string) config.TLS {
	cert, key := a.sign(name)
	return config.TLS{
		Enabled: true, CAFile: a.file,
		CertFile: writeFile(a.t, filepath.Join(dir, "client.pem"), cert), KeyFile: writeFile(a.t, filepath.Join(dir, "client.key"), key),
	}
}

func kafka(t *testing.T, opts ...kfake.Opt) (*kfake.Cluster, config.Kafka) {
	t.Helper()
	c, err := kfake.NewCluster(append(opts, kfake.NumBrokers(1))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	k := config.Default().Kafka
	k.Brokers = c.ListenAddrs()
	return c, k
}

// connects says whether a broker answers, within a time that a refusal takes too.
func connects(t *testing.T, k config.Kafka) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	client, err := Connect(ctx, k)
	if err == nil {
		client.Close()
	}
	return err
}

const (
	secret = "correct-horse"
	wrong  = "battery-staple"
)

func TestLogins(t *testing.T) {
	ca := newAuthority(t)
	for _, m := range []string{config.Plain, config.Scram256, config.Scram512} {
		t.Run(m, func(t *testing.T) {
			t.Parallel()
			_, k := kafka(t, kfake.EnableSASL(), kfake.Superuser(m, "waybill", secret), kfake.TLS(ca.server()))
			file := writeFile(t, filepath.Join(t.TempDir(), "password"), []byte(secret+"\n"))
			k.TLS = ca.client(t.TempDir(), "waybill")
			tests := []struct {
				name string
				sasl config.SASL
				well bool
			}{
				{"by value", config.SASL{Mechanism: m, User: "waybill", Password: secret}, true},
				{"by file", config.SASL{Mechanism: m, User: "waybill", PasswordFile: file}, true},
				{"wrong password", config.SASL{Mechanism: m, User: "waybill", Password: wrong}, false},
				{"no login", config.SASL{}, false},
			}
			for _, tc := range tests {
				k.SASL = tc.sasl
				err := connects(t, k)
				if (err == nil) != tc.well {
					t.Errorf("%s: %v", tc.name, err)
				}
				if err != nil && (strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), wrong)) {
					t.Errorf("%s: the error shows the password: %v", tc.name, err)
				}
			}
		})
	}
}

func TestTLS(t *testing.T) {
	ours, others := newAuthority(t), newAuthority(t)
	_, k := kafka(t, kfake.TLS(ours.server()))
	stranger := others.client(t.TempDir(), "stranger")
	stranger.CAFile = ours.file
	distrustful := ours.client(t.TempDir(), "waybill")
	distrustful.CAFile = others.file
	tests := []struct {
		name string
		tls  config.TLS
		well bool
	}{
		{"both know each other", ours.client(t.TempDir(), "waybill"), true},
		{"a client without certificate", config.TLS{Enabled: true, CAFile: ours.file}, false},
		{"a client of another authority", stranger, false},
		{"a server of an authority we do not know", distrustful, false},
		{"in the clear", config.TLS{}, false},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			k := k
			k.TLS = tc.tls
			if err := connects(t, k); (err == nil) != tc.well {
				t.Error(err)
			}
		})
	}
}

func TestFilesAreMissedAtTheStart(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	empty := writeFile(t, filepath.Join(t.TempDir(), "empty"), nil)
	tests := []struct {
		in   config.Kafka
		want string
	}{
		{config.Kafka{TLS: config.TLS{Enabled: true, CAFile: none}}, "kafka.tls.ca_file"},
		{config.Kafka{TLS: config.TLS{Enabled: true, CAFile: empty}}, "holds no PEM certificate"},
		{config.Kafka{TLS: config.TLS{Enabled: true, CertFile: none, KeyFile: none}}, "kafka.tls.cert_file"},
		{config.Kafka{SASL: config.SASL{Mechanism: config.Plain, User: "u", PasswordFile: none}}, "kafka.sasl.password_file"},
		{config.Kafka{SASL: config.SASL{Mechanism: config.Scram256, User: "u", PasswordFile: empty}}, "is empty"},
		{config.Kafka{SASL: config.SASL{Mechanism: config.OAuthBearer, TokenFile: none}}, "kafka.sasl.token_file"},
		{config.Kafka{SASL: config.SASL{Mechanism: config.OAuthBearer, OIDC: config.OIDC{TokenURL: "http://x", ClientSecretFile: none}}}, "kafka.sasl.oidc.client_secret_file"},
		{config.Kafka{SASL: config.SASL{Mechanism: config.OAuthBearer, OIDC: config.OIDC{TokenURL: "http://x", ClientSecret: "s", CAFile: none}}}, "kafka.sasl.oidc.ca_file"},
	}
	for _, tc := range tests {
		if _, err := Options(tc.in); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got %v, want something about %q", err, tc.want)
		}
	}
}

// What is renewed on disk counts from the next connection and login on.
func TestRenewedSecretsCount(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "secret")
	for _, s := range []config.SASL{
		{Mechanism: config.Plain, User: "u", PasswordFile: file},
		{Mechanism: config.OAuthBearer, TokenFile: file},
	} {
		writeFile(t, file, []byte("first"))
		m, err := mechanism(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, now := range []string{"first", "second"} {
			writeFile(t, file, []byte(now+"\n"))
			_, said, err := m.Authenticate(t.Context(), "host")
			if err != nil || !strings.Contains(string(said), now) {
				t.Errorf("%s with the secret %q logs in with %q (%v)", s.Mechanism, now, said, err)
			}
		}
	}
	ca := newAuthority(t)
	var names []string
	var mu sync.Mutex
	server := ca.server()
	server.VerifyConnection = func(c tls.ConnectionState) error {
		mu.Lock()
		defer mu.Unlock()
		names = append(names, c.PeerCertificates[0].Subject.CommonName)
		return nil
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dial := dialer(ca.client(dir, "first"))
	for _, name := range []string{"first", "second"} {
		ca.client(dir, name)
		shake(t, l, dial)
		mu.Lock()
		if got := names[len(names)-1]; got != name {
			t.Errorf("the server sees %s, want %s", got, name)
		}
		mu.Unlock()
	}
}

// shake dials once and waits for both ends.
func shake(t *testing.T, l net.Listener, dial func(context.Context, string, string) (net.Conn, error)) {
	t.Helper()
	shaken := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			err = c.(*tls.Conn).HandshakeContext(t.Context())
			defer c.Close()
		}
		shaken <- err
	}()
	c, err := dial(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := <-shaken; err != nil {
		t.Fatal(err)
	}
}

// kfake does not know OAUTHBEARER: the test answers the handshake in its place, as RFC 7628 wants it.
func TestBearerTokenReachesTheBroker(t *testing.T) {
	c, k := kafka(t)
	var sent []byte
	c.ControlKey(int16(kmsg.SASLHandshake), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if req.(*kmsg.SASLHandshakeRequest).Mechanism != config.OAuthBearer {
			t.Errorf("asks for %s", req.(*kmsg.SASLHandshakeRequest).Mechanism)
		}
		return req.ResponseKind(), nil, true
	})
	c.ControlKey(int16(kmsg.SASLAuthenticate), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		sent = bytes.Clone(req.(*kmsg.SASLAuthenticateRequest).SASLAuthBytes)
		return req.ResponseKind(), nil, true
	})
	k.SASL = config.SASL{Mechanism: config.OAuthBearer, TokenFile: writeFile(t, filepath.Join(t.TempDir(), "token"), []byte("abc.def.ghi\n"))}
	if err := connects(t, k); err != nil {
		t.Fatal(err)
	}
	if string(sent) != "n,,\x01auth=Bearer abc.def.ghi\x01\x01" {
		t.Errorf("sent %q", sent)
	}
}

package main

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"waybill/bench/rig"
	"waybill/cmd/internal/config"
)

// Passwords as nobody writes them by chance.
const (
	kafkaSecret    = "kafka-hunter2"
	registrySecret = "registry-hunter2"
)

// guarded starts a Kafka and a registry that want to know who asks, and writes the passwords to files.
func guarded(t *testing.T) {
	t.Helper()
	alone(t)
	k, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser(config.Scram512, "waybill", kafkaSecret))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	r, err := rig.StartRegistry(rig.RegistryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Stop() })
	behind, err := url.Parse(r.URL())
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(behind)
	gate := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "waybill" || password != registrySecret {
			http.Error(w, "not you", http.StatusUnauthorized)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(gate.Close)
	file := func(name, content string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(content+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, value := range map[string]string{
		"KAFKA_BROKERS": strings.Join(k.ListenAddrs(), ","), "KAFKA_SASL_MECHANISM": config.Scram512, "KAFKA_SASL_USER": "waybill",
		"KAFKA_SASL_PASSWORD_FILE": file("kafka", kafkaSecret),
		"REGISTRY_URL":             gate.URL, "REGISTRY_USER": "waybill", "REGISTRY_PASSWORD_FILE": file("registry", registrySecret),
	} {
		t.Setenv(config.EnvPrefix+name, value)
	}
}

// silent holds that a text shows no secret.
func silent(t *testing.T, what, text string) {
	t.Helper()
	if strings.Contains(text, "hunter2") {
		t.Errorf("%s shows a password:\n%s", what, text)
	}
}

func TestSecretsStaySecret(t *testing.T) {
	guarded(t)
	ctx := within(t, time.Minute)
	for _, args := range [][]string{{"topics", "apply"}, {"schemas", "register"}, {"config"}, {"config", "-o", "json"}} {
		got, err := ask(ctx, args...)
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		silent(t, strings.Join(args, " "), got.out+got.err)
	}
	p := running(t, "--sink=false", "--log-level", "debug", "--set", "ops.pprof=true")
	url := p.address(t, ctx)
	waitFor(t, ctx, "readiness", func() bool { code, _ := look(url + "/readyz"); return code == 200 })
	for _, path := range []string{"/readyz", "/metrics", "/debug/pprof/cmdline"} {
		_, body := look(url + path)
		silent(t, path, body)
	}
	p.stop(t)
	silent(t, "the log", p.said.String())

	// Given by value, and wrong.
	t.Setenv("WAYBILL_KAFKA_SASL_PASSWORD_FILE", "")
	t.Setenv("WAYBILL_KAFKA_SASL_PASSWORD", "wrong-"+kafkaSecret)
	got, err := ask(ctx, "topics", "list")
	if err == nil {
		t.Fatal("Kafka took a wrong password")
	}
	silent(t, "a refused login", err.Error()+got.err)
	t.Setenv("WAYBILL_REGISTRY_PASSWORD_FILE", "")
	t.Setenv("WAYBILL_REGISTRY_PASSWORD", "wrong-"+registrySecret)
	got, err = ask(ctx, "schemas", "check")
	if err == nil {
		t.Fatal("the registry took a wrong password")
	}
	silent(t, "a refused registry", err.Error()+got.err)
	got, err = ask(ctx, "config")
	if err != nil || !strings.Contains(got.out, config.Masked) {
		t.Errorf("config: %v\n%s", err, got.out)
	}
	silent(t, "config", got.out)
}

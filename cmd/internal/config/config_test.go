package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func setting(t *testing.T, l Loaded, key string) Setting {
	t.Helper()
	i := slices.IndexFunc(l.Settings, func(s Setting) bool { return s.Key == key })
	if i < 0 {
		t.Fatalf("no setting %s", key)
	}
	return l.Settings[i]
}

func TestPrecedence(t *testing.T) {
	file := write(t, "w.yaml", "tenant: from-file\nkafka:\n  app: from-file\n  brokers: [a:1, b:2]\nticks:\n  every: 3s\n")
	t.Setenv("WAYBILL_TENANT", "from-env")
	t.Setenv("WAYBILL_KAFKA_APP", "from-env")
	l, err := Load(Where{File: file, Set: map[string]string{"tenant": "from-flag"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []Setting{
		{"tenant", "from-flag", "flag", "WAYBILL_TENANT"},
		{"kafka.app", "from-env", "environment WAYBILL_KAFKA_APP", "WAYBILL_KAFKA_APP"},
		{"kafka.brokers", "a:1,b:2", "file " + file, "WAYBILL_KAFKA_BROKERS"},
		{"ticks.every", "3s", "file " + file, "WAYBILL_TICKS_EVERY"},
		{"log.level", "INFO", "default", "WAYBILL_LOG_LEVEL"},
	}
	for _, w := range want {
		if got := setting(t, l, w.Key); got != w {
			t.Errorf("got %+v, want %+v", got, w)
		}
	}
	if l.Ticks.Every != 3*time.Second || !slices.Equal(l.Kafka.Brokers, []string{"a:1", "b:2"}) {
		t.Errorf("the structure does not hold what the settings say: %+v", l.Config)
	}
}

// viper asks the environment only for keys it knows of: here there is no file to teach it any.
func TestEnvironmentWithoutFile(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("WAYBILL_KAFKA_BROKERS", "x:1,y:2")
	t.Setenv("WAYBILL_KAFKA_TLS_ENABLED", "true")
	t.Setenv("WAYBILL_KAFKA_TLS_CA_FILE", "ca.pem")
	l, err := Load(Where{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(l.Kafka.Brokers, []string{"x:1", "y:2"}) || l.Kafka.TLS.CAFile != "ca.pem" {
		t.Errorf("got %+v", l.Kafka)
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	file := write(t, "w.yaml", "kafka:\n  borkers: [a:1]\n  replication: 0\n  sasl: {mechanism: MD5}\nticks: {every: soon}\nlog: {format: xml}\n")
	t.Setenv("WAYBILL_TENNANT", "x")
	_, err := Load(Where{File: file, Set: map[string]string{"log.levl": "debug"}})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"there is no key kafka.borkers; did you mean kafka.brokers?",
		"WAYBILL_TENNANT sets no key; did you mean tenant?",
		"--set log.levl: there is no such key; did you mean log.level?",
		"ticks.every from file " + file,
		"kafka.replication is 0", "kafka.sasl.mechanism is \"MD5\"", "log.format is \"xml\"",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
	if n := strings.Count(err.Error(), "\n") + 1; n != 7 {
		t.Errorf("%d faults told, want 7:\n%v", n, err)
	}
}

func TestSecretsAreMasked(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("WAYBILL_KAFKA_SASL_MECHANISM", Plain)
	t.Setenv("WAYBILL_KAFKA_SASL_USER", "me")
	t.Setenv("WAYBILL_KAFKA_SASL_PASSWORD", "hunter2")
	t.Setenv("WAYBILL_REGISTRY_URL", "http://me:hunter2@host:8081")
	l, err := Load(Where{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range l.Settings {
		if strings.Contains(s.Value, "hunter2") {
			t.Errorf("%s shows its secret: %s", s.Key, s.Value)
		}
	}
	if l.Kafka.SASL.Password != "hunter2" {
		t.Error("the secret itself was not read")
	}
	if got := setting(t, l, "kafka.sasl.password").Value; got != Masked {
		t.Errorf("a set secret shows as %q, want %q", got, Masked)
	}
}

// Whatever is a secret, by its tag or its name, is masked, however much it looks like an address.
func TestEverySecretIsMasked(t *testing.T) {
	var c Config
	secrets := 0
	for _, k := range leaves(&c) {
		name := k.key[strings.LastIndex(k.key, ".")+1:]
		sounds := (strings.Contains(name, "password") || strings.Contains(name, "secret")) && !strings.HasSuffix(name, "_file")
		if sounds && k.secret != "true" {
			t.Errorf("%s sounds like a secret and its field has no tag", k.key)
		}
		if k.secret == "" {
			continue
		}
		secrets++
		for _, secret := range []string{"hunter2", "http://hunter2", "http://me:hunter2@host/?password=hunter2", "me:hun\x00ter2@"} {
			if k.secret == "url" && secret == "http://hunter2" {
				continue // there it is an address
			}
			k.field.SetString(secret)
			if shown := show(k); strings.Contains(shown, "hun") {
				t.Errorf("%s=%q shows as %s", k.key, secret, shown)
			}
		}
	}
	if secrets < 4 {
		t.Errorf("only %d secrets were found", secrets)
	}
}

func TestLoginFaults(t *testing.T) {
	tests := []struct {
		name, file, want string
	}{
		{"no mechanism", "kafka: {sasl: {user: me}}", "set kafka.sasl.mechanism"},
		{"no user", "kafka: {sasl: {mechanism: PLAIN, password: x}}", "kafka.sasl.user is empty"},
		{"no password", "kafka: {sasl: {mechanism: SCRAM-SHA-256, user: me}}", "kafka.sasl.password and kafka.sasl.password_file are empty"},
		{"two passwords", "kafka: {sasl: {mechanism: PLAIN, user: me, password: x, password_file: y}}", "are both set"},
		{"no token", "kafka: {sasl: {mechanism: OAUTHBEARER}}", "kafka.sasl.token_file and kafka.sasl.oidc.token_url are empty"},
		{"no client", "kafka: {sasl: {mechanism: OAUTHBEARER, oidc: {token_url: 'https://idp/token', client_secret: x}}}", "kafka.sasl.oidc.client_id is empty"},
		{"no secret", "kafka: {sasl: {mechanism: OAUTHBEARER, oidc: {token_url: 'https://idp/token', client_id: x}}}", "client_secret_file are empty"},
		{"a secret in the address", "kafka: {sasl: {mechanism: OAUTHBEARER, oidc: {token_url: 'https://me:hunter2@idp', client_id: x, client_secret: y}}}", "kafka.sasl.oidc.token_url cannot be read"},
		{"certificate without key", "kafka: {tls: {enabled: true, cert_file: x}}", "go together"},
		{"TLS not enabled", "kafka: {tls: {ca_file: x}}", "not enabled"},
		{"two registry passwords", "registry: {user: me, password: x, password_file: y}", "registry.password and registry.password_file are both set"},
		{"a registry password of nobody", "registry: {password_file: y}", "registry.user is empty"},
		{"two ClickHouse passwords", "clickhouse: {dsn: 'clickhouse://me:hunter2@host:9000/db', password_file: config_test.go}", "clickhouse.dsn holds a password"},
		{"no ClickHouse password", "clickhouse: {password_file: none}", "read clickhouse.password_file"},
		{"an address that is none", "ops: {listen: '9180'}", "ops.listen"},
		{"no patience", "ops: {stalled_after: 1s}", "ops.stalled_after"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Load(Where{File: write(t, "w.yaml", tc.file)})
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v, want something about %q", err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one fault: %v", err)
			}
		})
	}
}

func TestReadSecret(t *testing.T) {
	file := write(t, "secret", "hunter2\r\n")
	for _, in := range [][2]string{{"hunter2", ""}, {"", file}, {"ignored", file}} {
		if got, err := ReadSecret(in[0], "some.key", in[1]); got != "hunter2" || err != nil {
			t.Errorf("%q: got %q, %v", in, got, err)
		}
	}
	for _, file := range []string{write(t, "empty", "\n"), filepath.Join(t.TempDir(), "none")} {
		if _, err := ReadSecret("", "some.key", file); err == nil || !strings.Contains(err.Error(), "some.key") {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// The address is in errors and logs.
func TestRegistryAddressLosesItsPassword(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, url := range []string{"http://me:hunter2@host:8081", "ftp://me:hunter2@host", "http://me:hun ter2@ho st"} {
		t.Setenv("WAYBILL_REGISTRY_URL", url)
		l, err := Load(Where{})
		if err != nil && strings.Contains(err.Error(), "hun") {
			t.Errorf("%s: the error shows it: %v", url, err)
		}
		if err == nil && l.Registry != (Registry{URL: "http://host:8081", User: "me", Password: "hunter2"}) {
			t.Errorf("%s: got %+v", url, l.Registry)
		}
	}
}

func TestKubernetesServiceLinksAreNoKeys(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("WAYBILL_SERVICE_HOST", "10.0.0.1")
	t.Setenv("WAYBILL_PORT_8080_TCP_ADDR", "10.0.0.1")
	t.Setenv("WAYBILL_METRICS_SERVICE_PORT", "80")
	if _, err := Load(Where{}); err != nil {
		t.Error(err)
	}
}

func TestFileFaults(t *testing.T) {
	tests := []struct{ name, file, want string }{
		{"absent", filepath.Join(t.TempDir(), "none.yaml"), "none.yaml"},
		{"other extension", write(t, "w.ini", ""), ".yaml, .toml or .json"},
		{"not YAML", write(t, "w.yaml", "kafka: [unclosed"), "w.yaml"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := Load(Where{File: tc.file}); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want something about %q", err, tc.want)
			}
		})
	}
}

func TestSnake(t *testing.T) {
	for in, want := range map[string]string{"MaxBytes": "max_bytes", "CAFile": "ca_file", "URL": "url", "ClickHouse": "clickhouse", "SASL": "sasl", "MaxDLQRate": "max_dlq_rate"} {
		if got := snake(in); got != want {
			t.Errorf("snake(%s) = %s, want %s", in, got, want)
		}
	}
}

func TestDefaultIsValid(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
}

// What a list of delays says is read from the file, and its faults are told with the others.
func TestDelaysOfResolve(t *testing.T) {
	l, err := Load(Where{File: write(t, "w.yaml", "processors:\n  resolve:\n    horizon: 720h\n    delays: [CARRIER=72h, WMS/PICKED=2h]\n")})
	if err != nil || l.Processors.Resolve.Horizon != 720*time.Hour || !slices.Equal(l.Processors.Resolve.Delays, []string{"CARRIER=72h", "WMS/PICKED=2h"}) {
		t.Errorf("got %+v, %v", l.Processors.Resolve, err)
	}
	if _, err = Load(Where{File: write(t, "w.yaml", "processors:\n  resolve:\n    delays: [CARRIER]\n")}); err == nil || !strings.Contains(err.Error(), "resolve.delays") {
		t.Errorf("got %v, want the fault in resolve.delays", err)
	}
}

package cluster

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/bench/rig"
	"waybill/cmd/internal/config"
)

// jaas is a broker's module for a mechanism.
func jaas(mechanism, module string, options ...string) string {
	return fmt.Sprintf("%s.sasl.jaas.config=org.apache.kafka.common.security.%s required %s;", strings.ToLower(mechanism), module, strings.Join(options, " "))
}

// door is a listener that asks for certificates and knows all mechanisms. Tokens it takes unsigned: whether they are real is
// the identity provider's and the broker's affair.
func door(ca *authority, dir string) []string {
	cert, key := ca.sign("server")
	store := writeFile(ca.t, filepath.Join(dir, "server.pem"), append(key, cert...))
	return []string{
		"ssl.keystore.type=PEM", "ssl.keystore.location=" + store, "ssl.truststore.type=PEM", "ssl.truststore.location=" + ca.file,
		"ssl.client.auth=required", "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
		jaas(config.Plain, "plain.PlainLoginModule", `user_waybill="`+secret+`"`),
		jaas(config.Scram256, "scram.ScramLoginModule"), jaas(config.Scram512, "scram.ScramLoginModule"),
		jaas(config.OAuthBearer, "oauthbearer.OAuthBearerLoginModule", `unsecuredLoginStringClaim_sub="broker"`),
	}
}

// token is one that nobody signed (RFC 7519, section 6), as the broker takes it by default.
func token(who string, life time.Duration) []byte {
	enc := base64.RawURLEncoding.EncodeToString
	now := time.Now()
	return []byte(enc([]byte(`{"alg":"none"}`)) + "." + enc(fmt.Appendf(nil, `{"sub":%q,"iat":%d,"exp":%d}`, who, now.Unix(), now.Add(life).Unix())) + ".\n")
}

func TestApacheKafkaKnowsOurLogins(t *testing.T) {
	ca, dir := newAuthority(t), t.TempDir()
	k, err := rig.StartApacheCluster(t.Context(), t.TempDir(), rig.ApacheOptions{Door: "SASL_SSL", DoorConfig: door(ca, dir)})
	if errors.Is(err, rig.ErrNoApacheKafka) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Stop() })
	addScrams(t, k)
	mutual := ca.client(t.TempDir(), "waybill")
	password := writeFile(t, filepath.Join(dir, "password"), []byte(secret+"\n"))
	valid, expired := writeFile(t, filepath.Join(dir, "token"), token("waybill", time.Hour)), writeFile(t, filepath.Join(dir, "old"), token("waybill", -time.Hour))
	tests := []struct {
		name string
		tls  config.TLS
		sasl config.SASL
		well bool
	}{
		{"PLAIN", mutual, config.SASL{Mechanism: config.Plain, User: "waybill", PasswordFile: password}, true},
		{"SCRAM-SHA-256", mutual, config.SASL{Mechanism: config.Scram256, User: "waybill", PasswordFile: password}, true},
		{"SCRAM-SHA-512", mutual, config.SASL{Mechanism: config.Scram512, User: "waybill", Password: secret}, true},
		{"OAUTHBEARER", mutual, config.SASL{Mechanism: config.OAuthBearer, TokenFile: valid}, true},
		{"wrong password", mutual, config.SASL{Mechanism: config.Plain, User: "waybill", Password: wrong}, false},
		{"wrong SCRAM password", mutual, config.SASL{Mechanism: config.Scram512, User: "waybill", Password: wrong}, false},
		{"an expired token", mutual, config.SASL{Mechanism: config.OAuthBearer, TokenFile: expired}, false},
		{"no certificate", config.TLS{Enabled: true, CAFile: ca.file}, config.SASL{Mechanism: config.Plain, User: "waybill", Password: secret}, false},
		{"no login", mutual, config.SASL{}, false},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			c := config.Default().Kafka
			c.Brokers, c.TLS, c.SASL = k.Doors(), tc.tls, tc.sasl
			err := connects(t, c)
			if (err == nil) != tc.well {
				t.Error(err)
			}
			if err != nil && (strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), wrong)) {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

// addScrams makes the user known, through the open listener.
func addScrams(t *testing.T, k *rig.ApacheKafka) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(k.Brokers()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	adm := kadm.NewClient(client)
	for _, m := range []kadm.ScramMechanism{kadm.ScramSha256, kadm.ScramSha512} { // Kafka takes one of a user at a time
		done, err := adm.AlterUserSCRAMs(ctx, nil, []kadm.UpsertSCRAM{{User: "waybill", Mechanism: m, Iterations: 4096, Password: secret}})
		if err == nil {
			err = done.Error()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for { // the broker says that it is done before it knows
		known, err := adm.DescribeUserSCRAMs(ctx, "waybill")
		if ctx.Err() != nil {
			t.Fatalf("the broker does not know the user: %v", err)
		}
		if err == nil && len(known["waybill"].CredInfos) == 2 {
			return
		}
	}
}

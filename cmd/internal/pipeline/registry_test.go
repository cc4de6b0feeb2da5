package pipeline_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"waybill/cmd/internal/config"
	"waybill/cmd/internal/pipeline"
)

func TestTheRegistryIsAskedWithThePasswordOfTheHour(t *testing.T) {
	var user, password string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ = r.BasicAuth()
		_, _ = w.Write([]byte("[]"))
	}))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "password")
	client, err := pipeline.Registry(config.Registry{URL: server.URL, User: "me", PasswordFile: file})
	if err != nil {
		t.Fatal(err)
	}
	for _, now := range []string{"first", "second"} {
		if err := os.WriteFile(file, []byte(now+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Subjects(t.Context()); err != nil || user != "me" || password != now {
			t.Errorf("asked by %q with %q (%v), want %q", user, password, err, now)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Subjects(t.Context()); err == nil {
		t.Error("asked without a password")
	}
}

package clickhouse

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func passwordFile(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPasswordOfAFile(t *testing.T) {
	file := passwordFile(t, filepath.Join(t.TempDir(), "password"), "hunter2 /?@\n")
	empty := passwordFile(t, filepath.Join(t.TempDir(), "empty"), "\n")
	tests := []struct {
		name, dsn, file, want string // want is the password; with a blank before it an error's words
	}{
		{"no file", "clickhouse://me:own@h:9000/d", "", "own"},
		{"a file", "clickhouse://me@h:9000/d?dial_timeout=1s", file, "hunter2 /?@"},
		{"nobody's", "clickhouse://h:9000/d", file, "hunter2 /?@"},
		{"both", "clickhouse://me:own@h:9000/d", file, " give one of them"},
		{"both, the other way", "clickhouse://h:9000/d?password=own", file, " give one of them"},
		{"empty", "clickhouse://me@h:9000/d", empty, " is empty"},
		{"absent", "clickhouse://me@h:9000/d", empty + "x", " clickhouse.password_file"},
		{"no DSN", "own@", file, " must read"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			c := DefaultConfig()
			c.DSN, c.PasswordFile = tc.dsn, tc.file
			o, err := c.options()
			if fault, ok := strings.CutPrefix(tc.want, " "); ok {
				if err == nil || !strings.Contains(err.Error(), fault) || strings.Contains(err.Error(), "own@") || strings.Contains(err.Error(), "hunter2") {
					t.Errorf("got %v, want something about %q", err, fault)
				}
				return
			}
			if err != nil || o.Auth.Password != tc.want {
				t.Errorf("got %+v, %v, want password %q", o, err, tc.want)
			}
		})
	}
}

// An expired password ends the sink; run again, it logs in with the new one.
func TestTheSinkBeginsAnewWithARenewedPassword(t *testing.T) {
	c := DefaultConfig()
	c.DSN, c.PasswordFile = "clickhouse://me@127.0.0.1:1/d", passwordFile(t, filepath.Join(t.TempDir(), "password"), "first")
	s, err := New(c, "test", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	conn := s.conn
	if err := s.renew(); err != nil || s.conn != conn {
		t.Errorf("with the same password: another connection %v, %v", s.conn != conn, err)
	}
	passwordFile(t, c.PasswordFile, "second")
	if err := s.renew(); err != nil {
		t.Fatal(err)
	}
	if s.conn == conn || s.writer.conn != s.conn || s.writer.bulk != s.bulk || s.options.Auth.Password != "second" || s.bulk.options.Password != "second" {
		t.Errorf("with a new one it has %+v", s.options.Auth)
	}
}

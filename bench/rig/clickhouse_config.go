package rig

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	configFile   = "config.xml"
	usersFile    = "users.xml"
	passwordFile = "password"
)

// serverConfig: shutdown waits for no query, since the only endless one is our keep-alive.
const serverConfig = `<clickhouse>
    <users_config>%s</users_config>
    <shutdown_wait_unfinished>0</shutdown_wait_unfinished>
    <mark_cache_size>268435456</mark_cache_size>
    <max_server_memory_usage_to_ram_ratio>0.6</max_server_memory_usage_to_ram_ratio>
</clickhouse>
`

// usersConfig: clickhouse-local's own session logs in as default from 127.0.0.1 without a password, so default can do
// nothing but what that session needs, and the real user has a password. poll_interval bounds how long a native
// connection that a client left open and idle holds the server's shutdown.
const usersConfig = `<clickhouse>
    <profiles><default><poll_interval>1</poll_interval></default></profiles>
    <quotas><default/></quotas>
    <users>
        <default>
            <password></password>
            <networks><ip>127.0.0.1</ip><ip>::1</ip></networks>
            <profile>default</profile>
            <quota>default</quota>
            <grants>
                <query>GRANT SYSTEM LISTEN ON *.*</query>
                <query>GRANT CREATE TEMPORARY TABLE ON *.*</query>
                <query>GRANT READ, WRITE ON FILE</query>
                <query>GRANT CREATE DATABASE ON %[1]s.*</query>
            </grants>
        </default>
        <%[2]s>
            <password_sha256_hex>%[3]s</password_sha256_hex>
            <networks><ip>127.0.0.1</ip><ip>::1</ip></networks>
            <profile>default</profile>
            <quota>default</quota>
        </%[2]s>
    </users>
</clickhouse>
`

// writeClickHouseConfig writes config.xml and users.xml into dir and returns the password of the user waybill, which is
// made once per dir, so that a DSN stays good over restarts.
func writeClickHouseConfig(dir string) (password string, err error) {
	password, err = keptPassword(filepath.Join(dir, passwordFile))
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(password))
	users := fmt.Sprintf(usersConfig, clickHouseDatabase, clickHouseUser, hex.EncodeToString(sum[:]))
	if err := os.WriteFile(filepath.Join(dir, usersFile), []byte(users), 0o600); err != nil {
		return "", err
	}
	server := fmt.Sprintf(serverConfig, filepath.Join(dir, usersFile))
	return password, os.WriteFile(filepath.Join(dir, configFile), []byte(server), 0o600)
}

func keptPassword(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err == nil && len(b) > 0 {
		return strings.TrimSpace(string(b)), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	secret := make([]byte, 12)
	if _, err := rand.Read(secret); err != nil {
		return "", err
	}
	password := hex.EncodeToString(secret)
	return password, os.WriteFile(path, []byte(password+"\n"), 0o600)
}

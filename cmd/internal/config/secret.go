package config

import (
	"fmt"
	"os"
	"strings"
)

// ReadSecret gives the value, or what the file holds, without the line's end. A file is read each time, so that a secret
// that is renewed there counts from the next login on. key names the file in errors.
func ReadSecret(value, key, file string) (string, error) {
	if file == "" {
		return value, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", key, err)
	}
	secret := strings.TrimRight(string(b), "\r\n")
	if secret == "" {
		return "", fmt.Errorf("read %s: %s is empty", key, file)
	}
	return secret, nil
}

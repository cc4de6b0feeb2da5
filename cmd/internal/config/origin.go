package config

import (
	"fmt"
	"net/url"
	"os"
	"reflect"
	"strings"

	"github.com/spf13/viper"
)

// Setting is one key in force.
type Setting struct {
	Key    string `json:"key"`
	Value  string `json:"value"`  // as text, secrets masked
	Origin string `json:"origin"` // flag, environment and its variable, file and its name, or default
	Env    string `json:"env"`    // the variable that sets it
}

// Masked stands for a secret that is set.
const Masked = "(set)"

func originOf(v *viper.Viper, k leaf, w Where, file string) string {
	if _, ok := w.Set[k.key]; ok {
		return "flag"
	}
	if os.Getenv(k.env()) != "" {
		return "environment " + k.env()
	}
	if v.InConfig(k.key) {
		return "file " + file
	}
	return "default"
}

// show is a value as text. A secret is only said to be set; of an address that may hold one the password alone is hidden.
func show(k leaf) string {
	if text, ok := k.field.Interface().(string); k.secret != "" && ok {
		return mask(text, k.secret == "url")
	}
	switch v := k.field.Interface().(type) {
	case []string:
		return strings.Join(v, ",")
	case string:
		return redact(v)
	default:
		return fmt.Sprintf("%+v", v)
	}
}

func mask(secret string, address bool) string {
	if secret == "" {
		return ""
	}
	if u, err := url.Parse(secret); address && err == nil && u.Host != "" {
		return redact(secret) // where to connect is no secret
	}
	return Masked
}

func redact(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return s
	}
	if q := u.Query(); q.Has("password") {
		q.Set("password", "xxxxx")
		u.RawQuery = q.Encode()
	}
	if u.User == nil {
		return u.String()
	}
	return u.Redacted()
}

func defaultOf(key string) reflect.Value {
	c := Default()
	for _, k := range leaves(&c) {
		if k.key == key {
			return k.field
		}
	}
	panic("config: no default for " + key)
}

// closest is a hint at the known key nearest to a misspelt one, empty where none is near.
func closest(known []leaf, key string) string {
	best, least := "", 4
	for _, k := range known {
		if d := distance(k.key, key); d < least {
			best, least = k.key, d
		}
	}
	if best == "" {
		return "; `waybill config` lists them all"
	}
	return fmt.Sprintf("; did you mean %s?", best)
}

// distance is how many letters must be changed, added or taken away to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

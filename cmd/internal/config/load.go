package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"
)

// EnvPrefix begins the environment variables that set keys.
const EnvPrefix = "WAYBILL_"

// FileEnv names the variable that names the file.
const FileEnv = EnvPrefix + "CONFIG"

// DefaultFile is read from the working folder where no other file is named; it need not exist.
const DefaultFile = "waybill.yaml"

// notKeys begin like keys and are read elsewhere: by tests, by the rig, by this package.
var notKeys = []string{FileEnv, EnvPrefix + "DATA", EnvPrefix + "CHDB", EnvPrefix + "LAW_SEEDS"}

// Kubernetes sets such variables in every pod for a service whose name begins with "waybill".
var serviceLinks = regexp.MustCompile(`_(SERVICE_(HOST|PORT)|PORT)(_|$)`)

// Where is where the configuration comes from.
type Where struct {
	File string            // YAML, TOML or JSON by its extension; empty: $WAYBILL_CONFIG, else waybill.yaml if there is one
	Set  map[string]string // flags: values by key
}

// Loaded is a configuration and what is known about it.
type Loaded struct {
	Config
	Settings []Setting // every key, in the order of the structure
}

// Load reads the configuration from everywhere. The error lists every fault there is.
func Load(w Where) (Loaded, error) {
	v := viper.New()
	var l Loaded
	var errs []error
	file, err := readFile(v, w.File)
	if err != nil {
		return l, err // nothing that follows would be true without the file
	}
	known := leaves(&l.Config)
	setDefaults(v, Default())
	for _, k := range known {
		if err := v.BindEnv(k.key, k.env()); err != nil {
			return l, fmt.Errorf("bind %s to its environment variable: %w", k.key, err)
		}
	}
	errs = append(errs, unknownKeys(v, known, file)...)
	errs = append(errs, unknownEnv(known)...)
	for key, value := range w.Set {
		if !isKey(known, key) {
			errs = append(errs, fmt.Errorf("--set %s: there is no such key%s", key, closest(known, key)))
			continue
		}
		v.Set(key, value)
	}
	for _, k := range known {
		s := Setting{Key: k.key, Env: k.env(), Origin: originOf(v, k, w, file)}
		if err := fill(v, k); err != nil {
			errs = append(errs, fmt.Errorf("%s from %s: %w", k.key, s.Origin, err))
			k.field.Set(defaultOf(k.key)) // so that the fault is told once, not again by Validate
		}
		s.Value = show(k)
		l.Settings = append(l.Settings, s)
	}
	l.derive()
	return l, errors.Join(append(errs, l.Validate())...)
}

func readFile(v *viper.Viper, named string) (string, error) {
	path := named
	if path == "" {
		path = os.Getenv(FileEnv)
	}
	if path == "" {
		if _, err := os.Stat(DefaultFile); err != nil {
			return "", nil
		}
		path = DefaultFile
	}
	if ext := strings.TrimPrefix(filepath.Ext(path), "."); !slices.Contains([]string{"yaml", "yml", "toml", "json"}, ext) {
		return "", fmt.Errorf("read configuration %s: give a file whose name ends in .yaml, .toml or .json", path)
	}
	v.SetConfigFile(path)
	if err := v.ReadInConfig(); err != nil {
		return "", fmt.Errorf("read configuration %s: %w", path, err)
	}
	return path, nil
}

// setDefaults makes every key known to viper: its environment is asked for known keys alone.
func setDefaults(v *viper.Viper, c Config) {
	for _, d := range leaves(&c) {
		v.SetDefault(d.key, d.field.Interface())
	}
}

// fill sets the field from the highest source. Elements of lists are exact too: a key they do not have is an error.
func fill(v *viper.Viper, k leaf) error {
	return v.UnmarshalKey(k.key, k.field.Addr().Interface(), func(d *mapstructure.DecoderConfig) {
		d.ErrorUnused = true
		d.MatchName = func(key, field string) bool { return key == field || key == snake(field) }
		d.DecodeHook = mapstructure.ComposeDecodeHookFunc(
			mapstructure.StringToTimeDurationHookFunc(), mapstructure.TextUnmarshallerHookFunc(), mapstructure.StringToSliceHookFunc(","))
	})
}

func unknownKeys(v *viper.Viper, known []leaf, file string) []error {
	var errs []error
	keys := v.AllKeys()
	slices.Sort(keys)
	for _, key := range keys {
		if !isKey(known, key) && !underMap(known, key) {
			errs = append(errs, fmt.Errorf("%s: there is no key %s%s", file, key, closest(known, key)))
		}
	}
	return errs
}

func unknownEnv(known []leaf) []error {
	var errs []error
	for _, line := range os.Environ() {
		name, _, _ := strings.Cut(line, "=")
		if !strings.HasPrefix(name, EnvPrefix) || slices.Contains(notKeys, name) || serviceLinks.MatchString(name) {
			continue
		}
		if !slices.ContainsFunc(known, func(k leaf) bool { return k.env() == name }) {
			key := strings.ToLower(strings.TrimPrefix(name, EnvPrefix))
			errs = append(errs, fmt.Errorf("environment: %s sets no key%s", name, closest(known, strings.ReplaceAll(key, "_", "."))))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errs
}

func isKey(known []leaf, key string) bool {
	return slices.ContainsFunc(known, func(k leaf) bool { return k.key == key })
}

// underMap: viper flattens a value that is a map into keys of its own.
func underMap(known []leaf, key string) bool {
	return slices.ContainsFunc(known, func(k leaf) bool { return strings.HasPrefix(key, k.key+".") })
}

package normalise

import (
	"fmt"
)

// Config is what an operator may set.
type Config struct {
	// MappingDir is a folder of mapping files (*.yaml, *.yml, *.json) for the formats json and csv, beside those that ship
	// with the binary. Empty: none.
	MappingDir string
}

// DefaultConfig has no mappings of its own.
func DefaultConfig() Config { return Config{} }

// Validate reads the mappings and reports every fault at once.
func (c Config) Validate() error {
	if _, err := adapters(c); err != nil {
		return fmt.Errorf("normalise.mapping_dir: %w", err)
	}
	return nil
}

package normalise

// Config is what an operator may set.
type Config struct {
	// MappingDir is a folder of mapping files (*.yaml, *.yml, *.json) for the formats json and csv, beside those that ship
	// with the binary. Empty: none.
	MappingDir string
	// CodeDir is a folder of code tables (*.yaml, *.yml, *.json) for the formats x12, iftsta, epcis, dcsa and otm5, beside those that ship with
	// the binary. Empty: none.
	CodeDir string
}

// DefaultConfig has no mappings and code tables of its own.
func DefaultConfig() Config { return Config{} }

// Validate reads mappings and code tables and reports every fault at once.
func (c Config) Validate() error {
	_, err := adapters(c)
	return err
}

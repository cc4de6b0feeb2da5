package adapter

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
)

// ReadFolder gives every YAML and JSON file of a folder to take, in order of their names. what the files are, and where the folder is, is
// said in the errors.
func ReadFolder(from fs.FS, what, where string, take func(raw []byte) error) []error {
	entries, err := fs.ReadDir(from, ".")
	if err != nil {
		return []error{fmt.Errorf("list %ss of %s: %w", what, where, err)}
	}
	var errs []error
	for _, e := range entries {
		if !slices.Contains([]string{".yaml", ".yml", ".json"}, path.Ext(e.Name())) {
			continue
		}
		raw, err := fs.ReadFile(from, e.Name())
		if err == nil {
			err = take(raw)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("read %s %s/%s: %w", what, where, e.Name(), err))
		}
	}
	return errs
}

package demo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"waybill/cmd/internal/audit"
	"waybill/cmd/internal/feed"
	"waybill/cmd/internal/page"
	"waybill/cmd/internal/pipeline"
	"waybill/topics"
)

// Files is logs found on disk.
type Files struct {
	dir     string
	sources []feed.Source
}

// plain are the formats that need no mapping, so that a folder's name says enough.
var plain = []string{"ocel", "hsl", "traccar"}

// NewFiles looks for logs: the folder itself or those in it whose names begin with a format's.
func NewFiles(tenant, dir string) (*Files, error) {
	folders, err := candidates(dir)
	if err != nil {
		return nil, err
	}
	f := &Files{dir: dir}
	for _, folder := range folders {
		for _, format := range plain {
			if strings.HasPrefix(strings.ToLower(filepath.Base(folder)), format) {
				f.sources = append(f.sources, feed.Source{Tenant: tenant, Format: format, Paths: []string{folder}})
			}
		}
	}
	if len(f.sources) == 0 {
		return nil, fmt.Errorf("folder %s holds no logs: name it, or folders in it, after what they hold: %s; `waybill replay --format` feeds single files", dir, strings.Join(plain, ", "))
	}
	return f, nil
}

func candidates(dir string) ([]string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find folder %s: %w", dir, err)
	}
	entries, err := os.ReadDir(abs)
	if err != nil {
		return nil, fmt.Errorf("look for logs: name a folder that is there: %w", err)
	}
	out := []string{abs}
	for _, e := range entries {
		if e.IsDir() {
			out = append(out, filepath.Join(abs, e.Name()))
		}
	}
	return out, nil
}

// Title implements Source.
func (f *Files) Title() string {
	var formats []string
	for _, s := range f.sources {
		formats = append(formats, s.Format)
	}
	return fmt.Sprintf("Waybill: the logs in %s (%s)", f.dir, strings.Join(formats, ", "))
}

// Total implements Source: files are not counted before they are read.
func (f *Files) Total() int64 { return -1 }

// Feed implements Source.
func (f *Files) Feed(ctx context.Context, line *pipeline.Line, sent func(int)) ([]page.Count, error) {
	var in []page.Count
	for _, s := range f.sources {
		n, err := line.Replay(ctx, s, sent)
		if err != nil {
			return nil, err
		}
		in = append(in, page.Count{Name: s.Format, N: n, Note: "to " + string(topics.PartnerMessages.Name)})
	}
	return in, nil
}

// Judge implements Source: nobody has written down what is true of these logs.
func (f *Files) Judge(*audit.Audit) []page.Check { return nil }

package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"waybill/cmd/internal/show"
)

// release is set by the linker in a release: -X main.release=1.2.3.
var release = "development"

type version struct {
	Version  string `json:"version"`
	Revision string `json:"revision"`
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func (a *app) versionCmd() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Say which Waybill this is", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			f, err := a.format()
			if err != nil {
				return err
			}
			v := thisVersion()
			return show.Rows{
				Columns: []string{"version", "revision", "go", "platform"},
				Rows:    [][]any{{v.Version, v.Revision, v.Go, v.Platform}},
				Value:   v,
			}.Print(a.out, f)
		},
	}
}

func thisVersion() version {
	v := version{Version: release, Revision: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

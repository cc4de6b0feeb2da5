package rig

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// ErrNoEngine is wrapped by the error of [FindEngine] when no libchdb.so is found: tests skip on it, visibly.
var ErrNoEngine = errors.New("the ClickHouse engine is not installed")

// EngineEnv names the environment variable that points at a libchdb.so of one's own.
const EngineEnv = "WAYBILL_CHDB"

// enginePlatforms maps GOOS/GOARCH to the npm package that carries the engine for it.
var enginePlatforms = map[string]string{
	"linux/amd64":  "lib-linux-x64-gnu",
	"linux/arm64":  "lib-linux-arm64-gnu",
	"darwin/arm64": "lib-darwin-arm64",
	"darwin/amd64": "lib-darwin-x64",
}

// FindEngine returns the path of the ClickHouse engine, libchdb.so. It looks at $WAYBILL_CHDB, then for what
// `make tools` installs: from the working folder upward, beside the executable, in the user's cache folder.
func FindEngine() (string, error) {
	if p := os.Getenv(EngineEnv); p != "" {
		if !isFile(p) {
			return "", fmt.Errorf("find ClickHouse engine: $%s is %s, which is not a file: set it to the path of a libchdb.so", EngineEnv, p)
		}
		return p, nil
	}
	platform := runtime.GOOS + "/" + runtime.GOARCH
	pkg, ok := enginePlatforms[platform]
	if !ok {
		return "", fmt.Errorf("find ClickHouse engine: %w, and there is none for %s: set $%s to a libchdb.so of your own", ErrNoEngine, platform, EngineEnv)
	}
	below := filepath.Join("clickhouse", "node_modules", "@chdb", pkg, "libchdb.so")
	for _, root := range engineRoots() {
		if p := filepath.Join(root, below); isFile(p) {
			return p, nil
		}
	}
	return "", fmt.Errorf("find ClickHouse engine: %w: run `make tools` in Waybill's folder (it needs npm), or set $%s to a libchdb.so", ErrNoEngine, EngineEnv)
}

// engineRoots lists the folders that may hold clickhouse/node_modules, nearest first.
func engineRoots() []string {
	var roots []string
	if wd, err := os.Getwd(); err == nil {
		roots = append(roots, upward(wd)...)
	}
	if exe, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(exe); err == nil {
			exe = real
		}
		dir := filepath.Dir(exe)
		// bin/waybill of a checkout has .tools beside bin.
		roots = append(roots, filepath.Join(dir, ".tools"), filepath.Join(filepath.Dir(dir), ".tools"))
	}
	if cache, err := os.UserCacheDir(); err == nil {
		roots = append(roots, filepath.Join(cache, "waybill"))
	}
	return roots
}

// upward lists the .tools folders from dir up to and including the folder that holds go.mod.
func upward(dir string) []string {
	var roots []string
	for {
		roots = append(roots, filepath.Join(dir, ".tools"))
		parent := filepath.Dir(dir)
		if isFile(filepath.Join(dir, "go.mod")) || parent == dir {
			return roots
		}
		dir = parent
	}
}

func isFile(p string) bool {
	st, err := os.Stat(p)
	return err == nil && st.Mode().IsRegular()
}

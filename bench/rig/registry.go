package rig

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
)

// RegistryOptions says where the registry listens and what it keeps.
type RegistryOptions struct {
	Port int    // 0: pick
	File string // keeps subjects, versions and ids between runs: records in Kafka name them; empty: memory
}

// Registry is a schema registry that speaks Confluent's protocol. Unlike plain srfake it answers compatibility checks
// honestly and refuses to register a schema that the subject's level forbids.
type Registry struct {
	fake   *srfake.Registry
	client *sr.Client
	server *http.Server
	url    string
	file   string
	saving sync.Mutex
	stop   func() error
}

// StartRegistry loads File, if any, and serves on 127.0.0.1.
func StartRegistry(o RegistryOptions) (*Registry, error) {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(o.Port)))
	if err != nil {
		return nil, fmt.Errorf("start schema registry: %w", err)
	}
	r := &Registry{fake: srfake.NewRegistry(), url: "http://" + l.Addr().String(), file: o.File}
	if err := r.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("start schema registry: %w", err), l.Close())
	}
	if r.client, err = sr.NewClient(sr.URLs(r.url)); err != nil {
		return nil, errors.Join(fmt.Errorf("start schema registry: %w", err), l.Close())
	}
	r.fake.Intercept(r.checkCompatibility)
	r.fake.Intercept(r.refuseIncompatible)
	r.server = &http.Server{Handler: r.savingHandler(r.fake.Handler()), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- r.server.Serve(l) }() // ends with Stop, which reads served
	r.stop = sync.OnceValue(func() error { return r.close(served) })
	return r, nil
}

// URL is the registry's base address.
func (r *Registry) URL() string { return r.url }

// Stop closes the registry and its connections. It may be called twice.
func (r *Registry) Stop() error { return r.stop() }

func (r *Registry) close(served <-chan error) error {
	err := r.server.Close()
	if serve := <-served; !errors.Is(serve, http.ErrServerClosed) {
		err = errors.Join(err, serve)
	}
	if err != nil {
		return fmt.Errorf("stop schema registry: %w", err)
	}
	return nil
}

// savingHandler writes File after every request that may have changed a schema. Levels and modes are not kept.
func (r *Registry) savingHandler(next http.Handler) http.Handler {
	if r.file == "" {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodGet || !strings.HasPrefix(req.URL.Path, "/subjects/") {
			next.ServeHTTP(w, req)
			return
		}
		// The answer is held back until the file is written: an id that a client has seen outlives a crash.
		held := &heldAnswer{header: http.Header{}, status: http.StatusOK}
		next.ServeHTTP(held, req)
		if err := r.save(req.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		held.release(w)
	})
}

func (r *Registry) save(ctx context.Context) error {
	r.saving.Lock()
	defer r.saving.Unlock()
	all, err := r.client.AllSchemas(ctx)
	if err != nil {
		return fmt.Errorf("save schemas: %w", err)
	}
	b, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		return fmt.Errorf("save schemas: %w", err)
	}
	next := r.file + ".next"
	if err := os.WriteFile(next, b, 0o644); err != nil {
		return fmt.Errorf("save schemas: %w", err)
	}
	return os.Rename(next, r.file)
}

func (r *Registry) load() error {
	if r.file == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(r.file), 0o755); err != nil {
		return err
	}
	b, err := os.ReadFile(r.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var all []sr.SubjectSchema
	if err := json.Unmarshal(b, &all); err != nil {
		return fmt.Errorf("read %s: %w: remove it to begin anew", r.file, err)
	}
	return r.seed(all)
}

// seed refuses what srfake would panic on: an id or a version that stands twice.
func (r *Registry) seed(all []sr.SubjectSchema) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("load %s: %v: remove it to begin anew", r.file, p)
		}
	}()
	seeded := map[int]bool{}
	for _, s := range all {
		if seeded[s.ID] { // one schema under several subjects has one id: registering it finds that id again
			if _, _, err := r.fake.RegisterSchema(s.Subject, s.Schema); err != nil {
				return fmt.Errorf("load %s: subject %s version %d: %w", r.file, s.Subject, s.Version, err)
			}
			continue
		}
		seeded[s.ID] = true
		r.fake.SeedSchema(s.Subject, s.Version, s.ID, s.Schema)
	}
	return nil
}

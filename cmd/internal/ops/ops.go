// Package ops shows over HTTP how a process stands: whether it lives, whether it is ready, its metrics, its profiles.
package ops

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"waybill/cmd/internal/config"
	"waybill/processors/runtime"
	"waybill/sinks"
)

// State is what a process says about itself.
type State struct {
	Stages []runtime.Stats
	Sink   *sinks.Stats // nil: it runs none
}

// Owned says whether a partition is worked on here.
type Owned func(stage, topic string, partition int32) bool

// Source is whom the server asks.
type Source struct {
	Look func() State
	// Behind looks at Kafka, for how far the owned partitions are behind. The groups in its answer are stages' names.
	Behind func(ctx context.Context, owned Owned) ([]runtime.Behind, error)
}

// Server listens; nil is one that is turned off.
type Server struct {
	cfg     config.Ops
	log     *slog.Logger
	listens net.Listener
	begun   time.Time

	mu       sync.Mutex
	source   *Source // nil: the process is starting
	stopping bool
	lags     lags
}

// Listen takes the address, so that one that is taken is told before anything else begins.
func Listen(cfg config.Ops, log *slog.Logger) (*Server, error) {
	if cfg.Listen == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", cfg.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("ops.listen %s is in use, perhaps by another waybill: give this one an address of its own with --set ops.listen=HOST:PORT, or none with --set ops.listen= : %w", cfg.Listen, err)
	}
	if err != nil {
		return nil, fmt.Errorf("listen at ops.listen %s: %w", cfg.Listen, err)
	}
	log.Info("health and metrics", "at", "http://"+l.Addr().String(), "pprof", cfg.Pprof)
	return &Server{cfg: cfg, log: log, listens: l, begun: time.Now()}, nil
}

// Address is where it listens; empty where it is off.
func (s *Server) Address() string {
	if s == nil {
		return ""
	}
	return s.listens.Addr().String()
}

// Show says whom to ask from now on: the process has started.
func (s *Server) Show(from Source) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.source = &from
}

// goodbye is how long answers under way may take when the process ends.
const goodbye = 2 * time.Second

// While serves as long as run runs, and says that the process is stopping from the end of ctx on.
func (s *Server) While(ctx context.Context, run func() error) error {
	if s == nil {
		return run()
	}
	server := &http.Server{Handler: s.handler(), ReadHeaderTimeout: 5 * time.Second, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn)}
	defer context.AfterFunc(ctx, s.stop)()
	var group sync.WaitGroup
	defer group.Wait()
	watching, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	group.Go(func() {
		if err := server.Serve(s.listens); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("health and metrics are gone", "cause", err)
		}
	})
	group.Go(func() { s.watchLag(watching) })
	err := run()
	last, done := context.WithTimeout(watching, goodbye)
	defer done()
	if server.Shutdown(last) != nil { // somebody reads slowly
		_ = server.Close()
	}
	return err
}

func (s *Server) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
}

// asked is the source, and whether the process is stopping.
func (s *Server) asked() (from *Source, stopping bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.source, s.stopping
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "waybill\n\n/livez    does it move\n/readyz   is everything at work; ?format=json for programs\n/hot      which keys take much of a partition; ?format=json too\n/metrics  for Prometheus")
		if s.cfg.Pprof {
			fmt.Fprintln(w, "/debug/pprof/")
		}
	})
	mux.HandleFunc("GET /livez", s.live)
	mux.HandleFunc("GET /readyz", s.ready)
	mux.HandleFunc("GET /hot", s.hot)
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collector{s})
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn)}))
	if s.cfg.Pprof {
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	}
	return mux
}

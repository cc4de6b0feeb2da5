// Package rig starts and stops the real parts that Waybill runs against, all on 127.0.0.1: Kafka in process
// (kfake), ClickHouse as a child process of the same binary (libchdb.so, loaded without cgo), and a schema
// registry in process (srfake). The demo, `waybill dev` and the tests use it; nothing else may.
//
// A program that starts ClickHouse calls [Child] first in main, a test package first in TestMain.
package rig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
)

// Options says where the three parts listen and what they keep. The zero value picks free ports and keeps nothing.
type Options struct {
	// Dir keeps the data of all three parts between runs, in sub-folders. Empty: nothing outlives Stop.
	Dir string

	KafkaPort          int // 0: pick
	RegistryPort       int // 0: pick
	ClickHouseTCPPort  int // 0: pick
	ClickHouseHTTPPort int // 0: pick

	// Log receives what the ClickHouse child prints. Nil: a file in its folder.
	Log io.Writer
}

// Rig is the three parts, running.
type Rig struct {
	Kafka      *Kafka
	Registry   *Registry
	ClickHouse *ClickHouse
}

// Address is one line of what a person may connect to.
type Address struct {
	Name  string // such as "kafka"
	Value string // host:port, URL or DSN; a DSN carries its password, which is good on this machine only
}

// Start starts Kafka, the registry and ClickHouse, in that order. If one cannot start, those already running are stopped.
func Start(ctx context.Context, o Options) (r *Rig, err error) {
	r = &Rig{}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Stop())
			r = nil
		}
	}()
	if r.Kafka, err = StartKafka(KafkaOptions{Ports: []int{o.KafkaPort}, DataDir: o.sub("kafka")}); err != nil {
		return r, err
	}
	if r.Registry, err = StartRegistry(RegistryOptions{Port: o.RegistryPort, File: o.sub("registry.json")}); err != nil {
		return r, err
	}
	r.ClickHouse, err = StartClickHouse(ctx, ClickHouseOptions{
		Dir: o.sub("clickhouse"), TCPPort: o.ClickHouseTCPPort, HTTPPort: o.ClickHouseHTTPPort, Log: o.Log, Revive: true,
	})
	return r, err
}

func (o Options) sub(name string) string {
	if o.Dir == "" {
		return ""
	}
	return filepath.Join(o.Dir, name)
}

// Stop stops what runs, ClickHouse first, and returns every error met.
func (r *Rig) Stop() error {
	var errs []error
	if r.ClickHouse != nil {
		errs = append(errs, r.ClickHouse.Stop())
	}
	if r.Registry != nil {
		errs = append(errs, r.Registry.Stop())
	}
	if r.Kafka != nil {
		r.Kafka.Stop()
	}
	return errors.Join(errs...)
}

// Addresses lists what kcat, clickhouse-client, a browser or a notebook connects to, in a fixed order.
func (r *Rig) Addresses() []Address {
	return []Address{
		{"kafka", r.Kafka.BrokerList()},
		{"schema registry", r.Registry.URL()},
		{"clickhouse native", r.ClickHouse.DSN()},
		{"clickhouse http", fmt.Sprintf("http://%s", r.ClickHouse.HTTPAddr)},
	}
}

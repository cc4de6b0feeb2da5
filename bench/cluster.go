package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"

	"github.com/twmb/franz-go/pkg/sr"

	"waybill/bench/rig"
	"waybill/topics"
	"waybill/topics/wire"
)

// clusterPart is the process that hosts Kafka and the registry.
const clusterPart = "cluster"

// hosting says what the cluster's process is to host.
type hosting struct {
	ApacheDir string // an empty folder for Apache Kafka; empty: the embedded one
}

// addresses is what the cluster's process says when it is ready.
type addresses struct {
	Brokers  []string
	Registry string
}

// runCluster hosts Kafka and the registry until in ends, which it does when the parent dies, too.
func runCluster(ctx context.Context, in io.Reader, out io.Writer) (err error) {
	var h hosting
	said := json.NewDecoder(in)
	if err := said.Decode(&h); err != nil {
		return fmt.Errorf("read what to host: %w", err)
	}
	brokers, stop, err := h.start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	registry, err := rig.StartRegistry(rig.RegistryOptions{})
	if err != nil {
		return err
	}
	if err := json.NewEncoder(out).Encode(addresses{brokers, registry.URL()}); err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, in)
	return registry.Stop()
}

func (h hosting) start(ctx context.Context) (brokers []string, stop func() error, err error) {
	if h.ApacheDir != "" {
		kafka, err := rig.StartApacheKafka(ctx, h.ApacheDir)
		if err != nil {
			return nil, nil, err
		}
		return kafka.Brokers(), kafka.Stop, nil
	}
	kafka, err := rig.StartKafka(rig.KafkaOptions{})
	if err != nil {
		return nil, nil, err
	}
	return kafka.Brokers(), func() error { kafka.Stop(); return nil }, nil
}

// cluster is the running process.
type cluster struct {
	addresses
	cmd *exec.Cmd
	in  io.Closer
}

func startCluster(ctx context.Context, h hosting) (*cluster, error) {
	cmd, err := command(context.WithoutCancel(ctx), clusterPart) // it ends with its standard input
	if err != nil {
		return nil, err
	}
	c := &cluster{cmd: cmd}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	c.in = in
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the cluster's process: %w", err)
	}
	err = json.NewEncoder(in).Encode(h)
	if err == nil {
		err = json.NewDecoder(out).Decode(&c.addresses)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("hear from the cluster's process: %w", err), c.stop())
	}
	return c, nil
}

func (c *cluster) stop() error {
	_ = c.in.Close() // an error means that it has ended already, which Wait tells
	if err := c.cmd.Wait(); err != nil {
		return fmt.Errorf("stop the cluster's process: %w", err)
	}
	return nil
}

// register gives the registry the schemas of topics.
func (c *cluster) register(ctx context.Context, of ...topics.Topic) error {
	client, err := sr.NewClient(sr.URLs(c.Registry))
	if err != nil {
		return err
	}
	if _, err = wire.RegisterAll(ctx, client, wire.Subjects(of...)); err != nil {
		return fmt.Errorf("register the schemas: %w", err)
	}
	return nil
}

func newCodec(registry string) (*wire.Codec, error) {
	client, err := sr.NewClient(sr.URLs(registry))
	if err != nil {
		return nil, fmt.Errorf("make a registry client: %w", err)
	}
	return wire.New(client, wire.Options{}), nil
}

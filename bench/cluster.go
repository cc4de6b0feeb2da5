package main

import (
	"context"
	"encoding/json"
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

// addresses is what the cluster's process says when it is ready.
type addresses struct {
	Brokers  []string
	Registry string
}

// runCluster hosts Kafka and the registry until in ends, which it does when the parent dies, too.
func runCluster(in io.Reader, out io.Writer) error {
	kafka, err := rig.StartKafka(rig.KafkaOptions{})
	if err != nil {
		return err
	}
	defer kafka.Stop()
	registry, err := rig.StartRegistry(rig.RegistryOptions{})
	if err != nil {
		return err
	}
	if err := json.NewEncoder(out).Encode(addresses{kafka.Brokers(), registry.URL()}); err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, in)
	return registry.Stop()
}

// cluster is the running process.
type cluster struct {
	addresses
	cmd *exec.Cmd
	in  io.Closer
}

func startCluster(ctx context.Context) (*cluster, error) {
	cmd, err := command(context.WithoutCancel(ctx), clusterPart) // it ends with its standard input
	if err != nil {
		return nil, err
	}
	c := &cluster{cmd: cmd}
	if c.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the cluster's process: %w", err)
	}
	if err := json.NewDecoder(out).Decode(&c.addresses); err != nil {
		_ = c.stop()
		return nil, fmt.Errorf("hear from the cluster's process: %w", err)
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

// register gives the registry every schema of the catalogue.
func (c *cluster) register(ctx context.Context) error {
	client, err := sr.NewClient(sr.URLs(c.Registry))
	if err != nil {
		return err
	}
	_, err = wire.RegisterAll(ctx, client, wire.Subjects(topics.All()...))
	return err
}

func newCodec(registry string) (*wire.Codec, error) {
	client, err := sr.NewClient(sr.URLs(registry))
	if err != nil {
		return nil, fmt.Errorf("make a registry client: %w", err)
	}
	return wire.New(client, wire.Options{}), nil
}

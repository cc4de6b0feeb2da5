package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/topics"
)

// Sites are Kafka clusters, each in a process of its own, that contests are held at. What one of them holds stays there over
// all rounds, but for what a trial wrote.
const (
	embedded     = "kfake"      // in Go, in memory
	embeddedSink = "kfake-sink" // the same, with as many positions as the sink takes
	apache       = "apache"     // Apache Kafka, one broker
)

// copyTopic takes what bareCopy writes.
const copyTopic topics.Name = "bench-copy"

// site is a running Kafka and its registry.
type site struct {
	*cluster
	client    *kgo.Client
	adm       *kadm.Client
	dir       string
	perDevice int                  // positions of each device that are in the topic
	made      map[topics.Name]bool // topics that were prepared
	outputs   []string             // topics to be emptied after each trial
}

func startSite(ctx context.Context, kind string) (s *site, err error) {
	s = &site{made: map[topics.Name]bool{}, outputs: []string{string(topics.ResolveInbox.Name), string(copyTopic)}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	var h hosting
	if kind == apache {
		if s.dir, err = os.MkdirTemp("", "waybill-bench-kafka-"); err != nil {
			return s, err
		}
		h.ApacheDir = s.dir
	}
	if s.cluster, err = startCluster(ctx, h); err != nil {
		return s, err
	}
	s.client, err = kgo.NewClient(kgo.SeedBrokers(s.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MaxBufferedRecords(50_000), kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		return s, err
	}
	s.adm = kadm.NewClient(s.client)
	if err := s.register(ctx, topics.All()...); err != nil {
		return s, err
	}
	return s, s.create(ctx, append(topics.All(), topics.Topic{Name: copyTopic, Cleanup: topics.Delete, Retention: topics.Forever})...)
}

// create makes topics with the bench's number of partitions, and waits until the broker knows them: a real one says that they are
// made before it does.
func (s *site) create(ctx context.Context, ts ...topics.Topic) error {
	for _, t := range ts {
		config := map[string]*string{}
		for k, v := range t.Config() {
			config[k] = &v
		}
		if _, err := s.adm.CreateTopic(ctx, partitions, 1, config, string(t.Name)); err != nil {
			return fmt.Errorf("make topic %s: %w", t.Name, err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for !s.knows(ctx, ts) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until the broker knows its new topics: %w", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

func (s *site) knows(ctx context.Context, ts []topics.Topic) bool {
	var names []string
	for _, t := range ts {
		names = append(names, string(t.Name))
	}
	ends, err := s.adm.ListEndOffsets(ctx, names...)
	if err != nil || ends.Error() != nil {
		return false
	}
	for _, name := range names {
		if len(ends[name]) != partitions {
			return false
		}
	}
	return true
}

// load sees to it that the positions' topic holds so many of each device.
func (s *site) load(ctx context.Context, perDevice int, every time.Duration) error {
	if s.perDevice == perDevice {
		return nil
	}
	if s.perDevice > 0 {
		return fmt.Errorf("this site has %d positions of each device, and %d are wanted: contests that want another number need a site of their own", s.perDevice, perDevice)
	}
	codec, err := newCodec(s.Registry)
	if err != nil {
		return err
	}
	s.perDevice = perDevice
	return load(ctx, s.client, codec, perDevice, every)
}

// once prepares a topic that stays as it is over all rounds.
func (s *site) once(name topics.Name, prepare func() error) error {
	if s.made[name] {
		return nil
	}
	s.made[name] = true
	return prepare()
}

// output has a topic emptied after each trial.
func (s *site) output(t topics.Topic) { s.outputs = append(s.outputs, string(t.Name)) }

// forget empties the topics that contestants write to.
func (s *site) forget(ctx context.Context) error {
	ends, err := s.adm.ListEndOffsets(ctx, s.outputs...)
	if err == nil {
		_, err = s.adm.DeleteRecords(ctx, ends.Offsets())
	}
	if err != nil {
		return fmt.Errorf("empty the outputs: %w", err)
	}
	return nil
}

func (s *site) stop() error {
	var errs []error
	if s.client != nil {
		s.client.Close()
	}
	if s.cluster != nil {
		errs = append(errs, s.cluster.stop())
	}
	if s.dir != "" {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}

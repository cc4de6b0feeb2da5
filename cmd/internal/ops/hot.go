package ops

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"waybill/processors/runtime"
)

// Heat is the heaviest keys of a partition.
type Heat struct {
	Stage     string `json:"stage"`
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Keys      []Key  `json:"keys"` // heaviest first
}

// Key is one of them, with its shares of the partition, 0 to 1.
type Key struct {
	Key     string  `json:"key"`
	Records float64 `json:"records"`
	Work    float64 `json:"work"` // of the time spent in handlers of records
}

// shown is the least share that is worth a line.
const shown = 0.05

// heat lists the keys of the process's partitions that take much of one.
func heat(stages []runtime.Stats) []Heat {
	out := []Heat{}
	for _, s := range stages {
		for _, p := range s.Partitions {
			h := Heat{Stage: s.Stage, Topic: p.Topic, Partition: p.Partition}
			for _, k := range p.Hot {
				if max(k.Records, k.Work) >= shown {
					h.Keys = append(h.Keys, Key{k.Key, k.Records, k.Work})
				}
			}
			if len(h.Keys) > 0 {
				out = append(out, h)
			}
		}
	}
	return out
}

// hot shows which keys take much of a partition. They are named here and in no metric: their number is bounded by nothing.
func (s *Server) hot(w http.ResponseWriter, r *http.Request) {
	var stages []runtime.Stats
	if from, _ := s.asked(); from != nil {
		stages = from.Look().Stages
	}
	found := heat(stages)
	if r.FormValue("format") == "json" {
		w.Header().Set("Content-Type", "application/json")
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		_ = enc.Encode(found) // whoever asked has gone
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_ = writeHeat(w, found)
}

func writeHeat(w io.Writer, found []Heat) error {
	if len(found) == 0 {
		_, err := fmt.Fprintf(w, "no key takes %.0f%% of a partition\n", 100*shown)
		return err
	}
	for _, h := range found {
		if _, err := fmt.Fprintf(w, "%s, %s/%d\n", h.Stage, h.Topic, h.Partition); err != nil {
			return err
		}
		for _, k := range h.Keys {
			if _, err := fmt.Fprintf(w, "  %3.0f%% of records  %3.0f%% of work  %q\n", 100*k.Records, 100*k.Work, k.Key); err != nil {
				return err
			}
		}
	}
	return nil
}

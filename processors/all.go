// Package processors lists the stages of the straight line.
package processors

import (
	"errors"

	"waybill/processors/loads"
	"waybill/processors/normalise"
	"waybill/processors/orders"
	"waybill/processors/resolve"
	"waybill/processors/shipments"
	"waybill/processors/stream"
	"waybill/processors/track"
)

// Config is what an operator may set, by stage.
type Config struct {
	Normalise normalise.Config
	Track     track.Config
	Resolve   resolve.Config
	Loads     loads.Config
	Shipments shipments.Config
}

// DefaultConfig is every stage's default.
func DefaultConfig() Config {
	return Config{Normalise: normalise.DefaultConfig(), Track: track.DefaultConfig(), Resolve: resolve.DefaultConfig(), Loads: loads.DefaultConfig(), Shipments: shipments.DefaultConfig()}
}

// Validate reports every fault at once.
func (c Config) Validate() error {
	return errors.Join(c.Normalise.Validate(), c.Track.Validate(), c.Resolve.Validate(), c.Loads.Validate(), c.Shipments.Validate())
}

// All lists the stages in the order of the straight line.
func All(c Config) []stream.Spec {
	return []stream.Spec{
		normalise.New(c.Normalise), track.New(c.Track), resolve.New(c.Resolve), loads.New(c.Loads), shipments.New(c.Shipments), orders.New(),
	}
}

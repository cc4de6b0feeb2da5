package sinks

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"

	"waybill/topics/fault"
)

// A login that is refused is tried again, as the stages do: somebody may be changing the password. What the broker forbids is not.
func TestWhatIsTriedAgain(t *testing.T) {
	for _, c := range []struct {
		err  error
		want fault.Class
	}{
		{kerr.SaslAuthenticationFailed, fault.Retryable},
		{kerr.NotLeaderForPartition, fault.Retryable},
		{kerr.TopicAuthorizationFailed, fault.Fatal},
		{kerr.OffsetOutOfRange, fault.Fatal},
	} {
		if got := fault.Of(classified(fmt.Errorf("read: %w", c.err))); got != c.want {
			t.Errorf("%v is %v, want %v", c.err, got, c.want)
		}
	}
}

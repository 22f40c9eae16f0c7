package socketapi_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-hologram/internal/emulator"
	"telegraf-hologram/internal/socketapi"
)

// In every way of failing that the emulated cloud knows, a verdict that claims
// to be certain is true.
func TestVerdictsAreTrue(t *testing.T) {
	for _, mode := range emulator.Modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			spec, _, _ := strings.Cut(mode, "=")
			faults, err := emulator.ParseFaults(spec)
			require.NoError(t, err)
			cloud, err := emulator.Start(t.Context(), emulator.Config{DeviceKeys: []string{key}, Faults: faults, IdleTimeout: 5 * time.Second})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, cloud.Close()) })
			c := newClient(t, cloud.Addr().String())
			c.AnswerTimeout = 500 * time.Millisecond

			for _, send := range []func() error{
				func() error { _, err := c.Send(t.Context(), message); return err },
				func() error {
					_, err := c.SendSMS(t.Context(), socketapi.SMS{To: "+15125551212", Text: "secret text"})
					return err
				},
			} {
				before := taken(cloud)
				verdict := socketapi.Delivered
				if err := send(); err != nil {
					verdict = apiError(t, err).Verdict
				}
				taken := taken(cloud) - before
				switch verdict {
				case socketapi.Delivered:
					require.EqualValues(t, 1, taken)
				case socketapi.NotDelivered, socketapi.Refused, socketapi.RefusedCredentials:
					require.Zero(t, taken)
				case socketapi.Unknown:
				}
				t.Log(verdict, "taken:", taken)
			}
		})
	}
}

// taken is how many messages and SMS the cloud has taken.
func taken(cloud *emulator.Server) int64 {
	c := cloud.Counters()
	return c.Messages + c.SMS
}

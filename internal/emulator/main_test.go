package emulator

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	key1 = "nEPN%q2_" // keys are not only alphanumeric
	key2 = "ABCDWXYZ"
)

// start runs a server for the test with two known devices.
func start(t *testing.T, change func(*Config)) *Server {
	t.Helper()
	cfg := Config{DeviceKeys: []string{key1, key2}, Decode: decodeWords}
	if change != nil {
		change(&cfg)
	}
	s, err := Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func faults(t *testing.T, text string) Faults {
	t.Helper()
	f, err := ParseFaults(text)
	require.NoError(t, err)
	return f
}

// decodeWords makes a metric of each word.
func decodeWords(data string) ([]telegraf.Metric, error) {
	if strings.HasPrefix(data, "?") {
		return nil, errors.New("not a payload\x07")
	}
	var metrics []telegraf.Metric
	for word := range strings.FieldsSeq(data) {
		metrics = append(metrics, metric.New(word, nil, map[string]any{"v": 1}, time.Unix(0, 0)))
	}
	return metrics, nil
}

func dial(t *testing.T, s *Server) *net.TCPConn {
	t.Helper()
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(t.Context(), "tcp", s.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	return conn.(*net.TCPConn)
}

// exchange sends text on a new connection and returns all that comes back, and
// how the connection ended (nil is a FIN).
func exchange(t *testing.T, s *Server, text string) (string, error) {
	t.Helper()
	conn := dial(t, s)
	_, err := io.WriteString(conn, text)
	require.NoError(t, err)
	answer, err := io.ReadAll(conn)
	return string(answer), err
}

// ask is exchange for a connection that ends well.
func ask(t *testing.T, s *Server, text string) string {
	t.Helper()
	answer, err := exchange(t, s, text)
	require.NoError(t, err)
	return answer
}

func isReset(err error) bool { return errors.Is(err, syscall.ECONNRESET) }

const valid = `{"k":"nEPN%q2_","d":"cpu mem","t":["cpu","mem"]}` + "\n\n"

const validSMS = "SABCDWXYZ+15125550100 high water\n\n"

// lockedBuffer is a buffer that is read while others write.
type lockedBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

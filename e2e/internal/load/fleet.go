package load

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"telegraf-hologram/e2e/internal/lab"
)

// perMessage is how many metrics a message has.
const perMessage = 100

// firstDevice is the number of the first device in the cloud.
const firstDevice = 1_000_000

// between is the time between two messages of a device, as their metrics have it.
const between = 10 * time.Second

// shapes are how many kinds of devices there are, each with metrics of its own.
const shapes = 4

// fleet are devices and what they send. A device sends the messages of its shape in
// order; as the cloud tells from which device a message is, no two are the same.
type fleet struct {
	devices, messages int
	base              int64 // time of the first metric, in nanoseconds
	data              [shapes][]string
	want              [shapes][]string // metrics, as [lab.Metric.Exact]
	bytes             int              // of all data
}

// newFleet makes what the devices send, with the encode command of our binary.
func newFleet(ctx context.Context, binary string, devices, messages int) (*fleet, error) {
	// Whole seconds, of today: the receiver judges nothing by them.
	f := &fleet{devices: devices, messages: messages, base: time.Now().Add(-time.Hour).Unix() * int64(time.Second)}
	for shape := range shapes {
		var in strings.Builder
		for k := range messages {
			for i := range perMessage {
				appendMetric(&in, shape, k, i)
				fmt.Fprintf(&in, " %d\n", f.time(k, i))
			}
		}
		cmd := exec.CommandContext(ctx, binary, "encode", "-metric-batch-size", strconv.Itoa(perMessage), "-max-message-size", "65536")
		var out, said bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(in.String()), &out, &said
		if err := cmd.Run(); err != nil {
			return nil, fmt.Errorf("cannot encode: %w: %s", err, said.String())
		}
		d := json.NewDecoder(&out)
		for d.More() {
			var message struct {
				Data string `json:"d"`
			}
			if err := d.Decode(&message); err != nil {
				return nil, fmt.Errorf("cannot read a message: %w", err)
			}
			f.data[shape] = append(f.data[shape], message.Data)
			f.bytes += len(message.Data)
		}
		if n := len(f.data[shape]); n != messages {
			return nil, fmt.Errorf("%d metrics are %d messages, not %d", messages*perMessage, n, messages)
		}
		metrics, err := lab.ReadMetrics(strings.NewReader(in.String()))
		if err != nil {
			return nil, err
		}
		for _, m := range metrics {
			f.want[shape] = append(f.want[shape], m.Exact)
		}
	}
	return f, nil
}

// time is that of a metric: it tells which one of its device it is.
func (f *fleet) time(message, metric int) int64 {
	return f.base + int64(message)*int64(between) + int64(metric)*int64(time.Millisecond)
}

// metric is the reverse of time.
func (f *fleet) metric(t int64) (message, metric int, ok bool) {
	t -= f.base
	rest := t % int64(between)
	message, metric = int(t/int64(between)), int(rest/int64(time.Millisecond))
	ok = t >= 0 && message < f.messages && metric < perMessage && rest%int64(time.Millisecond) == 0
	return message, metric, ok
}

// appendMetric writes a metric without its time: values wander as measured ones do.
func appendMetric(b *strings.Builder, shape, k, i int) {
	n := uint64(k*perMessage + i)
	noise := n * 0x9e3779b97f4a7c15 >> 40 // 24 bits
	switch shape {
	case 0:
		fmt.Fprintf(b, "cpu,cpu=cpu%d,host=gateway usage_idle=%.2f,usage_system=%.2f,usage_user=%.2f", i%4, 80+float64(noise%1500)/100, float64(noise%300)/100, float64(noise%900)/100)
	case 1:
		fmt.Fprintf(b, "environment,sensor=s%02d,room=r%d humidity=%di,temperature=%.1f", i, i%7, 40+noise%20, 18+float64(i%7)+float64(noise%30)/10)
	case 2:
		fmt.Fprintf(b, "net,interface=eth%d bytes_recv=%du,bytes_sent=%du,drop_in=%di", i%10, n*1400+noise%1400, n*300+noise%300, n/50)
	default:
		state := [...]string{"running", "idle", "waiting for water", "door open"}[noise%4]
		fmt.Fprintf(b, `machine,line=%d,unit=u%d alarm=%t,cycles=%di,state="%s",torque=%.3f`, i%2, i%20, noise%50 == 0, n/4, state, 12+float64(noise%4000)/1000)
	}
}

// deviceID is the number of a device in the cloud.
func deviceID(device int) string { return strconv.Itoa(firstDevice + device) }

// webhook is a webhook's body and its type.
type webhook struct{ kind, body string }

// webhook returns that of a device's message, in one of the shapes of the cloud.
func (f *fleet) webhook(device, message int, secret string) webhook {
	data := base64.StdEncoding.EncodeToString([]byte(f.data[device%shapes][message]))
	return event(device, data, secret)
}

// event is a webhook with data in base64.
func event(device int, data, secret string) webhook {
	const asJSON = "application/json"
	id, received := deviceID(device), time.Now().UTC().Format("2006-01-02T15:04:05.999999")
	flat := `{"received":"` + received + `","tags":["_SOCKETAPI_","load"],"device_id":` + id + `,"device_name":"device ` + id + `","data":"` + data + `"}`
	switch device / shapes % 3 {
	case 0:
		return webhook{asJSON, `{"received":"` + received + `","tags":["_SOCKETAPI_","load"],"device":{"id":` + id + `,"name":"device ` + id + `"},"data":"` + data + `"}`}
	case 1:
		return webhook{asJSON, flat}
	default:
		return webhook{"application/x-www-form-urlencoded", url.Values{"payload": {flat}, "key": {secret}}.Encode()}
	}
}

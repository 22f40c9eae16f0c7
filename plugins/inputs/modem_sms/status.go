package modemsms

import (
	"context"
	"strings"
	"time"

	"github.com/influxdata/telegraf"

	"telegraf-hologram/internal/gsm"
	"telegraf-hologram/internal/metric"
)

// statusMeasurement is the name of the metrics of the modem.
const statusMeasurement = "modem"

// report prints the measurement of the modem at each interval, and when the state
// has changed.
func (m *ModemSMS) report(ctx context.Context) {
	if m.StatusInterval == 0 {
		return
	}
	ticker := time.NewTicker(time.Duration(m.StatusInterval))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-m.changed:
		}
		m.printStatus(ctx)
	}
}

func (m *ModemSMS) printStatus(ctx context.Context) {
	if m.modem == nil {
		return
	}
	status := m.status(ctx)
	if ctx.Err() != nil {
		return
	}
	status.SetTime(time.Now())
	if err := (printer{m.acc}).print([]telegraf.Metric{status}); err != nil {
		m.Log.Debugf("Printing the status: %v", err)
	}
}

// status returns the measurement of the modem. It asks the modem for what changes
// by itself.
func (m *ModemSMS) status(ctx context.Context) *metric.Metric {
	m.mu.Lock()
	state, cause, filtered := m.state, m.cause, m.filtered
	m.mu.Unlock()
	out := metric.New(statusMeasurement, nil, nil, time.Now())
	out.AddTag("modem", m.writer.modem)
	out.AddField("state", state)
	out.AddField("receiving", state == stateOK)
	if cause != nil && state != stateOK {
		out.AddField("error", cause.Error())
	}
	if state == stateOK {
		// An error is of the connection, which ends then, and is the next state.
		network, _ := m.modem.Network(ctx)
		addNetwork(out, network)
	}
	s := m.modem.Status()
	addStorages(out, s.Storages)
	for _, c := range []struct {
		name  string
		value int64
	}{
		{"messages", s.Messages},
		{"parts", s.Parts},
		{"incomplete", s.Incomplete},
		{"undecodable", s.Undecodable},
		{"duplicates", s.Duplicates},
		{"refused", s.Refused},
		{"filtered", filtered},
		{"deleted", s.Deleted},
		{"delete_failed", s.DeleteFailed},
		{"full", s.Full},
		{"resets", s.Resets},
		{"reconnects", s.Reconnects},
		{"waiting_parts", int64(s.Waiting)},
	} {
		out.AddField(c.name, c.value)
	}
	waiting, dropped := m.keeper.unprinted()
	out.AddField("unprinted", int64(waiting))
	out.AddField("dropped", int64(dropped))
	if !s.LastMessage.IsZero() {
		out.AddField("last_message_age", int64(time.Since(s.LastMessage).Seconds()))
	}
	return out
}

// addNetwork adds what is known of the network.
func addNetwork(out *metric.Metric, n gsm.Network) {
	if s := n.Signal; s.Known {
		out.AddField("signal_dbm", int64(s.DBm))
		out.AddField("signal_raw", int64(s.Raw))
	}
	if s := n.LTE; s.Known {
		out.AddField("rsrp_dbm", int64(s.RSRP))
		if s.RawRSRQ != 255 {
			out.AddField("rsrq_db", s.RSRQ)
		}
	}
	if r := n.Registration(); r != gsm.NoRegistration {
		out.AddField("registration", r.String())
		out.AddField("registered", n.Registered())
	}
	if n.Operator != "" {
		out.AddField("operator", n.Operator)
	}
	if n.Technology >= 0 {
		out.AddField("technology", int64(n.Technology))
	}
}

// addStorages adds how full the storages are: each, all, and the fullest.
func addStorages(out *metric.Metric, storages []gsm.Usage) {
	used, total, percent := 0, 0, 0.0
	for _, u := range storages {
		if u.Total == 0 {
			continue
		}
		name := strings.ToLower(u.Storage)
		out.AddField("storage_"+name+"_used", int64(u.Used))
		out.AddField("storage_"+name+"_total", int64(u.Total))
		used, total = used+u.Used, total+u.Total
		percent = max(percent, 100*float64(u.Used)/float64(u.Total))
	}
	if total == 0 {
		return
	}
	out.AddField("storage_used", int64(used))
	out.AddField("storage_total", int64(total))
	out.AddField("storage_fullest", percent)
}

// Package modemsms is the Telegraf input plugin [[inputs.modem_sms]]: it
// receives SMS through a GSM or LTE modem on a serial port and makes a metric of
// each, and a metric of how the modem is doing now and then.
//
// A message is in the journal before it is deleted from the modem, and is printed
// out of the journal. So it is neither lost nor repeated when the process ends
// anywhere in between. What can go wrong with a modem ends nothing: the plugin
// says what it is, once, and tries again.
package modemsms

import (
	"context"
	_ "embed" // for the sample configuration
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/inputs"

	"telegraf-hologram/internal/access"
	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/gsm"
)

//go:embed sample.conf
var sampleConfig string

// ModemSMS is the plugin. Its exported fields are the options; sample.conf
// describes them.
type ModemSMS struct {
	access.Modem
	HoldPort         bool           `toml:"hold_port"`
	Storages         []string       `toml:"storages"`
	PollInterval     execd.Duration `toml:"poll_interval"`
	Delete           string         `toml:"delete"`
	MultipartTimeout execd.Duration `toml:"multipart_timeout"`
	JournalDirectory string         `toml:"journal_directory"`
	JournalLimit     execd.Size     `toml:"journal_limit"`
	AllowSenders     []string       `toml:"allow_senders"`
	DenySenders      []string       `toml:"deny_senders"`
	Text             string         `toml:"text"`
	Sender           string         `toml:"sender"`
	HashKeyFile      string         `toml:"hash_key_file"`
	RawPDU           bool           `toml:"raw_pdu"`
	Timestamp        string         `toml:"timestamp"`
	DataFormat       string         `toml:"data_format"`
	StatusInterval   execd.Duration `toml:"status_interval"`

	Log telegraf.Logger `toml:"-"`

	timing  timing
	acc     telegraf.Accumulator
	keeper  keeper
	writer  *writer
	modem   *gsm.Modem
	pinMark access.PINMark

	cancel  context.CancelFunc
	running sync.WaitGroup
	changed chan struct{} // the state is another

	mu       sync.Mutex
	state    string
	cause    error // of the state
	told     string
	received bool  // it was ok before
	wasOK    bool  // in this connection
	filtered int64 // messages of senders that are not wanted
}

// New returns the plugin with its default options.
func New() *ModemSMS {
	return &ModemSMS{
		Modem:            access.DefaultModem(),
		HoldPort:         true,
		PollInterval:     execd.Duration(gsm.DefaultPollInterval),
		Delete:           deleteRead,
		MultipartTimeout: execd.Duration(gsm.DefaultTimeout),
		JournalLimit:     defaultJournalLimit,
		Text:             showPlain,
		Sender:           showPlain,
		Timestamp:        timeReceived,
		DataFormat:       formatText,
		StatusInterval:   execd.Duration(5 * time.Minute),
		timing:           timing{backoff: time.Second, longestBackoff: time.Minute},
	}
}

func init() {
	inputs.Add("modem_sms", func() telegraf.Input { return New() })
}

// SampleConfig returns the sample configuration.
func (*ModemSMS) SampleConfig() string { return sampleConfig }

// Start begins to receive. It fails when a file that the options name cannot be
// read or the journal cannot be opened, and not because of the modem.
func (m *ModemSMS) Start(acc telegraf.Accumulator) error {
	var key hashKey
	if m.HashKeyFile != "" {
		line, err := execd.ReadFirstLine(m.HashKeyFile)
		if err == nil {
			key, err = parseHashKey(line)
		}
		if err != nil {
			return fmt.Errorf("reading hash_key_file: %w", err)
		}
	}
	pin, mark, err := m.FreshPIN(m.JournalDirectory, m.Log)
	if err != nil {
		return err
	}
	m.pinMark = mark
	m.acc, m.state = acc, stateStarting
	m.changed = make(chan struct{}, 1)
	m.writer = &writer{
		modem:         filepath.Base(m.Port),
		text:          m.Text,
		sender:        m.Sender,
		key:           key,
		pdu:           m.RawPDU,
		serviceCenter: m.Timestamp == timeServiceCenter,
		format:        m.DataFormat,
		wanted:        newSenders(m.AllowSenders, m.DenySenders),
	}
	if m.keeper, err = m.openKeeper(); err != nil {
		return err
	}
	m.modem = gsm.NewModem(m.config(pin))

	ctx, cancel := context.WithCancel(context.Background())
	m.cancel = cancel
	m.running.Go(func() { m.receive(ctx) })
	m.running.Go(func() { m.keeper.run(ctx) })
	m.running.Go(func() { m.report(ctx) })
	return nil
}

// config is how the modem is used.
func (m *ModemSMS) config(pin string) gsm.Config {
	cfg := gsm.Config{
		Handle:           m.handle,
		Known:            m.keeper.known,
		KeepMessages:     m.Delete == deleteNever,
		PIN:              pin,
		Storages:         m.Storages,
		InitCommands:     m.InitCommands,
		PollInterval:     time.Duration(m.PollInterval),
		MultipartTimeout: time.Duration(m.MultipartTimeout),
		SIMTimeout:       m.timing.simTimeout,
		Once:             !m.HoldPort,
		OnState:          func(s gsm.State, cause error) { m.setState(stateOf(s), cause) },
		Log:              m.Log,
	}
	if k, ok := m.keeper.(partKeeper); ok && m.plain() {
		// A part is the text: it is kept only where that may be.
		cfg.KeepPart, cfg.Parts = k.keepPart, k.parts()
	}
	return cfg
}

// Gather prints the measurement of the modem, for whoever asks beside
// status_interval.
func (m *ModemSMS) Gather(telegraf.Accumulator) error {
	m.printStatus(context.Background())
	return nil
}

// Stop ends receiving. Messages that were not printed stay in the journal, or in
// the modem if there is none.
func (m *ModemSMS) Stop() {
	if m.cancel == nil {
		return
	}
	m.cancel()
	m.running.Wait()
	if err := m.keeper.close(); err != nil {
		m.Log.Warnf("%v", err)
	}
}

// handle takes a message of the modem. When it returns nil the message is deleted
// there.
func (m *ModemSMS) handle(_ context.Context, j *gsm.Joined) error {
	metrics := m.writer.metrics(j, time.Now())
	if metrics == nil {
		m.mu.Lock()
		m.filtered++
		m.mu.Unlock()
		m.Log.Debugf("A message of a sender that is not wanted")
	}
	return m.keeper.keep(j, metrics)
}

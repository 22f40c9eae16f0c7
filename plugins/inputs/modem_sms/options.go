package modemsms

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"telegraf-hologram/internal/execd"
)

// Limits of the options.
const (
	minPoll        = execd.Duration(time.Second)
	minMultipart   = execd.Duration(10 * time.Second)
	maxMultipart   = execd.Duration(7 * 24 * time.Hour)
	minStatus      = execd.Duration(time.Second)
	minJournal     = 1 << 20 // more than twice the largest message, with maxHeld and its PDUs
	maxStorages    = 8
	maxStorageName = 8
	maxPatterns    = 256
)

// Values of the options that are enumerations.
const (
	deleteRead          = "read"
	deleteNever         = "never"
	showPlain           = "plain"
	showHash            = "hash"
	showOmit            = "omit"
	timeReceived        = "received"
	timeServiceCenter   = "service_center"
	formatText          = "text"
	formatInflux        = "influx"
	formatCompact       = "compact"
	defaultJournalLimit = 4 << 20
)

// Init checks the options. It opens no port and reads no file.
func (m *ModemSMS) Init() error {
	if err := m.Check(); err != nil {
		return err
	}
	if err := m.checkStorages(); err != nil {
		return err
	}
	if err := m.checkDurations(); err != nil {
		return err
	}
	for _, e := range []struct {
		option, value string
		valid         []string
	}{
		{"delete", m.Delete, []string{deleteRead, deleteNever}},
		{"text", m.Text, []string{showPlain, showHash, showOmit}},
		{"sender", m.Sender, []string{showPlain, showHash, showOmit}},
		{"timestamp", m.Timestamp, []string{timeReceived, timeServiceCenter}},
		{"data_format", m.DataFormat, []string{formatText, formatInflux, formatCompact}},
	} {
		if err := oneOf(e.option, e.value, e.valid...); err != nil {
			return err
		}
	}
	if m.JournalLimit < minJournal {
		return &execd.OptionError{Option: "journal_limit", Value: m.JournalLimit.String(), Problem: "is too small", Want: `at least "1MiB"`}
	}
	if m.RawPDU && !m.plain() {
		return &execd.OptionError{
			Option: "raw_pdu", Value: m.RawPDU, Problem: "is given together with text or sender that is not plain",
			Want: "only one of them, since a PDU holds both",
		}
	}
	if m.HashKeyFile != "" && m.Text != showHash && m.Sender != showHash {
		return &execd.OptionError{Option: "hash_key_file", Value: m.HashKeyFile, Problem: "has no use", Want: `text or sender = "hash" beside it`}
	}
	const want = `senders, in which * stands for any text, ? for one character and [0-9] for one of a range`
	if err := execd.CheckPatterns("allow_senders", m.AllowSenders, maxPatterns, want); err != nil {
		return err
	}
	if err := execd.CheckPatterns("deny_senders", m.DenySenders, maxPatterns, want); err != nil {
		return err
	}
	return nil
}

// plain tells whether metrics hold all of a message.
func (m *ModemSMS) plain() bool { return m.Text == showPlain && m.Sender == showPlain }

// oneOf checks an option that is an enumeration.
func oneOf(option, value string, valid ...string) error {
	if slices.Contains(valid, value) {
		return nil
	}
	return &execd.OptionError{Option: option, Value: value, Problem: "is unknown", Want: `one of "` + strings.Join(valid, `", "`) + `"`}
}

// checkStorages checks where the modem keeps messages.
func (m *ModemSMS) checkStorages() error {
	if len(m.Storages) > maxStorages {
		return &execd.OptionError{Option: "storages", Problem: fmt.Sprintf("has %d storages", len(m.Storages)), Want: fmt.Sprintf("%d at most", maxStorages)}
	}
	for i, s := range m.Storages {
		problem := ""
		switch {
		case s == "" || len(s) > maxStorageName || strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "":
			problem = "is no storage"
		case slices.Contains(m.Storages[:i], s):
			problem = "is there twice"
		}
		if problem != "" {
			return &execd.OptionError{Option: "storages", Value: s, Problem: strconv.Quote(s) + " " + problem, Want: `names in capital letters such as "SM", "ME" or "SR"`}
		}
	}
	return nil
}

// checkDurations checks the options that are times.
func (m *ModemSMS) checkDurations() error {
	if m.PollInterval < minPoll {
		return &execd.OptionError{Option: "poll_interval", Value: m.PollInterval.String(), Problem: "is too short", Want: `at least "1s"`}
	}
	if m.MultipartTimeout < minMultipart || m.MultipartTimeout > maxMultipart {
		return &execd.OptionError{Option: "multipart_timeout", Value: m.MultipartTimeout.String(), Problem: "is out of range", Want: `"10s" to "7d"`}
	}
	if m.StatusInterval != 0 && m.StatusInterval < minStatus {
		return &execd.OptionError{Option: "status_interval", Value: m.StatusInterval.String(), Problem: "is too short", Want: `at least "1s", or "0s" for never`}
	}
	return nil
}

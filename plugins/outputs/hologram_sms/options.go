package hologramsms

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"telegraf-hologram/internal/execd"
	"telegraf-hologram/internal/gsm/encode"
	"telegraf-hologram/internal/smstext"
	"telegraf-hologram/internal/socketapi"
)

// Limits of the options.
const (
	maxRecipients = 10
	maxMaxParts   = 10
	// pausedAt is how many SMS a month Hologram lets a SIM send before it pauses
	// it, unless a contract says otherwise.
	pausedAt = 100
)

// Values of the options that are enumerations.
const (
	viaSocket     = "socket"
	viaModem      = "modem"
	formatText    = "text"
	formatCompact = "compact"
	codingAuto    = "auto"
	codingGSM7    = "gsm7"
	codingUCS2    = "ucs2"
	tooLongRefuse = "refuse"
	tooLongCut    = "cut"
	limitDrop     = "drop"
	limitQueue    = "queue"
	limitDigest   = "digest"
)

// cloudNumber is the long code under which the Hologram cloud takes SMS of its
// SIMs.
const cloudNumber = "310000202"

// defaultTemplate makes "freezer gw-7 door=true temp=-3.25 11-23 14:05Z".
const defaultTemplate = `{{.Name}}{{with .Tag "host"}} {{.}}{{else}}{{range $k, $v := .Tags}} {{$k}}={{$v}}{{end}}{{end}}` +
	`{{range $k, $v := .Fields}} {{$k}}={{round 3 $v}}{{end}} {{date "01-02 15:04" .Time}}Z`

// defaultCooldown is that of a text; metrics for the cloud have none.
const defaultCooldown = 15 * time.Minute

// Init checks the options. It reads no file and opens no port.
func (h *HologramSMS) Init() error {
	for _, check := range []func() error{h.checkVia, h.checkTo, h.checkFormat, h.checkText, h.checkLimits, h.checkWays} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// oneOf checks an option that is an enumeration.
func oneOf(option, value string, valid ...string) error {
	if slices.Contains(valid, value) {
		return nil
	}
	return &execd.OptionError{Option: option, Value: value, Problem: "is unknown", Want: `one of "` + strings.Join(valid, `", "`) + `"`}
}

func (h *HologramSMS) checkVia() error {
	const want = `"socket", "modem", or both in the order in which to try them`
	if len(h.Via) == 0 {
		return &execd.OptionError{Option: "via", Problem: "is empty", Want: want}
	}
	for i, v := range h.Via {
		problem := ""
		switch {
		case v != viaSocket && v != viaModem:
			problem = "is no way"
		case slices.Contains(h.Via[:i], v):
			problem = "is there twice"
		}
		if problem != "" {
			return &execd.OptionError{Option: "via", Value: v, Problem: strconv.Quote(v) + " " + problem, Want: want}
		}
	}
	return nil
}

// checkTo checks the numbers. No error shows one.
func (h *HologramSMS) checkTo() error {
	socket, modem := slices.Contains(h.Via, viaSocket), slices.Contains(h.Via, viaModem)
	if len(h.To) == 0 && !socket {
		h.To = []string{cloudNumber}
	}
	if len(h.To) == 0 {
		return &execd.OptionError{Option: "to", Problem: "is missing or empty", Want: `numbers such as "+13125550123"`}
	}
	if len(h.To) > maxRecipients {
		return &execd.OptionError{Option: "to", Problem: fmt.Sprintf("has %d numbers", len(h.To)), Want: fmt.Sprintf("%d at most", maxRecipients)}
	}
	for i, to := range h.To {
		problem, want := "", `"+" and 7 to 15 digits, beginning with the country code`
		switch {
		case slices.Contains(h.To[:i], to):
			problem, want = "is there twice", "each number once"
		case strings.HasPrefix(to, "+"):
			if err := socketapi.ValidNumber(to); err != nil {
				problem = "is not valid: " + err.Error()
			}
		case !modem:
			problem = `has no "+", and only the modem sends to short and long codes`
		case len(to) < 2 || len(to) > 20 || strings.Trim(to, "0123456789") != "":
			problem, want = `is no code of 2 to 20 digits`, want+`; or a code such as "`+cloudNumber+`"`
		}
		if problem != "" {
			return &execd.OptionError{Option: "to", Problem: fmt.Sprintf("number %d %s", i+1, problem), Want: want}
		}
	}
	return nil
}

func (h *HologramSMS) checkFormat() error {
	if err := oneOf("data_format", h.DataFormat, formatText, formatCompact); err != nil {
		return err
	}
	if h.DataFormat == formatText {
		t, err := smstext.Parse(h.Template)
		switch {
		case h.Template == "":
			return &execd.OptionError{Option: "template", Problem: "is empty", Want: `text such as "{{.Name}}: {{.Field \"value\"}}"`}
		case err != nil:
			return &execd.OptionError{Option: "template", Value: h.Template, Problem: err.Error(), Want: ""}
		}
		h.template = t
		return nil
	}
	problem, option := "", ""
	switch {
	case h.Template != defaultTemplate:
		option, problem = "template", "is given"
	case h.MaxParts != 1:
		option, problem = "max_parts", "is more than 1"
	case h.Encoding == codingUCS2:
		option, problem = "encoding", `is "ucs2"`
	case h.OnTooLong == tooLongCut:
		option, problem = "on_too_long", `is "cut"`
	case h.OnLimit == limitDigest:
		option, problem = "on_limit", `is "digest"`
	default:
		return nil
	}
	return &execd.OptionError{Option: option, Problem: problem + ` together with data_format = "compact"`, Want: "one of the two; an SMS has metrics or a text"}
}

func (h *HologramSMS) checkText() error {
	if h.MaxParts < 1 || h.MaxParts > maxMaxParts {
		return &execd.OptionError{Option: "max_parts", Value: h.MaxParts, Problem: "is out of range", Want: fmt.Sprintf("1 to %d", maxMaxParts)}
	}
	switch h.Encoding {
	case codingAuto:
		h.coding = encode.Auto
	case codingGSM7:
		h.coding = encode.GSM7
	case codingUCS2:
		h.coding = encode.UCS2
	default:
		return oneOf("encoding", h.Encoding, codingAuto, codingGSM7, codingUCS2)
	}
	if h.DataFormat == formatCompact {
		h.coding = encode.GSM7
	}
	if err := oneOf("on_too_long", h.OnTooLong, tooLongRefuse, tooLongCut); err != nil {
		return err
	}
	switch {
	case h.Cooldown != nil:
		h.cooldown = time.Duration(*h.Cooldown)
	case h.DataFormat == formatText:
		h.cooldown = defaultCooldown
	}
	return nil
}

func (h *HologramSMS) checkLimits() error {
	if err := h.SMS.Check(); err != nil {
		return err
	}
	for _, l := range []struct {
		option string
		value  int
	}{{"max_per_hour", h.MaxPerHour}, {"max_per_day", h.MaxPerDay}, {"max_per_period", h.MaxPerPeriod}} {
		if l.value > 0 && l.value < h.MaxParts {
			return &execd.OptionError{
				Option: l.option, Value: l.value, Problem: fmt.Sprintf("is less than max_parts = %d", h.MaxParts), Want: "room for one SMS of max_parts, each of which counts",
			}
		}
	}
	if h.MaxPerPeriod > pausedAt && h.Log != nil {
		h.Log.Warnf("max_per_period is %d: Hologram pauses a SIM, for data as well, when it has sent %d SMS in 30 days, unless the contract says otherwise",
			h.MaxPerPeriod, pausedAt)
	}
	return oneOf("on_limit", h.OnLimit, limitDrop, limitQueue, limitDigest)
}

func (h *HologramSMS) checkWays() error {
	socket, modem := slices.Contains(h.Via, viaSocket), slices.Contains(h.Via, viaModem)
	if socket {
		if err := h.Cloud.Check(); err != nil {
			return err
		}
	}
	if modem {
		return h.Modem.Check()
	}
	for _, o := range []struct {
		option string
		given  bool
	}{{"port", h.Port != ""}, {"pin_file", h.PINFile != ""}, {"init_commands", len(h.InitCommands) > 0}, {"status_reports", h.StatusReports}} {
		if o.given {
			return &execd.OptionError{Option: o.option, Problem: "has no use", Want: `"modem" in via beside it`}
		}
	}
	return nil
}

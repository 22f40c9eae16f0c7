package page

import (
	"fmt"
	"math"
	"strconv"

	"telegraf-hologram/internal/emulator/modem"
)

// The drawing of the bytes, in its own units.
const (
	drawWidth  = 240
	drawHeight = 32
	barStep    = drawWidth / maxMeasured
)

// summaryView is what there was since the start.
type summaryView struct {
	totals
	PerMetric string // bytes on the wire; empty while there are none
	Bars      []bar
	Highest   int
}

// bar is one message in the drawing.
type bar struct {
	X, Y, Height int
	Class        string
}

func summary(s snapshot) summaryView {
	v := summaryView{totals: s.totals}
	if s.totals.Metrics > 0 {
		v.PerMetric = fmt.Sprintf("%.1f", float64(s.totals.metricBytes)/float64(s.totals.Metrics))
	}
	for _, m := range s.measured {
		v.Highest = max(v.Highest, m.bytes)
	}
	// The latest is at the right.
	for i, m := range s.measured {
		height := max(1, int(math.Round(float64(m.bytes)/float64(v.Highest)*drawHeight)))
		b := bar{X: drawWidth - (len(s.measured)-i)*barStep, Y: drawHeight - height, Height: height, Class: "taken"}
		if !m.taken {
			b.Class = "failed"
		}
		v.Bars = append(v.Bars, b)
	}
	return v
}

// modemView is how the modem is doing.
type modemView struct {
	Profile, Port string
	State         string
	Working       bool
	Stores        []modem.Usage
	Network       int // SMS that wait
}

// modem asks the modem; nil if there is none.
func (p *Page) modem() *modemView {
	if p.cfg.Modem == nil {
		return nil
	}
	s := p.cfg.Modem.Status()
	v := &modemView{Profile: p.cfg.Modem.Profile().Name, Port: p.cfg.ModemPort, Stores: s.Stores, Network: s.Network}
	switch {
	case s.Port == "":
		v.State = "unplugged"
	case s.Frozen:
		v.State = "frozen"
	case s.SIM != "READY":
		v.State = "SIM: " + s.SIM
	default:
		v.State, v.Working = registration(s.Registration)
	}
	return v
}

// registration is <stat> of AT+CREG in words (3GPP TS 27.007, 7.2).
func registration(stat int) (text string, registered bool) {
	switch stat {
	case 0:
		return "not registered", false
	case 1:
		return "registered", true
	case 2:
		return "searching", false
	case 3:
		return "denied", false
	case 5:
		return "registered, roaming", true
	default:
		return "registration " + strconv.Itoa(stat), false
	}
}

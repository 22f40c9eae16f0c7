package modem

import "strconv"

// result is what a command ends with: nil for OK.
type result interface {
	// text is the final result code for a value of AT+CMEE.
	text(verbosity int) string
}

// failure is a "+CME ERROR" or, for the commands of 3GPP TS 27.005, a "+CMS
// ERROR". A cause that both have is given as both.
type failure struct {
	cme, cms int
	isCMS    bool
}

func cmeError(code int) result { return &failure{cme: code} }

func cmsError(code int) result { return &failure{cms: code, isCMS: true} }

func (f *failure) text(verbosity int) string {
	switch {
	case f.isCMS:
		// 3GPP TS 27.005, 3.2.5: not a matter of AT+CMEE.
		return "+CMS ERROR: " + strconv.Itoa(f.cms)
	case verbosity == 0:
		return resultError
	case verbosity == 2:
		return "+CME ERROR: " + cmeText(f.cme)
	default:
		return "+CME ERROR: " + strconv.Itoa(f.cme)
	}
}

// cmeText is the verbose form of the codes in use (3GPP TS 27.007, 9.2.1).
func cmeText(code int) string {
	switch code {
	case 3:
		return "operation not allowed"
	case 4:
		return "operation not supported"
	case 11:
		return "SIM PIN required"
	case 12:
		return "SIM PUK required"
	case 14:
		return "SIM busy"
	case 16:
		return "incorrect password"
	default:
		return "incorrect parameters"
	}
}

// final is a final result code that needs no AT+CMEE.
type final string

func (f final) text(int) string { return string(f) }

// unsaid is the result of a command that is not answered, or later.
type unsaid struct{}

func (unsaid) text(int) string { return "" }

// The codes of 3GPP TS 27.007, 9.2.1, and 27.005, 3.2.5, in use.
const (
	cmeNotAllowed   = 3
	cmeNotSupported = 4
	cmePassword     = 16
	cmeParameters   = 50
	cmsNotAllowed   = 302
	cmsNotSupported = 303
	cmsPDUParameter = 304
	cmsTextParam    = 305
	cmsIndex        = 321
	cmsNoNetwork    = 331
	cmsNoAck        = 340
)

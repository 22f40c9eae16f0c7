package at

// sink takes what an assembler makes of a stream.
type sink interface {
	// line takes a line: not empty, without its end, without control characters
	// and without white space around it.
	line(text string)
	// promptWanted tells whether a ">" at the start of a line is a prompt.
	promptWanted() bool
	// prompt takes a prompt, after which no line end follows.
	prompt()
	// noise takes the number of bytes that were dropped.
	noise(bytes int)
}

// assembler cuts a stream of bytes into lines. Both CR and LF end a line, so that
// CR LF, LF CR, CR CR LF and whatever else modems send are the same.
type assembler struct {
	max  int // bytes of a line; a longer one is dropped as a whole
	buf  []byte
	lost int // bytes of the line that is too long, 0 for none
}

// feed takes the next bytes.
func (a *assembler) feed(p []byte, to sink) {
	for _, c := range p {
		switch {
		case c == '\r' || c == '\n':
			a.end(to)
		case a.lost > 0:
			a.lost++
		case c < ' ' && c != '\t' || c == 0x7F:
			// A NUL of a line that wakes up, or the Ctrl-Z and ESC of an echo.
			if c != 0x1A && c != 0x1B {
				to.noise(1)
			}
		case len(a.buf) == 0 && (c == ' ' || c == '\t'):
		case len(a.buf) == 0 && c >= 0x80:
			// What a line at a wrong speed leaves before a good one.
			to.noise(1)
		case len(a.buf) == 0 && c == '>' && to.promptWanted():
			to.prompt()
		case len(a.buf) == a.max:
			a.lost = len(a.buf) + 1
		default:
			a.buf = append(a.buf, c)
		}
	}
}

// end hands out the line that has ended.
func (a *assembler) end(to sink) {
	line := a.buf
	a.buf = a.buf[:0]
	if a.lost > 0 {
		to.noise(a.lost)
		a.lost = 0
		return
	}
	for len(line) > 0 && (line[len(line)-1] == ' ' || line[len(line)-1] == '\t') {
		line = line[:len(line)-1]
	}
	if len(line) > 0 {
		to.line(string(line))
	}
}

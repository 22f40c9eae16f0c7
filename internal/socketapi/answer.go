package socketapi

// maxAnswer is the most that is read of an answer, in bytes. The longest that
// makes sense has ten.
const maxAnswer = 64

// answerState is how much of an answer is there.
type answerState int

const (
	answerPartial  answerState = iota // nothing, or the beginning of an answer
	answerTaken                       // "[0," or "0": cut short, but the code can only be 0
	answerComplete                    // an answer
	answerJunk                        // nothing that can become an answer
)

// parseAnswer reads what has come so far of an answer: "[code,number]" to a
// message, white space allowed anywhere between, or two digits to an SMS, one
// for the code. What follows an array is ignored; behind two digits only white
// space may follow, because other services greet with three. The code is
// CodeNone as long as it is not certain.
func parseAnswer(b []byte) (Code, answerState) {
	b = skipSpace(b)
	if len(b) == 0 {
		return CodeNone, answerPartial
	}
	if b[0] != '[' {
		return parseCompact(b)
	}
	code, b, ok := parseNumber(skipSpace(b[1:]))
	if !ok {
		return CodeNone, answerJunk
	}
	if b = skipSpace(b); len(b) == 0 {
		return CodeNone, answerPartial
	}
	if b[0] != ',' {
		return CodeNone, answerJunk
	}
	cut := answerPartial
	if code == int(CodeOK) {
		cut = answerTaken
	}
	if b = skipSpace(b[1:]); len(b) == 0 {
		return Code(code), cut
	}
	_, b, ok = parseNumber(b)
	b = skipSpace(b)
	switch {
	case ok && len(b) == 0:
		return Code(code), cut
	case ok && b[0] == ']':
		return Code(code), answerComplete
	case cut == answerTaken: // the code stands, whatever came over the rest
		return CodeOK, answerTaken
	}
	return CodeNone, answerJunk
}

// parseCompact reads the two digits of an answer to an SMS. b is not empty.
func parseCompact(b []byte) (Code, answerState) {
	if !isDigit(b[0]) {
		return CodeNone, answerJunk
	}
	code := Code(b[0] - '0')
	if len(b) == 1 {
		if code == CodeOK {
			return code, answerTaken
		}
		return CodeNone, answerPartial
	}
	if !isDigit(b[1]) || len(skipSpace(b[2:])) > 0 {
		return CodeNone, answerJunk
	}
	return code, answerComplete
}

// parseNumber reads a number of JSON without sign, fraction or exponent, up to
// nine digits, and returns what follows it. Nothing at all is fine: the number
// may still come; the number is then -1.
func parseNumber(b []byte) (n int, rest []byte, ok bool) {
	i := 0
	for i < len(b) && isDigit(b[i]) {
		n = n*10 + int(b[i]-'0')
		if i++; i > 9 {
			return -1, nil, false
		}
	}
	if i == 0 {
		return -1, b, len(b) == 0
	}
	return n, b[i:], i == 1 || b[0] != '0'
}

func skipSpace(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t' || b[0] == '\n' || b[0] == '\r') {
		b = b[1:]
	}
	return b
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

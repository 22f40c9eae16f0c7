package emulator

import (
	"net/http"
	"strconv"
	"time"
)

// How the API can fail.
const (
	apiStatus   mode = iota + 192 // it answers another status
	apiLate                       // it answers after a delay
	apiReset                      // RST instead of an answer
	apiTruncate                   // half of the answer, then FIN
	apiJunk                       // 200 with a page of HTML
)

func apiModeTable() []modeInfo {
	table := []modeInfo{{name: "ok", mode: modeOK}}
	for _, status := range []int{
		http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusUnauthorized,
	} {
		table = append(table, modeInfo{
			name:   strconv.Itoa(status),
			mode:   apiStatus,
			status: status,
			delay:  time.Second, // makes =DURATION possible: the header Retry-After
		})
	}
	return append(table,
		modeInfo{name: "late", mode: apiLate, delay: 8 * time.Second},
		modeInfo{name: "reset", mode: apiReset},
		modeInfo{name: "truncate", mode: apiTruncate},
		modeInfo{name: "junk", mode: apiJunk},
	)
}

// APIModes returns the names that [ParseAPIFaults] knows.
func APIModes() []string { return modeNames(apiModeTable()) }

// APIFaults says how the API fails, request by request. The zero value is no
// failure. A value does not change and may be shared.
type APIFaults struct {
	faults Faults
}

// String returns the text that [ParseAPIFaults] reads back.
func (f APIFaults) String() string { return f.faults.String() }

// ParseAPIFaults reads a list as [ParseFaults] does, with other modes, and of
// requests in place of connections. The duration of a status is what the header
// Retry-After asks for; without it there is no such header.
func ParseAPIFaults(s string) (APIFaults, error) {
	faults, err := parseFaults(s, apiModeTable())
	return APIFaults{faults}, err
}

package gsm

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever a modem answers is read within bounds, and every record that is read
// has an index and a PDU.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{
		"+CMGL: 1,0,,24\n0791\n+CMGL: 2,1,\"\",24\n0791",
		"+CMGL: 1,0,,24\n+CMGL: 2,1,23\n0791\nnoise",
		"+CMGL: ,,92\n07",
		`("SM","ME"),("SM")`, `(("SM","BM","SR"),("SM"))`, `"SM_P"`, "(),(),()", "(0-2),(0,1,3),(2),(0-99999999)",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Split(text, "\n")
		records, whole := parseList(lines)
		require.LessOrEqual(t, 2*len(records), len(lines))
		if whole {
			require.Len(t, lines, 2*len(records))
		}
		for _, r := range records {
			require.GreaterOrEqual(t, r.index, 0)
			require.GreaterOrEqual(t, r.length, 0)
			require.GreaterOrEqual(t, r.stat, -1)
		}
		names := storagesOf(text)
		for _, name := range names {
			require.True(t, isStorage(name))
		}
		require.NotEmpty(t, defaultStorages(names, lines))
		for _, n := range valuesOf(text) {
			require.GreaterOrEqual(t, n, 0)
		}
		_ = signalOf(lines)
		_ = lteSignalOf(lines)
		_ = registrationOf(lines)
	})
}

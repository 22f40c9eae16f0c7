package modemsms

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSenders(t *testing.T) {
	for _, tt := range []struct {
		allow, deny []string
		sender      string
		want        bool
	}{
		{nil, nil, "+15550100", true},
		{nil, nil, "", true},
		{[]string{"+1555*"}, nil, "+15550100", true},
		{[]string{"+1555*"}, nil, "+4915550100", false},
		{[]string{"+1555*"}, nil, "", false},
		{[]string{"+1555*"}, []string{"*0100"}, "+15550100", false},
		{[]string{"+1555010[0-4]"}, nil, "+15550104", true},
		{[]string{"+1555010[0-4]"}, nil, "+15550105", false},
		{nil, []string{"A*"}, "A/B", false},
		{[]string{"A?B"}, nil, "A/B", true},
		{[]string{"INFO"}, nil, "INFO", true},
		{[]string{"INFO"}, nil, "Info", false},
	} {
		require.Equal(t, tt.want, newSenders(tt.allow, tt.deny).wants(tt.sender), "%v", tt)
	}
}

package modem

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestProfileNames(t *testing.T) {
	require.Equal(t, []string{"generic", "quectel", "ublox", "simcom", "huawei", "telit", "wavecom", "sim7000", "zte"}, Profiles())
	for _, name := range Profiles() {
		p, err := ProfileByName(name)
		require.NoError(t, err)
		require.Equal(t, name, p.Name)
	}
	p, err := ProfileByName("")
	require.NoError(t, err)
	require.Equal(t, "generic", p.Name)
}

// withProfile is a modem of a profile whose start is over.
func withProfile(t *testing.T, name string, change func(*Config)) (*Modem, client) {
	t.Helper()
	cfg := Config{Profile: name, AckTimeout: 200 * time.Millisecond}
	if change != nil {
		change(&cfg)
	}
	m := start(t, cfg)
	c := connect(t, m)
	c.do("ATE0", "AT+CMEE=1")
	require.Contains(t, c.ask("AT+CPIN?"), "READY")
	for range m.Profile().Boot {
		c.urc()
	}
	for range m.Profile().Ready {
		c.urc()
	}
	return m, c
}

// Every profile takes an SMS, lists it and deletes it, whatever its ways.
func TestEveryProfile(t *testing.T) {
	for _, name := range Profiles() {
		t.Run(name, func(t *testing.T) {
			m, c := withProfile(t, name, nil)
			p := m.Profile()
			require.Equal(t, p.Manufacturer, c.ask("AT+CGMI"))
			store := p.Stores[0].Name
			if p.ReceiveIn != "" {
				store = p.ReceiveIn
			}
			args := strings.TrimSuffix(strings.Repeat(`"`+store+`",`, p.CPMSArgs[len(p.CPMSArgs)-1]), ",")
			c.do("AT+CMGF=0", "AT+CPMS="+args)
			for _, cnmi := range []string{"2,1,0,0,0", "1,1,0,0,0", "2,1,0,0,1"} {
				if _, err := c.Command(t.Context(), "AT+CNMI="+cnmi); err == nil {
					break
				}
			}
			receive(t, m, "text")
			want := fmt.Sprintf(`+CMTI: "%s",%d`, store, p.FirstIndex)
			if name == "sim7000" {
				want = "+CMTI: ,-1" // it does not say where
			}
			require.Equal(t, want, c.urc())
			require.Regexp(t, fmt.Sprintf(`^\+CMGL: %d,0,%s,21\|0004[0-9A-F]{40}$`, p.FirstIndex, p.Alpha), c.ask("AT+CMGL=4"))
			c.do(fmt.Sprintf("AT+CMGD=%d", p.FirstIndex))
			if p.EmptyListing == "OK" {
				require.Empty(t, c.ask("AT+CMGL=4"))
			} else {
				require.Contains(t, c.refused("AT+CMGL=4"), "CMS error 321")
			}
			require.Equal(t, 1, m.Status().Deleted)
			require.Regexp(t, `89445`, c.ask("AT"+p.ICCIDCommand))
		})
	}
}

func TestQuectel(t *testing.T) {
	m, c := withProfile(t, "quectel", func(cfg *Config) { cfg.Stores = map[string]int{"SM": 1} })
	c.do("AT+CNMI=2,1,0,2,0")
	require.NoError(t, m.ReceivePDU([]byte{0, 0x06, 1, 2, 0x81, 0xF1}))
	require.Equal(t, `+CDSI: "SM",0`, c.urc(), "the wrong store, and always 0")
	require.Empty(t, c.ask("AT+CMGL=4"))
	c.do(`AT+CPMS="SR"`)
	require.Equal(t, "+CMGL: 0,0,,5|0006010281F1", c.ask("AT+CMGL=4"))

	// URCs go to the port of AT+QURCCFG.
	require.Equal(t, `+QURCCFG: "urcport","usbat"`, c.ask(`AT+QURCCFG="urcport"`))
	require.Equal(t, `+QURCCFG: "urcport",("usbat","usbmodem","uart1")`, c.ask(`AT+QURCCFG=?`))
	c.do(`AT+QURCCFG="urcport","usbmodem"`)
	require.Equal(t, `+QURCCFG: "urcport","usbmodem"`, c.ask(`AT+QURCCFG="urcport"`))
	require.NotEmpty(t, c.refused(`AT+QURCCFG="urcport","nowhere"`))
	require.NotEmpty(t, c.refused(`AT+QURCCFG="other"`))
	receive(t, m, "unheard of")
	c.silent()
	c.do(`AT+QURCCFG="urcport","usbat"`)
	receive(t, m, "one too many")
	c.silent() // it was full before, and said so elsewhere
	c.do(`AT+CPMS="SM"`, "AT+CMGD=0")
	require.Equal(t, `+QIND: "smsfull","SM"`, c.urc())
	require.Equal(t, `+CMTI: "SM",0`, c.urc())

	// A second acknowledgement is an error.
	c.do("AT+CSMS=1", "AT+CNMI=2,2,0,0,0")
	receive(t, m, "direct")
	require.Contains(t, c.urc(), "+CMT: ")
	c.do("AT+CNMA")
	require.Contains(t, c.refused("AT+CNMA"), "CMS error 340")
}

func TestUblox(t *testing.T) {
	m, c := withProfile(t, "ublox", nil)
	require.Equal(t, "+GCAP: +FCLASS, +CGSM", c.ask("AT+GCAP"))
	require.Contains(t, c.refused("AT+CMGR=1"), "CMS error 321")
	// A missing AT+CNMA ends routing in silence.
	c.do("AT+CSMS=1", "AT+CNMI=2,2,0,0,0")
	receive(t, m, "missed")
	require.Contains(t, c.urc(), "+CMT: ")
	time.Sleep(300 * time.Millisecond)
	require.Equal(t, "+CNMI: 2,0,0,0,0", c.ask("AT+CNMI?"))
	receive(t, m, "next")
	c.silent()
	require.Equal(t, 2, m.Status().Stores[0].Used)
}

func TestSIMCom(t *testing.T) {
	m, c := withProfile(t, "simcom", nil)
	require.Equal(t, "+CNMI: (0-2),(0-3),(0,2),(0-2),(0,1)", c.ask("AT+CNMI=?"))
	require.Contains(t, c.refused("AT+CNMI=2,1"), "CMS error 303", "told of, and refused")
	c.do("AT+CNMI=1,1", `AT+CPMS="SM","SM","SM"`)
	receive(t, m, "text")
	require.Equal(t, `+CMTI: "ME",0`, c.urc(), "in ME, whatever AT+CPMS says")
	require.Empty(t, c.ask("AT+CMGL=4"))
	c.do(`AT+CPMS="ME"`, "AT+CSMS=1", "AT+CNMI=1,2")
	require.Contains(t, c.ask("AT+CMGR=0"), `+CMGR: 0,"",21|`)
	receive(t, m, "one")
	receive(t, m, "two")
	require.Contains(t, c.urc(), `+CMT: "",`)
	require.Contains(t, c.urc(), `+CMT: "",`, "acknowledged by the modem itself")
	require.Contains(t, c.refused("AT+CNMA"), "CMS error 302")
}

func TestHuawei(t *testing.T) {
	m, c := withProfile(t, "huawei", func(cfg *Config) { cfg.Stores = map[string]int{"SM": 1} })
	require.Contains(t, c.refused("AT+NONE"), "does not support the command")
	require.Equal(t, `+CPMS: ("SM","ME","MT"), ("SM","ME","MT"),("SM","ME","MT")`, c.ask("AT+CPMS=?"))
	for _, args := range []string{`"SM"`, `"SM","SM"`} {
		require.Contains(t, c.refused("AT+CPMS="+args), "CMS error 302")
	}
	c.do(`AT+CPMS="SM","SM","SM"`)
	require.Contains(t, c.refused("AT+CNMI=2,1,0,1,0"), "CMS error 303")
	c.do("AT+CNMI=2,1,0,2,0")
	receive(t, m, "one")
	require.Equal(t, `^SMMEMFULL: "SM"`, c.urc())
	require.Equal(t, `+CMTI: "SM",0`, c.urc())
	receive(t, m, "two")
	c.silent()
	require.Equal(t, 1, m.Status().Network, "no +CMTI while it is full")
}

func TestTelit(t *testing.T) {
	m, c := withProfile(t, "telit", nil)
	require.Contains(t, c.refused("AT+CMGL=4"), "CMS error 321")
	require.Contains(t, c.refused(`AT+CPMS="ME"`), "CMS error 302")
	require.Contains(t, c.refused("AT+CNMI=2,1,0,0,0"), "CMS error 303")
	c.do("AT+CSMS=1", "AT+CNMI=2,2,0,0,1")
	receive(t, m, "one")
	receive(t, m, "two")
	require.Contains(t, c.urc(), `+CMT: "",`)
	c.silent() // the next depends on the acknowledgement
	c.do("AT+CNMA")
	require.Contains(t, c.urc(), `+CMT: "",`)
	c.do("AT+CNMA")
	_, err := m.Receive(Message{From: "1", Text: "a", Class: ToSIM})
	require.NoError(t, err)
	require.Equal(t, `+CMTI: "SM",1`, c.urc())
}

func TestWavecom(t *testing.T) {
	m, c := withProfile(t, "wavecom", nil)
	require.Equal(t, `+CPMS: (("SM","BM","SR"),("SM"))`, c.ask("AT+CPMS=?"))
	require.Contains(t, c.refused(`AT+CPMS="SM","SM","SM"`), "CMS error 302")
	require.Equal(t, "+CPMS: 0,30,0,30", c.ask(`AT+CPMS="SM","SM"`))
	require.Equal(t, `+CPMS: "SM",0,30,"SM",0,30`, c.ask("AT+CPMS?"))
	require.Empty(t, c.ask("AT+CREG=2"))
	require.Equal(t, `+CREG: 5,"00C3","01A2B3C4",7`, c.urc(), "behind the OK")
	require.NoError(t, m.Freeze())
}

func TestZTE(t *testing.T) {
	m, c := withProfile(t, "zte", nil)
	require.Contains(t, c.refused("AT+CNMI=2,1,0,1,0"), "CMS error 303")
	c.do("AT+CNMI=1,1,0,1,0")
	require.NoError(t, m.ReceivePDU([]byte{0, 0x06, 1, 2, 0x81, 0xF1}))
	require.Equal(t, "+CDS: ,5|0006010281F1", c.urc(), "a comma too many")
}

package modem

import (
	"fmt"
	"slices"
	"strings"
)

// Store is a place for messages.
type Store struct {
	Name string // SM (the SIM), ME (the modem), SR (status reports), BM (broadcasts)
	Size int    // messages
}

// Profile is how a maker's modems do what the standards leave open, or do not
// follow. The zero values follow the standards.
type Profile struct {
	Name                          string
	Manufacturer, Model, Revision string
	// Capabilities is the answer to AT+GCAP.
	Capabilities string
	// Stores are the places for messages. MT, both SM and ME, is there where both
	// are, unless NoMT.
	Stores []Store
	NoMT   bool
	// FirstIndex is the index of the first message in a store.
	FirstIndex int
	// ReceiveIn is the store of received messages whatever AT+CPMS says, and
	// ReportsIn that of status reports.
	ReceiveIn, ReportsIn string
	// CPMSArgs are the numbers of arguments that AT+CPMS takes (empty is 1 to 3),
	// and CPMSTest is the answer to AT+CPMS=? if it has another form.
	CPMSArgs []int
	CPMSTest string
	// CNMI are the values that AT+CNMI takes for <mode>, <mt>, <bm>, <ds> and
	// <bfr>; CNMIRefused are values of <mode> that it tells of and refuses.
	CNMI        [5][]int
	CNMIRefused []int
	// Alpha is what stands for the missing name of a sender in +CMGL, +CMGR and
	// +CMT: nothing, or a pair of quotes.
	Alpha string
	// EmptyListing and EmptySlot are the final results of AT+CMGL and AT+CMGR
	// without a message.
	EmptyListing, EmptySlot string
	// NotSupported is the final result for an unknown command.
	NotSupported string
	// Indication makes +CMTI from a store and an index, ReportIndication +CDSI, and
	// DirectReport +CDS from a length; without the verbs they are said as they are.
	Indication, ReportIndication, DirectReport string
	// Services are the values of AT+CSMS.
	Services []int
	// NoAcknowledgement refuses AT+CNMA, since the modem does it by itself.
	NoAcknowledgement bool
	// LateCREG answers AT+CREG=2 with OK first and +CREG afterwards.
	LateCREG bool
	// Full is what the modem says when a store is full: %s is the store. With
	// FullCIEV it is +CIEV, if AT+CMER asks for it.
	Full     string
	FullCIEV bool
	// Boot is what the modem says when it starts, Ready when the SIM can be used.
	Boot, Ready []string
	// Chatter is what it says again and again, in the middle of answers too.
	Chatter []string
	// ICCIDCommand is the maker's own AT+CCID.
	ICCIDCommand string
}

// Profiles returns the names of the profiles.
func Profiles() []string {
	var names []string
	for _, p := range profiles() {
		names = append(names, p.Name)
	}
	return names
}

// ProfileByName returns a profile; an empty name is generic.
func ProfileByName(name string) (Profile, error) {
	if name == "" {
		name = "generic"
	}
	all := profiles()
	i := slices.IndexFunc(all, func(p Profile) bool { return p.Name == name })
	if i < 0 {
		return Profile{}, fmt.Errorf("unknown modem profile %q, want one of %s", name, strings.Join(Profiles(), ", "))
	}
	return all[i], nil
}

const (
	resultOK      = "OK"
	resultError   = "ERROR"
	invalidMemory = "+CMS ERROR: 321"
)

func standardCNMI() [5][]int {
	return [5][]int{{0, 1, 2}, {0, 1, 2, 3}, {0, 2}, {0, 1, 2}, {0, 1}}
}

func profiles() []Profile {
	generic := Profile{
		Name: "generic", Manufacturer: "Emulator", Model: "AT modem", Revision: "1.0",
		Capabilities: "+CGSM",
		Stores:       []Store{{"SM", 30}, {"ME", 100}},
		FirstIndex:   1,
		CPMSArgs:     []int{1, 2, 3},
		CNMI:         standardCNMI(),
		EmptyListing: resultOK,
		EmptySlot:    resultOK,
		NotSupported: resultError,
		Indication:   `+CMTI: "%s",%d`, ReportIndication: `+CDSI: "%s",%d`, DirectReport: "+CDS: %d",
		Services:     []int{0, 1},
		FullCIEV:     true,
		ICCIDCommand: "+CCID",
	}
	with := func(change func(*Profile)) Profile {
		p := generic
		p.Stores = slices.Clone(p.Stores)
		p.CNMI = standardCNMI()
		change(&p)
		return p
	}
	return []Profile{
		generic,
		// Reports are in SR and announced as SM,0; a second AT+CNMA is an error;
		// URCs come on the port that AT+QURCCFG chooses.
		with(func(p *Profile) {
			p.Name, p.Manufacturer, p.Model, p.Revision = "quectel", "Quectel", "EC25", "EC25EFAR06A01M4G"
			p.Stores = []Store{{"SM", 50}, {"ME", 255}, {"SR", 50}}
			p.FirstIndex = 0
			p.ReportsIn, p.ReportIndication = "SR", `+CDSI: "SM",0`
			p.CNMI[0] = []int{0, 1, 2}
			p.Full, p.FullCIEV = `+QIND: "smsfull","%s"`, false
			p.Boot = []string{"RDY", "+CFUN: 1"}
			p.Ready = []string{"+CPIN: READY", "+QUSIM: 1", "+QIND: SMS DONE", "+QIND: PB DONE"}
			p.ICCIDCommand = "+QCCID"
		}),
		// Blanks in the capabilities.
		with(func(p *Profile) {
			p.Name, p.Manufacturer, p.Model, p.Revision = "ublox", "u-blox", "SARA-R410M-02B", "L0.0.00.00.05.12"
			p.Capabilities = "+FCLASS, +CGSM"
			p.Stores = []Store{{"SM", 50}, {"ME", 23}}
			p.EmptySlot = invalidMemory
		}),
		// Messages are in ME whatever AT+CPMS says, the first index is 0, CNMI's
		// mode 2 is told of and refused, and AT+CNMA must not be sent.
		with(func(p *Profile) {
			p.Name, p.Manufacturer, p.Model, p.Revision = "simcom", "SIMCOM INCORPORATED", "SIM7600E-H", "LE20B04SIM7600M22"
			p.Capabilities = "+CGSM,+FCLASS,+DS"
			p.Stores = []Store{{"SM", 10}, {"ME", 100}}
			p.FirstIndex = 0
			p.ReceiveIn = "ME"
			p.CNMIRefused = []int{2}
			p.NoAcknowledgement = true
			p.Alpha = `""`
			p.Boot = []string{"RDY", "+CPIN: READY"}
			p.Ready = []string{"SMS DONE", "PB DONE"}
			p.EmptySlot = invalidMemory
			p.FullCIEV = false
			p.ICCIDCommand = "+CICCID"
		}),
		// AT+CPMS takes three arguments only, CNMI's ds takes 2 and not 1, unknown
		// commands have a final result of their own, and it talks all the time.
		with(func(p *Profile) {
			p.Name, p.Manufacturer, p.Model, p.Revision = "huawei", "huawei", "E3372", "21.180.01.00.00"
			p.Capabilities = "+CGSM,+DS,+ES"
			p.Stores = []Store{{"SM", 20}, {"ME", 255}}
			p.FirstIndex = 0
			p.CPMSArgs = []int{3}
			p.CPMSTest = `("SM","ME","MT"), ("SM","ME","MT"),("SM","ME","MT")`
			p.CNMI[3] = []int{0, 2}
			p.NotSupported = "COMMAND NOT SUPPORT"
			p.Full, p.FullCIEV = `^SMMEMFULL:"%s"`, false
			p.Boot = []string{"^SYSSTART"}
			p.Ready = []string{"^SRVST:2", "^SIMST:1"}
			p.Chatter = []string{"^RSSI:18", "^HCSQ:\"LTE\",46,42,131,20", "^MODE:5,4", "^BOOT:31416926,0,0,0,6"}
			p.EmptyListing = resultOK
			p.ICCIDCommand = "^ICCID"
		}),
		// One store only, an error for an empty listing, and CNMI's bfr is 1 only.
		with(func(p *Profile) {
			p.Name, p.Manufacturer, p.Model, p.Revision = "telit", "Telit", "ME910C1-E1", "30.00.006"
			p.Stores = []Store{{"SM", 10}}
			p.CPMSTest = `("SM"),("SM"),("SM")`
			p.CNMI[4] = []int{1}
			p.EmptyListing, p.EmptySlot = invalidMemory, invalidMemory
			p.Alpha = `""`
			p.ICCIDCommand = "#CCID"
		}),
		// AT+CPMS takes two arguments at most, and data may come behind its OK.
		with(func(p *Profile) {
			p.Name, p.Manufacturer, p.Model, p.Revision = "wavecom", "WAVECOM MODEM", "Q2686", "651_09gg.Q2406B"
			p.Stores = []Store{{"SM", 30}, {"BM", 20}, {"SR", 20}}
			p.ReportsIn = "SR"
			p.CPMSArgs = []int{1, 2}
			p.CPMSTest = `(("SM","BM","SR"),("SM"))`
			p.LateCREG = true
			p.EmptySlot = invalidMemory
		}),
		// +CMTI does not say where the message is.
		with(func(p *Profile) {
			p.Name, p.Manufacturer, p.Model, p.Revision = "sim7000", "SIMCOM_Ltd", "SIMCOM_SIM7000E", "1351B04SIM7000E"
			p.Stores = []Store{{"SM", 10}, {"ME", 20}}
			p.FirstIndex = 0
			p.Indication = "+CMTI: ,-1"
			p.Boot, p.Ready = []string{"RDY"}, []string{"SMS Ready"}
			p.EmptySlot = invalidMemory
		}),
		// +CDS has a comma too many, and CNMI's mode 2 is told of and refused.
		with(func(p *Profile) {
			p.Name, p.Manufacturer, p.Model, p.Revision = "zte", "ZTE INCORPORATED", "MF110", "BD_P673A2V1.0.0B09"
			p.Stores = []Store{{"SM", 20}, {"ME", 100}}
			p.CNMIRefused = []int{2}
			p.DirectReport = "+CDS: ,%d"
		}),
	}
}

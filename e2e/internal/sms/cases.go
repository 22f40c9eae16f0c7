//go:build linux

package sms

import "time"

// Cases are all cases. In each, SMS come in bursts of 50, a third of them in 2 to 5
// parts.
func Cases() []Case {
	const s = time.Second
	with := func(count int, c Case, troubles ...Trouble) Case {
		c.Count, c.Troubles = count, troubles
		if c.Burst == 0 {
			c.Burst = 50
		}
		if c.Every == 0 {
			c.Every = 2500 * time.Millisecond
		}
		if c.Pause == 0 {
			c.Pause = 1500 * time.Millisecond
		}
		// So that a burst takes a second and trouble comes within it.
		c.Modem = append(c.Modem, "--modem-delay", "10ms")
		return c
	}
	const (
		read = "what was printed and not yet marked when the plugin was killed comes twice"
		dies = "what Telegraf had read and not flushed dies with it"
	)
	all := []Trouble{Unplug, Freeze, Reset, Kill, Noise}
	return []Case{
		with(1000, Case{Name: "calm", Title: "nothing goes wrong"}),
		with(1000, Case{Name: "unplug", Title: "unplugged and replugged"}, Unplug),
		with(1000, Case{Name: "freeze", Title: "frozen for 0.1 to 4 s"}, Freeze),
		with(1000, Case{Name: "reset", Title: "modem resets", Pause: 5 * s}, Reset),
		with(1000, Case{Name: "kill", Title: "plugin: kill -9", AtMost: 20, May: read}, Kill),
		with(1000, Case{Name: "all", Title: "all of it, and noise", AtMost: 20, May: read}, all...),
		with(300, Case{Name: "long", Title: "frozen for 8 to 14 s, and noise", Pause: 5 * s, Every: 15 * s}, LongFreeze, Noise),
		with(300, Case{Name: "print", Title: "plugin: kill -9 as every 10th SMS is printed", KillAfter: 10, AtMost: 40, May: read}),
		with(1000, Case{Name: "stall", Title: "Telegraf stopped for a moment, plugin: kill -9", AtMost: 200, May: read}, Stall),
		with(120, Case{
			Name: "large", Title: "the same with SMS of 30 to 60 parts", Long: [2]int{30, 60}, Burst: 5, AtMost: 20, May: read,
		}, Stall),
		with(1000, Case{
			Name: "none", Title: "for comparison: no journal, plugin: kill -9", NoJournal: true, Compare: true,
			May: "what was printed and is not yet deleted comes again, and of a long one that is half deleted, the rest",
		}, Kill),
		with(300, Case{
			Name: "tiny", Title: "all of it, room for 4 SMS in the modem", Modem: []string{"--modem-stores", "SM=2,ME=2"}, AtMost: 10, May: read,
		}, all...),
		with(1000, Case{Name: "term", Title: "Telegraf: SIGTERM, started again", Pause: 8 * s}, Terminate),
		with(1000, Case{Name: "telegraf", Title: "Telegraf: kill -9, started again", Pause: 8 * s, AtMost: 1000, May: dies}, KillTelegraf),
		with(200, Case{Name: "quectel", Title: "all of it, as Quectel's do", Modem: []string{"--modem-profile", "quectel"}, AtMost: 10, May: read}, all...),
		with(200, Case{Name: "simcom", Title: "all of it, as SIMCom's do", Modem: []string{"--modem-profile", "simcom"}, AtMost: 10, May: read}, all...),
		with(200, Case{
			Name: "huawei", Title: "all of it, as Huawei's do, talking", Modem: []string{"--modem-profile", "huawei", "--modem-chatter", "300ms"},
			AtMost: 10, May: read,
		}, all...),
		with(200, Case{Name: "telit", Title: "all of it, as Telit's do", Modem: []string{"--modem-profile", "telit"}, AtMost: 10, May: read}, all...),
		with(200, Case{Name: "ublox", Title: "all of it, as u-blox's do", Modem: []string{"--modem-profile", "ublox"}, AtMost: 10, May: read}, all...),
		with(200, Case{Name: "omit", Title: `text and sender "omit"`, Options: "text = \"omit\"\nsender = \"omit\"", Omit: []string{"text", "sender"}}),
		with(200, Case{
			Name: "omit-text", Title: `text "omit", kill -9`, Options: `text = "omit"`, Omit: []string{"text"}, AtMost: 10, May: read,
		}, Kill),
	}
}

// Short is some of everything in a few seconds.
func Short() Case {
	return Case{
		Name: "short", Title: "some of everything", Count: 100, Burst: 25, Every: 2 * time.Second, Pause: 1500 * time.Millisecond,
		Troubles: []Trouble{Unplug, Freeze, Kill}, AtMost: 5,
	}
}

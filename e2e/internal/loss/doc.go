// Package loss counts what gets lost between Telegraf and the cloud while things
// go wrong: the real Telegraf with a generator of numbered metrics drives our
// binary, the emulator plays the cloud, and a script takes the link down, kills,
// stops, fills the disk or sets the clock. In the end Telegraf is started once
// more, so that what was kept can go out, and every metric is accounted for.
package loss

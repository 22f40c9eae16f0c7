// Package sms counts what becomes of SMS on their way through the product: the
// emulated modem receives them, the real Telegraf runs our binary on the modem's
// port with inputs.execd and writes metrics to a file, and meanwhile the modem is
// unplugged, frozen and reset, and processes are killed. In the end every SMS is
// accounted for: how often it came out, with which text, and what is left in the
// modem; and no log may hold a text or a number.
package sms

// Package e2e tests the product as a user has it: the real Telegraf collects
// metrics, outputs.execd starts the real binary, the binary's own emulator plays
// the Hologram cloud, and decode gives the metrics back.
//
// It is a module of its own, so that nothing it needs gets into the product's
// go.mod, and it knows the product by its command line only.
//
// Each folder below testcases is a case:
//
//	telegraf.conf  the inputs; common.conf beside the folders adds agent and outputs
//	plugin.conf    the configuration of our binary
//	case.toml      how to run it and what to expect, see type testCase
//
// and whatever files the inputs read. Telegraf runs in the folder. Addresses and
// file names come from environment variables, which both programs expand.
//
// What gets lost while processes are killed and the link is down is counted by
// cmd/loss, of which TestLoss is a short form; what becomes of received SMS by
// cmd/sms, of which TestSMS is one. The folder net tests behind a
// network that fails, and shim holds what is compared with; both are modules of
// their own because of what they require.
package e2e

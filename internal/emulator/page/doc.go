// Package page is a look at the emulator: one page in a browser with the messages as
// they arrive, decoded, with what they cost, and with the SMS of the modem and a box to
// send it one.
//
// A [Feed] keeps what has happened last, and a [Page] serves it. All HTML is made here,
// by html/template; the script on the page only puts what the event stream brings where
// it belongs, so that the page works without it, as a list that is reloaded.
//
// What is shown comes from anybody who can reach the emulator, and the page is open to
// any other page in the same browser. So nothing of it is ever script or style (there is
// a Content-Security-Policy, too), a name that somebody else's DNS has led here is
// refused, and so is a request that another page makes.
package page

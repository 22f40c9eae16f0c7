// Package page looks at the emulator's page as a user does: in a browser, Chromium
// without a window, with our binary behind it. Without Chromium the test says so and is
// passed over. With -screenshot it writes the picture that is in the documents.
//
// It is a module of its own because of what drives the browser.
package page

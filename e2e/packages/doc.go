// Package packages has no code of its own. Its tests install, use, upgrade and remove
// the packages that tools/dist.sh makes, with the real dpkg and rpm in a folder with
// Debian, and with the real Telegraf: "make packages-test" builds the packages and runs
// them. They need Linux, root and debootstrap; the folder is kept in e2e/.cache.
package packages

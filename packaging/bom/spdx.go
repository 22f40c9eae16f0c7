package main

import (
	"crypto/sha1" //nolint:gosec // SPDX 2.3 wants SHA1 of each file, besides what else there is
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// document is what the bill of materials is about.
type document struct {
	name, version, target string
	created               time.Time
	goVersion             string
	binary                []byte
}

// The parts of SPDX 2.3 that are used, https://spdx.github.io/spdx-spec/v2.3/.
type (
	spdxFile struct {
		SPDXID           string         `json:"SPDXID"`
		FileName         string         `json:"fileName"`
		Checksums        []spdxChecksum `json:"checksums"`
		LicenseConcluded string         `json:"licenseConcluded"`
		CopyrightText    string         `json:"copyrightText"`
	}
	spdxChecksum struct {
		Algorithm string `json:"algorithm"`
		Value     string `json:"checksumValue"`
	}
	spdxReference struct {
		Category string `json:"referenceCategory"`
		Type     string `json:"referenceType"`
		Locator  string `json:"referenceLocator"`
	}
	spdxPackage struct {
		SPDXID           string          `json:"SPDXID"`
		Name             string          `json:"name"`
		Version          string          `json:"versionInfo"`
		DownloadLocation string          `json:"downloadLocation"`
		FilesAnalyzed    bool            `json:"filesAnalyzed"`
		Checksums        []spdxChecksum  `json:"checksums,omitempty"`
		LicenseConcluded string          `json:"licenseConcluded"`
		LicenseDeclared  string          `json:"licenseDeclared"`
		CopyrightText    string          `json:"copyrightText"`
		Comment          string          `json:"comment,omitempty"`
		References       []spdxReference `json:"externalRefs,omitempty"`
	}
	spdxRelationship struct {
		Element string `json:"spdxElementId"`
		Type    string `json:"relationshipType"`
		Related string `json:"relatedSpdxElement"`
	}
	spdxRoot struct {
		Version      string `json:"spdxVersion"`
		DataLicense  string `json:"dataLicense"`
		SPDXID       string `json:"SPDXID"`
		Name         string `json:"name"`
		Namespace    string `json:"documentNamespace"`
		CreationInfo struct {
			Created  string   `json:"created"`
			Creators []string `json:"creators"`
		} `json:"creationInfo"`
		Packages      []spdxPackage      `json:"packages"`
		Files         []spdxFile         `json:"files"`
		Relationships []spdxRelationship `json:"relationships"`
	}
)

// spdxDocument is the bill of materials. The same binary gives the same bytes.
func spdxDocument(d document, parts []part) ([]byte, error) {
	sum256, sum1 := sha256.Sum256(d.binary), sha1.Sum(d.binary) //nolint:gosec // as above
	var root spdxRoot
	root.Version, root.DataLicense, root.SPDXID = "SPDX-2.3", "CC0-1.0", "SPDXRef-DOCUMENT"
	root.Name = strings.Join([]string{d.name, d.version, d.target}, "-")
	root.Namespace = "https://spdx.org/spdxdocs/" + root.Name + "-" + hex.EncodeToString(sum256[:16])
	root.CreationInfo.Created = d.created.UTC().Format(time.RFC3339)
	root.CreationInfo.Creators = []string{"Tool: telegraf-hologram-bom"}
	root.Files = []spdxFile{{
		SPDXID: "SPDXRef-binary", FileName: "./telegraf-hologram",
		Checksums: []spdxChecksum{
			{"SHA1", hex.EncodeToString(sum1[:])},
			{"SHA256", hex.EncodeToString(sum256[:])},
		},
		LicenseConcluded: "NOASSERTION", CopyrightText: "NOASSERTION",
	}}
	root.Relationships = []spdxRelationship{
		{"SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-package-0"},
		{"SPDXRef-binary", "GENERATED_FROM", "SPDXRef-package-0"},
	}
	for i, p := range parts {
		pack := spdxPackage{
			SPDXID: fmt.Sprintf("SPDXRef-package-%d", i), Name: p.Path, Version: p.Version, DownloadLocation: "NOASSERTION",
			LicenseConcluded: p.License, LicenseDeclared: p.License, CopyrightText: "Copyright " + strings.Join(p.Holders, "\nCopyright "),
		}
		purl := "pkg:golang/" + p.Path + "@" + p.Version
		switch {
		case i == 0:
			pack.Name, pack.Version = d.name, d.version
			pack.Comment = "built with " + d.goVersion
			purl = "pkg:generic/" + d.name + "@" + d.version
		case p.Sum == "":
			purl = "pkg:golang/std@" + strings.TrimPrefix(p.Version, "go")
		default:
			hash, err := moduleSum(p.Sum)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.Path, err)
			}
			pack.Comment = "h1 of go.sum, SHA256 of the list of its files: " + hash
		}
		pack.References = []spdxReference{{"PACKAGE-MANAGER", "purl", purl}}
		root.Packages = append(root.Packages, pack)
		if i > 0 {
			root.Relationships = append(root.Relationships, spdxRelationship{"SPDXRef-binary", "STATIC_LINK", pack.SPDXID})
		}
	}
	text, err := json.MarshalIndent(root, "", "  ")
	return append(text, '\n'), err
}

// moduleSum is the hash of go.sum in hexadecimal.
func moduleSum(sum string) (string, error) {
	coded, ok := strings.CutPrefix(sum, "h1:")
	if !ok {
		return "", fmt.Errorf("checksum %q is of an unknown kind", sum)
	}
	raw, err := base64.StdEncoding.DecodeString(coded)
	return hex.EncodeToString(raw), err
}

package image

import (
	"crypto/sha256"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	spdx "github.com/spdx/tools-golang/spdx/v2/v2_3"
)

func (b *bill) writeSPDX(w io.Writer) error {
	return spdxjson.Write(b.spdx(), w, spdxjson.Indent("  "), spdxjson.EscapeHTML(false))
}

// noAssertion is SPDX for "not looked at".
const noAssertion = "NOASSERTION"

func (b *bill) spdx() *spdx.Document {
	image := &spdx.Package{
		PackageName: b.Name, PackageSPDXIdentifier: "Image", PackageVersion: b.Version,
		PackageDownloadLocation: noAssertion, PrimaryPackagePurpose: "CONTAINER",
		PackageLicenseConcluded: noAssertion, PackageLicenseDeclared: noAssertion, PackageCopyrightText: noAssertion,
		PackageComment: "image id " + b.ID,
	}
	doc := &spdx.Document{
		SPDXVersion: spdx.Version, DataLicense: spdx.DataLicense, SPDXIdentifier: "DOCUMENT",
		DocumentName:      b.Name,
		DocumentNamespace: "https://spdx.org/spdxdocs/" + purlEscape(b.Name) + "-" + b.uuid("spdx"),
		CreationInfo: &spdx.CreationInfo{
			Creators: []common.Creator{{CreatorType: "Tool", Creator: "drydock"}},
			// Mandatory; an image without a time is as old as time.
			Created: max0(b.Created).Format("2006-01-02T15:04:05Z"),
		},
		Packages:      []*spdx.Package{image},
		Relationships: []*spdx.Relationship{relation("DOCUMENT", common.TypeRelationshipDescribe, "Image")},
	}
	for _, p := range b.Parts {
		pkg := p.spdx()
		doc.Packages = append(doc.Packages, pkg)
		if p.Dev {
			doc.Relationships = append(doc.Relationships, relation(string(pkg.PackageSPDXIdentifier), common.TypeRelationshipDevDependencyOf, "Image"))
		} else {
			doc.Relationships = append(doc.Relationships, relation("Image", common.TypeRelationshipContains, string(pkg.PackageSPDXIdentifier)))
		}
	}
	return doc
}

func max0(t time.Time) time.Time {
	if epoch := time.Unix(0, 0).UTC(); t.Before(epoch) {
		return epoch
	}
	return t
}

func relation(a, kind, b string) *spdx.Relationship {
	return &spdx.Relationship{RefA: common.MakeDocElementID("", a), RefB: common.MakeDocElementID("", b), Relationship: kind}
}

// oneLicense is a single SPDX id. Anything else that a package declares may be
// an expression or prose, and a wrong expression makes the whole document invalid.
var oneLicense = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]*\+?$`)

var notInID = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

func (p part) spdx() *spdx.Package {
	sum := sha256.Sum256([]byte(p.PURL))
	id := fmt.Sprintf("%s-%s-%x", p.Kind, strings.Trim(notInID.ReplaceAllString(p.Name, "-"), "-"), sum[:6])
	pkg := &spdx.Package{
		PackageName: p.Name, PackageSPDXIdentifier: common.ElementID(id), PackageVersion: p.Version,
		PackageDownloadLocation: noAssertion, PrimaryPackagePurpose: "LIBRARY",
		PackageLicenseConcluded: noAssertion, PackageLicenseDeclared: noAssertion, PackageCopyrightText: noAssertion,
		PackageSourceInfo: "found in " + strings.Join(p.Paths, ", "),
		PackageExternalReferences: []*spdx.PackageExternalReference{{
			Category: common.CategoryPackageManager, RefType: common.TypePackageManagerPURL, Locator: p.PURL,
		}},
	}
	if p.Kind == goMain {
		pkg.PrimaryPackagePurpose = "APPLICATION"
	}
	if oneLicense.MatchString(p.License) && p.License != "UNLICENSED" {
		pkg.PackageLicenseDeclared = p.License
	}
	if p.Supplier != "" {
		pkg.PackageSupplier = &common.Supplier{SupplierType: "Organization", Supplier: p.Supplier}
	}
	return pkg
}

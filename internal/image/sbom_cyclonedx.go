package image

import (
	"io"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

func (b *bill) writeCycloneDX(w io.Writer) error {
	enc := cdx.NewBOMEncoder(w, cdx.BOMFileFormatJSON)
	enc.SetPretty(true)
	enc.SetEscapeHTML(false)
	return enc.EncodeVersion(b.cycloneDX(), cdx.SpecVersion1_6)
}

func (b *bill) cycloneDX() *cdx.BOM {
	bom := cdx.NewBOM()
	bom.SerialNumber = "urn:uuid:" + b.uuid("cyclonedx")
	bom.Metadata = &cdx.Metadata{
		Tools: &cdx.ToolsChoice{Components: &[]cdx.Component{{Type: cdx.ComponentTypeApplication, Name: "drydock"}}},
		Component: &cdx.Component{
			BOMRef: b.ID, Type: cdx.ComponentTypeContainer, Name: b.Name, Version: b.Version,
			Properties: &[]cdx.Property{{Name: "drydock:image:id", Value: b.ID}},
		},
	}
	if !b.Created.IsZero() {
		bom.Metadata.Timestamp = b.Created.Format(time.RFC3339)
	}
	components := make([]cdx.Component, 0, len(b.Parts))
	refs := make([]string, 0, len(b.Parts))
	for _, p := range b.Parts {
		refs = append(refs, p.PURL)
		components = append(components, p.cycloneDX())
	}
	bom.Components = &components
	bom.Dependencies = &[]cdx.Dependency{{Ref: b.ID, Dependencies: &refs}}
	return bom
}

func (p part) cycloneDX() cdx.Component {
	c := cdx.Component{BOMRef: p.PURL, Type: cdx.ComponentTypeLibrary, Name: p.Name, Version: p.Version, PackageURL: p.PURL, Scope: cdx.ScopeRequired}
	if p.Kind == goMain {
		c.Type = cdx.ComponentTypeApplication
	}
	if scope, name, ok := strings.Cut(p.Name, "/"); ok && p.Kind == npmPart {
		c.Group, c.Name = scope, name
	}
	if p.Dev {
		c.Scope = cdx.ScopeExcluded
	}
	if p.License != "" {
		// By name, not by id: the schema has a closed list of ids.
		c.Licenses = &cdx.Licenses{{License: &cdx.License{Name: p.License}}}
	}
	if p.Supplier != "" {
		c.Supplier = &cdx.OrganizationalEntity{Name: p.Supplier}
	}
	places := make([]cdx.EvidenceOccurrence, 0, len(p.Paths))
	for _, path := range p.Paths {
		places = append(places, cdx.EvidenceOccurrence{Location: path})
	}
	c.Evidence = &cdx.Evidence{Occurrences: &places}
	return c
}

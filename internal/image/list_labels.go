package image

const (
	labelInput    = "drydock.input"
	labelImage    = "drydock.image"
	labelTarget   = "drydock.target"
	labelProject  = "drydock.project"
	labelRoot     = "drydock.root" // of a base image: what it begins with
	labelVersion  = "org.opencontainers.image.version"
	labelRevision = "org.opencontainers.image.revision"
)

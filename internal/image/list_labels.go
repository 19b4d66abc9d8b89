package image

const (
	labelInput    = "drydock.input"
	labelImage    = "drydock.image"
	labelTarget   = "drydock.target"
	labelProject  = "drydock.project"
	labelRoot     = "drydock.root"   // of a base image: what it begins with
	labelStands   = "drydock.stands" // what it was made from, see footings
	labelVersion  = "org.opencontainers.image.version"
	labelRevision = "org.opencontainers.image.revision"
)

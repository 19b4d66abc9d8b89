package image

const (
	labelInput   = "drydock.input"
	labelImage   = "drydock.image"
	labelTarget  = "drydock.target"
	labelProject = "drydock.project"
	labelVersion = "org.opencontainers.image.version"
)

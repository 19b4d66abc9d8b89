package image

const labelInput = "drydock.input"

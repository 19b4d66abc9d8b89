package image

import (
	"time"

	"drydock/internal/engine"
)

const labelCreated = "org.opencontainers.image.created"

// An image inherits the labels of the one that it is built on: whatever begins with our
// toolchain says that it is our toolchain, with the toolchain's input. That holds for a
// user's own image, and for ours between the end of BuildKit's work and complete, where
// another build, or the next one after an interruption, can come upon it.

// inTheMaking are the labels of an image that BuildKit has made and complete has not seen:
// it must not pass for its base. complete puts the true ones in their place.
var inTheMaking = map[string]string{labelImage: "unfinished", labelInput: ""}

// genuine says whether an image's labels were made for it. complete gives an image and
// its label the same time of creation; one that inherited the label has a time of its own.
func genuine(img engine.Image) bool {
	labelled, err := time.Parse(time.RFC3339, img.Labels[labelCreated])
	return err == nil && labelled.Unix() == img.Created.Unix() // engines list whole seconds
}

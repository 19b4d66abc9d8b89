// Package image makes, names, keeps and moves the images of the product.
//
// It owns the catalogue (which images there are and what each is built from),
// the input hash that decides whether anything has to be built, versions and
// tags, base images with and without a registry, builds, their normalisation
// into reproducible images, and what happens to images afterwards: listing,
// pruning, pushing to a registry, shipping to another engine, bills of
// materials.
//
// It does not run anything: containers are compose's and deploy's.
package image

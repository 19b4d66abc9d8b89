package image

import (
	"archive/tar"
	"crypto/sha256"
	"maps"
	"path"
	"slices"
	"strings"
)

// tree is what layers add up to, by path.
type tree map[string]entry

// newTree is what an image from scratch has.
func newTree() tree {
	root := &tar.Header{Typeflag: tar.TypeDir, Name: "./", Mode: 0o755, Format: tar.FormatPAX}
	return tree{"": {Header: root, Print: fingerprint(root, sha256.New())}}
}

func (t tree) remove(below string) {
	if below == "" {
		maps.DeleteFunc(t, func(p string, _ entry) bool { return p != "" })
		return
	}
	maps.DeleteFunc(t, func(p string, _ entry) bool { return strings.HasPrefix(p, below+"/") })
}

// has says whether there is anything at a path, or below one that no layer lists.
func (t tree) has(at string) bool {
	if _, ok := t[at]; ok {
		return true
	}
	for p := range t {
		if strings.HasPrefix(p, at+"/") {
			return true
		}
	}
	return false
}

// takeAway does a layer's removals, which concern the layers below it only.
func (t tree) takeAway(layer []entry) {
	for i := range layer {
		gone, all, removes := layer[i].removes()
		if !removes {
			continue
		}
		t.remove(gone)
		if !all {
			delete(t, gone)
		}
	}
}

func (t tree) put(layer []entry) {
	for _, e := range layer {
		if _, _, removes := e.removes(); removes {
			continue
		}
		if old, ok := t[e.Path]; ok && old.isFolder() && !e.isFolder() {
			t.remove(e.Path)
		}
		t[e.Path] = e
	}
}

// canonical changes the entries of a layer on a tree into what is to be written, and the
// tree into what is there with it.
func canonical(t tree, layer []entry) []entry {
	layer = slices.Clone(layer)
	slices.SortStableFunc(layer, order)
	electFiles(layer)
	idle := map[string]bool{} // removals of what is not there
	for i := range layer {
		if gone, all, removes := layer[i].removes(); removes && !all && !t.has(gone) {
			idle[layer[i].Path] = true
		}
	}
	t.takeAway(layer)
	above := map[string]bool{} // folders with a change below them
	listed := map[string]bool{}
	var kept []entry
	for _, e := range slices.Backward(layer) { // what is in a folder before the folder
		same := e.Print != "" && t[e.Path].Print == e.Print
		if idle[e.Path] || same && !(e.isFolder() && e.Path != "" && above[e.Path]) {
			continue
		}
		kept = append(kept, e)
		listed[e.Path] = true
		for dir := e.Path; dir != ""; {
			if dir = path.Dir(dir); dir == "." {
				break
			}
			above[dir] = true
		}
	}
	// Without its folder in the same layer, an engine gives a file one of its own making.
	for dir := range above {
		if known, ok := t[dir]; ok && !listed[dir] && known.isFolder() {
			kept = append(kept, known)
		}
	}
	slices.SortFunc(kept, order)
	t.put(layer)
	return kept
}

// electFiles makes the first of several hard links in a sorted layer the file, so that
// the others find it there.
func electFiles(layer []entry) {
	at := map[string]int{}
	for i, e := range layer {
		at[e.Path] = i
	}
	for i := range layer {
		link := &layer[i]
		if link.Header.Typeflag != tar.TypeLink {
			continue
		}
		j, ok := at[link.Header.Linkname]
		if !ok {
			continue // of a layer below
		}
		file := &layer[j]
		if file.Header.Typeflag == tar.TypeLink {
			link.Header.Linkname = file.Header.Linkname // elected before
			continue
		}
		file.Print = "" // a link count is no difference that can be told here
		if j < i || file.Header.Typeflag != tar.TypeReg {
			continue
		}
		first, second := *file.Header, *link.Header
		first.Name, second.Name = link.Header.Name, file.Header.Name
		second.Linkname = strings.TrimSuffix(first.Name, "/")
		link.Header, link.off, file.Header = &first, file.off, &second
	}
}

// Package plot draws small pictures of values over time as inline SVG: a line, a timeline
// of bars, a bar made of parts.
//
// It owns geometry, ticks and the style they need (Style). It knows nothing about what is
// drawn, reads no clock, and makes no page: the caller puts the pieces into one.
//
// A picture fills the width that it is given, from a phone's to a desk's, without scaling
// its letters: positions are percentages, and only the line itself is stretched. It has no
// style attribute and no script, so that a page can forbid both. Every text is escaped.
// Each picture has a name for those who cannot see it, and each mark a title of its own.
package plot

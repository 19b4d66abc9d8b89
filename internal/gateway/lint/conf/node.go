package conf

import "strings"

// Node is one directive, at one place of the expanded tree. The root is a Node without
// a name, which stands for the main context.
type Node struct {
	Name     string
	Args     []string // unescaped and unquoted; those of `if` without the parentheses
	File     string   // path below the folder that was read, with slashes
	Line     int      // from 1; 0 for the root and for what Load added
	Block    bool     // written with braces
	Param    bool     // a line of a map, geo, types or split_clients body, not a directive
	Parent   *Node
	Children []*Node

	named map[string][]*Node // of a block with many children, by name; made by Load
}

// manyChildren is from where on looking through all children is worth an index: an
// http block may hold thousands, and every inherited setting asks it.
const manyChildren = 24

func (n *Node) index() {
	n.Walk(func(b *Node) bool {
		if len(b.Children) >= manyChildren && !isBody(b) {
			b.named = map[string][]*Node{}
			for _, c := range b.Children {
				if !c.Param {
					b.named[c.Name] = append(b.named[c.Name], c)
				}
			}
		}
		return true
	})
}

// Arg is the i-th argument, or "" if there are fewer.
func (n *Node) Arg(i int) string {
	if n == nil || i < 0 || i >= len(n.Args) {
		return ""
	}
	return n.Args[i]
}

// Has tells whether one of the arguments is exactly arg.
func (n *Node) Has(arg string) bool {
	for _, a := range n.Args {
		if a == arg {
			return true
		}
	}
	return false
}

// Param is the value of an argument that is written key=value.
func (n *Node) Option(key string) (string, bool) {
	for _, a := range n.Args {
		if k, v, ok := strings.Cut(a, "="); ok && k == key {
			return v, true
		}
	}
	return "", false
}

// All are the direct children with one of these names, in order.
func (n *Node) All(names ...string) []*Node {
	if n.named != nil && len(names) == 1 {
		return n.named[names[0]]
	}
	var out []*Node
	for _, c := range n.Children {
		for _, name := range names {
			if c.Name == name && !c.Param {
				out = append(out, c)
				break
			}
		}
	}
	return out
}

// Last is the last direct child with this name, or nil.
func (n *Node) Last(name string) *Node {
	if n.named != nil {
		if list := n.named[name]; len(list) > 0 {
			return list[len(list)-1]
		}
		return nil
	}
	for i := len(n.Children) - 1; i >= 0; i-- {
		if c := n.Children[i]; c.Name == name && !c.Param {
			return c
		}
	}
	return nil
}

// Walk calls f for n and everything below it, outer before inner. If f returns false,
// what is below the node is left out.
func (n *Node) Walk(f func(*Node) bool) {
	if !f(n) {
		return
	}
	for _, c := range n.Children {
		c.Walk(f)
	}
}

// Up is the nearest block around n (n not included) with one of these names, or nil.
func (n *Node) Up(names ...string) *Node {
	for p := n.Parent; p != nil; p = p.Parent {
		for _, name := range names {
			if p.Name == name {
				return p
			}
		}
	}
	return nil
}

// Within tells whether n stands, at any depth, in a block with this name.
func (n *Node) Within(name string) bool { return n.Up(name) != nil }

// Inherited is what counts at the block n for a directive that may stand on several
// levels: all of its occurrences on the nearest level that has any. nginx replaces an
// inherited list as a whole, it never adds to it.
func (n *Node) Inherited(name string) []*Node {
	for p := n; p != nil; p = p.Parent {
		if found := p.All(name); len(found) > 0 {
			return found
		}
	}
	return nil
}

// Value is the directive that counts at the block n for one that is given once a level,
// or nil if no level has it.
func (n *Node) Value(name string) *Node {
	if found := n.Inherited(name); len(found) > 0 {
		return found[len(found)-1]
	}
	return nil
}

// String is the directive as one would write it on one line, without its body.
func (n *Node) String() string {
	parts := append([]string{n.Name}, n.Args...)
	for i, p := range parts {
		if p == "" || strings.ContainsAny(p, " \t\n;{}\"'") {
			parts[i] = `"` + strings.NewReplacer(`"`, `\"`, "\n", `\n`, "\t", `\t`).Replace(p) + `"`
		}
	}
	return strings.Join(parts, " ")
}

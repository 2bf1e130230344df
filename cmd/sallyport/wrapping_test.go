package main_test

import (
	"strings"

	"github.com/beevik/etree"
)

// wrappings are the eight signature wrapping attacks that Somorovsky et al., "On Breaking SAML: Be
// Whoever You Want to Be" (USENIX Security 2012), found in the field, under the numbers that testing
// tools gave them, and what else somebody does to a signed document. Each turns alice's response into one
// that says bob, with a signature in it that is still good for something.
func wrappings() map[string]func(*etree.Element) *etree.Element {
	const ds = "Signature"
	first := func(e *etree.Element, tag string) *etree.Element {
		for _, c := range e.ChildElements() {
			if c.Tag == tag {
				return c
			}
		}
		panic("the provider's response has no " + tag)
	}
	without := func(e *etree.Element) *etree.Element { // a copy without its own signature
		c := e.Copy()
		c.RemoveChild(first(c, ds))
		return c
	}
	var bob func(e *etree.Element)
	bob = func(e *etree.Element) {
		if text := e.Text(); strings.Contains(text, "alice") {
			e.SetText(strings.ReplaceAll(text, "alice", "bob"))
		}
		for _, c := range e.ChildElements() {
			if c.Tag != ds {
				bob(c)
			}
		}
	}
	evil := func(e *etree.Element) *etree.Element { // bob's, under another id, with the signature that e had
		c := e.Copy()
		c.CreateAttr("ID", "_evil")
		bob(c)
		return c
	}
	// onAssertion takes the response's own signature away, and hands over the assertion.
	onAssertion := func(f func(response, assertion *etree.Element)) func(*etree.Element) *etree.Element {
		return func(r *etree.Element) *etree.Element {
			r = without(r)
			f(r, first(r, "Assertion"))
			return r
		}
	}
	return map[string]func(*etree.Element) *etree.Element{
		"XSW1: the signed response inside the signature": func(r *etree.Element) *etree.Element {
			root := evil(r)
			first(root, ds).AddChild(without(r))
			return root
		},
		"XSW2: the signed response beside the signature": func(r *etree.Element) *etree.Element {
			root := evil(r)
			root.InsertChildAt(first(root, ds).Index(), without(r))
			return root
		},
		"XSW3: another assertion before the signed one": onAssertion(func(r, a *etree.Element) {
			r.InsertChildAt(a.Index(), without(evil(a)))
		}),
		"XSW4: the signed assertion inside another": onAssertion(func(r, a *etree.Element) {
			outer := without(evil(a))
			r.RemoveChild(a)
			outer.AddChild(a)
			r.AddChild(outer)
		}),
		"XSW5: the signed assertion after another that has the signature": onAssertion(func(r, a *etree.Element) {
			outer, inner := evil(a), without(a)
			r.RemoveChild(a)
			r.AddChild(outer)
			r.AddChild(inner)
		}),
		"XSW6: the signed assertion inside the signature of another": onAssertion(func(r, a *etree.Element) {
			outer, inner := evil(a), without(a)
			r.RemoveChild(a)
			first(outer, ds).AddChild(inner)
			r.AddChild(outer)
		}),
		"XSW7: another assertion among extensions": onAssertion(func(r, a *etree.Element) {
			extensions := etree.NewElement("samlp:Extensions")
			extensions.AddChild(without(evil(a)))
			r.InsertChildAt(a.Index(), extensions)
			r.RemoveChild(a)
			moved := evil(a)
			r.AddChild(moved)
		}),
		"XSW8: the signed assertion inside an object of the signature": onAssertion(func(r, a *etree.Element) {
			outer, object := evil(a), etree.NewElement("ds:Object")
			object.AddChild(without(a))
			r.RemoveChild(a)
			first(outer, ds).AddChild(object)
			r.AddChild(outer)
		}),
		"no signature at all": onAssertion(func(r, a *etree.Element) {
			r.RemoveChild(a)
			r.AddChild(without(evil(a)))
		}),
		"changed under the signatures": func(r *etree.Element) *etree.Element {
			c := r.Copy()
			bob(c)
			return c
		},
		"the signature's reference to everything": func(r *etree.Element) *etree.Element {
			c := evil(r)
			first(first(first(c, ds), "SignedInfo"), "Reference").CreateAttr("URI", "")
			return c
		},
		"two elements with the signed id": func(r *etree.Element) *etree.Element {
			c := r.Copy()
			a := first(c, "Assertion")
			twin := a.Copy()
			bob(twin)
			c.InsertChildAt(a.Index(), twin)
			c.RemoveChild(first(c, ds))
			return c
		},
	}
}

package epcis

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// readXML reads an EPCIS document or query document in XML, of EPCIS 2.0 or 1.2.
func readXML(payload []byte) (*document, error) {
	root, err := parseXML(payload)
	if err != nil {
		return nil, err
	}
	list := root.within("EventList")
	if list == nil {
		return nil, errors.New("it has no EventList")
	}
	var ignored []string
	if f := root.within("ignoreFields"); f != nil {
		for _, k := range f.kids {
			ignored = append(ignored, k.name)
		}
	}
	d := &document{}
	for i, n := range list.flat().kids {
		e := &event{node: &node{}, kind: n.name, path: "EventList." + strconv.Itoa(i) + "."}
		for _, k := range n.kids {
			if !slices.Contains(ignored, k.name) {
				e.kids = append(e.kids, k.canonical(""))
			}
		}
		d.events = append(d.events, e)
	}
	return d, nil
}

// parseXML gives the document's elements, attributes as elements of their own. Names of the standard have no namespace.
func parseXML(payload []byte) (*node, error) {
	dec := xml.NewDecoder(bytes.NewReader(payload))
	open := []*node{{}}
	for {
		t, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		top := open[len(open)-1]
		switch t := t.(type) {
		case xml.StartElement:
			if len(open) > deepest+8 {
				return nil, fmt.Errorf("it is nested more than %d deep", deepest)
			}
			k := top.add(xmlName(t.Name), "")
			for _, a := range t.Attr {
				if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
					k.add(xmlName(a.Name), a.Value)
				}
			}
			open = append(open, k)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if s := strings.TrimSpace(string(t)); s != "" {
				top.text += s
			}
		}
	}
	return open[0], nil
}

func xmlName(n xml.Name) string {
	if n.Space == "" || strings.HasPrefix(n.Space, "urn:epcglobal:epcis") {
		return n.Local
	}
	return "{" + n.Space + "}" + n.Local
}

// within finds the first element of a local name, at any depth.
func (n *node) within(local string) *node {
	for _, k := range n.kids {
		if k.name == local || strings.HasSuffix(k.name, "}"+local) {
			return k
		}
		if found := k.within(local); found != nil {
			return found
		}
	}
	return nil
}

// flat lifts what stands in the wrappers of EPCIS 1.x, which mean nothing.
func (n *node) flat() *node {
	var kids []*node
	for _, k := range n.kids {
		if k.flat(); k.name == "extension" || k.name == "baseExtension" {
			kids = append(kids, k.kids...)
		} else {
			kids = append(kids, k)
		}
	}
	n.kids = kids
	return n
}

// known are the prefixes of the standard: those of values are no XML namespaces.
var known = standard()

// canonical writes all values within in their canonical form.
func (n *node) canonical(element string) *node {
	if n.text != "" {
		n.text = known.value(element, n.name, n.text)
	}
	for _, k := range n.kids {
		k.canonical(n.name)
	}
	return n
}

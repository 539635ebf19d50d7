package tree

import (
	"fmt"

	"github.com/owncloud/ocis-runtime/services/storage/internal/paths"
)

// place is what following a path led to.
type place struct {
	path  paths.Path
	chain []node // from the root to the deepest entry on the path
	found bool   // the last of chain is what the path names
}

// locate follows path from root.
func (x *tx) locate(root node, path paths.Path) (place, error) {
	at := place{path: path, chain: make([]node, 1, path.Depth()+1)}
	at.chain[0] = root
	for rest := path; !rest.IsRoot(); {
		var name string
		name, rest = rest.Cut()
		n, found, err := x.get(at.last().entry.ID, name)
		if err != nil || !found {
			return at, err
		}
		at.chain = append(at.chain, n)
	}
	at.found = true
	return at, nil
}

func (p *place) root() *node { return &p.chain[0] }

func (p *place) last() *node { return &p.chain[len(p.chain)-1] }

// ancestors returns the nodes above what the path names, from the root down.
func (p *place) ancestors() []node { return p.chain[:min(len(p.chain), p.path.Depth())] }

// orphan tells whether nothing can be made here: the parent is not a directory.
func (p *place) orphan() bool {
	above := p.ancestors()
	return len(above) < p.path.Depth() || !above[len(above)-1].entry.Directory
}

// effect is what a change means for the directories above it.
type effect struct {
	grown      int64 // bytes
	membership bool  // the parent has got or lost a child
}

// touch gives all of ancestors a new etag and their new size. It reads them again, so
// that two of a change's effects add up.
func (x *tx) touch(ancestors []node, e effect) error {
	for i := len(ancestors) - 1; i >= 0; i-- {
		n, found, err := x.get(ancestors[i].parent, ancestors[i].name)
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("folder %d is gone", ancestors[i].entry.ID)
		}
		n.entry.Tag = newTag()
		n.entry.Size = uint64(int64(n.entry.Size) + e.grown)
		if e.membership && i == len(ancestors)-1 {
			n.entry.Modified = x.now
		}
		if err := x.putNode(&n); err != nil {
			return err
		}
	}
	return nil
}

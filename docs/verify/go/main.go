// Verifies exported turnpike ledgers with the transparency log code of the Go project (golang.org/x/mod/sumdb).
// Shares no line with turnpike. See docs/verifying-the-ledger.md.
//
//	verify -vkey FILE [-older CHECKPOINT]... [-plain] FOLDER...
//
// Prints one line a folder, OK or FAIL, and exits 1 when any of them fails.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const width = 256

// folder reads tiles where C2SP puts them: Go's path without the height of the tiles.
type folder struct {
	dir   string
	mu    sync.Mutex
	upper map[tlog.Tile][]byte
}

func (f *folder) Height() int { return 8 }

func (f *folder) SaveTiles([]tlog.Tile, [][]byte) {}

func (f *folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		data, err := f.tile(tile)
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

// tile keeps the tiles above the leaves: every bundle needs them.
func (f *folder) tile(tile tlog.Tile) ([]byte, error) {
	f.mu.Lock()
	data, known := f.upper[tile]
	f.mu.Unlock()
	if known {
		return data, nil
	}
	path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
	data, err := os.ReadFile(filepath.Join(f.dir, path))
	if err != nil {
		return nil, err
	}
	if len(data) != tile.W*tlog.HashSize {
		return nil, fmt.Errorf("%s: %d bytes, not %d", path, len(data), tile.W*tlog.HashSize)
	}
	if tile.L > 0 {
		f.mu.Lock()
		f.upper[tile] = data
		f.mu.Unlock()
	}
	return data, nil
}

// checkpoint opens a note by the log and reads the three lines it must consist of.
func checkpoint(path string, key note.Verifier) (tlog.Tree, error) {
	var tree tlog.Tree
	data, err := os.ReadFile(path)
	if err != nil {
		return tree, err
	}
	signed, err := note.Open(data, note.VerifierList(key))
	if err != nil {
		return tree, err
	}
	for _, signature := range append(signed.Sigs, signed.UnverifiedSigs...) {
		// Go's reader lets unused bits pass; in one form only is a checkpoint the one that was served.
		if _, err := base64.StdEncoding.Strict().DecodeString(signature.Base64); err != nil {
			return tree, errors.New("not a signature line")
		}
	}
	lines := strings.Split(signed.Text, "\n")
	if len(lines) != 4 || lines[3] != "" || lines[0] != key.Name() {
		return tree, errors.New("not a checkpoint of this log")
	}
	tree.N, err = strconv.ParseInt(lines[1], 10, 64)
	if err != nil || tree.N < 0 || strconv.FormatInt(tree.N, 10) != lines[1] {
		return tree, errors.New("the size is not a number")
	}
	hash, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(hash) != tlog.HashSize {
		return tree, errors.New("the root is not a hash")
	}
	copy(tree.Hash[:], hash)
	return tree, nil
}

// bundle compares the entries of one bundle with the leaves of the tree.
func bundle(dir string, first, count int64, hashes tlog.HashReader, plain bool) error {
	tile := tlog.Tile{H: 8, L: -1, N: first / width, W: int(count)}
	path := strings.Replace(tile.Path(), "tile/8/data/", "tile/entries/", 1)
	data, err := os.ReadFile(filepath.Join(dir, path))
	if err != nil {
		return fmt.Errorf("entry %d: %w", first, err)
	}
	indexes := make([]int64, count)
	for i := range indexes {
		indexes[i] = tlog.StoredHashIndex(0, first+int64(i))
	}
	leaves, err := hashes.ReadHashes(indexes)
	if err != nil {
		return fmt.Errorf("entries %d to %d: %w", first, first+count-1, err)
	}
	for i, leaf := range leaves {
		index := first + int64(i)
		if len(data) < 2 || len(data)-2 < int(binary.BigEndian.Uint16(data)) {
			return fmt.Errorf("entry %d: the bundle is cut off", index)
		}
		length := 2 + int(binary.BigEndian.Uint16(data))
		entry := data[2:length]
		data = data[length:]
		if tlog.RecordHash(entry) != leaf {
			return fmt.Errorf("entry %d is not the one that was signed", index)
		}
		if !plain && !numbered(entry, index) {
			return fmt.Errorf("entry %d does not carry this index", index)
		}
	}
	if len(data) != 0 {
		return fmt.Errorf("entry %d: the bundle goes on", first+count)
	}
	return nil
}

// numbered tells whether the index in an entry is its place. In the canonical form nothing after it has this name.
func numbered(entry []byte, index int64) bool {
	at := bytes.LastIndex(entry, []byte(`,"index":`))
	return at >= 0 && bytes.HasPrefix(entry[at:], []byte(fmt.Sprintf(`,"index":%d,`, index)))
}

// entries checks all bundles on all processors and reports the first one at fault.
func entries(dir string, size int64, hashes tlog.HashReader, plain bool) error {
	bundles := (size + width - 1) / width
	faults := make([]error, runtime.NumCPU())
	places := make([]int64, len(faults))
	var group sync.WaitGroup
	for worker := range faults {
		group.Add(1)
		go func(worker int) {
			defer group.Done()
			for number := int64(worker); number < bundles; number += int64(len(faults)) {
				first := number * width
				count := size - first
				if count > width {
					count = width
				}
				if err := bundle(dir, first, count, hashes, plain); err != nil {
					faults[worker], places[worker] = err, number
					return
				}
			}
		}(worker)
	}
	group.Wait()
	var found error
	where := bundles
	for worker, fault := range faults {
		if fault != nil && places[worker] < where {
			found, where = fault, places[worker]
		}
	}
	return found
}

func verify(dir string, key note.Verifier, older []tlog.Tree, plain bool) (tlog.Tree, error) {
	tree, err := checkpoint(filepath.Join(dir, "checkpoint"), key)
	if err != nil {
		return tree, fmt.Errorf("checkpoint: %w", err)
	}
	hashes := tlog.TileHashReader(tree, &folder{dir: dir, upper: map[tlog.Tile][]byte{}})
	if tree.N == 0 {
		empty, err := tlog.TreeHash(0, hashes)
		if err != nil || empty != tree.Hash {
			return tree, errors.New("the root is not that of an empty log")
		}
	}
	for _, kept := range older {
		if kept.N > tree.N {
			return tree, fmt.Errorf("rolled back: %d entries were signed earlier, now %d", kept.N, tree.N)
		}
		if kept.N == 0 {
			continue
		}
		proof, err := tlog.ProveTree(tree.N, kept.N, hashes)
		if err != nil {
			return tree, fmt.Errorf("consistency with %d entries: %w", kept.N, err)
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, kept.N, kept.Hash); err != nil {
			return tree, fmt.Errorf("forked: does not continue the %d entries signed earlier: %w", kept.N, err)
		}
	}
	return tree, entries(dir, tree.N, hashes, plain)
}

type paths []string

func (p *paths) String() string { return strings.Join(*p, " ") }

func (p *paths) Set(path string) error {
	*p = append(*p, path)
	return nil
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "verify:", err)
	os.Exit(2)
}

func main() {
	var kept paths
	vkey := flag.String("vkey", "", "file with the public key of the log, from elsewhere than the folder")
	plain := flag.Bool("plain", false, "the entries carry no index")
	flag.Var(&kept, "older", "a checkpoint kept from earlier; may be given several times")
	flag.Parse()
	text, err := os.ReadFile(*vkey)
	if err != nil {
		fail(err)
	}
	key, err := note.NewVerifier(strings.TrimSpace(string(text)))
	if err != nil {
		fail(err)
	}
	var older []tlog.Tree
	for _, path := range kept {
		tree, err := checkpoint(path, key)
		if err != nil {
			fail(fmt.Errorf("%s: %w", path, err))
		}
		older = append(older, tree)
	}
	failed := false
	for _, dir := range flag.Args() {
		tree, err := verify(dir, key, older, *plain)
		if err != nil {
			failed = true
			fmt.Printf("FAIL %s: %v\n", dir, err)
			continue
		}
		fmt.Printf("OK %s: %d entries, root %s\n", dir, tree.N, tree.Hash)
	}
	if failed {
		os.Exit(1)
	}
}

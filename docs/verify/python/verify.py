"""Verifies exported turnpike ledgers with pymerkle (trees, proofs) and cryptography (Ed25519).

Shares no line with turnpike. See docs/verifying-the-ledger.md.

    verify.py --vkey FILE [--older CHECKPOINT]... [--plain] FOLDER...

Prints one line a folder, OK or FAIL, and exits 1 when any of them fails.
"""

import argparse
import base64
import binascii
import hashlib
import re
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pymerkle import InmemoryTree, InvalidProof, verify_consistency

WIDTH = 256


class Fault(Exception):
    """Why a log is not believed."""


class Key:
    """The public key of a log, as `name+id+key`."""

    def __init__(self, vkey):
        name, key_id, key = vkey.strip().split("+", 2)
        raw = base64.b64decode(key, validate=True)
        if len(raw) != 33 or raw[0] != 1:
            raise ValueError("not an Ed25519 key of a log")
        expected = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
        if expected.hex() != key_id:
            raise ValueError("the id is not that of the key")
        self.name, self.id = name, expected
        self.public = Ed25519PublicKey.from_public_bytes(raw[1:])

    def open(self, data):
        """The text of a note, once one signature by this key is found and verified."""
        try:
            text, lines = data.decode().rsplit("\n\n", 1)
        except ValueError as error:
            raise Fault("checkpoint: not a signed note") from error
        if any(char < " " and char != "\n" for char in text + lines) or not lines.endswith("\n"):
            raise Fault("checkpoint: not a signed note")
        text += "\n"
        verified = False
        for line in lines[:-1].split("\n"):
            match = re.fullmatch(r"— ([^ +]+) ([A-Za-z0-9+/]+=*)", line)
            if not match:
                raise Fault("checkpoint: not a signature line")
            try:
                signature = base64.b64decode(match[2], validate=True)
            except binascii.Error as error:
                raise Fault("checkpoint: not a signature line") from error
            if base64.b64encode(signature).decode() != match[2] or len(signature) < 5:
                raise Fault("checkpoint: not a signature line")
            if (match[1], signature[:4]) == (self.name, self.id):
                try:
                    self.public.verify(signature[4:], text.encode())
                except InvalidSignature as error:
                    raise Fault("checkpoint: the signature does not verify") from error
                verified = True
        if not verified:
            raise Fault("checkpoint: not signed by this log")
        return text


def checkpoint(path, key):
    """Size and root of the checkpoint in a file."""
    text = key.open(read(path))
    match = re.fullmatch(r"([^\n]+)\n(0|[1-9][0-9]*)\n([A-Za-z0-9+/]{43}=)\n", text)
    if not match or match[1] != key.name:
        raise Fault("checkpoint: not a checkpoint of this log")
    root = base64.b64decode(match[3], validate=True)
    if base64.b64encode(root).decode() != match[3]:
        raise Fault("checkpoint: the root is not a hash")
    return int(match[2]), root


def read(path):
    try:
        return path.read_bytes()
    except OSError as error:
        raise Fault(f"{path.name}: {error.strerror}") from error


def place(folder, level, number, width):
    """Where tlog-tiles puts a tile or bundle."""
    parts = [f"{number % 1000:03}"]
    while number >= 1000:
        number //= 1000
        parts.insert(0, f"x{number % 1000:03}")
    path = folder.joinpath("tile", str(level), *parts)
    return path if width == WIDTH else path.with_name(f"{path.name}.p") / str(width)


def bundles(folder, size):
    """Every entry with its index."""
    for first in range(0, size, WIDTH):
        width = min(WIDTH, size - first)
        data = read(place(folder, "entries", first // WIDTH, width))
        for index in range(first, first + width):
            length = int.from_bytes(data[:2], "big")
            if len(data) < 2 + length:
                raise Fault(f"entry {index}: the bundle is cut off")
            yield index, data[2 : 2 + length]
            data = data[2 + length :]
        if data:
            raise Fault(f"entry {first + width}: the bundle goes on")


def numbered(entry, index):
    """In the canonical form nothing after the index has this name."""
    at = entry.rfind(b',"index":')
    return at >= 0 and entry[at:].startswith(b',"index":%d,' % index)


def perfect_root(hashes):
    while len(hashes) > 1:
        pairs = zip(hashes[::2], hashes[1::2])
        hashes = [hashlib.sha256(b"\x01" + left + right).digest() for left, right in pairs]
    return hashes[0]


def check_tiles(folder, leaves):
    """Every tile must be made of the leaves; level by level, each from the full tiles below."""
    level, row = 0, leaves
    while row:
        above = []
        for first in range(0, len(row), WIDTH):
            hashes = row[first : first + WIDTH]
            path = place(folder, level, first // WIDTH, len(hashes))
            if read(path) != b"".join(hashes):
                raise Fault(f"{path.relative_to(folder)} is not the tile of these entries")
            if len(hashes) == WIDTH:
                above.append(perfect_root(hashes))
        level, row = level + 1, above


def blame(folder, size, leaves):
    """The first entry whose hash is not the one in its tile."""
    for first in range(0, size, WIDTH):
        width = min(WIDTH, size - first)
        tile = read(place(folder, 0, first // WIDTH, width))
        for index in range(first, first + width):
            if tile[32 * (index - first) : 32 * (index - first + 1)] != leaves[index]:
                return f"entry {index} is not the one that was signed"
    return "the entries do not lead to the root that was signed"


def verify(folder, key, older, plain):
    size, root = checkpoint(folder / "checkpoint", key)
    for kept, _ in older:
        if kept > size:
            raise Fault(f"rolled back: {kept} entries were signed earlier, now {size}")
    tree = InmemoryTree(algorithm="sha256")
    misnumbered = None
    for index, entry in bundles(folder, size):
        tree.append_entry(entry)
        if misnumbered is None and not plain and not numbered(entry, index):
            misnumbered = index
    leaves = [tree.get_leaf(index + 1) for index in range(size)]
    found = tree.get_state() if size else hashlib.sha256(b"").digest()
    if found != root:
        raise Fault(blame(folder, size, leaves))
    if misnumbered is not None:
        raise Fault(f"entry {misnumbered} does not carry this index")
    check_tiles(folder, leaves)
    for kept, kept_root in older:
        if kept:
            try:
                verify_consistency(kept_root, root, tree.prove_consistency(kept, size))
            except InvalidProof as error:
                raise Fault(f"forked: does not continue the {kept} entries signed earlier") from error
    return size, root


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--vkey", required=True, type=Path, help="file with the public key, from elsewhere than the folder")
    parser.add_argument("--older", action="append", default=[], type=Path, help="a checkpoint kept from earlier")
    parser.add_argument("--plain", action="store_true", help="the entries carry no index")
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    args = parser.parse_args()
    try:
        key = Key(args.vkey.read_text())
        older = [checkpoint(path, key) for path in args.older]
    except (Fault, OSError, ValueError) as error:
        print(f"verify.py: {error}", file=sys.stderr)
        return 2
    failed = False
    for folder in args.folders:
        try:
            size, root = verify(folder, key, older, args.plain)
            print(f"OK {folder}: {size} entries, root {base64.b64encode(root).decode()}")
        except Fault as fault:
            failed = True
            print(f"FAIL {folder}: {fault}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

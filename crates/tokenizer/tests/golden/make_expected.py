"""Writes expected.json: an independent tokenizer on strings.json with the merges of merges.json.

    pip install open_clip_torch==3.3.0
    python make_expected.py

The independent tokenizer is open_clip's copy of CLIP's own `SimpleTokenizer`, with the special
tokens spelled as CLIP spells them (open_clip renames them). merges.json is written by the test in
../golden.rs when RSZS_WRITE_GOLDEN is set: 500 merges learned from strings.json itself, so that no
foreign file is needed.
"""

import gzip
import json
import pathlib
import tempfile

import regex
from open_clip.tokenizer import SimpleTokenizer

CONTEXT = 24
HERE = pathlib.Path(__file__).parent


def load_tokenizer(merges):
    with tempfile.NamedTemporaryFile(suffix=".txt.gz") as file:
        # Without a line break at the end, which would count as one more, empty merge.
        file.write(gzip.compress("\n".join(["#version: 0.2", *merges]).encode()))
        file.flush()
        tokenizer = SimpleTokenizer(bpe_path=file.name)
    tokenizer.encoder["<|startoftext|>"] = tokenizer.encoder.pop("<start_of_text>")
    tokenizer.encoder["<|endoftext|>"] = tokenizer.encoder.pop("<end_of_text>")
    tokenizer.cache = {token: token for token in ("<|startoftext|>", "<|endoftext|>")}
    tokenizer.pat = regex.compile(
        r"""<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+""",
        regex.IGNORECASE,
    )
    return tokenizer


def main():
    tokenizer = load_tokenizer(json.loads((HERE / "merges.json").read_text())["merges"])
    start, end = tokenizer.sot_token_id, tokenizer.eot_token_id
    rows = []
    for string in json.loads((HERE / "strings.json").read_text()):
        ids = [start, *tokenizer.encode(string), end]
        if len(ids) > CONTEXT:
            ids = [*ids[: CONTEXT - 1], end]
        rows.append(ids)
    lines = ",\n".join(json.dumps(row) for row in rows)
    (HERE / "expected.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()

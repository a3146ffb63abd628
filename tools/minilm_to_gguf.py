#!/usr/bin/env python3
"""Makes a GGUF file that llama.cpp can run from a sentence encoder of the MiniLM family.

    minilm_to_gguf.py MODEL_DIR OUTPUT.gguf

MODEL_DIR holds what such a model is published as: config.json, vocab.txt (WordPiece) and model.safetensors. Needs only the
Python standard library. The output depends on nothing but the input, byte for byte, so that a caller can pin its digest.

Formats: GGUF version 3 (a header of typed key/value pairs, then tensor descriptions, then the aligned data) and safetensors (a JSON
header, then the data). Matrices become 16-bit floats; vectors, and the two small tables that the graph *adds* instead of
multiplying by, stay at 32.
"""
import json
import os
import struct
import sys

ALIGNMENT = 32  # bytes; GGUF's default
F32, F16 = 0, 1  # tensor types
UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9  # value types
NORMAL, UNKNOWN, CONTROL, UNUSED = 1, 2, 3, 5  # token types
POOL_MEAN = 1
WORD_START = "\u2581"

TABLES = {
    "embeddings.word_embeddings.weight": "token_embd.weight",
    "embeddings.position_embeddings.weight": "position_embd.weight",
    "embeddings.token_type_embeddings.weight": "token_types.weight",
    "embeddings.LayerNorm.": "token_embd_norm.",
}
LAYER_PARTS = {
    "attention.self.query.": "attn_q.",
    "attention.self.key.": "attn_k.",
    "attention.self.value.": "attn_v.",
    "attention.output.dense.": "attn_output.",
    "attention.output.LayerNorm.": "attn_output_norm.",
    "intermediate.dense.": "ffn_up.",
    "output.dense.": "ffn_down.",
    "output.LayerNorm.": "layer_output_norm.",
}
ADDED_TABLES = ("position_embd.weight", "token_types.weight")


def string(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def typed(kind, value):
    if kind == STRING:
        return string(value)
    return struct.pack({UINT32: "<I", INT32: "<i", FLOAT32: "<f", BOOL: "<?"}[kind], value)


def pair(key, kind, value):
    return string(key) + struct.pack("<I", kind) + typed(kind, value)


def array(key, kind, values):
    head = string(key) + struct.pack("<IIQ", ARRAY, kind, len(values))
    return head + b"".join(typed(kind, value) for value in values)


def gguf_name(name):
    """The name llama.cpp knows a tensor by, or None for one that it does not use."""
    for theirs, ours in TABLES.items():
        if name.startswith(theirs):
            return ours + name[len(theirs):]
    if name.startswith("encoder.layer."):
        number, rest = name[len("encoder.layer."):].split(".", 1)
        for theirs, ours in LAYER_PARTS.items():
            if rest.startswith(theirs):
                return f"blk.{number}.{ours}{rest[len(theirs):]}"
    if name.startswith("pooler.") or name == "embeddings.position_ids":
        return None
    raise SystemExit(f"minilm_to_gguf: unknown tensor {name}: this is not a model of the MiniLM family")


def read_safetensors(path):
    """Yields (name, shape, 32-bit float bytes) in the order of the file."""
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        base = 8 + size
        header.pop("__metadata__", None)
        for name, about in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
            if gguf_name(name) is None:
                continue
            if about["dtype"] != "F32":
                raise SystemExit(f"minilm_to_gguf: tensor {name} has type {about['dtype']}, expected F32")
            start, end = about["data_offsets"]
            file.seek(base + start)
            yield gguf_name(name), about["shape"], file.read(end - start)


def to_half(data):
    count = len(data) // 4
    return struct.pack(f"<{count}e", *struct.unpack(f"<{count}f", data))


def vocabulary(path):
    """Tokens and their types, spelled for llama.cpp: a word's first piece starts with U+2581, later pieces lose their ##."""
    specials = {"[PAD]": CONTROL, "[UNK]": UNKNOWN, "[CLS]": CONTROL, "[SEP]": CONTROL, "[MASK]": CONTROL}
    tokens, types = [], []
    with open(path, encoding="utf-8") as file:
        for token in file.read().rstrip("\n").split("\n"):
            if token in specials:
                tokens.append(token)
                types.append(specials[token])
            elif token.startswith("##") and len(token) > 2:
                tokens.append(token[2:])
                types.append(NORMAL)
            else:
                tokens.append(WORD_START + token)
                types.append(UNUSED if token.startswith("[unused") else NORMAL)
    missing = [token for token in specials if token not in tokens]
    if missing:
        raise SystemExit(f"minilm_to_gguf: {path} lacks {', '.join(missing)}: not a WordPiece vocabulary")
    return tokens, types


def metadata(config, tokens, types):
    if config.get("model_type") != "bert" or config.get("hidden_act") != "gelu":
        raise SystemExit("minilm_to_gguf: config.json does not describe a BERT encoder with gelu")
    if config["vocab_size"] != len(tokens):
        raise SystemExit(f"minilm_to_gguf: vocab.txt has {len(tokens)} tokens, config.json says {config['vocab_size']}")
    pairs = [
        pair("general.architecture", STRING, "bert"),
        pair("general.name", STRING, "all-MiniLM-L6-v2"),
        pair("general.license", STRING, "apache-2.0"),
        pair("general.file_type", UINT32, F16),
        pair("general.alignment", UINT32, ALIGNMENT),
        pair("bert.context_length", UINT32, config["max_position_embeddings"]),
        pair("bert.embedding_length", UINT32, config["hidden_size"]),
        pair("bert.feed_forward_length", UINT32, config["intermediate_size"]),
        pair("bert.block_count", UINT32, config["num_hidden_layers"]),
        pair("bert.attention.head_count", UINT32, config["num_attention_heads"]),
        pair("bert.attention.layer_norm_epsilon", FLOAT32, config["layer_norm_eps"]),
        pair("bert.attention.causal", BOOL, False),
        pair("bert.pooling_type", UINT32, POOL_MEAN),
        pair("tokenizer.ggml.model", STRING, "bert"),
        pair("tokenizer.ggml.token_type_count", UINT32, config["type_vocab_size"]),
        array("tokenizer.ggml.tokens", STRING, tokens),
        array("tokenizer.ggml.token_type", INT32, types),
    ]
    ids = {"bos": "[CLS]", "cls": "[CLS]", "eos": "[SEP]", "seperator": "[SEP]",  # GGUF spells it so
           "unknown": "[UNK]", "padding": "[PAD]", "mask": "[MASK]"}
    pairs += [pair(f"tokenizer.ggml.{name}_token_id", UINT32, tokens.index(token)) for name, token in ids.items()]
    return pairs


def padded(size):
    return -size % ALIGNMENT


def main(folder, output):
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    tokens, types = vocabulary(os.path.join(folder, "vocab.txt"))
    pairs = metadata(config, tokens, types)
    descriptions, blocks, offset = [], [], 0
    for name, shape, data in read_safetensors(os.path.join(folder, "model.safetensors")):
        kind = F16 if len(shape) == 2 and name not in ADDED_TABLES else F32
        block = to_half(data) if kind == F16 else data
        dimensions = struct.pack(f"<I{len(shape)}Q", len(shape), *reversed(shape))
        descriptions.append(string(name) + dimensions + struct.pack("<IQ", kind, offset))
        blocks.append(block + bytes(padded(len(block))))
        offset += len(blocks[-1])
    head = b"GGUF" + struct.pack("<IQQ", 3, len(descriptions), len(pairs)) + b"".join(pairs) + b"".join(descriptions)
    with open(output + ".part", "wb") as file:
        file.write(head + bytes(padded(len(head))))
        for block in blocks:
            file.write(block)
    os.replace(output + ".part", output)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(sys.argv[1], sys.argv[2])

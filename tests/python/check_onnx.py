"""Says whether the official tools accept an ONNX file, and what ONNX Runtime computes from it.

Command (the interpreter is the one that `cargo xtask setup` makes; versions are pinned in
requirements.txt):
    third_party/python/bin/python tests/python/check_onnx.py MODEL.onnx \\
        [--dimension N=2] [--dimension K=3] [--seed 0]

Runs onnx.checker.check_model with full_check (the checker and strict shape inference), then runs
the file in ONNX Runtime on random inputs: bytes for integers of 8 bits, 0 or 1 for other integers,
a normal distribution for floats. Symbolic dimensions are 2 unless --dimension says otherwise.

Prints one JSON object:
    {"file": ..., "ok": true, "opset": 20, "nodes": 321,
     "inputs": {NAME: {"type": ..., "shape": [...]}},
     "outputs": {NAME: {"type": ..., "shape": [...], "declared": [...], "finite": true,
                        "minimum": ..., "maximum": ..., "mean": ...}}}
or  {"file": ..., "ok": false, "stage": "read" | "check" | "run", "error": ...}
Exit code 0 when "ok" is true, 1 when it is false, 2 for a usage error.
"""

import argparse
import json
import sys

import numpy
import onnx
import onnxruntime


def dimension(text: str) -> tuple[str, int]:
    """Parses `N=2`."""
    name, _, size = text.partition("=")
    if not name or not size.isdigit() or int(size) == 0:
        raise argparse.ArgumentTypeError(
            f"{text}: expected NAME=SIZE with a size of at least 1, as in N=2"
        )
    return name, int(size)


def declared_shape(value: onnx.ValueInfoProto) -> list[int | str]:
    return [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]


def random_input(
    element_type: int, shape: list[int], generator: numpy.random.Generator
) -> numpy.ndarray:
    kind = onnx.helper.tensor_dtype_to_np_dtype(element_type)
    if numpy.issubdtype(kind, numpy.floating):
        return generator.standard_normal(shape).astype(kind)
    return generator.integers(0, 256 if kind == numpy.uint8 else 2, shape).astype(kind)


def describe(array: numpy.ndarray) -> dict:
    finite = bool(numpy.isfinite(array).all())
    described = {"type": str(array.dtype), "shape": list(array.shape), "finite": finite}
    if finite and array.size > 0:
        described |= {
            "minimum": float(array.min()),
            "maximum": float(array.max()),
            "mean": float(array.mean()),
        }
    return described


def report(path: str, sizes: dict[str, int], seed: int) -> dict:
    stage = "read"
    try:
        model = onnx.load(path)
        stage = "check"
        onnx.checker.check_model(path, full_check=True)
        stage = "run"
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        generator = numpy.random.default_rng(seed)
        initialisers = {tensor.name for tensor in model.graph.initializer}
        inputs = {}
        for value in model.graph.input:
            if value.name not in initialisers:
                shape = [
                    sizes.get(axis, 2) if isinstance(axis, str) else axis
                    for axis in declared_shape(value)
                ]
                inputs[value.name] = random_input(
                    value.type.tensor_type.elem_type, shape, generator
                )
        outputs = dict(zip([value.name for value in model.graph.output], session.run(None, inputs)))
    except Exception as error:  # Whatever the tools raise is the answer.
        return {
            "file": path,
            "ok": False,
            "stage": stage,
            "error": f"{type(error).__name__}: {error}",
        }
    declared = {value.name: declared_shape(value) for value in model.graph.output}
    return {
        "file": path,
        "ok": True,
        "opset": next(
            entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")
        ),
        "nodes": len(model.graph.node),
        "inputs": {
            name: {"type": str(array.dtype), "shape": list(array.shape)}
            for name, array in inputs.items()
        },
        "outputs": {
            name: describe(array) | {"declared": declared[name]} for name, array in outputs.items()
        },
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", metavar="MODEL.onnx")
    parser.add_argument(
        "--dimension", type=dimension, action="append", default=[], metavar="NAME=SIZE"
    )
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    answer = report(arguments.model, dict(arguments.dimension), arguments.seed)
    print(json.dumps(answer))
    return 0 if answer["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())

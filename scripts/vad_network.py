"""Writes `processors/slicer/silero_vad.onnx`: the Silero VAD of faster-whisper, its convolutions as matrix products.

onnxruntime computes the original's convolutions window by window, each over at most four positions. As products over all windows
of a call the same numbers cost a third of the CPU time (docs/decisions/0010-silero-as-matrix-products.md). The recurrent part
stays as it is. Run it when faster-whisper brings other weights; a test compares the file with what this writes.
"""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper, parser

NETWORK = Path(__file__).resolve().parent.parent / "processors" / "slicer" / "silero_vad.onnx"
ENCODED = "/encoder/relu_3/Relu_output_0"  # what the convolutions hand to the recurrent part
BINS = 129  # of a spectrum
POSITIONS = 4  # spectra of a window
STRIDES = (1, 2, 2, 1)  # of the convolutions after the spectra; each is three positions wide
# Four spectra of a window: 256 samples each, every 128, over 64 samples of context, 512 new ones and 64 of their reflection.
ENCODER = f"""
encoder (float[n, 576] input) => (float[n, 128, 1] encoded)
{{
    reflection = Constant <value_ints = [0, 0, 0, 64]> ()
    padded = Pad <mode = "reflect"> (input, reflection)
    in_fifths = Constant <value_ints = [-1, 5, 128]> ()
    fifths = Reshape (padded, in_fifths)
    zero = Constant <value_ints = [0]> ()
    one = Constant <value_ints = [1]> ()
    two = Constant <value_ints = [2]> ()
    four = Constant <value_ints = [4]> ()
    five = Constant <value_ints = [5]> ()
    first = Slice (fifths, zero, four, one)
    second = Slice (fifths, one, five, one)
    frames = Concat <axis = 2> (first, second)
    real = MatMul (frames, cosines)
    imaginary = MatMul (frames, sines)
    real_power = Mul (real, real)
    imaginary_power = Mul (imaginary, imaginary)
    power = Add (real_power, imaginary_power)
    spectra = Sqrt (power)
    flat = Constant <value_ints = [-1, {BINS * POSITIONS}]> ()
    layer_0 = Reshape (spectra, flat)
    linear_0 = Gemm (layer_0, weight_0, bias_0)
    layer_1 = Relu (linear_0)
    linear_1 = Gemm (layer_1, weight_1, bias_1)
    layer_2 = Relu (linear_1)
    linear_2 = Gemm (layer_2, weight_2, bias_2)
    layer_3 = Relu (linear_2)
    linear_3 = Gemm (layer_3, weight_3, bias_3)
    layer_4 = Relu (linear_3)
    encoded = Unsqueeze (layer_4, two)
}}
"""
Weights = NDArray[np.float32]


def original() -> onnx.ModelProto:
    spec = importlib.util.find_spec("faster_whisper")
    assert spec is not None
    assert spec.origin is not None
    return onnx.load(Path(spec.origin).parent / "assets" / "silero_vad_v6.onnx")


def build(model: onnx.ModelProto) -> onnx.ModelProto:
    """A network with the same inputs and outputs."""
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    encoder = parser.parse_graph(ENCODER)
    encoder.node[-1].output[0] = ENCODED
    nodes = list(model.graph.node)
    tail = nodes[next(at for at, node in enumerate(nodes) if ENCODED in node.output) + 1 :]
    used = {name for node in tail for name in node.input}
    kept = [tensor for tensor in model.graph.initializer if tensor.name in used]
    matrices = [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in _matrices(weights)]
    graph = onnx.helper.make_graph(
        [*encoder.node, *tail], "silero_vad", model.graph.input, model.graph.output, [*matrices, *kept]
    )
    built = onnx.helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    onnx.checker.check_model(built)
    return built


def _matrices(weights: dict[str, Weights]) -> Iterator[tuple[str, Weights]]:
    basis = weights["encoder.feature_extractor.forward_basis_buffer"][:, 0, :]
    yield "cosines", basis[:BINS].T
    yield "sines", basis[BINS:].T
    positions = POSITIONS
    for layer, stride in enumerate(STRIDES):
        weight, bias = (weights[f"encoder.conv_layers.{layer}.{kind}"] for kind in ("weight", "bias"))
        matrix = as_matrix(weight, positions, stride)
        positions = matrix.shape[1] // len(bias)
        yield f"weight_{layer}", matrix
        yield f"bias_{layer}", np.tile(bias, positions)


def as_matrix(weight: Weights, positions: int, stride: int) -> Weights:
    """A convolution (output channel, input channel, tap) over few positions, one of padding on both sides, as the matrix from
    (position, input channel) to (position, output channel)."""
    outputs, inputs, taps = weight.shape
    columns = (positions + 2 - taps) // stride + 1
    matrix = np.zeros((positions, inputs, columns, outputs), np.float32)
    for column in range(columns):
        for tap in range(taps):
            row = column * stride + tap - 1
            if 0 <= row < positions:
                matrix[row, :, column] = weight[:, :, tap].T
    return matrix.reshape(positions * inputs, columns * outputs)


if __name__ == "__main__":
    NETWORK.write_bytes(build(original()).SerializeToString())

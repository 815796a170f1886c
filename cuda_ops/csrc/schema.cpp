// The operations and their arguments, once for every device. What they compute is defined by the plain-torch twins in
// cuda_ops/*.py; kernels are registered by cpu/*.cpp and cuda/bindings.cpp.
#include <torch/library.h>

TORCH_LIBRARY(cuda_ops, m) {
  // clamp(gain * leaky_relu(x * scale + noise + b)): x [N, C, ...], b [C], scale [N, C], noise [N or 1, 1, H, W]
  m.def(
      "bias_act(Tensor x, Tensor? b, Tensor? scale, Tensor? noise, float slope, float gain, float? clamp) -> Tensor");
  // With u = grad * d(output)/d(x * scale + noise + b): (u * scale, as x; [2, N, C]: the sums of u and of u * x)
  m.def(
      "bias_act_backward(Tensor grad, Tensor x, Tensor? b, Tensor? scale, Tensor? noise, float slope, float gain, "
      "float? clamp) -> (Tensor, Tensor)");
  // Insert up - 1 zeros, pad or crop (left, right, top, bottom), correlate with the flipped taps along both axes,
  // multiply by gain, keep every down-th pixel: x [N, C, H, W], taps [K] float32
  m.def("upfirdn2d(Tensor x, Tensor taps, int up, int down, int[4] padding, float gain) -> Tensor");
  // bias_act(upfirdn2d(x, taps, 1, 1, padding, fir_gain), b, scale, noise, slope, gain, clamp), in one pass
  m.def(
      "blur_act(Tensor x, Tensor taps, Tensor? b, Tensor? scale, Tensor? noise, int[4] padding, float fir_gain, "
      "float slope, float gain, float? clamp) -> Tensor");
  // down(clamp(gain * leaky_relu(up(x * scale + b)))): x [N, C, H, W], filters [K] or [K, K] float32
  m.def(
      "filtered_lrelu(Tensor x, Tensor? b, Tensor? scale, Tensor? up_filter, Tensor? down_filter, int up, int down, "
      "int[2] padding, float gain, float slope, float? clamp) -> Tensor");
  // up^2 * out(d * up_a(a)), where d is the derivative of clamp(gain * leaky_relu(v)) at v = up(x * scale + b): the
  // gradient of filtered_lrelu to x * scale + b, and that of this function to a. `up_a` filters with a_filter to the
  // size of v, `out` with out_filter to out_size; both know the padding before their first row and column
  m.def(
      "filtered_lrelu_gate(Tensor a, Tensor? a_filter, int a_up, int a_before, Tensor x, Tensor? b, Tensor? scale, "
      "Tensor? up_filter, int up, int[2] padding, float gain, float slope, float? clamp, Tensor? out_filter, "
      "int out_down, int out_before, int[2] out_size) -> Tensor");
}

// The CUDA kernels as torch operations: checks arguments, brings tensors into a layout, allocates results.
#include <ATen/ops/empty_like.h>
#include <torch/library.h>

#include <cstdlib>
#include <tuple>

#include "arguments.h"

namespace cuda_ops {
namespace {

using cuda::Fir;

Tensor bias_act(const Tensor& input, const MaybeTensor& b, const MaybeTensor& scale, const MaybeTensor& noise,
                double slope, double gain, std::optional<double> clamp) {
  const CUDAGuard guard(input.device());
  const Arguments arguments(input, input.sizes(), b, scale, noise, slope, gain, clamp);
  const Tensor x = input.contiguous(layout_of(input));
  Tensor y = at::empty_like(x);
  if (y.numel() > 0)
    C10_CUDA_CHECK(cuda::bias_act(dtype_of(x), picture_of(input), arguments.plain, x.const_data_ptr(),
                                  y.mutable_data_ptr(), getCurrentCUDAStream()));
  return y;
}

std::tuple<Tensor, Tensor> bias_act_backward(const Tensor& upstream, const Tensor& input, const MaybeTensor& b,
                                             const MaybeTensor& scale, const MaybeTensor& noise, double slope,
                                             double gain, std::optional<double> clamp) {
  const CUDAGuard guard(input.device());
  const Arguments arguments(input, input.sizes(), b, scale, noise, slope, gain, clamp);
  TORCH_CHECK(upstream.sizes() == input.sizes() && upstream.scalar_type() == input.scalar_type() &&
                  upstream.device() == input.device(),
              "bias_act_backward: grad needs the shape, the dtype and the device of x");
  const Picture picture = picture_of(input);
  const Tensor x = input.contiguous(layout_of(input)), grad = upstream.contiguous(layout_of(input));
  Tensor dx = at::empty_like(x), sums = at::empty({2, picture.samples, picture.channels}, x.options());
  if (x.numel() == 0) return {dx, sums.zero_()};
  const DType dtype = dtype_of(x);
  Tensor partial = at::empty({cuda::bias_act_parts(dtype, picture), 2, picture.samples, picture.channels},
                             x.options().dtype(computed_in(x)));
  C10_CUDA_CHECK(cuda::bias_act_backward(dtype, picture, arguments.plain, grad.const_data_ptr(), x.const_data_ptr(),
                                         dx.mutable_data_ptr(), partial.mutable_data_ptr(), sums.mutable_data_ptr(),
                                         getCurrentCUDAStream()));
  return {dx, sums};
}

// Fir and the taps that it points to, with the input and the output picture.
struct Filtering {
  Picture of_x, of_y;
  Tensor x, taps, y;
  Fir plain;

  Filtering(const Tensor& input, const Tensor& filter, int64_t up, int64_t down, at::IntArrayRef padding, double gain) {
    TORCH_CHECK(input.dim() == 4, "upfirdn2d: x needs the shape [N, C, H, W], not ", input.sizes());
    TORCH_CHECK(filter.dim() == 1 && filter.numel() > 0 && filter.device() == input.device(),
                "upfirdn2d: taps needs the shape [K] and the device of x");
    TORCH_CHECK(1 <= up && up <= FAR && 1 <= down && down <= FAR, "upfirdn2d: up and down need to be 1 or more, not ",
                up, " and ", down);
    TORCH_CHECK(padding.size() == 4, "upfirdn2d: padding needs to be left, right, top and bottom, not ", padding);
    of_x = of_y = picture_of(input);
    x = input.contiguous(layout_of(input));
    taps = filter.to(computed_in(x)).contiguous();
    plain = {taps.const_data_ptr(), taps.numel(), up, down, padding[0], padding[2], gain};
    of_y.width = outputs(of_x.width, padding[0], padding[1]);
    of_y.height = outputs(of_x.height, padding[2], padding[3]);
    check_size(of_y);
    y = at::empty({of_y.samples, of_y.channels, of_y.height, of_y.width}, x.options(), layout_of(input));
  }

 private:
  int64_t outputs(int64_t size, int64_t before, int64_t after) const {
    const int64_t padded = size * plain.up + before + after;
    TORCH_CHECK(std::abs(before) <= FAR && padded <= FAR, "upfirdn2d: padding needs to stay below 2^30");
    TORCH_CHECK(padded >= plain.count, "upfirdn2d: a filter of ", plain.count,
                " taps is larger than the padded picture");
    return (padded - plain.count) / plain.down + 1;
  }
};

Tensor upfirdn2d(const Tensor& input, const Tensor& taps, int64_t up, int64_t down, at::IntArrayRef padding,
                 double gain) {
  const CUDAGuard guard(input.device());
  const Filtering fir(input, taps, up, down, padding, gain);
  if (fir.y.numel() > 0)
    C10_CUDA_CHECK(cuda::upfirdn2d(dtype_of(fir.x), fir.of_x, fir.of_y, fir.plain, fir.x.const_data_ptr(),
                                   fir.y.mutable_data_ptr(), getCurrentCUDAStream()));
  return fir.y;
}

Tensor blur_act(const Tensor& input, const Tensor& taps, const MaybeTensor& b, const MaybeTensor& scale,
                const MaybeTensor& noise, at::IntArrayRef padding, double fir_gain, double slope, double gain,
                std::optional<double> clamp) {
  const CUDAGuard guard(input.device());
  const Filtering fir(input, taps, 1, 1, padding, fir_gain);
  const Arguments arguments(input, fir.y.sizes(), b, scale, noise, slope, gain, clamp);
  if (fir.y.numel() > 0)
    C10_CUDA_CHECK(cuda::blur_act(dtype_of(fir.x), fir.of_x, fir.of_y, fir.plain, arguments.plain,
                                  fir.x.const_data_ptr(), fir.y.mutable_data_ptr(), getCurrentCUDAStream()));
  return fir.y;
}

}  // namespace

TORCH_LIBRARY_IMPL(cuda_ops, CUDA, m) {
  m.impl("bias_act", &bias_act);
  m.impl("bias_act_backward", &bias_act_backward);
  m.impl("upfirdn2d", &upfirdn2d);
  m.impl("blur_act", &blur_act);
}

}  // namespace cuda_ops

// filtered_lrelu and its gradient as torch operations.
#include <torch/library.h>

#include "arguments.h"

namespace cuda_ops {
namespace {

using cuda::FilteredLrelu;
using cuda::Resampling;

// Resampling and the taps that it points to.
struct Filter {
  Tensor taps;
  Resampling plain{nullptr, 1, false, 1, 0};

  Filter(const Tensor& x, const MaybeTensor& filter, int64_t factor, int64_t before) {
    TORCH_CHECK(factor >= 1 && factor <= FAR && std::abs(before) <= FAR, "filtered_lrelu: a factor or padding is too large");
    plain.factor = factor, plain.before = before;
    if (!filter) return;
    TORCH_CHECK(filter->numel() > 0 && filter->device() == x.device() &&
                    (filter->dim() == 1 || (filter->dim() == 2 && filter->size(0) == filter->size(1))),
                "filtered_lrelu: a filter needs the shape [K] or [K, K] and the device of x");
    taps = filter->to(computed_in(x)).contiguous();
    plain.taps = taps.const_data_ptr(), plain.count = filter->size(0), plain.square = filter->dim() == 2;
  }
};

int64_t upsampled(int64_t size, const Filter& filter, at::IntArrayRef padding) {
  const int64_t padded = size * filter.plain.factor + padding[0] + padding[1];
  TORCH_CHECK(padded <= FAR && padded >= filter.plain.count, "filtered_lrelu: up_filter is larger than the padded picture");
  return padded - filter.plain.count + 1;
}

Tensor run(const Tensor& input, const MaybeTensor& given, const MaybeTensor& b, const MaybeTensor& scale,
           const Filter& up, const Filter& a_up, const Filter& down, at::IntArrayRef padding, at::IntArrayRef out_size,
           double gain, double slope, std::optional<double> clamp) {
  const Arguments arguments(input, input.sizes(), b, scale, std::nullopt, slope, gain, clamp);
  const Tensor x = input.contiguous(layout_of(input)), a = given ? given->contiguous(layout_of(input)) : Tensor();
  const Picture of_x = picture_of(x);
  Picture of_y = of_x;
  of_y.height = out_size[0], of_y.width = out_size[1];
  check_size(of_y);
  Tensor y = at::empty({of_y.samples, of_y.channels, of_y.height, of_y.width}, x.options(), layout_of(input));
  if (y.numel() == 0) return y;
  const FilteredLrelu plain{arguments.plain, up.plain, a_up.plain, down.plain, upsampled(of_x.height, up, padding),
                            upsampled(of_x.width, up, padding), given ? a.size(2) : 0, given ? a.size(3) : 0,
                            double(up.plain.factor * up.plain.factor)};
  C10_CUDA_CHECK(cuda::filtered_lrelu(dtype_of(x), of_x, of_y, plain, x.const_data_ptr(),
                                      given ? a.const_data_ptr() : nullptr, y.mutable_data_ptr(),
                                      getCurrentCUDAStream()));
  return y;
}

Tensor filtered_lrelu(const Tensor& x, const MaybeTensor& b, const MaybeTensor& scale, const MaybeTensor& up_filter,
                      const MaybeTensor& down_filter, int64_t up, int64_t down, at::IntArrayRef padding, double gain,
                      double slope, std::optional<double> clamp) {
  const CUDAGuard guard(x.device());
  TORCH_CHECK(x.dim() == 4, "filtered_lrelu: x needs the shape [N, C, H, W], not ", x.sizes());
  const Filter above(x, up_filter, up, padding[0]), below(x, down_filter, down, 0);
  TORCH_CHECK(!above.plain.square, "filtered_lrelu: the kernel needs a separable up_filter");
  const auto out = [&](int64_t size) {
    const int64_t middle = upsampled(size, above, padding);
    TORCH_CHECK(middle >= below.plain.count, "filtered_lrelu: down_filter is larger than the picture");
    return (middle - below.plain.count) / down + 1;
  };
  const int64_t sizes[] = {out(x.size(2)), out(x.size(3))};
  return run(x, std::nullopt, b, scale, above, Filter(x, std::nullopt, 1, 0), below, padding, sizes, gain, slope, clamp);
}

Tensor filtered_lrelu_gate(const Tensor& a, const MaybeTensor& a_filter, int64_t a_up, int64_t a_before,
                           const Tensor& x, const MaybeTensor& b, const MaybeTensor& scale,
                           const MaybeTensor& up_filter, int64_t up, at::IntArrayRef padding, double gain,
                           double slope, std::optional<double> clamp, const MaybeTensor& out_filter, int64_t out_down,
                           int64_t out_before, at::IntArrayRef out_size) {
  const CUDAGuard guard(x.device());
  TORCH_CHECK(x.dim() == 4 && a.dim() == 4 && a.sizes().slice(0, 2) == x.sizes().slice(0, 2) &&
                  a.scalar_type() == x.scalar_type() && a.device() == x.device(),
              "filtered_lrelu_gate: a needs the samples, the channels, the dtype and the device of x");
  const Filter above(x, up_filter, up, padding[0]), beside(x, a_filter, a_up, a_before);
  const Filter below(x, out_filter, out_down, out_before);
  return run(x, a, b, scale, above, beside, below, padding, out_size, gain, slope, clamp);
}

}  // namespace

TORCH_LIBRARY_IMPL(cuda_ops, CUDA, m) {
  m.impl("filtered_lrelu", &filtered_lrelu);
  m.impl("filtered_lrelu_gate", &filtered_lrelu_gate);
}

}  // namespace cuda_ops

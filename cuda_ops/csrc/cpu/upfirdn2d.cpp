// upfirdn2d and blur_act on the CPU: each output row is computed from its input rows while they are in the cache.
#include <torch/library.h>

#include <cmath>

#include "fir.h"

namespace cuda_ops {
namespace {

template <typename A>
struct Filter {
  Axis<A> rows, columns;

  Filter(const Picture& picture, const Tensor& taps, int64_t up, int64_t down, at::IntArrayRef padding, double gain)
      : rows(picture.height, taps_of<A>(taps), up, down, padding[2], padding[3], A(gain)),
        columns(picture.width, taps_of<A>(taps), up, down, padding[0], padding[1], A(1)) {}
};

Tensor upfirdn2d(const Tensor& input, const Tensor& taps, int64_t up, int64_t down, at::IntArrayRef padding,
                 double gain) {
  const Picture picture(input);
  const Tensor x = input.contiguous(picture.format);
  Tensor y;
  CUDA_OPS_DISPATCH(x.scalar_type(), "upfirdn2d", [&] {
    using A = at::opmath_type<scalar_t>;
    const Filter<A> fir(picture, taps, up, down, padding, gain);
    y = at::empty({picture.samples, picture.channels, fir.rows.out, fir.columns.out}, x.options(), picture.format);
    if (y.numel() == 0) return;
    scalar_t* out = y.mutable_data_ptr<scalar_t>();
    const int64_t length = fir.columns.out * picture.inner;
    filter<scalar_t>(x, picture, fir.rows, fir.columns, [&](const A* values, int64_t plane, int64_t row) {
      round_to(values, out + (plane * fir.rows.out + row) * length, length);
    });
  });
  return y;
}

Tensor blur_act(const Tensor& input, const Tensor& taps, const MaybeTensor& b, const MaybeTensor& scale,
                const MaybeTensor& noise, at::IntArrayRef padding, double fir_gain, double slope, double gain,
                std::optional<double> clamp) {
  const Picture picture(input);
  const Tensor x = input.contiguous(picture.format);
  Tensor y;
  CUDA_OPS_DISPATCH(x.scalar_type(), "blur_act", [&] {
    using A = at::opmath_type<scalar_t>;
    const Filter<A> fir(picture, taps, 1, 1, padding, fir_gain);
    y = at::empty({picture.samples, picture.channels, fir.rows.out, fir.columns.out}, x.options(), picture.format);
    check_terms(x, y.sizes(), b, scale, noise);
    if (y.numel() == 0) return;
    Picture result = picture;  // the same planes at another size
    result.height = fir.rows.out, result.width = fir.columns.out;
    const Terms<scalar_t> terms(result, b, scale, noise);
    const Activation<A> act(slope, gain, clamp);
    scalar_t* out = y.mutable_data_ptr<scalar_t>();
    filter<scalar_t>(x, picture, fir.rows, fir.columns, [&](const A* values, int64_t plane, int64_t row) {
      const int64_t first = row * result.width;
      const scalar_t* added = terms.noise(plane);
      activate(values, out + (plane * result.pixels() + first) * result.inner, result.width, result.inner,
               terms.scale(plane), terms.bias(plane), added ? added + first : nullptr, act);
    });
  });
  return y;
}

}  // namespace

TORCH_LIBRARY_IMPL(cuda_ops, CPU, m) {
  m.impl("upfirdn2d", &upfirdn2d);
  m.impl("blur_act", &blur_act);
}

}  // namespace cuda_ops

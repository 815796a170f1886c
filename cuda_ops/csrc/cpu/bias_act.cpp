// bias_act on the CPU: one pass over memory forward and one backward, which also makes the sums of the gradient.
#include <torch/library.h>

#include "rows.h"

namespace cuda_ops {
namespace {

constexpr int64_t CHUNK = 512;  // pixels that a thread takes at once
constexpr int64_t RUN = 32;     // gradients that are added up one by one in working precision before they join the rest

Tensor bias_act(const Tensor& input, const MaybeTensor& b, const MaybeTensor& scale, const MaybeTensor& noise,
                double slope, double gain, std::optional<double> clamp) {
  check_terms(input, input.sizes(), b, scale, noise);
  const Picture picture(input);
  const Tensor x = input.contiguous(picture.format);
  Tensor y = at::empty_like(x);
  CUDA_OPS_DISPATCH(x.scalar_type(), "bias_act", [&] {
    using A = at::opmath_type<scalar_t>;
    const Terms<scalar_t> terms(picture, b, scale, noise);
    const Activation<A> act(slope, gain, clamp);
    const scalar_t* in = x.const_data_ptr<scalar_t>();
    scalar_t* out = y.mutable_data_ptr<scalar_t>();
    const int64_t pixels = picture.pixels(), inner = picture.inner;
    // threads share the pixels of all planes, so that one large plane is shared too
    at::parallel_for(0, picture.planes * pixels, std::max<int64_t>(1, GRAIN / inner), [&](int64_t begin, int64_t end) {
      while (begin < end) {
        const int64_t plane = begin / pixels, first = begin % pixels, count = std::min(end - begin, pixels - first);
        const scalar_t* added = terms.noise(plane);
        activate(in + begin * inner, out + begin * inner, count, inner, terms.scale(plane), terms.bias(plane),
                 added ? added + first : nullptr, act);
        begin += count;
      }
    });
  });
  return y;
}

// The gradient of one run of pixels; adds the sums of u and of u * x to `sum` and `moment` [inner].
template <typename T, typename A>
void activate_backward(const T* grad, const T* in, T* dx, int64_t pixels, int64_t inner, const A* scale, const A* bias,
                       const T* noise, const Activation<A> act, A* sum, A* moment) {
  if (inner == 1) {
    const A s = *scale, b = *bias;
    A sum_of_u = 0, sum_of_ux = 0;
#pragma omp simd reduction(+ : sum_of_u, sum_of_ux)
    for (int64_t i = 0; i < pixels; ++i) {
      const A x = widen<A>(in[i]), added = noise ? widen<A>(noise[i]) : A(0);
      const A u = widen<A>(grad[i]) * act.derivative(x * s + b + added);
      narrow(u * s, dx[i]);
      sum_of_u += u;
      sum_of_ux += u * x;
    }
    *sum += sum_of_u;
    *moment += sum_of_ux;
    return;
  }
  for (int64_t i = 0; i < pixels; ++i, grad += inner, in += inner, dx += inner) {
    const A added = noise ? widen<A>(noise[i]) : A(0);
#pragma omp simd
    for (int64_t c = 0; c < inner; ++c) {
      const A x = widen<A>(in[c]), u = widen<A>(grad[c]) * act.derivative(x * scale[c] + bias[c] + added);
      narrow(u * scale[c], dx[c]);
      sum[c] += u;
      moment[c] += u * x;
    }
  }
}

std::tuple<Tensor, Tensor> bias_act_backward(const Tensor& upstream, const Tensor& input, const MaybeTensor& b,
                                             const MaybeTensor& scale, const MaybeTensor& noise, double slope,
                                             double gain, std::optional<double> clamp) {
  check_terms(input, input.sizes(), b, scale, noise);
  TORCH_CHECK(upstream.sizes() == input.sizes() && upstream.scalar_type() == input.scalar_type(),
              "bias_act_backward: grad needs the shape and the dtype of x");
  const Picture picture(input);
  const Tensor x = input.contiguous(picture.format), g = upstream.contiguous(picture.format);
  const int64_t pixels = picture.pixels(), inner = picture.inner, values = picture.planes * inner;
  Tensor dx = at::empty_like(x), sums = at::zeros({2, picture.samples, picture.channels}, x.options());
  CUDA_OPS_DISPATCH(x.scalar_type(), "bias_act_backward", [&] {
    using A = at::opmath_type<scalar_t>;
    const Terms<scalar_t> terms(picture, b, scale, noise);
    const Activation<A> act(slope, gain, clamp);
    const int64_t chunks = (pixels + CHUNK - 1) / CHUNK;
    std::vector<double> parts(chunks * 2 * values, 0);  // [planes, chunks, 2, inner]: the same sums with any threads
    const int64_t grain = std::max<int64_t>(1, GRAIN / (CHUNK * inner));
    at::parallel_for(0, picture.planes * chunks, grain, [&](int64_t begin, int64_t end) {
      std::vector<A> run(2 * inner);  // the sums of u, then those of u * x
      const int64_t length = inner == 1 ? CHUNK : RUN;  // a row of pixels is added up lane by lane
      for (int64_t part = begin; part < end; ++part) {
        const int64_t plane = part / chunks, first = part % chunks * CHUNK, last = std::min(first + CHUNK, pixels);
        const scalar_t* added = terms.noise(plane);
        for (int64_t pixel = first; pixel < last; pixel += length) {
          const int64_t at = (plane * pixels + pixel) * inner;
          std::fill(run.begin(), run.end(), A(0));
          activate_backward(g.const_data_ptr<scalar_t>() + at, x.const_data_ptr<scalar_t>() + at,
                            dx.mutable_data_ptr<scalar_t>() + at, std::min(length, last - pixel), inner,
                            terms.scale(plane), terms.bias(plane), added ? added + pixel : nullptr, act, run.data(),
                            run.data() + inner);
          for (int64_t i = 0; i < 2 * inner; ++i) parts[part * 2 * inner + i] += run[i];
        }
      }
    });
    scalar_t* out = sums.mutable_data_ptr<scalar_t>();
    for (int64_t i = 0; i < 2 * values; ++i) {
      const int64_t kind = i / values, plane = i % values / inner, c = i % inner;
      double total = 0;
      for (int64_t chunk = 0; chunk < chunks; ++chunk) total += parts[((plane * chunks + chunk) * 2 + kind) * inner + c];
      out[i] = scalar_t(total);
    }
  });
  return {dx, sums};
}

}  // namespace

TORCH_LIBRARY_IMPL(cuda_ops, CPU, m) {
  m.impl("bias_act", &bias_act);
  m.impl("bias_act_backward", &bias_act_backward);
}

}  // namespace cuda_ops

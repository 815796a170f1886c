// Shared by the CPU kernels: a picture as rows of pixels in either memory format, and the operations on a row.
#pragma once

#include <ATen/Dispatch.h>
#include <ATen/OpMathType.h>
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>

#include <cstring>
#include <limits>
#include <optional>
#include <vector>

#include "layout.h"

namespace cuda_ops {

using at::Tensor;
using MaybeTensor = std::optional<Tensor>;

constexpr int64_t GRAIN = 1 << 15;  // least number of values per thread

// A tensor [N, C, ...] as `planes` of `pixels`, each of `inner` adjacent values: N planes whose pixels have C values where
// channels are last, else N * C planes whose pixels have one.
struct Picture {
  int64_t samples, channels, height, width, planes, inner;
  at::MemoryFormat format;

  explicit Picture(const Tensor& x)
      : samples(x.size(0)),
        channels(x.size(1)),
        height(x.dim() == 4 ? x.size(2) : x.numel() / std::max<int64_t>(samples * channels, 1)),
        width(x.dim() == 4 ? x.size(3) : 1),
        format(layout_of(x)) {
    const bool last = format == at::MemoryFormat::ChannelsLast || x.dim() == 2;
    planes = last ? samples : samples * channels;
    inner = last ? channels : 1;
  }

  int64_t pixels() const { return height * width; }
  int64_t sample_of(int64_t plane) const { return inner == channels ? plane : plane / channels; }
};

// The leaky ReLU, its gain and its clamp; without a clamp the limit is infinite. NaN stays NaN.
template <typename A>
struct Activation {
  A slope, gain, limit;

  Activation(double slope, double gain, std::optional<double> clamp)
      : slope(slope), gain(gain), limit(clamp.value_or(std::numeric_limits<double>::infinity())) {}

  A operator()(A v) const {
    A y = gain * (v > 0 ? v : slope * v);
    y = y > limit ? limit : y;
    return y < -limit ? -limit : y;
  }

  A derivative(A v) const {
    const A y = gain * (v > 0 ? v : slope * v);
    return y < -limit || y > limit ? A(0) : (v > 0 ? gain : gain * slope);
  }
};

// Between a tensor's numbers and those of the computation. torch's conversions to and from bfloat16 have a branch for NaN
// and copy a struct, both of which keep loops scalar.
template <typename A, typename T>
A widen(const T& value) {
  return A(value);
}

template <>
inline float widen<float>(const at::BFloat16& value) {
  const uint32_t bits = uint32_t(value.x) << 16;
  float wide;
  std::memcpy(&wide, &bits, sizeof wide);
  return wide;
}

template <typename A, typename T>
void narrow(A value, T& to) {
  to = T(value);
}

template <>
inline void narrow(float value, at::BFloat16& to) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;  // to nearest, ties to even
  to.x = static_cast<uint16_t>(value == value ? rounded : 0x7fc0);
}

// The terms before the activation, in the precision `A` of the computation: v = x * scale + bias + noise.
template <typename T, typename A = at::opmath_type<T>>
class Terms {
 public:
  Terms(const Picture& picture, const MaybeTensor& bias, const MaybeTensor& scale, const MaybeTensor& noise)
      : picture_(picture),
        bias_(values(bias, picture.channels, A(0))),
        scale_(values(scale, picture.samples * picture.channels, A(1))),
        per_sample_(noise && noise->size(0) > 1),
        noise_(noise ? std::make_optional(noise->contiguous()) : std::nullopt) {}

  const A* bias(int64_t plane) const { return bias_.data() + (picture_.inner > 1 ? 0 : plane % picture_.channels); }
  const A* scale(int64_t plane) const { return scale_.data() + plane * picture_.inner; }
  const T* noise(int64_t plane) const {  // of the first pixel; null without noise
    if (!noise_) return nullptr;
    return noise_->const_data_ptr<T>() + (per_sample_ ? picture_.sample_of(plane) * picture_.pixels() : 0);
  }

 private:
  static std::vector<A> values(const MaybeTensor& tensor, int64_t count, A otherwise) {
    if (!tensor) return std::vector<A>(count, otherwise);
    const Tensor dense = tensor->contiguous();
    const T* data = dense.const_data_ptr<T>();
    return std::vector<A>(data, data + count);
  }

  Picture picture_;
  std::vector<A> bias_, scale_;
  bool per_sample_;
  MaybeTensor noise_;
};

// One run of pixels through the activation. `in` may already be in the precision of the computation. `act` is a copy, which
// stays in registers: members behind a reference would be read under a mask, and loops over halves stay scalar.
template <typename In, typename T, typename A>
void activate(const In* in, T* out, int64_t pixels, int64_t inner, const A* scale, const A* bias, const T* noise,
              const Activation<A> act) {
  if (inner == 1) {
    const A s = *scale, b = *bias;
    if (noise) {
#pragma omp simd
      for (int64_t i = 0; i < pixels; ++i) narrow(act(widen<A>(in[i]) * s + b + widen<A>(noise[i])), out[i]);
    } else {
#pragma omp simd
      for (int64_t i = 0; i < pixels; ++i) narrow(act(widen<A>(in[i]) * s + b), out[i]);
    }
    return;
  }
  for (int64_t i = 0; i < pixels; ++i, in += inner, out += inner) {
    const A added = noise ? widen<A>(noise[i]) : A(0);
#pragma omp simd
    for (int64_t c = 0; c < inner; ++c) narrow(act(widen<A>(in[c]) * scale[c] + bias[c] + added), out[c]);
  }
}

// Values of the computation as those of a tensor.
template <typename A, typename T>
void round_to(const A* in, T* out, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) narrow(in[i], out[i]);
}

// The floating types the kernels take.
#define CUDA_OPS_DISPATCH(TYPE, NAME, ...) \
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kBFloat16, at::kHalf, TYPE, NAME, __VA_ARGS__)

}  // namespace cuda_ops

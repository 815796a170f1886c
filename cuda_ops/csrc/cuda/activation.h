// The formulas of bias_act, shared by its forward, its backward and blur_act.
#pragma once

#include "ops.h"
#include "values.h"

namespace cuda_ops::cuda {

// y = clamp(gain * leaky_relu(v)). Selections rather than min and max, which would lose NaN.
template <typename A>
struct Activation {
  A positive, negative, limit;  // the factors of v above and below 0, and the largest result

  explicit Activation(const BiasAct& act) : positive(act.gain), negative(act.gain * act.slope), limit(act.limit) {}

  __device__ A factor(A v) const { return v > A(0) ? positive : negative; }

  __device__ A operator()(A v) const {
    const A y = v * factor(v);
    return fabs(y) > limit ? copysign(limit, y) : y;
  }

  __device__ A derivative(A v) const { return fabs(v * factor(v)) > limit ? A(0) : factor(v); }

  template <int V>
  __device__ Values<A, V> operator()(Values<A, V> v) const {
#pragma unroll
    for (int i = 0; i < V; ++i) v[i] = (*this)(v[i]);
    return v;
  }
};

// The terms that all pixels of V channels share; a thread that keeps its channels loads them once.
template <typename A, int V>
struct Channel {
  Values<A, V> scale, b;
};

// v = x * scale + noise + b for V adjacent values, which share their channel or, with LAST, their pixel.
template <typename T, bool LAST>
struct Terms {
  using A = compute_t<T>;
  const T *b, *scale, *noise;
  unsigned channels, noise_stride;  // a stride of 0 lets all samples share one noise

  Terms(const BiasAct& act, const Picture& picture)
      : b(static_cast<const T*>(act.b)),
        scale(static_cast<const T*>(act.scale)),
        noise(static_cast<const T*>(act.noise)),
        channels(picture.channels),
        noise_stride(act.noises > 1 ? picture.pixels() : 0) {}

  template <int V>
  __device__ Channel<A, V> channel(unsigned sample, unsigned first) const {
    const int64_t at = int64_t(sample) * channels + first;
    return {read<V, LAST>(scale, at, A(1)), read<V, LAST>(b, first, A(0))};
  }

  template <int V>
  __device__ Values<A, V> operator()(Values<A, V> x, const Channel<A, V>& of, unsigned sample, unsigned pixel) const {
    const auto added = read<V, !LAST>(noise, int64_t(sample) * noise_stride + pixel, A(0));
#pragma unroll
    for (int i = 0; i < V; ++i) x[i] = x[i] * of.scale[i] + added[i] + of.b[i];
    return x;
  }

 private:
  template <int V, bool EACH>  // a number for each value, or one for all
  static __device__ Values<A, V> read(const T* from, int64_t at, A otherwise) {
    if (!from) return Values<A, V>::all(otherwise);
    if constexpr (EACH) return load<V>(from + at);
    return Values<A, V>::all(widen(from[at]));
  }
};

}  // namespace cuda_ops::cuda

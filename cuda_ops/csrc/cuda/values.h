// Numbers on the device: stored as T, computed as compute_t<T>, loaded and stored in vectors of V adjacent ones.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

namespace cuda_ops::cuda {

constexpr int WARP = 32;

template <typename T>
struct Compute {
  using type = float;
};
template <>
struct Compute<double> {
  using type = double;
};
template <typename T>
using compute_t = typename Compute<T>::type;

// The halves by the names of their conversions: torch's build turns the operators off.
__device__ inline float widen(float value) { return value; }
__device__ inline double widen(double value) { return value; }
__device__ inline float widen(__half value) { return __half2float(value); }
__device__ inline float widen(__nv_bfloat16 value) { return __bfloat162float(value); }

__device__ inline void narrow(float value, float& to) { to = value; }
__device__ inline void narrow(double value, double& to) { to = value; }
__device__ inline void narrow(float value, __half& to) { to = __float2half(value); }
__device__ inline void narrow(float value, __nv_bfloat16& to) { to = __float2bfloat16(value); }

// 16 bytes are the widest load there is.
template <typename T>
constexpr int WIDEST = 16 / sizeof(T);

template <typename T, int V>
struct alignas(V * sizeof(T)) Packed {
  T at[V];
};

template <typename A, int V>
struct Values {
  A at[V];

  __device__ A& operator[](int i) { return at[i]; }
  __device__ A operator[](int i) const { return at[i]; }

  static __device__ Values all(A value) {
    Values values;
#pragma unroll
    for (int i = 0; i < V; ++i) values[i] = value;
    return values;
  }

  __device__ void add(A weight, const Values& other) {
#pragma unroll
    for (int i = 0; i < V; ++i) at[i] += weight * other[i];
  }

  __device__ A sum() const {
    A sum = at[0];
#pragma unroll
    for (int i = 1; i < V; ++i) sum += at[i];
    return sum;
  }
};

template <int V, typename T>
__device__ Values<compute_t<T>, V> load(const T* from) {
  const auto packed = *reinterpret_cast<const Packed<T, V>*>(from);
  Values<compute_t<T>, V> values;
#pragma unroll
  for (int i = 0; i < V; ++i) values[i] = widen(packed.at[i]);
  return values;
}

template <typename T, int V>
__device__ void store(const Values<compute_t<T>, V>& values, T* to) {
  Packed<T, V> packed;
#pragma unroll
  for (int i = 0; i < V; ++i) narrow(values[i], packed.at[i]);
  *reinterpret_cast<Packed<T, V>*>(to) = packed;
}

// The sum over the lanes of a warp, in every lane, added up in the same order each time.
template <typename A>
__device__ A warp_sum(A value) {
#pragma unroll
  for (int lanes = WARP / 2; lanes > 0; lanes /= 2) value += __shfl_xor_sync(0xffffffffu, value, lanes);
  return value;
}

// Reduces `shared` over the rows of a block into the first row, COUNT numbers per thread, in a fixed order (pairs of
// rows). All threads of the block must call it; threads of the first row may read their results without a barrier.
template <typename A, int COUNT, int THREADS>
__device__ void add_rows(A (&shared)[COUNT][THREADS]) {
  const unsigned self = threadIdx.y * blockDim.x + threadIdx.x;
  for (unsigned rows = blockDim.y; rows > 1; rows = (rows + 1) / 2) {
    __syncthreads();
    const unsigned half = (rows + 1) / 2;
    if (threadIdx.y + half >= rows) continue;
#pragma unroll
    for (int i = 0; i < COUNT; ++i) shared[i][self] += shared[i][self + half * blockDim.x];
  }
}

}  // namespace cuda_ops::cuda

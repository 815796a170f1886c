// bias_act and its gradient: every value is read once and written once, so both are bound by memory bandwidth.
#include <algorithm>

#include "activation.h"
#include "launch.h"

namespace cuda_ops::cuda {
namespace {

// A thread moves 16 bytes at a time. To be served at full speed, an SM of an H100 must have some 9 KB of reads in
// flight (1.7 TB/s of reads * 0.7 us / 132 SMs); 2048 threads have 32 KB, and small pictures still spread over many
// SMs.
constexpr int THREADS = 256;
constexpr int WARPS = THREADS / WARP;

template <typename T, int V, bool LAST>
__global__ void __launch_bounds__(THREADS)
    forward(const T* __restrict__ x, T* __restrict__ y, Terms<T, LAST> terms, Activation<compute_t<T>> act,
            unsigned vectors, unsigned row, unsigned blocks) {
  constexpr unsigned TURNS = WIDEST<T> / V;
  const unsigned sample = blockIdx.x / blocks, block = blockIdx.x - sample * blocks;
#pragma unroll
  for (unsigned turn = 0; turn < TURNS; ++turn) {
    const unsigned i = (block * TURNS + turn) * THREADS + threadIdx.x;
    if (i >= vectors) return;
    const unsigned outer = i / row, inner = (i - outer * row) * V;  // a channel and its pixel, or the other way round
    const auto channel = terms.template channel<V>(sample, LAST ? inner : outer);
    const int64_t at = (int64_t(sample) * vectors + i) * V;
    store(act(terms(load<V>(x + at), channel, sample, LAST ? outer : inner)), y + at);
  }
}

// The sums of u and of u * x over the pixels of a thread.
template <typename A, int V>
struct Sums {
  Values<A, V> u = Values<A, V>::all(0), ux = Values<A, V>::all(0);
};

template <typename T, int V, bool LAST>
__device__ void pull_back(const T* __restrict__ grad, const T* __restrict__ x, T* __restrict__ dx,
                          const Terms<T, LAST>& terms, const Activation<compute_t<T>>& act,
                          const Channel<compute_t<T>, V>& channel, unsigned sample, unsigned pixel,
                          Sums<compute_t<T>, V>& sums) {
  const auto in = load<V>(x), v = terms(in, channel, sample, pixel);
  auto u = load<V>(grad);
#pragma unroll
  for (int i = 0; i < V; ++i) {
    u[i] *= act.derivative(v[i]);
    sums.u[i] += u[i];
    sums.ux[i] += u[i] * in[i];
    u[i] *= channel.scale[i];
  }
  store(u, dx);
}

// The pixels of a plane are divided into `parts` of at most `pixels`. Each part writes a partial sum, and a second
// kernel adds these in a fixed order, so the result is deterministic. With eight iterations per part the cost of writing
// partial sums is small; more than a thousand parts would take long to add.
struct Split {
  int64_t parts, pixels;

  Split(DType dtype, const Picture& picture) {
    constexpr int64_t TURNS = 8, MOST = 1024;
    const int64_t widest = dtype == DType::float64 ? 2 : dtype == DType::float32 ? 4 : 8;
    const int64_t v = picture.row() % widest == 0 ? widest : 1;
    const int64_t turn = picture.channels_last ? std::max<int64_t>(1, THREADS * v / picture.channels) : WARP * v;
    pixels = turn * std::max(TURNS, ceil_div(picture.pixels(), turn * MOST));
    parts = ceil_div(picture.pixels(), pixels);
  }
};

// A warp sums a part of one channel, without shared memory or barriers.
template <typename T, int V>
__global__ void __launch_bounds__(THREADS)
    backward(const T* __restrict__ grad, const T* __restrict__ x, T* __restrict__ dx,
             compute_t<T>* __restrict__ partial, Terms<T, false> terms, Activation<compute_t<T>> act, unsigned planes,
             unsigned pixels, unsigned parts, unsigned pixels_of_part) {
  const int64_t item = int64_t(blockIdx.x) * WARPS + threadIdx.y;
  if (item >= int64_t(planes) * parts) return;
  const unsigned plane = item / parts, part = item - int64_t(plane) * parts, sample = plane / terms.channels;
  const auto channel = terms.template channel<V>(sample, plane - sample * terms.channels);
  const int64_t start = int64_t(plane) * pixels;
  const unsigned begin = part * pixels_of_part, end = min(begin + pixels_of_part, pixels);
  Sums<compute_t<T>, V> sums;
  for (unsigned i = begin + threadIdx.x * V; i < end; i += WARP * V)
    pull_back(grad + start + i, x + start + i, dx + start + i, terms, act, channel, sample, i, sums);
  const auto u = warp_sum(sums.u.sum()), ux = warp_sum(sums.ux.sum());
  if (threadIdx.x > 0) return;
  partial[int64_t(2 * part) * planes + plane] = u;
  partial[int64_t(2 * part + 1) * planes + plane] = ux;
}

// Channels last: a row of threads spans the channels (a tile of them where they are more), each thread stays with its
// own, and the rows of a block share the pixels of a part.
template <typename T, int V>
__global__ void __launch_bounds__(THREADS)
    backward_last(const T* __restrict__ grad, const T* __restrict__ x, T* __restrict__ dx,
                  compute_t<T>* __restrict__ partial, Terms<T, true> terms, Activation<compute_t<T>> act,
                  unsigned samples, unsigned pixels, unsigned parts, unsigned pixels_of_part) {
  __shared__ compute_t<T> shared[2 * V][THREADS];  // adjacent threads use adjacent banks
  const unsigned sample = blockIdx.x / parts, part = blockIdx.x - sample * parts;
  const unsigned first = (blockIdx.y * blockDim.x + threadIdx.x) * V, self = threadIdx.y * blockDim.x + threadIdx.x;
  const bool inside = first < terms.channels;
  Sums<compute_t<T>, V> sums;
  if (inside) {
    const auto channel = terms.template channel<V>(sample, first);
    const unsigned begin = part * pixels_of_part, end = min(begin + pixels_of_part, pixels);
    for (unsigned pixel = begin + threadIdx.y; pixel < end; pixel += blockDim.y) {
      const int64_t at = (int64_t(sample) * pixels + pixel) * terms.channels + first;
      pull_back(grad + at, x + at, dx + at, terms, act, channel, sample, pixel, sums);
    }
  }
#pragma unroll
  for (int i = 0; i < V; ++i) shared[i][self] = sums.u[i], shared[V + i][self] = sums.ux[i];
  add_rows(shared);
  if (!inside || threadIdx.y > 0) return;
#pragma unroll
  for (int i = 0; i < 2 * V; ++i)
    partial[(int64_t(2 * part + i / V) * samples + sample) * terms.channels + first + i % V] = shared[i][self];
}

// The second stage: sums[i] is the sum over the parts of partial[part][i]. The rows of a block share the parts.
constexpr int ROWS = 32, SUM_THREADS = WARP * ROWS;

template <typename T>
__global__ void __launch_bounds__(SUM_THREADS)
    add_parts(const compute_t<T>* __restrict__ partial, T* __restrict__ sums, unsigned parts, int64_t count) {
  __shared__ compute_t<T> shared[1][SUM_THREADS];
  const int64_t i = int64_t(blockIdx.x) * WARP + threadIdx.x;
  compute_t<T> sum = 0;
  if (i < count)
    for (unsigned part = threadIdx.y; part < parts; part += blockDim.y) sum += partial[part * count + i];
  shared[0][threadIdx.y * WARP + threadIdx.x] = sum;
  add_rows(shared);
  if (i < count && threadIdx.y == 0) narrow(shared[0][threadIdx.x], sums[i]);
}

}  // namespace

cudaError_t bias_act(DType dtype, const Picture& picture, const BiasAct& args, const void* x, void* y,
                     cudaStream_t stream) {
  return by_type(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const auto run = [&](auto v, auto last) {
      const int64_t vectors = picture.sample() / v, blocks = ceil_div<int64_t>(vectors, THREADS * WIDEST<T> / v);
      return launch(forward<T, v, last>, Grid(picture.samples * blocks), THREADS, stream, static_cast<const T*>(x),
                    static_cast<T*>(y), Terms<T, last>(args, picture), Activation<compute_t<T>>(args), vectors,
                    picture.row() / v, blocks);
    };
    return by_layout<T>(picture, run, x, y, args.b, args.scale, args.noise);
  });
}

int64_t bias_act_parts(DType dtype, const Picture& picture) { return Split(dtype, picture).parts; }

cudaError_t bias_act_backward(DType dtype, const Picture& picture, const BiasAct& args, const void* grad, const void* x,
                              void* dx, void* partial, void* sums, cudaStream_t stream) {
  const Split split(dtype, picture);
  const int64_t planes = picture.samples * picture.channels;
  return by_type(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    using A = compute_t<T>;
    const auto run = [&](auto v, auto last) {
      const auto go = [&](auto kernel, Grid grid, dim3 block, int64_t outer) {
        return launch(kernel, grid, block, stream, static_cast<const T*>(grad), static_cast<const T*>(x),
                      static_cast<T*>(dx), static_cast<A*>(partial), Terms<T, last>(args, picture), Activation<A>(args),
                      outer, picture.pixels(), split.parts, split.pixels);
      };
      if constexpr (last) {
        const int64_t row = picture.channels / v, across = std::min<int64_t>(row, THREADS);
        const Grid grid(picture.samples * split.parts, ceil_div(row, across));
        return go(backward_last<T, v>, grid, dim3(across, THREADS / across), picture.samples);
      } else {
        return go(backward<T, v>, Grid(ceil_div<int64_t>(planes * split.parts, WARPS)), dim3(WARP, WARPS), planes);
      }
    };
    const cudaError_t error = by_layout<T>(picture, run, grad, x, dx, args.b, args.scale, args.noise);
    if (error != cudaSuccess) return error;
    const dim3 block(WARP, std::min<int64_t>(split.parts, ROWS));
    return launch(add_parts<T>, Grid(ceil_div<int64_t>(2 * planes, WARP)), block, stream,
                  static_cast<const A*>(partial), static_cast<T*>(sums), split.parts, 2 * planes);
  });
}

}  // namespace cuda_ops::cuda

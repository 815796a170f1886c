// The kernels of the FIR filter: one for four taps in each memory format, and a general one. The caller passes a
// `Finish` that is applied to filtered values before they are stored: a thread calls channel<V>(sample, first) once for
// its channels, then (values, channel, sample, pixel) for every output.
#pragma once

#include <algorithm>

#include "fir.h"
#include "launch.h"

namespace cuda_ops::cuda {

// float64, which serves to check gradients, uses the general kernel.
template <typename T>
constexpr bool HAS_FAST_KERNELS = !std::is_same_v<T, double>;

// Channels before pixels: a block makes a tile of one plane from a tile of the input in shared memory, where each pixel
// is loaded once and read by up to 16 threads. A warp moves neighbours of a row, so single values are coalesced,
// wherever rows start: behind an upsampling convolution they have 2 * W + 1 pixels, which no vector divides. A tile of
// 64 x 36 loads 13 % of its input a second time, most of it from the L2 cache, and takes 15 KB. An SM of an H100 has
// room for 13 of them, about as many as 40 registers a thread allow, and each thread has ten or more loads in flight.
template <int UP, int DOWN>
struct Tile {
  static constexpr int WARPS = 4, THREADS = WARPS * WARP;
  static constexpr int ROWS = 3 * TURN;                      // rows of the input that a thread goes down
  static constexpr int OUTPUTS = completed(ROWS, UP, DOWN);  // of a thread, one below the other
  static constexpr int COLUMNS = DOWN == 1 ? 2 : 1;          // and side by side, a warp's width apart
  static constexpr int HEIGHT = WARPS * OUTPUTS, WIDTH = WARP * COLUMNS;
  static constexpr int IN_HEIGHT = met(HEIGHT, UP, DOWN), IN_WIDTH = met(WIDTH, UP, DOWN);
  static constexpr int ROOM = ceil_div(IN_HEIGHT, WARPS) * WARPS;  // rows and columns that whole warps fill
  static constexpr int PITCH = ceil_div(IN_WIDTH, WARP) * WARP;
};

template <typename T, int UP, int DOWN, typename Finish>
__global__ void __launch_bounds__(Tile<UP, DOWN>::THREADS)
    filter_planes(const T* __restrict__ x, T* __restrict__ y, Filter<compute_t<T>> filter, Finish finish,
                  unsigned tiles_down, unsigned tiles_across) {
  using A = compute_t<T>;
  using Tile = Tile<UP, DOWN>;
  __shared__ A tile[Tile::ROOM][Tile::PITCH];
  const unsigned tiles = tiles_down * tiles_across, plane = blockIdx.x / tiles, index = blockIdx.x - plane * tiles;
  const int top = index / tiles_across * Tile::HEIGHT - phase_of(filter.top, UP);  // may be above the first row
  const int left = index % tiles_across * Tile::WIDTH;
  const int first_row = (top * DOWN - filter.top) / UP, first_column = first_pixel(left * DOWN - filter.left, UP);

  const T* from = x + int64_t(plane) * filter.height * filter.width;
#pragma unroll
  for (int i = 0; i < Tile::ROOM; i += Tile::WARPS) {
#pragma unroll
    for (int k = 0; k < Tile::PITCH; k += WARP) {
      const int r = i + threadIdx.y, row = first_row + r, c = k + threadIdx.x, column = first_column + c;
      const bool wanted = filter.has(row, column) && c < Tile::IN_WIDTH;
      tile[r][c] = wanted ? widen(from[row * filter.width + column]) : A(0);
    }
  }
  __syncthreads();

  const unsigned sample = plane / filter.channels;
  const auto channel = finish.template channel<1>(sample, plane - sample * filter.channels);
  T* to = y + int64_t(plane) * filter.out_height * filter.out_width;
  const int above = threadIdx.y * Tile::OUTPUTS, end = min(top + above + Tile::OUTPUTS, filter.out_height);
#pragma unroll
  for (int i = 0; i < Tile::COLUMNS; ++i) {
    const int out_column = left + i * WARP + threadIdx.x, start = out_column * DOWN - filter.left;
    const int c = first_pixel(start, UP) - first_column;
    const Weights<A, UP> weights(filter, start);
    const auto row = [&](int r) {
      A sum = 0;
#pragma unroll
      for (int j = 0; j < TAPS / UP; ++j) sum += weights.at[j] * tile[above * DOWN / UP + r][c + j];
      return Values<A, 1>::all(sum);
    };
    const auto emit = [&](int k, const Values<A, 1>& value) {
      const int out_row = top + above + k;
      if (k < 0 || out_row < 0 || out_row >= end || out_column >= filter.out_width) return;
      const int pixel = out_row * filter.out_width + out_column;
      store(finish(value, channel, sample, pixel), to + pixel);
    };
    filter_down<UP, DOWN, 1>(filter, Tile::ROWS, row, emit);
  }
}

// Channels last: a thread makes a strip of outputs, one below the other, for 16 bytes of channels. A row of threads has
// up to 128 bytes of channels, a whole line of the cache; the rows of a block are neighbouring columns, so that the
// columns which share a pixel find it in the L1 cache. Rows that two strips share, 3 of the 16 of a long strip, come
// from the L2 cache. Pictures too small to give each SM some blocks of long strips take short ones.
constexpr int STRIP_THREADS = 256, STRIP_LANES = 8;
constexpr int LONG_STRIP = 4 * TURN, SHORT_STRIP = 2 * TURN, MANY_STRIPS = 512;

template <typename T, int V, int UP, int DOWN, typename Finish>
__global__ void __launch_bounds__(STRIP_THREADS)
    filter_last(const T* __restrict__ x, T* __restrict__ y, Filter<compute_t<T>> filter, Finish finish, unsigned strips,
                unsigned across, int rows) {
  using A = compute_t<T>;
  const unsigned strip = blockIdx.x / across, sample = strip / strips;
  const int out_column = (blockIdx.x - strip * across) * blockDim.y + threadIdx.y;
  const int c = (blockIdx.y * blockDim.x + threadIdx.x) * V;
  if (out_column >= filter.out_width || c >= filter.channels) return;
  const int outputs = completed(rows, UP, DOWN);
  const int top = (strip - sample * strips) * outputs - phase_of(filter.top, UP);  // may be above the first row
  const int first_row = (top * DOWN - filter.top) / UP, end = min(top + outputs, filter.out_height);
  const int start = out_column * DOWN - filter.left, first_column = first_pixel(start, UP);
  const Weights<A, UP> weights(filter, start);
  const auto channel = finish.template channel<V>(sample, c);

  const T* from = x + int64_t(sample) * filter.height * filter.width * filter.channels + c;
  T* to = y + int64_t(sample) * filter.out_height * filter.out_width * filter.channels + c;
  const auto row = [&](int r) {
    const int row = first_row + r;
    Values<A, V> pixels[TAPS / UP], sum = {};
#pragma unroll
    for (int j = 0; j < TAPS / UP; ++j) {  // all loads are issued before the first is used
      const int column = first_column + j;
      pixels[j] = filter.has(row, column) ? load<V>(from + (row * filter.width + column) * filter.channels)
                                          : Values<A, V>::all(0);
    }
#pragma unroll
    for (int j = 0; j < TAPS / UP; ++j) sum.add(weights.at[j], pixels[j]);
    return sum;
  };
  const auto emit = [&](int k, const Values<A, V>& values) {
    const int out_row = top + k;
    if (k < 0 || out_row < 0 || out_row >= end) return;
    const int pixel = out_row * filter.out_width + out_column;
    store(finish(values, channel, sample, pixel), to + pixel * filter.channels);
  };
  filter_down<UP, DOWN, V>(filter, rows, row, emit);
}

// Any taps, any up and down: a thread makes one output from the pixels that its window meets.
constexpr int ANY_THREADS = 256;

template <typename T, bool LAST, typename Finish>
__global__ void __launch_bounds__(ANY_THREADS)
    filter_any(const T* __restrict__ x, T* __restrict__ y, Filter<compute_t<T>> filter, Finish finish, unsigned values,
               unsigned blocks) {
  using A = compute_t<T>;
  const unsigned sample = blockIdx.x / blocks, i = (blockIdx.x - sample * blocks) * ANY_THREADS + threadIdx.x;
  if (i >= values) return;
  const unsigned adjacent = LAST ? filter.channels : filter.out_height * filter.out_width;
  const unsigned outer = i / adjacent, inner = i - outer * adjacent;
  const int c = LAST ? inner : outer, pixel = LAST ? outer : inner, out_row = pixel / filter.out_width;
  const int top = out_row * filter.down - filter.top;
  const int left = (pixel - out_row * filter.out_width) * filter.down - filter.left;

  const T* from = x + int64_t(sample) * filter.channels * filter.height * filter.width;
  A sum = 0;
  for (int k = phase_of(top, filter.up); k < filter.count; k += filter.up) {
    const int row = (top + k) / filter.up;
    A along = 0;
    for (int j = phase_of(left, filter.up); j < filter.count; j += filter.up) {
      const int column = (left + j) / filter.up;
      if (!filter.has(row, column)) continue;
      const int at = row * filter.width + column;
      along += filter.tap(j) * widen(from[LAST ? at * filter.channels + c : c * filter.height * filter.width + at]);
    }
    sum += filter.tap(k) * along;
  }
  const auto channel = finish.template channel<1>(sample, c);
  store(finish(Values<A, 1>::all(sum * filter.gain), channel, sample, pixel), y + int64_t(sample) * values + i);
}

// One filtering as the host sees it. `finish_of(LAST)` makes the Finish for a layout.
template <typename T, typename FinishOf>
struct Filtering {
  const Picture &of_x, &of_y;
  Filter<compute_t<T>> filter;
  const T* x;
  T* y;
  FinishOf finish_of;
  cudaStream_t stream;

  // `pointers` are those that Finish reads vectors from.
  template <int UP, int DOWN, typename... Pointers>
  cudaError_t with_four_taps(Pointers... pointers) const {
    const auto run = [&](auto v, auto last) {
      if constexpr (last) return strips<UP, DOWN, v>();
      return tiles<UP, DOWN>();
    };
    return by_layout<T>(of_x, run, x, y, pointers...);
  }

  cudaError_t with_any() const { return of_x.channels_last ? plain<true>() : plain<false>(); }

 private:
  template <bool LAST>
  using Finish = decltype(finish_of(std::bool_constant<LAST>()));

  template <int UP, int DOWN>
  cudaError_t tiles() const {
    using Tile = Tile<UP, DOWN>;
    const int64_t down = ceil_div<int64_t>(of_y.height + phase_of(filter.top, UP), Tile::HEIGHT);
    const int64_t across = ceil_div<int64_t>(of_y.width, Tile::WIDTH);
    const Grid grid(of_x.samples * of_x.channels * down * across);
    return launch(filter_planes<T, UP, DOWN, Finish<false>>, grid, dim3(WARP, Tile::WARPS), stream, x, y, filter,
                  finish_of(std::false_type()), down, across);
  }

  template <int UP, int DOWN, int V>
  cudaError_t strips() const {
    const int64_t vectors = of_x.channels / V, lanes = std::min<int64_t>(vectors, STRIP_LANES);
    const dim3 block(lanes, STRIP_THREADS / lanes);
    const int64_t across = ceil_div<int64_t>(of_y.width, block.y), lines = ceil_div(vectors, lanes);
    const auto strips_of = [&](int rows) {
      return ceil_div<int64_t>(of_y.height + phase_of(filter.top, UP), completed(rows, UP, DOWN));
    };
    const bool many = of_x.samples * strips_of(LONG_STRIP) * across * lines >= MANY_STRIPS;
    const int rows = many ? LONG_STRIP : SHORT_STRIP;
    const Grid grid(of_x.samples * strips_of(rows) * across, lines);
    return launch(filter_last<T, V, UP, DOWN, Finish<true>>, grid, block, stream, x, y, filter,
                  finish_of(std::true_type()), strips_of(rows), across, rows);
  }

  template <bool LAST>
  cudaError_t plain() const {
    const int64_t values = of_y.sample(), blocks = ceil_div<int64_t>(values, ANY_THREADS);
    return launch(filter_any<T, LAST, Finish<LAST>>, Grid(of_x.samples * blocks), ANY_THREADS, stream, x, y, filter,
                  finish_of(std::bool_constant<LAST>()), values, blocks);
  }
};

}  // namespace cuda_ops::cuda

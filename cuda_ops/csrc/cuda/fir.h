// The separable FIR filter of upfirdn2d: which pixels meet which taps, and how four taps go down a column.
//
// Zeros are never inserted. Positions count the picture with its zeros: real pixels are the multiples of `up`, and the
// window of an output starts anywhere, before the picture too. Where the next real pixel is `phase` after its start,
// taps phase, phase + up, ... meet that pixel and those behind it, and all others meet zeros.
#pragma once

#include "ops.h"
#include "values.h"

namespace cuda_ops::cuda {

template <typename A>
struct Filter {
  const A* taps;
  int count, up, down, left, top;
  A gain;
  int channels, height, width, out_height, out_width;

  Filter(const Fir& fir, const Picture& of_x, const Picture& of_y)
      : taps(static_cast<const A*>(fir.taps)),
        count(fir.count),
        up(fir.up),
        down(fir.down),
        left(fir.left),
        top(fir.top),
        gain(fir.gain),
        channels(of_x.channels),
        height(of_x.height),
        width(of_x.width),
        out_height(of_y.height),
        out_width(of_y.width) {}

  __device__ A tap(int i) const { return taps[count - 1 - i]; }  // flipped

  __device__ bool has(int row, int column) const {  // as unsigned numbers, what is below 0 is large
    return unsigned(row) < unsigned(height) && unsigned(column) < unsigned(width);
  }
};

__host__ __device__ constexpr int phase_of(int start, int up) { return (-start % up + up) % up; }
__host__ __device__ constexpr int first_pixel(int start, int up) { return (start + phase_of(start, up)) / up; }

// From here on there are four taps.
constexpr int TAPS = 4;

// How many real pixels the windows of `outputs` neighbours meet, at most.
__host__ __device__ constexpr int met(int outputs, int up, int down) {
  return ((outputs - 1) * down + TAPS - 1) / up + 1;
}

// How many windows the pixels of `rows` rows complete, if the first starts on the first row: in whole steps of `up`, so
// that the next one starts on a row too.
__host__ __device__ constexpr int completed(int rows, int up, int down) {
  return ((rows * up - TAPS) / down + 1) / up * up;
}

// What the real pixels in a window along a row are multiplied by.
template <typename A, int UP>
struct Weights {
  A at[TAPS / UP];

  __device__ Weights(const Filter<A>& filter, int start) {
    const int phase = phase_of(start, UP);
#pragma unroll
    for (int i = 0; i < TAPS / UP; ++i) at[i] = filter.tap(phase + i * UP);
  }
};

// Filters down a column, `rows` rows from one on which a window starts. `row(i)` gives what filtering along the i-th
// row makes; it is asked for once and added to the sums it belongs to, at most TAPS of them, which stay in registers.
// `emit(k, sum)` takes the k-th output once its last row is added. The sums of negative k lack rows above the first and
// are for nobody; an output behind those that are `completed` may come too.
constexpr int TURN = 4;  // after so many rows, sums are back in the same registers

template <int UP, int DOWN, int V, typename A, typename Row, typename Emit>
__device__ void filter_down(const Filter<A>& filter, int rows, Row row, Emit emit) {
  A tap[TAPS];
#pragma unroll
  for (int i = 0; i < TAPS; ++i) tap[i] = filter.tap(i) * filter.gain;
  Values<A, V> sums[TAPS / DOWN] = {};
  for (int first = 0; first < rows; first += TURN) {
#pragma unroll
    for (int i = 0; i < TURN; ++i) {
      const Values<A, V> values = row(first + i);
#pragma unroll
      for (int k = 1 - TAPS; k < TURN * UP; ++k) {
        const int at = i * UP - k * DOWN;  // the tap that this row meets in the k-th window from `first`
        if (at < 0 || at >= TAPS) continue;
        Values<A, V>& sum = sums[(k + TAPS) % (TAPS / DOWN)];
        if (at < UP) sum = Values<A, V>::all(0);
        sum.add(tap[at], values);
        if (at + UP >= TAPS) emit(first * UP / DOWN + k, sum);
      }
    }
  }
}

}  // namespace cuda_ops::cuda

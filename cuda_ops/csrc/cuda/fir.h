// The separable FIR filter of upfirdn2d: the taps of every pixel, and filtering with four taps down a column.
//
// Zeros are not inserted in memory. Positions are those of the upsampled picture: real pixels are at multiples of `up`,
// and the window of an output may start before the picture. If the first real pixel lies `phase` after the start of the
// window, taps phase, phase + up, ... are multiplied with that pixel and the following ones, all other taps with zeros.
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

// The largest number of real pixels in the windows of `outputs` adjacent outputs.
__host__ __device__ constexpr int met(int outputs, int up, int down) {
  return ((outputs - 1) * down + TAPS - 1) / up + 1;
}

// How many windows the pixels of `rows` rows complete, if the first starts on the first row: in whole steps of `up`, so
// that the next one starts on a row too.
__host__ __device__ constexpr int completed(int rows, int up, int down) {
  return ((rows * up - TAPS) / down + 1) / up * up;
}

// The taps of the real pixels of a window along a row.
template <typename A, int UP>
struct Weights {
  A at[TAPS / UP];

  __device__ Weights(const Filter<A>& filter, int start) {
    const int phase = phase_of(start, UP);
#pragma unroll
    for (int i = 0; i < TAPS / UP; ++i) at[i] = filter.tap(phase + i * UP);
  }
};

// Filters down a column, `rows` rows from one on which a window starts. `row(i)` returns the i-th row filtered along its
// length; it is called once, and added to the at most TAPS sums in registers that it contributes to. `emit(k, sum)` gets
// the k-th output after its last row. Sums of negative k are incomplete and have to be ignored, as has an output beyond
// those that are `completed`.
constexpr int TURN = 4;  // rows after which the sums are in the same registers again

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

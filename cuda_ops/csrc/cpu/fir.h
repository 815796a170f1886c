// The separable FIR filter of upfirdn2d on rows: the taps of every pixel, and the two passes.
#pragma once

#include <algorithm>

#include "rows.h"

namespace cuda_ops {

// Along one axis: output i is the sum over j of weight[i % phases][j] * input[first(i) + j], where inputs outside of the
// picture are zero. Inserting zeros, padding, flipping and decimating are all in here, so no zero is ever stored.
template <typename A>
struct Axis {
  int64_t size, out, up, down, before, taps;  // `taps` of the filter; at most `reach` of them meet real pixels
  int64_t reach;
  std::vector<A> weights;  // [up, reach], by the remainder of the window's start

  Axis(int64_t size, const std::vector<A>& filter, int64_t up, int64_t down, int64_t before, int64_t after, A gain)
      : size(size),
        out((size * up + before + after - int64_t(filter.size())) / down + 1),
        up(up),
        down(down),
        before(before),
        taps(filter.size()),
        reach((taps + up - 1) / up),
        weights(up * reach, A(0)) {
    TORCH_CHECK(size * up + before + after >= taps, "upfirdn2d: a filter of ", taps, " taps is larger than the padded picture");
    for (int64_t phase = 0; phase < up; ++phase)  // the window starts `phase` past a real pixel
      for (int64_t j = 0, k = (up - phase) % up; k < taps; ++j, k += up) weights[phase * reach + j] = gain * filter[taps - 1 - k];
  }

  int64_t start(int64_t i) const { return i * down - before; }  // of the window, in upsampled pixels
  int64_t phase(int64_t i) const { return ((start(i) % up) + up) % up; }
  int64_t first(int64_t i) const { return (start(i) - phase(i)) / up + (phase(i) > 0); }  // the first real pixel met
  const A* weight(int64_t i) const { return weights.data() + phase(i) * reach; }
};

// The weighted sum of the input rows of one output row: [width * inner], zero beyond the edges.
template <typename T, typename A>
void weigh_rows(const T* plane, const Axis<A>& rows, int64_t row, int64_t length, A* out) {
  const A* weight = rows.weight(row);
  const int64_t first = rows.first(row);
  if (rows.reach == 4 && first >= 0 && first + 4 <= rows.size) {  // the inside of a picture, all four at once
    const T *a = plane + first * length, *b = a + length, *c = b + length, *d = c + length;
    const A wa = weight[0], wb = weight[1], wc = weight[2], wd = weight[3];
#pragma omp simd
    for (int64_t i = 0; i < length; ++i) out[i] = wa * widen<A>(a[i]) + wb * widen<A>(b[i]) + wc * widen<A>(c[i]) + wd * widen<A>(d[i]);
    return;
  }
  std::fill(out, out + length, A(0));
  for (int64_t j = 0; j < rows.reach; ++j) {
    if (first + j < 0 || first + j >= rows.size) continue;
    const T* in = plane + (first + j) * length;
    const A w = weight[j];
#pragma omp simd
    for (int64_t i = 0; i < length; ++i) out[i] += w * widen<A>(in[i]);
  }
}

// One row of the output from a weighted row whose margins are zero: `in` points to pixel 0.
template <typename A>
void weigh_columns(const A* in, const Axis<A>& columns, int64_t inner, A* out) {
  if (columns.up == 1 && columns.down == 1 && columns.reach == 4) {
    const A* weight = columns.weight(0);
    const A wa = weight[0], wb = weight[1], wc = weight[2], wd = weight[3];
    const A *a = in + columns.first(0) * inner, *b = a + inner, *c = b + inner, *d = c + inner;
#pragma omp simd
    for (int64_t i = 0; i < columns.out * inner; ++i) out[i] = wa * a[i] + wb * b[i] + wc * c[i] + wd * d[i];
    return;
  }
  for (int64_t i = 0; i < columns.out; ++i, out += inner) {
    const A *weight = columns.weight(i), *from = in + columns.first(i) * inner;
    for (int64_t c = 0; c < inner; ++c) {
      A sum = 0;
      for (int64_t j = 0; j < columns.reach; ++j) sum += weight[j] * from[j * inner + c];
      out[c] = sum;
    }
  }
}

// Filters `x` [N, C, H, W] and hands every row of the result to `finish(values, plane, row)` in working precision.
template <typename T, typename A, typename Finish>
void filter(const Tensor& x, const Picture& picture, const Axis<A>& rows, const Axis<A>& columns, const Finish& finish) {
  const int64_t inner = picture.inner, length = picture.width * inner, reach = columns.reach;
  const int64_t left = std::max<int64_t>(0, -columns.first(0));
  const int64_t right = std::max<int64_t>(0, columns.first(columns.out - 1) + reach - picture.width);
  const T* in = x.const_data_ptr<T>();
  const int64_t grain = std::max<int64_t>(1, GRAIN / std::max<int64_t>(1, columns.out * inner));
  at::parallel_for(0, picture.planes * rows.out, grain, [&](int64_t begin, int64_t end) {
    std::vector<A> weighted((left + picture.width + right) * inner, A(0)), values(columns.out * inner);
    A* inside = weighted.data() + left * inner;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t plane = i / rows.out, row = i % rows.out;
      weigh_rows(in + plane * picture.pixels() * inner, rows, row, length, inside);
      weigh_columns(inside, columns, inner, values.data());
      finish(values.data(), plane, row);
    }
  });
}

template <typename A>
std::vector<A> taps_of(const Tensor& taps) {
  const Tensor dense = taps.to(at::kCPU, at::CppTypeToScalarType<A>::value).contiguous();
  return std::vector<A>(dense.const_data_ptr<A>(), dense.const_data_ptr<A>() + dense.numel());
}

}  // namespace cuda_ops

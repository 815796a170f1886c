// Pictures as vectors of channels: a pixel has one vector, whose lanes are adjacent channels of either memory format.
#pragma once

#include "rows.h"

namespace cuda_ops {

template <typename A>
struct Lanes {
  static constexpr int64_t count = 64 / sizeof(A);
  typedef A type __attribute__((vector_size(64)));
};
template <typename A>
using Vec = typename Lanes<A>::type;

// The lanes of one vector: adjacent channels of a sample.
struct Channels {
  int64_t sample, first, count;
};

// Reads and writes runs of pixels of a row. `T*` may be const.
template <typename Pointer>
class LanePicture {
 public:
  LanePicture(Pointer data, const Picture& picture)
      : data_(data),
        height_(picture.height),
        width_(picture.width),
        sample_stride_(picture.channels * picture.pixels()),
        channel_stride_(picture.inner > 1 ? 1 : picture.pixels()),
        pixel_stride_(picture.inner) {}

  int64_t height() const { return height_; }
  int64_t width() const { return width_; }

  // Pixels first .. first + count - 1 of a row of the picture; zero beyond the edges and in lanes without a channel.
  template <typename A>
  void load(const Channels& at, int64_t row, int64_t first, int64_t count, Vec<A>* to) const {
    const int64_t begin = std::clamp<int64_t>(-first, 0, count), end = std::clamp<int64_t>(width_ - first, begin, count);
    std::fill(to, to + begin, Vec<A>{});
    std::fill(to + end, to + count, Vec<A>{});
    const auto* from = data_ + offset(at, row, first);
    if (channel_stride_ == 1 && at.count == Lanes<A>::count) {
      for (int64_t i = begin; i < end; ++i) {
#pragma omp simd
        for (int64_t lane = 0; lane < Lanes<A>::count; ++lane) to[i][lane] = widen<A>(from[i * pixel_stride_ + lane]);
      }
      return;
    }
    if (at.count < Lanes<A>::count) std::fill(to + begin, to + end, Vec<A>{});
    for (int64_t i = begin; i < end; ++i)
      for (int64_t lane = 0; lane < at.count; ++lane) to[i][lane] = widen<A>(from[i * pixel_stride_ + lane * channel_stride_]);
  }

  template <typename A>
  void store(const Channels& at, int64_t row, int64_t first, int64_t count, const Vec<A>* from) const {
    auto* to = data_ + offset(at, row, first);
    if (channel_stride_ == 1 && at.count == Lanes<A>::count) {
      for (int64_t i = 0; i < count; ++i) {
#pragma omp simd
        for (int64_t lane = 0; lane < Lanes<A>::count; ++lane) narrow(from[i][lane], to[i * pixel_stride_ + lane]);
      }
      return;
    }
    for (int64_t i = 0; i < count; ++i)
      for (int64_t lane = 0; lane < at.count; ++lane) narrow(from[i][lane], to[i * pixel_stride_ + lane * channel_stride_]);
  }

 private:
  int64_t offset(const Channels& at, int64_t row, int64_t column) const {
    return at.sample * sample_stride_ + at.first * channel_stride_ + (row * width_ + column) * pixel_stride_;
  }

  Pointer data_;
  int64_t height_, width_, sample_stride_, channel_stride_, pixel_stride_;
};

// out[i] = sum of weights[j] * rows[j][i].
template <int REACH, typename A>
void weigh_vectors(const Vec<A>* const* rows, const A* weights, int64_t reach, int64_t count, Vec<A>* out) {
  for (int64_t i = 0; i < count; ++i) {
    Vec<A> sum = weights[0] * rows[0][i];
#pragma GCC unroll 12
    for (int64_t j = 1; j < (REACH ? REACH : reach); ++j) sum += weights[j] * rows[j][i];
    out[i] = sum;
  }
}

template <typename A>
void weigh_vectors(const Vec<A>* const* rows, const A* weights, int64_t reach, int64_t count, Vec<A>* out) {
  switch (reach) {  // those of StyleGAN3
    case 1: return weigh_vectors<1>(rows, weights, reach, count, out);
    case 6: return weigh_vectors<6>(rows, weights, reach, count, out);
    case 12: return weigh_vectors<12>(rows, weights, reach, count, out);
    default: return weigh_vectors<0>(rows, weights, reach, count, out);
  }
}

}  // namespace cuda_ops

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

// The lanes of one vector: channels first .. first + count - 1 of a sample, of which another vector writes the first
// `shared`.
struct Channels {
  int64_t sample, first, count, shared;
};

// A picture [N, C, H, W] of values `T`, which may be const, read and written in runs of pixels of a row.
template <typename T>
class LanePicture {
 public:
  LanePicture(T* data, const Picture& picture)
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
    const T* from = data_ + offset(at, row, first);
    if (channel_stride_ == 1 && at.count == Lanes<A>::count) {
      const int64_t next = row + 1 < height_ ? width_ * pixel_stride_ : 0;
      for (int64_t i = begin; i < end; ++i) {
        __builtin_prefetch(from + i * pixel_stride_ + next);  // for the hardware the pixels of a channel lie too far apart
#pragma omp simd
        for (int64_t lane = 0; lane < Lanes<A>::count; ++lane) to[i][lane] = widen<A>(from[i * pixel_stride_ + lane]);
      }
      return;
    }
    std::fill(to + begin, to + end, Vec<A>{});
    for (int64_t i = begin; i < end; ++i)
      for (int64_t lane = 0; lane < at.count; ++lane) to[i][lane] = widen<A>(from[i * pixel_stride_ + lane * channel_stride_]);
  }

  template <typename A>
  void store(const Channels& at, int64_t row, int64_t first, int64_t count, const Vec<A>* from) const {
    T* to = data_ + offset(at, row, first);
    if (channel_stride_ == 1 && at.shared == 0 && at.count == Lanes<A>::count) {
      const int64_t next = row + 1 < height_ ? width_ * pixel_stride_ : 0;
      for (int64_t i = 0; i < count; ++i) {
        __builtin_prefetch(to + i * pixel_stride_ + next, 1);
#pragma omp simd
        for (int64_t lane = 0; lane < Lanes<A>::count; ++lane) narrow(from[i][lane], to[i * pixel_stride_ + lane]);
      }
      return;
    }
    for (int64_t i = 0; i < count; ++i)
      for (int64_t lane = at.shared; lane < at.count; ++lane)
        narrow(from[i][lane], to[i * pixel_stride_ + lane * channel_stride_]);
  }

 private:
  int64_t offset(const Channels& at, int64_t row, int64_t column) const {
    return at.sample * sample_stride_ + at.first * channel_stride_ + (row * width_ + column) * pixel_stride_;
  }

  T* data_;
  int64_t height_, width_, sample_stride_, channel_stride_, pixel_stride_;
};

// The same number in every lane.
template <typename A>
Vec<A> all_lanes(A value) {
  return value - Vec<A>{};
}

// A sum of REACH weighted vectors, or of any number of them where REACH is 0; `vector(j)` returns the j-th.
template <typename A, int REACH>
class Weights {
 public:
  Weights(const A* weights, int64_t count) : weights_(weights), count_(count) {
    for (int j = 0; j < REACH; ++j) wide_[j] = all_lanes(weights[j]);
  }

  template <typename Vector>
  Vec<A> sum(const Vector& vector) const {
    if constexpr (REACH == 0) {
      Vec<A> sum = weights_[0] * vector(0);
      for (int64_t j = 1; j < count_; ++j) sum += weights_[j] * vector(j);
      return sum;
    }
    Vec<A> sum = wide_[0] * vector(0);
#pragma GCC unroll 12
    for (int j = 1; j < REACH; ++j) sum += wide_[j] * vector(j);
    return sum;
  }

 private:
  const A* weights_;
  int64_t count_;
  Vec<A> wide_[REACH ? REACH : 1];
};

// Calls run(Weights); 6 and 12 are the numbers of StyleGAN3, 1 is no filter.
template <typename A, typename Run>
void with_weights(const A* weights, int64_t count, const Run& run) {
  switch (count) {
    case 1: return run(Weights<A, 1>(weights, count));
    case 6: return run(Weights<A, 6>(weights, count));
    case 12: return run(Weights<A, 12>(weights, count));
    default: return run(Weights<A, 0>(weights, count));
  }
}

}  // namespace cuda_ops

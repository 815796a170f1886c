// The two halves of filtered_lrelu on vectors of channels: rows of the upsampled picture, and rows of the result.
#pragma once

#include "fir.h"
#include "lanes.h"

namespace cuda_ops {

// A separable filter [K], one of two dimensions [K, K], or none, which is a single 1.
template <typename A>
struct Kernel {
  int64_t count = 1;
  bool square = false;
  std::vector<A> taps{A(1)};

  explicit Kernel(const MaybeTensor& filter) {
    if (!filter) return;
    count = filter->size(0), square = filter->dim() == 2, taps = taps_of<A>(*filter);
  }

  // The geometry and, where the filter is separable, the weights of one axis.
  Axis<A> axis(int64_t size, int64_t out, int64_t up, int64_t down, int64_t before, A gain) const {
    const std::vector<A> line = square ? std::vector<A>(count, A(1)) : taps;
    return Axis<A>(size, line, up, down, before, (out - 1) * down + count - size * up - before, gain);
  }
};

// The weights of a filter of two dimensions by the phases of the window's first row and column: [up, up, reach, reach].
template <typename A>
std::vector<A> phase_weights(const Kernel<A>& kernel, int64_t up, int64_t reach, A gain) {
  std::vector<A> weights(up * up * reach * reach, A(0));
  A* to = weights.data();
  const auto tap = [&](int64_t phase, int64_t j) { return kernel.count - 1 - ((up - phase) % up + j * up); };  // flipped
  for (int64_t row = 0; row < up; ++row)
    for (int64_t column = 0; column < up; ++column)
      for (int64_t i = 0; i < reach; ++i)
        for (int64_t j = 0; j < reach; ++j, ++to) {
          const int64_t y = tap(row, i), x = tap(column, j);
          if (y >= 0 && x >= 0) *to = gain * kernel.taps[y * kernel.count + x];
        }
  return weights;
}

// How a picture is resampled.
template <typename A>
struct Resampling {
  Kernel<A> kernel;
  Axis<A> rows, columns;
  std::vector<A> square;  // see phase_weights; empty where the filter is separable

  Resampling(const MaybeTensor& filter, const Picture& from, const Picture& to, int64_t up, int64_t down,
             int64_t before, double gain)
      : kernel(filter),
        rows(kernel.axis(from.height, to.height, up, down, before, A(gain))),
        columns(kernel.axis(from.width, to.width, up, down, before, A(1))) {
    if (kernel.square) square = phase_weights(kernel, up, rows.reach, A(gain));
  }
};

// Rows of an upsampled picture between two columns, one after the other, from the latest rows of the input.
template <typename T, typename A>
class UpsampledRows {
 public:
  UpsampledRows(const LanePicture<const T>& input, const Resampling<A>& how, const Channels& channels, int64_t begin,
                int64_t end, Vec<A> scale, Vec<A> bias)
      : input_(input), how_(how), channels_(channels), begin_(begin), end_(end), scale_(scale), bias_(bias) {
    first_ = how.columns.first(begin);
    length_ = how.columns.first(end - 1) + how.columns.reach - first_;
    ring_.resize(how.rows.reach * length_);
    zeros_.resize(length_);
    line_.resize(length_);
    rows_.resize(how.rows.reach);
  }

  // Calls finish(value, i) for every column begin + i of the row. Rows are made in ascending order.
  template <typename Finish>
  void make(int64_t row, const Finish& finish) {
    const int64_t reach = how_.rows.reach, first = how_.rows.first(row);
    next_ = std::max(next_, first);
    for (; next_ < std::min(first + reach, input_.height()); ++next_) load(next_, &ring_[next_ % reach * length_]);
    for (int64_t j = 0; j < reach; ++j) {
      const bool inside = first + j >= 0 && first + j < input_.height();
      rows_[j] = inside ? &ring_[(first + j) % reach * length_] : zeros_.data();
    }
    how_.kernel.square ? weigh_square(row, finish) : weigh_rows(row, finish);
  }

 private:
  void load(int64_t row, Vec<A>* to) const {
    input_.template load<A>(channels_, row, first_, length_, to);
    const int64_t begin = std::max<int64_t>(0, -first_), end = std::min(length_, input_.width() - first_);
    for (int64_t i = begin; i < end; ++i) to[i] = to[i] * scale_ + bias_;
  }

  template <typename Finish>
  void weigh_rows(int64_t row, const Finish& finish) {
    const Axis<A>& columns = how_.columns;
    with_weights(how_.rows.weight(row), how_.rows.reach, [&](const auto& weights) {
      for (int64_t i = 0; i < length_; ++i) line_[i] = weights.sum([&](int64_t j) { return rows_[j][i]; });
    });
    for (int64_t i = begin_; i < std::min(end_, begin_ + columns.up); ++i) {  // columns of the same phase share weights
      with_weights(columns.weight(i), columns.reach, [&](const auto& weights) {
        const Vec<A>* from = &line_[columns.first(i) - first_];
        for (int64_t to = i - begin_; to < end_ - begin_; to += columns.up, ++from)
          finish(weights.sum([&](int64_t j) { return from[j]; }), to);
      });
    }
  }

  template <typename Finish>
  void weigh_square(int64_t row, const Finish& finish) {
    const Axis<A>& columns = how_.columns;
    const int64_t reach = columns.reach;
    for (int64_t i = begin_; i < end_; ++i) {
      const A* weight = &how_.square[(how_.rows.phase(row) * columns.up + columns.phase(i)) * reach * reach];
      const int64_t from = columns.first(i) - first_;
      Vec<A> sum{};
      for (int64_t j = 0; j < reach; ++j)
        for (int64_t k = 0; k < reach; ++k) sum += *weight++ * rows_[j][from + k];
      finish(sum, i - begin_);
    }
  }

  const LanePicture<const T>& input_;
  const Resampling<A>& how_;
  Channels channels_;
  int64_t begin_, end_, first_, length_, next_ = 0;
  Vec<A> scale_, bias_;
  std::vector<Vec<A>> ring_, zeros_, line_;
  std::vector<const Vec<A>*> rows_;
};

// Rows of the result between two columns from the rows of the middle picture, of which the latest are kept: filtered
// along their length where the filter is separable.
template <typename A>
class DownsampledRows {
 public:
  DownsampledRows(const Resampling<A>& how, int64_t begin, int64_t end)
      : how_(how),
        count_(how.kernel.count),
        width_(end - begin),
        left_(how.columns.start(begin)),
        span_(how.columns.start(end - 1) + count_ - left_),
        length_(how.kernel.square ? span_ : width_),
        next_(std::max<int64_t>(0, how.rows.start(0))),
        line_(span_),
        ring_(count_ * length_),
        zeros_(length_),
        rows_(count_) {}

  // The columns of the middle picture that are needed.
  int64_t from() const { return std::clamp<int64_t>(left_, 0, how_.columns.size); }
  int64_t to() const { return std::clamp<int64_t>(left_ + span_, from(), how_.columns.size); }

  // `make(row, out)` writes the columns from() to to() of a row of the middle picture. Rows are made in ascending order.
  template <typename Make>
  void make(int64_t row, Vec<A>* out, const Make& make) {
    const int64_t first = how_.rows.start(row);
    for (; next_ < std::min(first + count_, how_.rows.size); ++next_) {
      Vec<A>* kept = &ring_[next_ % count_ * length_];
      make(next_, (how_.kernel.square ? kept : line_.data()) + from() - left_);
      if (!how_.kernel.square) weigh_along(kept);
    }
    for (int64_t j = 0; j < count_; ++j) {
      const bool inside = first + j >= 0 && first + j < how_.rows.size;
      rows_[j] = inside ? &ring_[(first + j) % count_ * length_] : zeros_.data();
    }
    if (how_.kernel.square) return weigh_square(out);
    with_weights(how_.rows.weights.data(), count_, [&](const auto& weights) {
      for (int64_t i = 0; i < width_; ++i) out[i] = weights.sum([&](int64_t j) { return rows_[j][i]; });
    });
  }

 private:
  void weigh_along(Vec<A>* out) const {
    with_weights(how_.columns.weights.data(), count_, [&](const auto& weights) {
      const Vec<A>* from = line_.data();
      for (int64_t i = 0; i < width_; ++i, from += how_.columns.down)
        out[i] = weights.sum([&](int64_t j) { return from[j]; });
    });
  }

  void weigh_square(Vec<A>* out) const {
    std::fill(out, out + width_, Vec<A>{});
    for (int64_t j = 0; j < count_; ++j) {
      with_weights(&how_.square[j * count_], count_, [&](const auto& weights) {
        const Vec<A>* from = rows_[j];
        for (int64_t i = 0; i < width_; ++i, from += how_.columns.down)
          out[i] += weights.sum([&](int64_t k) { return from[k]; });
      });
    }
  }

  const Resampling<A>& how_;
  int64_t count_, width_, left_, span_, length_, next_;
  std::vector<Vec<A>> line_, ring_, zeros_;
  std::vector<const Vec<A>*> rows_;
};

}  // namespace cuda_ops

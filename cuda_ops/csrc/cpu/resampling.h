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

// Rows of an upsampled picture between two columns, one after the other. The latest rows of the input are kept, filtered
// along their length where the filter is separable.
template <typename T, typename A>
class UpsampledRows {
 public:
  UpsampledRows(const LanePicture<const T*>& input, const Resampling<A>& how, const Channels& channels, int64_t begin,
                int64_t end, Vec<A> scale, Vec<A> bias)
      : input_(input), how_(how), channels_(channels), begin_(begin), end_(end), scale_(scale), bias_(bias) {
    first_ = how.columns.first(begin);
    raw_ = how.columns.first(end - 1) + how.columns.reach - first_;
    length_ = how.kernel.square ? raw_ : end - begin;
    loaded_.resize(raw_);
    ring_.resize(how.rows.reach * length_);
    zeros_.resize(length_);
    rows_.resize(how.rows.reach);
  }

  void make(int64_t row, Vec<A>* out) {
    const int64_t reach = how_.rows.reach, first = how_.rows.first(row);
    next_ = std::max(next_, std::max<int64_t>(first, 0));
    for (; next_ < std::min(first + reach, input_.height()); ++next_) filter_along(next_, &ring_[next_ % reach * length_]);
    for (int64_t j = 0; j < reach; ++j) {
      const bool inside = first + j >= 0 && first + j < input_.height();
      rows_[j] = inside ? &ring_[(first + j) % reach * length_] : zeros_.data();
    }
    if (!how_.kernel.square) return weigh_vectors<A>(rows_.data(), how_.rows.weight(row), reach, end_ - begin_, out);
    const int64_t up = how_.rows.up;
    for (int64_t i = begin_; i < end_; ++i) {
      const A* weight = &how_.square[(how_.rows.phase(row) * up + how_.columns.phase(i)) * reach * reach];
      const int64_t from = how_.columns.first(i) - first_;
      Vec<A> sum{};
      for (int64_t j = 0; j < reach; ++j)
        for (int64_t k = 0; k < reach; ++k) sum += *weight++ * rows_[j][from + k];
      out[i - begin_] = sum;
    }
  }

 private:
  void filter_along(int64_t row, Vec<A>* out) {
    Vec<A>* to = how_.kernel.square ? out : loaded_.data();
    input_.template load<A>(channels_, row, first_, raw_, to);
    const int64_t begin = std::max<int64_t>(0, -first_), end = std::min(raw_, input_.width() - first_);
    for (int64_t i = begin; i < end; ++i) to[i] = to[i] * scale_ + bias_;
    if (how_.kernel.square) return;
    if (how_.columns.reach == 6) return weigh_pixels<6>(out);
    weigh_pixels<0>(out);
  }

  template <int REACH>
  void weigh_pixels(Vec<A>* out) const {
    const int64_t reach = REACH ? REACH : how_.columns.reach, up = how_.columns.up;
    int64_t phase = how_.columns.phase(begin_);
    const Vec<A>* from = loaded_.data();
    for (int64_t i = begin_; i < end_; ++i) {
      const A* weight = &how_.columns.weights[phase * reach];
      Vec<A> sum = weight[0] * from[0];
#pragma GCC unroll 6
      for (int64_t j = 1; j < reach; ++j) sum += weight[j] * from[j];
      *out++ = sum;
      // a window that starts on a real pixel leaves it behind
      if (phase == 0) ++from;
      if (++phase == up) phase = 0;
    }
  }

  const LanePicture<const T*>& input_;
  const Resampling<A>& how_;
  Channels channels_;
  int64_t begin_, end_, first_, raw_, length_, next_ = 0;
  Vec<A> scale_, bias_;
  std::vector<Vec<A>> loaded_, ring_, zeros_;
  std::vector<const Vec<A>*> rows_;
};

// The rows of the result between two columns from those of the picture before, which `make(row, out)` makes in order.
template <typename A, typename Make>
class DownsampledRows {
 public:
  DownsampledRows(const Resampling<A>& how, int64_t begin, int64_t end, Make make)
      : how_(how), begin_(begin), end_(end), make_(make) {
    left_ = how.columns.start(begin);
    length_ = how.columns.start(end - 1) + how.kernel.count - left_;
    ring_.resize(how.kernel.count * length_);
    zeros_.resize(length_);
    line_.resize(length_);
    rows_.resize(how.kernel.count);
    next_ = std::max<int64_t>(0, how.rows.start(0));
  }

  // The columns of the picture before that `make` makes.
  int64_t from() const { return std::max<int64_t>(0, left_); }
  int64_t to() const { return std::min(how_.columns.size, left_ + length_); }

  void make(int64_t row, Vec<A>* out) {
    const int64_t count = how_.kernel.count, first = how_.rows.start(row), down = how_.rows.down;
    for (; next_ < std::min(first + count, how_.rows.size); ++next_) make_(next_, &ring_[next_ % count * length_ + from() - left_]);
    for (int64_t j = 0; j < count; ++j) {
      const bool inside = first + j >= 0 && first + j < how_.rows.size;
      rows_[j] = inside ? &ring_[(first + j) % count * length_] : zeros_.data();
    }
    if (how_.kernel.square) return weigh_square(out);
    weigh_vectors<A>(rows_.data(), how_.rows.weights.data(), count, length_, line_.data());
    count == 12 ? weigh_line<12>(out) : weigh_line<0>(out);
  }

 private:
  template <int COUNT>
  void weigh_line(Vec<A>* out) const {
    const A* weights = how_.columns.weights.data();
    const Vec<A>* from = line_.data();
    for (int64_t i = begin_; i < end_; ++i, from += how_.columns.down) {
      Vec<A> sum = weights[0] * from[0];
#pragma GCC unroll 12
      for (int64_t j = 1; j < (COUNT ? COUNT : how_.kernel.count); ++j) sum += weights[j] * from[j];
      *out++ = sum;
    }
  }

  void weigh_square(Vec<A>* out) const {
    const int64_t count = how_.kernel.count, down = how_.columns.down;
    std::fill(out, out + end_ - begin_, Vec<A>{});
    for (int64_t j = 0; j < count; ++j) {
      const A* weights = &how_.square[j * count];
      const Vec<A>* from = rows_[j];
      for (int64_t i = 0; i < end_ - begin_; ++i, from += down) {
        Vec<A> sum = out[i];
        for (int64_t k = 0; k < count; ++k) sum += weights[k] * from[k];
        out[i] = sum;
      }
    }
  }

  const Resampling<A>& how_;
  int64_t begin_, end_, left_, length_, next_;
  Make make_;
  std::vector<Vec<A>> ring_, zeros_, line_;
  std::vector<const Vec<A>*> rows_;
};

}  // namespace cuda_ops

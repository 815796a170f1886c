// filtered_lrelu and its gradient on the CPU: a thread makes some columns of the result for one vector of channels, row
// by row, so that no more than some rows of the upsampled picture, 4 to 16 times the size of the input, ever exist.
#include <torch/library.h>

#include "resampling.h"

namespace cuda_ops {
namespace {

constexpr int64_t COLUMNS = 32;  // of the result that a thread makes at once; its rows then fit into the L1 cache

// The planes and the memory format of a picture at another size.
Picture resized(Picture picture, int64_t height, int64_t width) {
  picture.height = height, picture.width = width;
  return picture;
}

Picture upsampled(const Picture& of_x, const MaybeTensor& filter, int64_t up, at::IntArrayRef padding) {
  const int64_t more = padding[0] + padding[1] - (filter ? filter->size(0) : 1) + 1;
  const Picture middle = resized(of_x, of_x.height * up + more, of_x.width * up + more);
  TORCH_CHECK(middle.height > 0 && middle.width > 0, "filtered_lrelu: up_filter is larger than the padded picture");
  return middle;
}

Tensor empty_picture(const Picture& picture, const Tensor& like) {
  return at::empty({picture.samples, picture.channels, picture.height, picture.width}, like.options(), picture.format);
}

// Calls work(channels, first column, last column) for all parts of a result of these sizes, on all threads.
template <typename A, typename Work>
void for_all_parts(const Picture& result, const Work& work) {
  constexpr int64_t LANES = Lanes<A>::count;
  const int64_t vectors = (result.channels + LANES - 1) / LANES, parts = (result.width + COLUMNS - 1) / COLUMNS;
  at::parallel_for(0, result.samples * vectors * parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t channel = i % vectors * LANES, column = i / vectors % parts * COLUMNS;
      const int64_t first = std::clamp<int64_t>(result.channels - LANES, 0, channel);  // the last vector is a whole one
      const int64_t count = std::min(LANES, result.channels);
      const Channels channels{i / vectors / parts, first, count, channel - first};
      work(channels, column, std::min(column + COLUMNS, result.width));
    }
  });
}

// x * scale + b of a vector of channels: b [C], scale [N, C].
template <typename T, typename A>
struct ChannelTerms {
  Vec<A> scale, bias;

  ChannelTerms(const Tensor& x, const MaybeTensor& b, const MaybeTensor& scales, const Channels& at)
      : scale(all_lanes(A(1))), bias{} {
    for (int64_t lane = 0; lane < at.count; ++lane) {
      const int64_t channel = at.first + lane;
      if (scales) scale[lane] = widen<A>(scales->const_data_ptr<T>()[at.sample * x.size(1) + channel]);
      if (b) bias[lane] = widen<A>(b->const_data_ptr<T>()[channel]);
    }
  }
};

// Activation on vectors.
template <typename A>
struct VectorActivation {
  Vec<A> positive, negative, limit;  // factors above and below 0

  VectorActivation(double slope, double gain, std::optional<double> clamp)
      : positive(all_lanes(A(gain))),
        negative(all_lanes(A(gain * slope))),
        limit(all_lanes(A(clamp.value_or(std::numeric_limits<double>::infinity())))) {}

  Vec<A> operator()(Vec<A> v) const {
    Vec<A> y = v * (v > Vec<A>{} ? positive : negative);
    y = y > limit ? limit : y;
    return y < -limit ? -limit : y;
  }

  Vec<A> derivative(Vec<A> v) const {
    const Vec<A> factor = v > Vec<A>{} ? positive : negative, y = v * factor;
    return y > limit ? Vec<A>{} : (y < -limit ? Vec<A>{} : factor);
  }
};

MaybeTensor dense(const MaybeTensor& tensor) { return tensor ? std::make_optional(tensor->contiguous()) : std::nullopt; }

Tensor filtered_lrelu(const Tensor& input, const MaybeTensor& b, const MaybeTensor& scale,
                      const MaybeTensor& up_filter, const MaybeTensor& down_filter, int64_t up, int64_t down,
                      at::IntArrayRef padding, double gain, double slope, std::optional<double> clamp) {
  check_terms(input, input.sizes(), b, scale, std::nullopt);
  const Picture of_x(input), middle = upsampled(of_x, up_filter, up, padding);
  const int64_t taps = down_filter ? down_filter->size(0) : 1;
  TORCH_CHECK(middle.height >= taps && middle.width >= taps, "filtered_lrelu: down_filter is larger than the picture");
  const Picture of_y = resized(of_x, (middle.height - taps) / down + 1, (middle.width - taps) / down + 1);
  const Tensor x = input.contiguous(of_x.format);
  const MaybeTensor biases = dense(b), scales = dense(scale);
  Tensor y = empty_picture(of_y, x);
  if (y.numel() == 0) return y;
  CUDA_OPS_DISPATCH(x.scalar_type(), "filtered_lrelu", [&] {
    using A = at::opmath_type<scalar_t>;
    const Resampling<A> above(up_filter, of_x, middle, up, 1, padding[0], up * up);
    const Resampling<A> below(down_filter, middle, of_y, 1, down, 0, 1);
    const LanePicture<const scalar_t> from(x.const_data_ptr<scalar_t>(), of_x);
    const LanePicture<scalar_t> to(y.mutable_data_ptr<scalar_t>(), of_y);
    const VectorActivation<A> act(slope, gain, clamp);
    for_all_parts<A>(of_y, [&](const Channels& channels, int64_t begin, int64_t end) {
      const ChannelTerms<scalar_t, A> terms(x, biases, scales, channels);
      DownsampledRows<A> results(below, begin, end);
      UpsampledRows<scalar_t, A> rows(from, above, channels, results.from(), results.to(), terms.scale, terms.bias);
      std::vector<Vec<A>> line(end - begin);
      for (int64_t row = 0; row < of_y.height; ++row) {
        results.make(row, line.data(), [&](int64_t i, Vec<A>* out) {
          rows.make(i, [&](Vec<A> v, int64_t column) { out[column] = act(v); });
        });
        to.template store<A>(channels, row, begin, end - begin, line.data());
      }
    });
  });
  return y;
}

Tensor filtered_lrelu_gate(const Tensor& given, const MaybeTensor& a_filter, int64_t a_up, int64_t a_before,
                           const Tensor& input, const MaybeTensor& b, const MaybeTensor& scale,
                           const MaybeTensor& up_filter, int64_t up, at::IntArrayRef padding, double gain,
                           double slope, std::optional<double> clamp, const MaybeTensor& out_filter, int64_t out_down,
                           int64_t out_before, at::IntArrayRef out_size) {
  check_terms(input, input.sizes(), b, scale, std::nullopt);
  TORCH_CHECK(given.dim() == 4 && given.sizes().slice(0, 2) == input.sizes().slice(0, 2) &&
                  given.scalar_type() == input.scalar_type(),
              "filtered_lrelu_gate: a needs the samples, the channels and the dtype of x");
  const Picture of_x(input), middle = upsampled(of_x, up_filter, up, padding);
  Tensor y = empty_picture(resized(of_x, out_size[0], out_size[1]), input);
  if (y.numel() == 0) return y;
  const Picture of_a = resized(of_x, given.size(2), given.size(3)), of_y = resized(of_x, y.size(2), y.size(3));
  const Tensor x = input.contiguous(of_x.format), a = given.contiguous(of_x.format);
  const MaybeTensor biases = dense(b), scales = dense(scale);
  CUDA_OPS_DISPATCH(x.scalar_type(), "filtered_lrelu_gate", [&] {
    using A = at::opmath_type<scalar_t>;
    const Resampling<A> above(up_filter, of_x, middle, up, 1, padding[0], up * up);
    const Resampling<A> beside(a_filter, of_a, middle, a_up, 1, a_before, 1);
    const Resampling<A> below(out_filter, middle, of_y, 1, out_down, out_before, up * up);
    const LanePicture<const scalar_t> from(x.const_data_ptr<scalar_t>(), of_x);
    const LanePicture<const scalar_t> from_a(a.const_data_ptr<scalar_t>(), of_a);
    const LanePicture<scalar_t> to(y.mutable_data_ptr<scalar_t>(), of_y);
    const VectorActivation<A> act(slope, gain, clamp);
    for_all_parts<A>(of_y, [&](const Channels& channels, int64_t begin, int64_t end) {
      const ChannelTerms<scalar_t, A> terms(x, biases, scales, channels);
      DownsampledRows<A> results(below, begin, end);
      UpsampledRows<scalar_t, A> rows(from, above, channels, results.from(), results.to(), terms.scale, terms.bias);
      UpsampledRows<scalar_t, A> a_rows(from_a, beside, channels, results.from(), results.to(), all_lanes(A(1)), Vec<A>{});
      std::vector<Vec<A>> line(end - begin);
      for (int64_t row = 0; row < of_y.height; ++row) {
        results.make(row, line.data(), [&](int64_t i, Vec<A>* out) {
          rows.make(i, [&](Vec<A> v, int64_t column) { out[column] = act.derivative(v); });
          a_rows.make(i, [&](Vec<A> v, int64_t column) { out[column] *= v; });
        });
        to.template store<A>(channels, row, begin, end - begin, line.data());
      }
    });
  });
  return y;
}

}  // namespace

TORCH_LIBRARY_IMPL(cuda_ops, CPU, m) {
  m.impl("filtered_lrelu", &filtered_lrelu);
  m.impl("filtered_lrelu_gate", &filtered_lrelu_gate);
}

}  // namespace cuda_ops

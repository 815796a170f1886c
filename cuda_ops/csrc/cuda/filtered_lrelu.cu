// filtered_lrelu and its gradient: a block makes a tile of the result of one plane, and the upsampled picture exists only
// in its shared memory. Where channels are last, a block goes through some neighbouring planes, one after the other, so
// that the L2 cache merges what they read and write of the same bytes.
#include <algorithm>

#include "activation.h"
#include "fir.h"
#include "launch.h"

namespace cuda_ops::cuda {
namespace {

constexpr int ROWS = 8, THREADS = ROWS * WARP;
constexpr int SHARED = 44 << 10;  // bytes; an SM of an H100 has room for five such blocks
constexpr int LARGEST_TILE = 32;  // px of the result
constexpr int NEIGHBOURS = 8;     // planes of a block where channels are last

template <typename A>
struct Taps {
  const A* at;
  int count, factor, before;
  bool square;
  A gain;

  Taps(const Resampling& how, double gain)
      : at(static_cast<const A*>(how.taps)),
        count(how.count),
        factor(how.factor),
        before(how.before),
        square(how.square),
        gain(gain) {}

  __device__ A tap(int i) const { return at ? at[count - 1 - i] : A(1); }  // flipped
  __device__ A tap(int i, int j) const { return at[(count - 1 - i) * count + count - 1 - j]; }
};

struct Size {
  int height, width;

  __device__ bool has(int row, int column) const {  // as unsigned numbers, what is below 0 is large
    return unsigned(row) < unsigned(height) && unsigned(column) < unsigned(width);
  }
};

// A part of a picture in shared memory.
template <typename A>
struct Part {
  A* at;
  int top, left, height, width;

  __device__ A& operator()(int row, int column) const { return at[row * width + column]; }
};

// Calls work(row, column) for all of a part, the columns of a row on neighbouring threads.
template <typename Work>
__device__ void for_all(int height, int width, Work work) {
  for (int row = threadIdx.y; row < height; row += ROWS)
    for (int column = threadIdx.x; column < width; column += WARP) work(row, column);
}

// How many pixels of the smaller picture the windows of `count` taps at `size` neighbours of the larger one meet at most.
__host__ __device__ constexpr int met_by(int size, int count, int factor) { return (size + count - 2) / factor + 1; }

// The rows or columns of a picture with `taps` at its pixels that a window of the upsampled one meets, from `start`.
template <typename A, typename Value>
__device__ A weigh_up(const Taps<A>& taps, int start, Value value) {
  A sum = 0;
  const int phase = phase_of(start, taps.factor), first = first_pixel(start, taps.factor);
  for (int i = phase, k = 0; i < taps.count; i += taps.factor, ++k) sum += taps.tap(i) * value(first + k);
  return sum;
}

// Upsamples `value(row, column)` of a picture to `to` and calls finish(number of it, row, column); the numbers outside of
// the upsampled picture are not defined. `room` holds what the windows meet and, behind it, the same filtered along rows.
template <typename A, typename Value, typename Finish>
__device__ void upsample(const Taps<A>& taps, const Part<A>& to, A* room, Value value, Finish finish) {
  const int up = taps.factor;
  Part<A> from{room, first_pixel(to.top - taps.before, up), first_pixel(to.left - taps.before, up),
               met_by(to.height, taps.count, up), met_by(to.width, taps.count, up)};
  const Part<A> wide{room + from.height * from.width, from.top, to.left, from.height, to.width};
  for_all(from.height, from.width, [&](int i, int j) { from(i, j) = value(from.top + i, from.left + j); });
  __syncthreads();
  if (taps.square) {
    for_all(to.height, to.width, [&](int i, int j) {
      const int top = to.top + i - taps.before, left = to.left + j - taps.before;
      const int row = first_pixel(top, up) - from.top, column = first_pixel(left, up) - from.left;
      A sum = 0;
      for (int k = phase_of(top, up), y = row; k < taps.count; k += up, ++y)
        for (int l = phase_of(left, up), x = column; l < taps.count; l += up, ++x) sum += taps.tap(k, l) * from(y, x);
      finish(sum * taps.gain, i, j);
    });
    return __syncthreads();
  }
  for_all(wide.height, wide.width, [&](int i, int j) {
    wide(i, j) = weigh_up(taps, wide.left + j - taps.before, [&](int column) { return from(i, column - from.left); });
  });
  __syncthreads();
  for_all(to.height, to.width, [&](int i, int j) {
    const A sum = weigh_up(taps, to.top + i - taps.before, [&](int row) { return wide(row - wide.top, j); });
    finish(sum * taps.gain, i, j);
  });
  __syncthreads();
}

template <typename A>
struct Arguments {
  Taps<A> up, a_up, down;
  Activation<A> act;
  Size x, a, middle, y;
  unsigned channels, groups, tiles_down, tiles_across;
  int tile;
};

// One tile of one plane. `at(size, row, column)` is where a pixel lies in its plane.
template <typename T, typename A, typename At>
__device__ void make_tile(const T* x, const T* a, T* y, const Arguments<A>& args, A scale, A bias, unsigned tile,
                          A* room, At at) {
  const int top = tile / args.tiles_across * args.tile, left = tile % args.tiles_across * args.tile;
  const int down = args.down.factor, side = (args.tile - 1) * down + args.down.count;
  const Part<A> middle{room, top * down - args.down.before, left * down - args.down.before, side, side};
  A* const rest = room + side * side;
  const auto inside = [&](int i, int j) { return args.middle.has(middle.top + i, middle.left + j); };
  const auto of_x = [&](int row, int column) {
    return args.x.has(row, column) ? widen(x[at(args.x, row, column)]) * scale + bias : A(0);
  };
  upsample(args.up, middle, rest, of_x, [&](A v, int i, int j) {
    middle(i, j) = !inside(i, j) ? A(0) : a ? args.act.derivative(v) : args.act(v);
  });
  if (a) {
    const auto of_a = [&](int row, int column) {
      return args.a.has(row, column) ? widen(a[at(args.a, row, column)]) : A(0);
    };
    upsample(args.a_up, middle, rest, of_a, [&](A v, int i, int j) {
      if (inside(i, j)) middle(i, j) *= v;
    });
  }

  const auto write = [&](int i, int j, A value) {
    const int row = top + i, column = left + j;
    if (args.y.has(row, column)) narrow(value * args.down.gain, y[at(args.y, row, column)]);
  };
  const int count = args.down.count;
  if (args.down.square) {
    for_all(args.tile, args.tile, [&](int i, int j) {
      A sum = 0;
      for (int k = 0; k < count; ++k)
        for (int l = 0; l < count; ++l) sum += args.down.tap(k, l) * middle(i * down + k, j * down + l);
      write(i, j, sum);
    });
  } else {
    const Part<A> narrow_part{rest, middle.top, left, side, args.tile};
    for_all(side, args.tile, [&](int i, int j) {
      A sum = 0;
      for (int l = 0; l < count; ++l) sum += args.down.tap(l) * middle(i, j * down + l);
      narrow_part(i, j) = sum;
    });
    __syncthreads();
    for_all(args.tile, args.tile, [&](int i, int j) {
      A sum = 0;
      for (int k = 0; k < count; ++k) sum += args.down.tap(k) * narrow_part(i * down + k, j);
      write(i, j, sum);
    });
  }
  __syncthreads();  // the next plane takes the same room
}

template <typename T, bool LAST>
__global__ void __launch_bounds__(THREADS)
    make_tiles(const T* __restrict__ x, const T* __restrict__ a, T* __restrict__ y, const T* b, const T* scale,
               Arguments<compute_t<T>> args) {
  using A = compute_t<T>;
  __shared__ A room[SHARED / sizeof(A)];
  const unsigned tiles = args.tiles_down * args.tiles_across, group = blockIdx.x / tiles, tile = blockIdx.x % tiles;
  const unsigned sample = group / args.groups, planes = LAST ? NEIGHBOURS : 1;
  const unsigned first = (group - sample * args.groups) * planes, end = min(first + planes, args.channels);
  for (unsigned c = first; c < end; ++c) {
    const int64_t plane = int64_t(sample) * args.channels + c;
    const auto start = [&](const Size& size) {  // of the plane
      return LAST ? int64_t(sample) * args.channels * size.height * size.width + c : plane * size.height * size.width;
    };
    const auto at = [&](const Size& size, int row, int column) {
      return (row * size.width + column) * (LAST ? int(args.channels) : 1);
    };
    make_tile(x + start(args.x), a ? a + start(args.a) : a, y + start(args.y), args,
              scale ? widen(scale[plane]) : A(1), b ? widen(b[c]) : A(0), tile, room, at);
  }
}

// Numbers in shared memory that a tile needs.
int room_for(const FilteredLrelu& of, int tile, bool with_a) {
  const int side = (tile - 1) * of.down.factor + of.down.count;
  const auto above = [&](const Resampling& how) {
    const int from = met_by(side, how.count, how.factor);
    return from * from + (how.square ? 0 : from * side);
  };
  const int below = of.down.square ? 0 : side * tile;
  return side * side + std::max({above(of.up), with_a ? above(of.a_up) : 0, below});
}

}  // namespace

cudaError_t filtered_lrelu(DType dtype, const Picture& of_x, const Picture& of_y, const FilteredLrelu& of, const void* x,
                           const void* a, void* y, cudaStream_t stream) {
  return by_type(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    using A = compute_t<T>;
    int tile = LARGEST_TILE;
    while (tile > 1 && room_for(of, tile, a) > int(SHARED / sizeof(A))) tile /= 2;
    if (room_for(of, tile, a) > int(SHARED / sizeof(A))) return cudaErrorInvalidConfiguration;
    const auto size = [](int64_t height, int64_t width) { return Size{int(height), int(width)}; };
    const int64_t down = ceil_div<int64_t>(of_y.height, tile), across = ceil_div<int64_t>(of_y.width, tile);
    const int64_t groups = of_x.channels_last ? ceil_div<int64_t>(of_x.channels, NEIGHBOURS) : of_x.channels;
    const Arguments<A> args{{of.up, of.gain},
                            {of.a_up, 1},
                            {of.down, a ? of.gain : 1},
                            Activation<A>(of.act),
                            size(of_x.height, of_x.width),
                            size(of.a_height, of.a_width),
                            size(of.height, of.width),
                            size(of_y.height, of_y.width),
                            unsigned(of_x.channels),
                            unsigned(groups),
                            unsigned(down),
                            unsigned(across),
                            tile};
    const auto run = [&](auto kernel) {
      return launch(kernel, Grid(of_x.samples * groups * down * across), dim3(WARP, ROWS), stream,
                    static_cast<const T*>(x), static_cast<const T*>(a), static_cast<T*>(y),
                    static_cast<const T*>(of.act.b), static_cast<const T*>(of.act.scale), args);
    };
    return of_x.channels_last ? run(make_tiles<T, true>) : run(make_tiles<T, false>);
  });
}

}  // namespace cuda_ops::cuda

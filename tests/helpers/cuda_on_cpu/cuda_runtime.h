// As much of the CUDA runtime as the kernels of cuda_ops use, on the CPU: a C++17 compiler that finds this file in
// place of the toolkit's (`g++ -x c++ -I tests/helpers/cuda_on_cpu`) makes kernels that run without a GPU.
//
// Blocks run one after the other, and the threads of a block as coroutines in turn: each goes on until it waits for
// others (__syncthreads, __shfl_xor_sync) or ends. A missing barrier therefore always reads stale data. Threads that wait
// at different places are an error, and so are accesses to unmapped pages and undefined behaviour that
// -fsanitize-undefined-trap-on-error catches.
#pragma once

#include <setjmp.h>
#include <signal.h>
#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __shared__ static
#define __launch_bounds__(...)

using std::min;

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorInvalidConfiguration = 9,
  cudaErrorIllegalAddress = 700,
  cudaErrorLaunchFailure = 719
};
using cudaStream_t = void*;

struct dim3 {
  unsigned x, y, z;
  dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  size_t dynamicSmemBytes = 0;
  cudaStream_t stream = nullptr;
};

inline dim3 gridDim, blockDim, blockIdx, threadIdx;

namespace cuda_on_cpu {

constexpr unsigned LANES = 32, MOST_THREADS = 1024;
constexpr size_t STACK = 64 << 10;

enum class State { running, at_barrier, in_shuffle, done };

struct Thread {
  State state;
  bool begun = false;  // whether its coroutine has started; it then runs one kernel after the other
  jmp_buf where;
  unsigned shuffles;
  double given[2];  // to the shuffle at hand and, by those who are ahead, to the next one
};

inline std::vector<Thread> threads(MOST_THREADS);
inline std::vector<char> stacks(size_t{MOST_THREADS} * STACK);
inline jmp_buf scheduler;
inline unsigned current;
inline std::function<void()> kernel;
inline volatile bool trapped;
inline bool backwards = false;  // whether the last thread of a block goes first

inline void wait_for_others(State state) {
  threads[current].state = state;
  if (_setjmp(threads[current].where) == 0) _longjmp(scheduler, 1);
}

inline void run_kernels() {
  for (;;) {
    kernel();
    wait_for_others(State::done);
  }
}

// A context has a stack of its own, but switching contexts asks the system for their signals each time; jumps do not.
inline void begin() {
  ucontext_t context;
  getcontext(&context);
  context.uc_stack.ss_sp = stacks.data() + current * STACK;
  context.uc_stack.ss_size = STACK;
  makecontext(&context, run_kernels, 0);
  threads[current].begun = true;
  setcontext(&context);
}

inline void resume() {
  if (_setjmp(scheduler) != 0) return;
  if (!threads[current].begun) begin();
  _longjmp(threads[current].where, 1);
}

// Whether all wait for the same: a barrier with the whole block, a shuffle or the end with the whole warp.
inline bool agree(unsigned count) {
  bool barrier = false;
  for (unsigned i = 0; i < count; ++i) barrier |= threads[i].state == State::at_barrier;
  for (unsigned i = 0; i < count; ++i)
    if (threads[i].state != (barrier ? State::at_barrier : threads[i / LANES * LANES].state)) return false;
  return true;
}

inline cudaError_t run_block() {
  const unsigned count = blockDim.x * blockDim.y * blockDim.z;
  for (unsigned i = 0; i < count; ++i) threads[i].state = State::running, threads[i].shuffles = 0;
  for (bool waiting = true; waiting;) {
    waiting = false;
    for (unsigned turn = 0; turn < count; ++turn) {
      current = backwards ? count - 1 - turn : turn;
      if (threads[current].state == State::done) continue;
      threadIdx = dim3(current % blockDim.x, current / blockDim.x % blockDim.y, current / (blockDim.x * blockDim.y));
      resume();
      if (trapped) return cudaErrorIllegalAddress;
      waiting |= threads[current].state != State::done;
    }
    if (!agree(count)) return cudaErrorLaunchFailure;
  }
  return cudaSuccess;
}

// While a kernel runs, a bad access ends it instead of the process.
class Trap {
 public:
  Trap() : memory_(SIGSTKSZ) {
    stack_t stack{};
    stack.ss_sp = memory_.data();
    stack.ss_size = memory_.size();
    sigaltstack(&stack, &old_stack_);
    struct sigaction action{};
    action.sa_flags = SA_ONSTACK | SA_NODEFER;
    action.sa_handler = [](int) {
      trapped = true;
      _longjmp(scheduler, 1);
    };
    for (int i = 0; i < 3; ++i) sigaction(SIGNALS[i], &action, &old_[i]);
    trapped = false;
  }

  ~Trap() {
    for (int i = 0; i < 3; ++i) sigaction(SIGNALS[i], &old_[i], nullptr);
    sigaltstack(&old_stack_, nullptr);
  }

 private:
  static constexpr int SIGNALS[] = {SIGSEGV, SIGBUS, SIGILL};
  std::vector<char> memory_;
  stack_t old_stack_;
  struct sigaction old_[3];
};

inline cudaError_t run_grid() {
  const Trap trap;
  for (uint64_t i = 0; i < uint64_t(gridDim.x) * gridDim.y; ++i) {
    blockIdx = dim3(i % gridDim.x, i / gridDim.x);
    const cudaError_t error = run_block();
    if (error == cudaSuccess) continue;
    for (Thread& thread : threads) thread.begun = false;  // they are inside of a kernel that was aborted
    return error;
  }
  return cudaSuccess;
}

}  // namespace cuda_on_cpu

inline void __syncthreads() { cuda_on_cpu::wait_for_others(cuda_on_cpu::State::at_barrier); }

template <typename A>
A __shfl_xor_sync(unsigned, A value, int mask) {
  using namespace cuda_on_cpu;
  const unsigned turn = threads[current].shuffles++ % 2;
  threads[current].given[turn] = value;
  wait_for_others(State::in_shuffle);
  return static_cast<A>(threads[current ^ mask].given[turn]);
}

template <typename... Parameters, typename... Args>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*function)(Parameters...), Args&&... args) {
  cuda_on_cpu::kernel = [&] { function(args...); };
  gridDim = config->gridDim;
  blockDim = config->blockDim;
  const bool fits = gridDim.x > 0 && gridDim.y > 0 && blockDim.x * blockDim.y * blockDim.z <= cuda_on_cpu::MOST_THREADS;
  return fits ? cuda_on_cpu::run_grid() : cudaErrorInvalidValue;
}

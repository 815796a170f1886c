// The functions that tests call through ctypes: the launches by plain names, and fenced memory.
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "ops.h"

using namespace cuda_ops::cuda;

namespace {

// The pages that `bytes` need, and one before and one behind.
size_t page() { return sysconf(_SC_PAGESIZE); }
size_t room(size_t bytes) { return (bytes + page() - 1) / page() * page(); }

}  // namespace

extern "C" {

// Memory that ends at the end of a page, between two unmapped pages; its unused bytes are NaN.
void* fence(size_t bytes) {
  char* start =
      static_cast<char*>(mmap(nullptr, room(bytes) + 2 * page(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  mprotect(start + page(), room(bytes), PROT_READ | PROT_WRITE);
  std::memset(start + page(), 0xff, room(bytes));
  return start + page() + room(bytes) - bytes;
}

void unfence(void* memory, size_t bytes) {
  munmap(static_cast<char*>(memory) + bytes - room(bytes) - page(), room(bytes) + 2 * page());
}

void run_backwards(bool backwards) { cuda_on_cpu::backwards = backwards; }

int run_bias_act(DType dtype, const Picture* picture, const BiasAct* args, const void* x, void* y) {
  return bias_act(dtype, *picture, *args, x, y, nullptr);
}

int64_t run_bias_act_parts(DType dtype, const Picture* picture) { return bias_act_parts(dtype, *picture); }

int run_bias_act_backward(DType dtype, const Picture* picture, const BiasAct* args, const void* grad, const void* x,
                          void* dx, void* partial, void* sums) {
  return bias_act_backward(dtype, *picture, *args, grad, x, dx, partial, sums, nullptr);
}

int run_upfirdn2d(DType dtype, const Picture* of_x, const Picture* of_y, const Fir* fir, const void* x, void* y) {
  return upfirdn2d(dtype, *of_x, *of_y, *fir, x, y, nullptr);
}

int run_blur_act(DType dtype, const Picture* of_x, const Picture* of_y, const Fir* fir, const BiasAct* args,
                 const void* x, void* y) {
  return blur_act(dtype, *of_x, *of_y, *fir, *args, x, y, nullptr);
}

}  // extern "C"

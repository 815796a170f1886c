// What torch does with an error of CUDA.
#pragma once

#include <c10/util/Exception.h>

#define C10_CUDA_CHECK(CALL)                                     \
  do {                                                           \
    const int error = (CALL);                                    \
    TORCH_CHECK(error == 0, "CUDA error ", error, " at " #CALL); \
  } while (false)

/* The kernels of hnas: maps with channels innermost, numbers of type T, vectors of MOST_LANES, as the command says.
 *
 * A kernel works on blocks of channels, which stay in registers: blocks.h has what is done with one, for every
 * width of block; the functions that are called walk the channels, block by block. */

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef ptrdiff_t idx;

#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)

/* A vector of numbers that lie anywhere: no alignment beyond that of one of them. */
#define VECTOR(T, LANES) T __attribute__((vector_size(sizeof(T) * LANES), aligned(sizeof(T)), may_alias))

typedef VECTOR(float, 16) float_16;
typedef VECTOR(float, 8) float_8;
typedef VECTOR(float, 4) float_4;
typedef float float_1;
typedef VECTOR(double, 8) double_8;
typedef VECTOR(double, 4) double_4;
typedef double double_1;

/* The name of a function for a type, and of one for a block of `WIDTH` channels. */
#define TYPED(name) JOIN(name, T)
#define BLOCK(name) JOIN(JOIN(name, T), WIDTH)
#define V JOIN(T, LANES)
#define VECTORS (WIDTH / LANES)

/* The width of the next block where `left` channels are left. */
static int width_of(idx left) {
    return left >= 64 ? 64 : left >= 32 ? 32 : left >= 16 ? 16 : left >= 8 ? 8 : left >= 4 ? 4 : 1;
}

/* Call `name` with the arguments for a block of `width` channels. */
#define AT_WIDTH(width, name, ...)                                                                          \
    switch (width) {                                                                                        \
    case 64: JOIN(TYPED(name), 64)(__VA_ARGS__); break;                                                     \
    case 32: JOIN(TYPED(name), 32)(__VA_ARGS__); break;                                                     \
    case 16: JOIN(TYPED(name), 16)(__VA_ARGS__); break;                                                     \
    case 8: JOIN(TYPED(name), 8)(__VA_ARGS__); break;                                                       \
    case 4: JOIN(TYPED(name), 4)(__VA_ARGS__); break;                                                       \
    default: JOIN(TYPED(name), 1)(__VA_ARGS__);                                                             \
    }

#define ALWAYS_INLINE inline __attribute__((always_inline))

static idx least(idx a, idx b) { return a < b ? a : b; }

#define MOST_TAPS 49
#define CHUNK 128 /* numbers summed one after the other; sums of sums keep more digits */
#define ROWS_SUMMED 64 /* pixels at once where maps are summed up or read twice */
#define TILE 96   /* pixels whose rows stay in the first cache while all blocks of columns read them */

#define MOST_OUTS 8

/* How many rows of a gradient of weights are summed at once. */
static idx outs_at(idx width) { return width >= 64 ? 4 : MOST_OUTS; }

struct dense {
    idx images, height, width, out_height, out_width, groups, in, outs, map_step, out_step, k, pad, dilation;
};

/* The part of a row, or of the rows, of a result that a tap meets: from `first`, to before `end`. */
struct reach { idx first, end, shift; };

struct depthwise {
    idx images, height, width, out_height, out_width, channels, times, map_step, out_step, k, stride, pad, dilation;
};

/* A map that is summed: its pixels are `kinds` maps of `base` channels one after the other, `step` numbers apart, read
 * `repeats` times. The gradient of the map has no gaps. `at` is for those who walk the channels. */
struct term {
    const void *x, *weight;
    void *x_grad, *weight_grad;
    idx step, base, kinds, repeats, at;
};

/* The taps of a kernel that begins at `from` which lie within an extent: from the first, to before the end. */
static idx first_tap(idx from, idx dilation) { return from < 0 ? (dilation - 1 - from) / dilation : 0; }
static idx end_of_taps(idx from, idx dilation, idx k, idx extent) {
    return from >= extent ? 0 : least(k, (extent - 1 - from) / dilation + 1);
}

#include "typed.h"

/* Gradient of the weights of a depthwise convolution, stride 1, zero padding that keeps the size, channels
 * innermost: w[c][i][j] = sum over n, y, x of g[n][y][x][c] * map[n][y + (i - k/2) * d][x + (j - k/2) * d][c].
 *
 * Channels are done in blocks that stay in registers while a row is walked; the rows a kernel reaches stay in
 * the first cache. Strides are in numbers from one pixel to the next, so that parts of wider maps are read
 * where they are. */

#include <stddef.h>
#include <string.h>

#define MOST_TAPS 49

#define ROWS(NAME, T, CB)                                                                                   \
    static void NAME##_##CB(const T *restrict map, const T *restrict g, T *restrict acc, ptrdiff_t count,    \
                            ptrdiff_t map_step, ptrdiff_t g_step) {                                          \
        T sum[CB];                                                                                          \
        memcpy(sum, acc, sizeof sum);                                                                       \
        for (ptrdiff_t x = 0; x < count; x++, map += map_step, g += g_step)                                  \
            for (int c = 0; c < CB; c++) sum[c] += map[c] * g[c];                                            \
        memcpy(acc, sum, sizeof sum);                                                                       \
    }

#define WEIGHT_GRADIENT(NAME, T)                                                                            \
    ROWS(NAME, T, 64)                                                                                       \
    ROWS(NAME, T, 32)                                                                                       \
    ROWS(NAME, T, 16)                                                                                       \
    ROWS(NAME, T, 8)                                                                                        \
    ROWS(NAME, T, 1)                                                                                        \
    static void NAME##_block(const T *map, const T *g, T *w, ptrdiff_t images, ptrdiff_t height,            \
                             ptrdiff_t width, ptrdiff_t map_step, ptrdiff_t g_step, ptrdiff_t k,             \
                             ptrdiff_t d, int block) {                                                       \
        T acc[MOST_TAPS * 64];                                                                              \
        memset(acc, 0, sizeof(T) * k * k * block);                                                          \
        for (ptrdiff_t n = 0; n < images; n++)                                                              \
            for (ptrdiff_t y = 0; y < height; y++)                                                          \
                for (ptrdiff_t i = 0; i < k; i++) {                                                         \
                    ptrdiff_t at = y + (i - k / 2) * d;                                                     \
                    if (at < 0 || at >= height) continue;                                                   \
                    for (ptrdiff_t j = 0; j < k; j++) {                                                     \
                        ptrdiff_t dx = (j - k / 2) * d, first = dx < 0 ? -dx : 0;                            \
                        ptrdiff_t count = width - (dx < 0 ? -dx : dx);                                      \
                        const T *from = map + ((n * height + at) * width + first + dx) * map_step;           \
                        const T *grad = g + ((n * height + y) * width + first) * g_step;                     \
                        T *to = acc + (i * k + j) * block;                                                  \
                        switch (block) {                                                                    \
                        case 64: NAME##_64(from, grad, to, count, map_step, g_step); break;                 \
                        case 32: NAME##_32(from, grad, to, count, map_step, g_step); break;                 \
                        case 16: NAME##_16(from, grad, to, count, map_step, g_step); break;                 \
                        case 8: NAME##_8(from, grad, to, count, map_step, g_step); break;                   \
                        default: NAME##_1(from, grad, to, count, map_step, g_step);                         \
                        }                                                                                   \
                    }                                                                                       \
                }                                                                                           \
        for (ptrdiff_t t = 0; t < k * k; t++)                                                               \
            for (int c = 0; c < block; c++) w[c * k * k + t] = acc[t * block + c];                           \
    }                                                                                                       \
    void NAME(const T *map, const T *g, T *w, ptrdiff_t images, ptrdiff_t height, ptrdiff_t width,          \
              ptrdiff_t channels, ptrdiff_t map_step, ptrdiff_t g_step, ptrdiff_t k, ptrdiff_t d,           \
              int threads) {                                                                                \
        ptrdiff_t blocks = (channels + 63) / 64;                                                            \
        _Pragma("omp parallel for num_threads(threads) if (threads > 1)")                                   \
        for (ptrdiff_t b = 0; b < blocks; b++) {                                                            \
            ptrdiff_t c = b * 64, end = c + 64 < channels ? c + 64 : channels;                               \
            while (c < end) {                                                                               \
                int block = end - c >= 64 ? 64 : end - c >= 32 ? 32 : end - c >= 16 ? 16 : end - c >= 8 ? 8 : 1; \
                NAME##_block(map + c, g + c, w + c * k * k, images, height, width, map_step, g_step, k, d,   \
                             block);                                                                        \
                c += block;                                                                                 \
            }                                                                                               \
        }                                                                                                   \
    }

WEIGHT_GRADIENT(weight_gradient_float, float)
WEIGHT_GRADIENT(weight_gradient_double, double)

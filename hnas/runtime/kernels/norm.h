/* Batch normalisation of `pixels` pixels, `channels` each: (x - mean) / sqrt(variance + eps) * scale + shift. What is
 * summed over pixels are deviations from a guess at the mean, so that their squares cancel little. */

#define PROBES 32

#define ROWS_IN_TURN(...)                                                                                   \
    for (idx tile = 0; tile < tiles; tile++) {                                                              \
        idx p = tile * ROWS_SUMMED, rows = least(ROWS_SUMMED, pixels - p);                                  \
        for (idx c = 0, width; c < channels; c += width) {                                                  \
            width = width_of(channels - c);                                                                 \
            AT_WIDTH(width, __VA_ARGS__)                                                                    \
        }                                                                                                   \
    }

/* The same, the tiles of each thread one after the other, `k` being the thread. */
#define ROWS_BY_THREAD(...)                                                                                 \
    for (idx k = 0; k < threads; k++)                                                                       \
        for (idx tile = k * tiles / threads; tile < (k + 1) * tiles / threads; tile++) {                    \
            idx p = tile * ROWS_SUMMED, rows = least(ROWS_SUMMED, pixels - p);                              \
            for (idx c = 0, width; c < channels; c += width) {                                              \
                width = width_of(channels - c);                                                             \
                AT_WIDTH(width, __VA_ARGS__)                                                                \
            }                                                                                               \
        }

/* The sums that each thread made, in the place of those of the first. */
static void TYPED(norm_join)(double *total, idx count, int threads) {
    for (int k = 1; k < threads; k++)
        for (idx c = 0; c < count; c++) total[c] += total[k * count + c];
}

/* A normalised map, of its mean and the inverse of its deviation. */
void TYPED(norm_again)(const T *x, const T *mean, const T *inverse, const T *scale, const T *shift, T *out, idx pixels,
                       idx channels, idx step, idx out_step, int threads) {
    (void)threads;
    T *factor = malloc(sizeof(T) * 2 * channels), *offset = factor + channels;
    if (factor == NULL) abort();
    for (idx c = 0; c < channels; c++) {
        double by = scale ? (double)inverse[c] * scale[c] : inverse[c];
        factor[c] = (T)by;
        offset[c] = (T)((shift ? shift[c] : 0) - mean[c] * by);
    }
    idx tiles = (pixels + ROWS_SUMMED - 1) / ROWS_SUMMED;
    _Pragma("omp parallel for num_threads(threads) if (threads > 1)")
    ROWS_IN_TURN(norm_map, x + p * step + c, step, out + p * out_step + c, out_step, rows, factor + c, offset + c)
    free(factor);
}

/* The same, which finds mean and inverse, and moves the running statistics, if there are any. */
void TYPED(norm)(const T *x, T *mean, T *inverse, const T *scale, const T *shift, T *out, T *running_mean, T *running_var,
                 idx pixels, idx channels, idx step, idx out_step, double momentum, double eps, int threads) {
    idx tiles = (pixels + ROWS_SUMMED - 1) / ROWS_SUMMED, probes = least(PROBES, pixels);
    double *total = calloc(threads * 2 * channels, sizeof(double));
    if (total == NULL) abort();
    for (idx c = 0; c < channels; c++) mean[c] = 0;
    for (idx n = 0; n < probes; n++)
        for (idx c = 0; c < channels; c++) mean[c] += x[n * pixels / probes * step + c];
    for (idx c = 0; c < channels; c++) mean[c] /= probes;
    _Pragma("omp parallel for num_threads(threads) if (threads > 1)")
    ROWS_BY_THREAD(norm_sums, x + p * step + c, step, rows, mean + c, total + k * 2 * channels + c, channels)
    TYPED(norm_join)(total, 2 * channels, threads);
    for (idx c = 0; c < channels; c++) {
        double off = total[c] / pixels, squares = total[channels + c] - total[c] * off, middle = mean[c] + off;
        if (squares < 0) squares = 0;
        if (running_mean) {
            running_mean[c] = (T)(momentum * middle + (1 - momentum) * running_mean[c]);
            running_var[c] = (T)(momentum * (squares / (pixels - 1)) + (1 - momentum) * running_var[c]);
        }
        mean[c] = (T)middle;
        inverse[c] = (T)(1 / sqrt(squares / pixels + eps));
    }
    free(total);
    TYPED(norm_again)(x, mean, inverse, scale, shift, out, pixels, channels, step, out_step, threads);
}

/* The gradients that are asked for. */
void TYPED(norm_back)(const T *g, const T *x, const T *mean, const T *inverse, const T *scale, T *x_grad, T *scale_grad,
                      T *shift_grad, idx pixels, idx channels, idx g_step, idx step, idx out_step, int threads) {
    idx tiles = (pixels + ROWS_SUMMED - 1) / ROWS_SUMMED;
    double *total = calloc(threads * 2 * channels, sizeof(double));
    T *factor = malloc(sizeof(T) * 3 * channels), *centre = factor + channels, *slope = centre + channels;
    if (total == NULL || factor == NULL) abort();
    _Pragma("omp parallel for num_threads(threads) if (threads > 1)")
    ROWS_BY_THREAD(norm_back_sums, g + p * g_step + c, g_step, x + p * step + c, step, rows, mean + c,
                   total + k * 2 * channels + c, channels)
    TYPED(norm_join)(total, 2 * channels, threads);
    for (idx c = 0; c < channels; c++) {
        double by = inverse[c];
        if (shift_grad) shift_grad[c] = (T)total[c];
        if (scale_grad) scale_grad[c] = (T)(total[channels + c] * by);
        factor[c] = (T)(scale ? by * scale[c] : by);
        centre[c] = (T)(total[c] / pixels);
        slope[c] = (T)(total[channels + c] * by * by / pixels);
    }
    free(total);
    if (x_grad) {
        _Pragma("omp parallel for num_threads(threads) if (threads > 1)")
        ROWS_IN_TURN(norm_back_map, g + p * g_step + c, g_step, x + p * step + c, step, x_grad + p * out_step + c, out_step,
                     rows, mean + c, factor + c, centre + c, slope + c)
    }
    free(factor);
}

#undef PROBES
#undef ROWS_IN_TURN
#undef ROWS_BY_THREAD

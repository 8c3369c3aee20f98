/* 1x1 convolutions of `members` maps that lie side by side: pixel p of member m has its `in` numbers at
 * x + p * x_step + m * in, its `out` results at y + p * y_step + m * out. Weights are (members, out, in). */

void TYPED(pointwise)(const T *x, const T *w, T *y, idx members, idx pixels, idx in, idx out, idx x_step, idx y_step,
                      int threads) {
    (void)threads;
    _Pragma("omp parallel for num_threads(threads) if (threads > 1)")
    for (idx m = 0; m < members; m++) {
        T *turned = malloc(sizeof(T) * in * out);
        if (turned == NULL) abort();
        for (idx o = 0; o < out; o++)
            for (idx c = 0; c < in; c++) turned[c * out + o] = w[(m * out + o) * in + c];
        for (idx p = 0; p < pixels; p += TILE)
            for (idx o = 0, width; o < out; o += width) {
                width = width_of(out - o);
                AT_WIDTH(width, product, x + p * x_step + m * in, x_step, turned + o, out,
                         y + p * y_step + m * out + o, y_step, least(TILE, pixels - p), in, 0)
            }
        free(turned);
    }
}

/* The gradient of x, of that of y. */
void TYPED(pointwise_input)(const T *g, const T *w, T *x, idx members, idx pixels, idx in, idx out, idx g_step,
                            idx x_step, int threads) {
    (void)threads;
    _Pragma("omp parallel for num_threads(threads) if (threads > 1)")
    for (idx m = 0; m < members; m++)
        for (idx p = 0; p < pixels; p += TILE)
            for (idx c = 0, width; c < in; c += width) {
                width = width_of(in - c);
                AT_WIDTH(width, product, g + p * g_step + m * out, g_step, w + m * out * in + c, in,
                         x + p * x_step + m * in + c, x_step, least(TILE, pixels - p), out, 0)
            }
}

/* The gradient of the weights. */
void TYPED(pointwise_weight)(const T *x, const T *g, T *w, idx members, idx pixels, idx in, idx out, idx x_step,
                             idx g_step, int threads) {
    (void)threads;
    _Pragma("omp parallel for num_threads(threads) if (threads > 1)")
    for (idx m = 0; m < members; m++)
        for (idx c = 0, width; c < in; c += width) {
            width = width_of(in - c);
            for (idx o = 0, count; o < out; o += count) {
                T total[MOST_OUTS * 64] = {0};
                count = least(outs_at(width), out - o);
                AT_WIDTH(width, outer, g + m * out + o, g_step, x + m * in + c, x_step, total, pixels, (int)count)
                AT_WIDTH(width, settle, total, w + (m * out + o) * in + c, in, (int)count)
            }
        }
}

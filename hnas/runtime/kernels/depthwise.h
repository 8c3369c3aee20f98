/* Depthwise convolutions with `times` results for each channel: result r * channels + c is of channel c.
 *
 *   out[n][y][x][r, c] = sum over i, j of map[n][y * stride - pad + i * dilation][... j ...][c] * w[r, c][i][j] */

/* How many results of a channel a block of `width` does at once. */
static int TYPED(copies_at)(int width, idx left) {
    int copies = width >= 64 ? 1 : width >= 32 ? 2 : 4;
    return left >= copies ? copies : 1;
}

/* Weights (copies, channels, k, k) as taps (k * k, copies, width). */
static void TYPED(taps_of)(const T *w, T *taps, int width, int copies, const struct depthwise *s) {
    idx count = s->k * s->k;
    for (int r = 0; r < copies; r++)
        for (int c = 0; c < width; c++)
            for (idx t = 0; t < count; t++) taps[(t * copies + r) * width + c] = w[(r * s->channels + c) * count + t];
}

void TYPED(depthwise)(const T *map, const T *w, T *out, const struct depthwise *s, int threads) {
    (void)threads;
    _Pragma("omp parallel for num_threads(threads) if (threads > 1)")
    for (idx b = 0; b < (s->channels + 63) / 64; b++) {
        T taps[MOST_TAPS * 64];
        for (idx c = b * 64, end = least(c + 64, s->channels), width; c < end; c += width) {
            width = width_of(end - c);
            for (idx r = 0, copies; r < s->times; r += copies) {
                copies = TYPED(copies_at)(width, s->times - r);
                TYPED(taps_of)(w + (r * s->channels + c) * s->k * s->k, taps, width, copies, s);
                AT_WIDTH(width, depthwise, map + c, taps, out + r * s->channels + c, s, copies)
            }
        }
    }
}

/* The gradient of the map, of that of the result. */
void TYPED(depthwise_input)(const T *g, const T *w, T *out, const struct depthwise *s, int threads) {
    (void)threads;
    _Pragma("omp parallel for num_threads(threads) if (threads > 1)")
    for (idx b = 0; b < (s->channels + 63) / 64; b++) {
        T taps[MOST_TAPS * 64];
        for (idx c = b * 64, end = least(c + 64, s->channels), width; c < end; c += width) {
            width = width_of(end - c);
            for (idx r = 0, copies; r < s->times; r += copies) {
                copies = TYPED(copies_at)(width, s->times - r);
                TYPED(taps_of)(w + (r * s->channels + c) * s->k * s->k, taps, width, copies, s);
                AT_WIDTH(width, depthwise_input, g + r * s->channels + c, taps, out + c, s, r > 0, copies)
            }
        }
    }
}

/* The gradient of the weights. */
void TYPED(depthwise_weight)(const T *map, const T *g, T *w, const struct depthwise *s, int threads) {
    (void)threads;
    _Pragma("omp parallel for num_threads(threads) if (threads > 1)")
    for (idx b = 0; b < (s->channels + 63) / 64; b++)
        for (idx c = b * 64, end = least(c + 64, s->channels), width; c < end; c += width) {
            width = width_of(end - c);
            for (idx r = 0, copies; r < s->times; r += copies) {
                copies = TYPED(copies_at)(width, s->times - r);
                T *to = w + (r * s->channels + c) * s->k * s->k;
                AT_WIDTH(width, depthwise_weight, map + c, g + r * s->channels + c, to, s, copies)
            }
        }
}

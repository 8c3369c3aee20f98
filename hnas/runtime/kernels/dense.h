/* Convolutions of stride 1 in `groups` of `in` channels to `outs` results each, tap by tap: a product of the rows
 * of the map that a tap meets, and its weights. Weights lie (groups, outs, k * k, in), channels innermost. */

static struct reach TYPED(reach)(idx tap, idx extent, idx out_extent, const struct dense *s) {
    idx shift = tap * s->dilation - s->pad;
    return (struct reach){shift < 0 ? -shift : 0, least(out_extent, extent - shift), shift};
}

/* Do something with every run of pixels that tap (i, j) meets: `from` in the map, `to` in the result, `count` pixels. */
#define FOR_RUNS(i, j)                                                                                      \
    struct reach rows_ = TYPED(reach)(i, s->height, s->out_height, s);                                      \
    struct reach line_ = TYPED(reach)(j, s->width, s->out_width, s);                                        \
    idx count = line_.end - line_.first;                                                                    \
    if (count > 0)                                                                                          \
        for (idx n_ = 0; n_ < s->images; n_++)                                                              \
            for (idx y_ = rows_.first,                                                                      \
                     from = ((n_ * s->height + y_ + rows_.shift) * s->width + line_.first + line_.shift),   \
                     to = (n_ * s->out_height + y_) * s->out_width + line_.first;                           \
                 y_ < rows_.end; y_++, from += s->width, to += s->out_width)

void TYPED(dense)(const T *map, const T *w, T *out, const struct dense *s, int threads) {
    idx taps = s->k * s->k, blocks = (s->outs + 63) / 64, pixels = s->images * s->out_height * s->out_width;
    (void)threads;
    _Pragma("omp parallel for num_threads(threads) if (threads > 1)")
    for (idx b = 0; b < s->groups * blocks; b++) {
        idx group = b / blocks, first = b % blocks * 64, wide = least(64, s->outs - first);
        T *turned = malloc(sizeof(T) * s->in * wide);
        if (turned == NULL) abort();
        T *result = out + group * s->outs + first;
        for (idx p = 0; p < pixels; p++) memset(result + p * s->out_step, 0, sizeof(T) * wide);
        for (idx t = 0; t < taps; t++) {
            const T *weights = w + ((group * s->outs + first) * taps + t) * s->in;
            for (idx o = 0; o < wide; o++)
                for (idx c = 0; c < s->in; c++) turned[c * wide + o] = weights[o * taps * s->in + c];
            FOR_RUNS(t / s->k, t % s->k)
                for (idx o = 0, width; o < wide; o += width) {
                    width = width_of(wide - o);
                    AT_WIDTH(width, product, map + from * s->map_step + group * s->in, s->map_step, turned + o, wide,
                             result + to * s->out_step + o, s->out_step, count, s->in, 1)
                }
        }
        free(turned);
    }
}

/* The gradient of the map. */
void TYPED(dense_input)(const T *g, const T *w, T *map, const struct dense *s, int threads) {
    idx taps = s->k * s->k, blocks = (s->in + 63) / 64, pixels = s->images * s->height * s->width;
    (void)threads;
    _Pragma("omp parallel for num_threads(threads) if (threads > 1)")
    for (idx b = 0; b < s->groups * blocks; b++) {
        idx group = b / blocks, first = b % blocks * 64, wide = least(64, s->in - first);
        T *result = map + group * s->in + first;
        for (idx p = 0; p < pixels; p++) memset(result + p * s->map_step, 0, sizeof(T) * wide);
        for (idx t = 0; t < taps; t++) {
            const T *weights = w + (group * s->outs * taps + t) * s->in + first;
            FOR_RUNS(t / s->k, t % s->k)
                for (idx c = 0, width; c < wide; c += width) {
                    width = width_of(wide - c);
                    AT_WIDTH(width, product, g + to * s->out_step + group * s->outs, s->out_step, weights + c,
                             taps * s->in, result + from * s->map_step + c, s->map_step, count, s->outs, 1)
                }
        }
    }
}

/* The gradient of the weights. */
void TYPED(dense_weight)(const T *map, const T *g, T *w, const struct dense *s, int threads) {
    idx taps = s->k * s->k, blocks = (s->outs + 63) / 64;
    (void)threads;
    _Pragma("omp parallel for num_threads(threads) if (threads > 1)")
    for (idx b = 0; b < s->groups * blocks; b++) {
        idx group = b / blocks, first = b % blocks * 64, end = least(first + 64, s->outs);
        for (idx t = 0; t < taps; t++)
            for (idx c = 0, width; c < s->in; c += width) {
                width = width_of(s->in - c);
                for (idx o = first, some; o < end; o += some) {
                    T total[MOST_OUTS * 64] = {0};
                    some = least(outs_at(width), end - o);
                    FOR_RUNS(t / s->k, t % s->k)
                        AT_WIDTH(width, outer, g + to * s->out_step + group * s->outs + o, s->out_step,
                                 map + from * s->map_step + group * s->in + c, s->map_step, total, count, (int)some)
                    T *result = w + ((group * s->outs + o) * taps + t) * s->in + c;
                    AT_WIDTH(width, settle, total, result, taps * s->in, (int)some)
                }
            }
    }
}

#undef FOR_RUNS

/* Depthwise convolutions, a block of WIDTH channels and one or COPIES results of each, `copies`. Taps lie
 * (k * k, copies, WIDTH). The inner loops are told `copies` as a constant: it is what they are unrolled by. */

#if WIDTH >= 64
#define COPIES 1
#elif WIDTH >= 32
#define COPIES 2
#else
#define COPIES 4
#endif

#define FOR_COPIES(name, ...)                                                                               \
    if (copies == COPIES) BLOCK(name)(__VA_ARGS__, COPIES);                                                 \
    else BLOCK(name)(__VA_ARGS__, 1);

static ALWAYS_INLINE void BLOCK(depthwise_copies)(const T *map, const T *taps, T *out, const struct depthwise *s,
                                                  const int copies) {
    for (idx n = 0; n < s->images; n++)
        for (idx y = 0; y < s->out_height; y++) {
            idx top = y * s->stride - s->pad;
            idx i0 = first_tap(top, s->dilation), i1 = end_of_taps(top, s->dilation, s->k, s->height);
            for (idx x = 0; x < s->out_width; x++) {
                idx left = x * s->stride - s->pad, j0 = 0, j1 = s->k;
                if (left < 0) j0 = first_tap(left, s->dilation);
                if (left + (s->k - 1) * s->dilation >= s->width) j1 = end_of_taps(left, s->dilation, s->k, s->width);
                V sum[COPIES][VECTORS] = {};
                for (idx i = i0; i < i1; i++) {
                    const T *from = map + ((n * s->height + top + i * s->dilation) * s->width + left) * s->map_step;
                    for (idx j = j0; j < j1; j++) {
                        const V *pixel = (const V *)(from + j * s->dilation * s->map_step);
                        const V *tap = (const V *)(taps + (i * s->k + j) * copies * WIDTH);
                        for (int r = 0; r < copies; r++)
                            for (int v = 0; v < VECTORS; v++) sum[r][v] += pixel[v] * tap[r * VECTORS + v];
                    }
                }
                T *to = out + ((n * s->out_height + y) * s->out_width + x) * s->out_step;
                for (int r = 0; r < copies; r++)
                    for (int v = 0; v < VECTORS; v++) ((V *)(to + r * s->channels))[v] = sum[r][v];
            }
        }
}

static void BLOCK(depthwise)(const T *map, const T *taps, T *out, const struct depthwise *s, int copies) {
    FOR_COPIES(depthwise_copies, map, taps, out, s)
}

/* The gradient of the map, of a convolution of stride 1; it is added to what there is, if it `adds`. */
static ALWAYS_INLINE void BLOCK(input_copies)(const T *g, const T *taps, T *out, const struct depthwise *s, int adds,
                                              const int copies) {
    for (idx n = 0; n < s->images; n++)
        for (idx y = 0; y < s->height; y++) {
            idx below = y + s->pad, i0 = first_tap(s->out_height - 1 - below, s->dilation);
            idx i1 = least(s->k, below / s->dilation + 1);
            for (idx x = 0; x < s->width; x++) {
                idx right = x + s->pad, j0 = 0, j1 = s->k;
                if (right >= s->out_width) j0 = first_tap(s->out_width - 1 - right, s->dilation);
                if (right < (s->k - 1) * s->dilation) j1 = right / s->dilation + 1;
                V sum[COPIES][VECTORS] = {};
                for (idx i = i0; i < i1; i++) {
                    const T *row = g + ((n * s->out_height + below - i * s->dilation) * s->out_width + right) * s->out_step;
                    for (idx j = j0; j < j1; j++) {
                        const T *pixel = row - j * s->dilation * s->out_step;
                        const V *tap = (const V *)(taps + (i * s->k + j) * copies * WIDTH);
                        for (int r = 0; r < copies; r++)
                            for (int v = 0; v < VECTORS; v++)
                                sum[r][v] += ((const V *)(pixel + r * s->channels))[v] * tap[r * VECTORS + v];
                    }
                }
                V *to = (V *)(out + ((n * s->height + y) * s->width + x) * s->map_step);
                for (int v = 0; v < VECTORS; v++) {
                    for (int r = 1; r < copies; r++) sum[0][v] += sum[r][v];
                    if (adds) sum[0][v] += to[v];
                    to[v] = sum[0][v];
                }
            }
        }
}

static void BLOCK(depthwise_input)(const T *g, const T *taps, T *out, const struct depthwise *s, int adds, int copies) {
    FOR_COPIES(input_copies, g, taps, out, s, adds)
}

/* The gradient of the weights, (copies, WIDTH, k, k), copies apart by all channels. Rows are summed, then their sums. */
static ALWAYS_INLINE void BLOCK(weight_copies)(const T *map, const T *g, T *w, const struct depthwise *s,
                                               const int copies) {
    idx count = s->k * s->k;
    T total[MOST_TAPS * COPIES * WIDTH];
    memset(total, 0, sizeof(T) * count * copies * WIDTH);
    for (idx n = 0; n < s->images; n++)
        for (idx y = 0; y < s->out_height; y++)
            for (idx i = 0; i < s->k; i++) {
                idx at = y * s->stride - s->pad + i * s->dilation;
                if (at < 0 || at >= s->height) continue;
                for (idx j = 0; j < s->k; j++) {
                    idx left = j * s->dilation - s->pad;
                    idx first = left < 0 ? (-left + s->stride - 1) / s->stride : 0;
                    idx end = least(s->out_width, (s->width - left + s->stride - 1) / s->stride);
                    const T *from = map + ((n * s->height + at) * s->width + first * s->stride + left) * s->map_step;
                    const T *grad = g + ((n * s->out_height + y) * s->out_width + first) * s->out_step;
                    V sum[COPIES][VECTORS] = {};
                    for (idx x = first; x < end; x++, from += s->stride * s->map_step, grad += s->out_step)
                        for (int v = 0; v < VECTORS; v++) {
                            V pixel = ((const V *)from)[v];
                            for (int r = 0; r < copies; r++) sum[r][v] += pixel * ((const V *)(grad + r * s->channels))[v];
                        }
                    T *to = total + (i * s->k + j) * copies * WIDTH;
                    for (int c = 0; c < copies * WIDTH; c++) to[c] += ((T *)sum)[c];
                }
            }
    for (int r = 0; r < copies; r++)
        for (int c = 0; c < WIDTH; c++)
            for (idx t = 0; t < count; t++)
                w[(r * s->channels + c) * count + t] = total[(t * copies + r) * WIDTH + c];
}

static void BLOCK(depthwise_weight)(const T *map, const T *g, T *w, const struct depthwise *s, int copies) {
    FOR_COPIES(weight_copies, map, g, w, s)
}

#undef FOR_COPIES
#undef COPIES

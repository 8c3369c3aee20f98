/* Products of matrices, a block of columns. */

#if WIDTH >= 64
#define ROWS 4
#else
#define ROWS 6
#endif

/* out[p][0 .. WIDTH] = sum over c of x[p][c] * w[c][0 .. WIDTH] for `count` rows, added to what there is if it `adds`. */
static ALWAYS_INLINE void BLOCK(product_rows)(const T *x, idx x_step, const T *w, idx w_step, T *out, idx out_step,
                                              idx depth, int adds, const int count) {
    V sum[ROWS][VECTORS] = {};
    if (adds)
        for (int r = 0; r < count; r++)
            for (int v = 0; v < VECTORS; v++) sum[r][v] = ((const V *)(out + r * out_step))[v];
    for (idx c = 0; c < depth; c++) {
        const V *line = (const V *)(w + c * w_step);
        for (int v = 0; v < VECTORS; v++)
            for (int r = 0; r < count; r++) sum[r][v] += x[r * x_step + c] * line[v];
    }
    for (int r = 0; r < count; r++)
        for (int v = 0; v < VECTORS; v++) ((V *)(out + r * out_step))[v] = sum[r][v];
}

static void BLOCK(product)(const T *x, idx x_step, const T *w, idx w_step, T *out, idx out_step, idx rows, idx depth,
                           int adds) {
    for (; rows >= ROWS; rows -= ROWS, x += ROWS * x_step, out += ROWS * out_step)
        BLOCK(product_rows)(x, x_step, w, w_step, out, out_step, depth, adds, ROWS);
    switch (rows) {
#if ROWS == 6
    case 5: BLOCK(product_rows)(x, x_step, w, w_step, out, out_step, depth, adds, 5); break;
    case 4: BLOCK(product_rows)(x, x_step, w, w_step, out, out_step, depth, adds, 4); break;
#endif
    case 3: BLOCK(product_rows)(x, x_step, w, w_step, out, out_step, depth, adds, 3); break;
    case 2: BLOCK(product_rows)(x, x_step, w, w_step, out, out_step, depth, adds, 2); break;
    case 1: BLOCK(product_rows)(x, x_step, w, w_step, out, out_step, depth, adds, 1);
    }
}

#undef ROWS

/* How many rows of a gradient of weights are summed at once. */
#if WIDTH >= 64
#define OUTS 4
#else
#define OUTS 8
#endif

/* total[o][0 .. WIDTH] += sum over p of g[p][o] * x[p][0 .. WIDTH] for `count` rows o; of `pixels` <= CHUNK in T. */
static ALWAYS_INLINE void BLOCK(outer_rows)(const T *g, idx g_step, const T *x, idx x_step, T *total, idx pixels,
                                            const int count) {
    V sum[OUTS][VECTORS] = {};
    for (idx p = 0; p < pixels; p++, g += g_step, x += x_step)
        for (int v = 0; v < VECTORS; v++)
            for (int o = 0; o < count; o++) sum[o][v] += g[o] * ((const V *)x)[v];
    for (int o = 0; o < count; o++)
        for (int c = 0; c < WIDTH; c++) total[o * WIDTH + c] += ((T *)sum[o])[c];
}

static void BLOCK(outer)(const T *g, idx g_step, const T *x, idx x_step, T *total, idx pixels, int count) {
    for (; pixels > 0; pixels -= CHUNK, g += CHUNK * g_step, x += CHUNK * x_step) {
        idx part = least(pixels, CHUNK);
        if (count == OUTS) BLOCK(outer_rows)(g, g_step, x, x_step, total, part, OUTS);
        else
            for (int o = 0; o < count; o++) BLOCK(outer_rows)(g + o, g_step, x, x_step, total + o * WIDTH, part, 1);
    }
}

static void BLOCK(settle)(const T *total, T *out, idx out_step, int count) {
    for (int o = 0; o < count; o++)
        for (int c = 0; c < WIDTH; c++) out[o * out_step + c] = total[o * WIDTH + c];
}

#undef OUTS

/* Products of matrices, a block of columns. */

#define ROWS 6

/* out[p][0 .. WIDTH] = sum over c of x[p][c] * w[c][0 .. WIDTH], for `rows` rows. */
static void BLOCK(product)(const T *x, idx x_step, const T *w, idx w_step, T *out, idx out_step, idx rows, idx depth) {
    idx p = 0;
    for (; p + ROWS <= rows; p += ROWS, x += ROWS * x_step, out += ROWS * out_step) {
        V sum[ROWS][VECTORS] = {};
        for (idx c = 0; c < depth; c++) {
            const V *line = (const V *)(w + c * w_step);
            for (int v = 0; v < VECTORS; v++)
                for (int r = 0; r < ROWS; r++) sum[r][v] += x[r * x_step + c] * line[v];
        }
        for (int r = 0; r < ROWS; r++)
            for (int v = 0; v < VECTORS; v++) ((V *)(out + r * out_step))[v] = sum[r][v];
    }
    for (; p < rows; p++, x += x_step, out += out_step) {
        V sum[VECTORS] = {};
        for (idx c = 0; c < depth; c++)
            for (int v = 0; v < VECTORS; v++) sum[v] += x[c] * ((const V *)(w + c * w_step))[v];
        for (int v = 0; v < VECTORS; v++) ((V *)out)[v] = sum[v];
    }
}

/* out[o][0 .. WIDTH] = sum over p of g[p][o] * x[p][0 .. WIDTH], for `count` <= 4 rows o, `chunk` pixels in T, those in double. */
static void BLOCK(outer)(const T *g, idx g_step, const T *x, idx x_step, T *out, idx out_step, idx rows, int count) {
    double total[4][WIDTH] = {};
    for (idx p = 0; p < rows;) {
        idx end = least(rows, p + CHUNK);
        V sum[4][VECTORS] = {};
        if (count == 4)
            for (; p < end; p++, g += g_step, x += x_step)
                for (int v = 0; v < VECTORS; v++)
                    for (int o = 0; o < 4; o++) sum[o][v] += g[o] * ((const V *)x)[v];
        else
            for (; p < end; p++, g += g_step, x += x_step)
                for (int o = 0; o < count; o++)
                    for (int v = 0; v < VECTORS; v++) sum[o][v] += g[o] * ((const V *)x)[v];
        for (int o = 0; o < count; o++)
            for (int c = 0; c < WIDTH; c++) total[o][c] += ((T *)sum[o])[c];
    }
    for (int o = 0; o < count; o++)
        for (int c = 0; c < WIDTH; c++) out[o * out_step + c] = (T)total[o][c];
}

#undef ROWS

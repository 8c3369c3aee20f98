/* Batch normalisation, a block of WIDTH channels of `rows` pixels. */

/* Sums of the deviations from `centre`, and of their squares, added to `total` and `total + apart`. */
static void BLOCK(norm_sums)(const T *x, idx step, idx rows, const T *centre, double *total, idx apart) {
    V sum[VECTORS] = {}, square[VECTORS] = {};
    for (idx p = 0; p < rows; p++, x += step)
        for (int v = 0; v < VECTORS; v++) {
            V d = ((const V *)x)[v] - ((const V *)centre)[v];
            sum[v] += d;
            square[v] += d * d;
        }
    for (int c = 0; c < WIDTH; c++) total[c] += ((T *)sum)[c];
    for (int c = 0; c < WIDTH; c++) total[apart + c] += ((T *)square)[c];
}

static void BLOCK(norm_map)(const T *x, idx step, T *out, idx out_step, idx rows, const T *factor, const T *offset) {
    for (idx p = 0; p < rows; p++, x += step, out += out_step)
        for (int v = 0; v < VECTORS; v++)
            ((V *)out)[v] = ((const V *)x)[v] * ((const V *)factor)[v] + ((const V *)offset)[v];
}

/* Sums of the gradient, and of its products with the deviations from the mean. */
static void BLOCK(norm_back_sums)(const T *g, idx g_step, const T *x, idx step, idx rows, const T *mean, double *total,
                                  idx apart) {
    V sum[VECTORS] = {}, product[VECTORS] = {};
    for (idx p = 0; p < rows; p++, x += step, g += g_step)
        for (int v = 0; v < VECTORS; v++) {
            V each = ((const V *)g)[v];
            sum[v] += each;
            product[v] += each * (((const V *)x)[v] - ((const V *)mean)[v]);
        }
    for (int c = 0; c < WIDTH; c++) total[c] += ((T *)sum)[c];
    for (int c = 0; c < WIDTH; c++) total[apart + c] += ((T *)product)[c];
}

/* factor * (g - centre - slope * (x - mean)) */
static void BLOCK(norm_back_map)(const T *g, idx g_step, const T *x, idx step, T *out, idx out_step, idx rows,
                                 const T *mean, const T *factor, const T *centre, const T *slope) {
    for (idx p = 0; p < rows; p++, x += step, g += g_step, out += out_step)
        for (int v = 0; v < VECTORS; v++) {
            V d = ((const V *)x)[v] - ((const V *)mean)[v];
            ((V *)out)[v] = ((const V *)factor)[v] * (((const V *)g)[v] - ((const V *)centre)[v] - ((const V *)slope)[v] * d);
        }
}

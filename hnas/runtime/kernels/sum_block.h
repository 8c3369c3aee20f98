/* Weighted sums, a block of WIDTH channels that lie next to each other in every map, from channel `at` of the
 * result on, for pixels from `p` to before `end`. */

static void BLOCK(sum)(const struct term *terms, idx count, idx at, T *out, idx out_step, idx p, idx end) {
    for (; p < end; p++) {
        V sum[VECTORS] = {};
        for (idx n = 0; n < count; n++) {
            const struct term *t = terms + n;
            const T *x = (const T *)t->x + p * t->step + t->at;
            if (t->weight)
                for (int v = 0; v < VECTORS; v++) sum[v] += ((const V *)x)[v] * ((const V *)((const T *)t->weight + at))[v];
            else
                for (idx k = 0; k < t->kinds; k++, x += t->base)
                    for (int v = 0; v < VECTORS; v++) sum[v] += ((const V *)x)[v];
        }
        for (int v = 0; v < VECTORS; v++) ((V *)(out + p * out_step + at))[v] = sum[v];
    }
}

/* The gradient of a map: here `at` is a channel of the map. */
static void BLOCK(sum_input)(const struct term *t, idx at, const T *g, idx g_step, idx p, idx end) {
    idx width = t->kinds * t->base;
    for (; p < end; p++) {
        V sum[VECTORS] = {};
        const T *from = g + p * g_step + at, *weight = t->weight;
        if (weight)
            for (idx r = 0; r < t->repeats; r++, from += t->base, weight += t->base)
                for (int v = 0; v < VECTORS; v++) sum[v] += ((const V *)from)[v] * ((const V *)(weight + at))[v];
        else
            for (idx r = 0; r < t->repeats; r++, from += t->base)
                for (int v = 0; v < VECTORS; v++) sum[v] += ((const V *)from)[v];
        T *to = (T *)t->x_grad + p * width + at;
        for (idx k = 0; k < t->kinds; k++, to += t->base)
            for (int v = 0; v < VECTORS; v++) ((V *)to)[v] = sum[v];
    }
}

/* The gradient of a weight, added to `total`. It is in double throughout: where norms follow, the gradient of a
 * weight is what is left of large numbers that cancel. */
static void BLOCK(sum_weight)(const T *x, idx step, const T *g, idx g_step, idx rows, double *total) {
    double sum[WIDTH];
    memcpy(sum, total, sizeof sum);
    for (idx p = 0; p < rows; p++, x += step, g += g_step)
        for (int c = 0; c < WIDTH; c++) sum[c] += (double)x[c] * (double)g[c];
    memcpy(total, sum, sizeof sum);
}

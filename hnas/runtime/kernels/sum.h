/* The sum of maps, each spread over the channels of the result and weighed or taken as it is, see `struct term`. */

void TYPED(sum)(T *out, const struct term *terms, idx count, idx pixels, idx channels, idx out_step, int threads) {
    (void)threads;
    _Pragma("omp parallel for num_threads(threads) if (threads > 1)")
    for (idx p = 0; p < pixels; p += ROWS_SUMMED) {
        struct term *here = malloc(sizeof(struct term) * count);
        if (here == NULL) abort();
        memcpy(here, terms, sizeof(struct term) * count);
        for (idx at = 0, width; at < channels; at += width) {
            idx left = channels - at;
            for (idx n = 0; n < count; n++) {
                here[n].at = at % here[n].base;
                left = least(left, here[n].base - here[n].at);
            }
            width = width_of(left);
            AT_WIDTH(width, sum, here, count, at, out, out_step, p, least(pixels, p + ROWS_SUMMED))
        }
        free(here);
    }
}

/* What a tile of pixels adds to the gradients; `totals` is (count, channels). */
static void TYPED(sum_back_tile)(const T *g, const struct term *terms, idx count, idx channels, idx g_step, idx p,
                                 idx end, double *totals) {
    for (idx n = 0; n < count; n++) {
        const struct term *t = terms + n;
        if (t->x_grad)
            for (idx at = 0, width; at < t->base; at += width) {
                width = width_of(t->base - at);
                AT_WIDTH(width, sum_input, t, at, g, g_step, p, end)
            }
        if (t->weight_grad)
            for (idx at = 0, width; at < channels; at += width) {
                width = width_of(t->base - at % t->base);
                const T *x = (const T *)t->x + p * t->step + at % t->base;
                AT_WIDTH(width, sum_weight, x, t->step, g + p * g_step + at, g_step, end - p, totals + n * channels + at)
            }
    }
}

/* The gradients of the maps and weights that ask for one. */
void TYPED(sum_back)(const T *g, const struct term *terms, idx count, idx pixels, idx channels, idx g_step,
                     int threads) {
    double *totals = calloc(threads * count * channels, sizeof(double));
    if (totals == NULL) abort();
    idx tiles = (pixels + ROWS_SUMMED - 1) / ROWS_SUMMED;
    _Pragma("omp parallel for num_threads(threads) if (threads > 1)")
    for (idx k = 0; k < threads; k++)
        for (idx tile = k * tiles / threads; tile < (k + 1) * tiles / threads; tile++) {
            idx p = tile * ROWS_SUMMED;
            TYPED(sum_back_tile)(g, terms, count, channels, g_step, p, least(pixels, p + ROWS_SUMMED),
                                 totals + k * count * channels);
        }
    for (idx n = 0; n < count; n++)
        for (idx c = 0; terms[n].weight_grad && c < channels; c++) {
            double total = 0;
            for (idx k = 0; k < threads; k++) total += totals[(k * count + n) * channels + c];
            ((T *)terms[n].weight_grad)[c] = (T)total;
        }
    free(totals);
}
